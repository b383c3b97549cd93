"""Which servers are trusted: the two TLS contexts of a fetcher, and which host gets which.

The certificate authorities are the system's (OpenSSL's paths, which ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` change), as
browsers and curl of the same machine have them; ``tls.ca_file`` adds more.
"""

from __future__ import annotations

import functools
import ssl

import ada_url

from acrawl.errors import SettingsError
from acrawl.settings import Tls

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class Trust:
    """Says which context a host gets. Raises `SettingsError` for names and files that are none."""

    def __init__(self, tls: Tls) -> None:
        self._tls = tls
        self._excepted = frozenset(map(_exact, tls.insecure_hosts))
        self._blind = _basic(tls.minimum)
        self._blind.check_hostname = False
        self._blind.verify_mode = ssl.CERT_NONE
        if tls.ca_file:
            _add(self._blind, tls.ca_file)  # to no use but to find what is wrong with it

    def verifies(self, host: str) -> bool:
        """Whether the certificate of a host (as it stands in canonical URLs) must hold. An exception is one name."""
        return self._tls.verify and host.rstrip(".") not in self._excepted

    def context(self, *, verified: bool) -> ssl.SSLContext:
        """Return the context for hosts whose certificates must hold, or the one for the others."""
        return _verifying(self._tls.minimum, self._tls.ca_file) if verified else self._blind


@functools.lru_cache(4)
def _verifying(minimum: str, ca_file: str) -> ssl.SSLContext:
    """Make a context at its first use: reading the authorities takes some 50 ms of CPU."""
    context = _basic(minimum)
    context.load_default_certs()
    if ca_file:
        _add(context, ca_file)
    return context


def _basic(minimum: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies certificates and names
    context.options |= ssl.OP_NO_COMPRESSION
    context.minimum_version = _VERSIONS[minimum]
    context.set_alpn_protocols(["http/1.1"])
    return context


def _add(context: ssl.SSLContext, ca_file: str) -> None:
    try:
        context.load_verify_locations(ca_file)
    except OSError as error:  # SSLError is one: nothing has begun, nothing is lost
        why = "no certificate in PEM format is in it" if isinstance(error, ssl.SSLError) else error.strerror
        raise SettingsError(f"tls.ca_file: {ca_file}: {why}") from None


def _exact(name: str) -> str:
    """The form that a host's name has in canonical URLs."""
    wrong = f"tls.insecure_hosts: {name!r}: write the name of one host, as in expired.example; no pattern, no port"
    inside = name.strip("[]")
    try:
        host = ada_url.URL(f"https://{f'[{inside}]' if ':' in inside else name}/").hostname
    except ValueError:
        raise SettingsError(wrong) from None
    if "*" in name or "/" in name or "@" in name or not host or (":" in inside and f"[{inside}]" != host):
        raise SettingsError(wrong)
    return host.strip("[]").rstrip(".")
