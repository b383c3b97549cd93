"""Which servers are trusted: the two TLS contexts of a fetcher, and which host gets which.

The certificate authorities are the system's (OpenSSL's paths, which ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` change), as
browsers and curl of the same machine have them; ``tls.ca_file`` adds more.
"""

from __future__ import annotations

import ssl

import ada_url

from acrawl.errors import SettingsError
from acrawl.settings import Tls

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class Trust:
    """The two contexts, made once. Raises `SettingsError` for names and files that are none."""

    def __init__(self, tls: Tls) -> None:
        self._verify = tls.verify
        self._excepted = frozenset(map(_exact, tls.insecure_hosts))
        self.verifying = _context(tls)
        self.blind = _context(tls)
        self.blind.check_hostname = False
        self.blind.verify_mode = ssl.CERT_NONE

    def verifies(self, host: str) -> bool:
        """Whether the certificate of a host (as it stands in canonical URLs) must hold. An exception is one name."""
        return self._verify and host.rstrip(".") not in self._excepted

    def context(self, *, verified: bool) -> ssl.SSLContext:
        """Return the context for hosts whose certificates must hold, or the one for the others."""
        return self.verifying if verified else self.blind


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = _VERSIONS[tls.minimum]
    context.set_alpn_protocols(["http/1.1"])
    if tls.ca_file:
        try:
            context.load_verify_locations(tls.ca_file)
        except (OSError, ssl.SSLError) as error:
            why = "no certificate in PEM format is in it" if isinstance(error, ssl.SSLError) else error.strerror
            raise SettingsError(f"tls.ca_file: {tls.ca_file}: {why}") from None
    return context


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
