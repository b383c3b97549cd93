"""The border where aiohttp's errors end: each becomes a `FetchError` with its word for the ledger."""

from __future__ import annotations

import errno
import socket
import ssl

import aiohttp
from aiohttp import client_exceptions, http_exceptions

from acrawl.errors import FetchError

#: An errno of our own, for sockets that the guard does not make. The system's are positive.
BLOCKED = -1

#: The reason for each kind of error, by the nearest class. A test fails when aiohttp has one that is not here.
REASONS: dict[type[BaseException], str] = {
    aiohttp.ClientError: "malformed",
    aiohttp.ClientConnectionError: "reset",
    aiohttp.ClientConnectionResetError: "reset",
    aiohttp.ClientOSError: "unreachable",
    aiohttp.ClientConnectorError: "unreachable",
    aiohttp.ClientConnectorDNSError: "dns",
    aiohttp.ClientProxyConnectionError: "unreachable",
    client_exceptions.UnixClientConnectorError: "unreachable",
    aiohttp.ClientSSLError: "tls",
    client_exceptions.ClientConnectorSSLError: "tls",
    aiohttp.ClientConnectorCertificateError: "tls",
    aiohttp.ServerFingerprintMismatch: "tls",
    aiohttp.ServerConnectionError: "reset",
    aiohttp.ServerDisconnectedError: "reset",
    aiohttp.ServerTimeoutError: "timeout",
    aiohttp.ConnectionTimeoutError: "timeout",
    aiohttp.SocketTimeoutError: "timeout",
    aiohttp.ClientResponseError: "malformed",
    aiohttp.ContentTypeError: "malformed",
    aiohttp.WSServerHandshakeError: "malformed",
    aiohttp.ClientHttpProxyError: "unreachable",
    aiohttp.TooManyRedirects: "malformed",
    aiohttp.ClientPayloadError: "truncated",
    aiohttp.UploadAbortedError: "reset",
    aiohttp.InvalidURL: "malformed",
    aiohttp.InvalidUrlClientError: "malformed",
    aiohttp.RedirectClientError: "malformed",
    aiohttp.NonHttpUrlClientError: "malformed",
    aiohttp.InvalidUrlRedirectClientError: "malformed",
    aiohttp.NonHttpUrlRedirectClientError: "malformed",
    http_exceptions.HttpProcessingError: "malformed",
    http_exceptions.TransferEncodingError: "truncated",
    http_exceptions.ContentLengthError: "truncated",
    http_exceptions.ContentEncodingError: "malformed",
    ssl.SSLError: "tls",
    socket.gaierror: "dns",
    TimeoutError: "timeout",
    ConnectionError: "reset",
    OSError: "unreachable",
    ValueError: "malformed",
    RuntimeError: "reset",  # uvloop's and aiohttp's word for a connection that closed under a call
}
#: What an errno says better than the class that carries it.
_ERRNOS = {
    BLOCKED: "blocked",
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.ECONNABORTED: "reset",
    errno.EPIPE: "reset",
    errno.ESHUTDOWN: "reset",
    errno.ETIMEDOUT: "timeout",
}
#: What is wrong with a certificate, by the codes of OpenSSL's verification (x509_vfy.h).
_CERTIFICATES = {
    9: "tls-expired",  # not yet valid
    10: "tls-expired",
    18: "tls-self-signed",
    2: "tls-untrusted",  # the issuer is not there
    19: "tls-untrusted",  # the chain ends in a root that nobody here trusts
    20: "tls-untrusted",
    21: "tls-untrusted",
    27: "tls-untrusted",
    62: "tls-wrong-host",
    64: "tls-wrong-host",  # the same of an address
}
#: OpenSSL's words for peers that speak no TLS, or no version of it that may be spoken.
_PROTOCOL = frozenset(
    {
        "HTTP_REQUEST",
        "NO_PROTOCOLS_AVAILABLE",
        "PACKET_LENGTH_TOO_LONG",
        "TLSV1_ALERT_PROTOCOL_VERSION",
        "UNKNOWN_PROTOCOL",
        "UNSUPPORTED_PROTOCOL",
        "VERSION_TOO_LOW",
        "WRONG_SSL_VERSION",
        "WRONG_VERSION_NUMBER",
    }
)
#: The setting behind each kind of timeout; the rest is the total.
_LIMITS: dict[type[BaseException], str] = {
    aiohttp.ConnectionTimeoutError: "fetch.connect_timeout",
    aiohttp.SocketTimeoutError: "fetch.idle_timeout",
}
_TELLING = (
    http_exceptions.TransferEncodingError,
    http_exceptions.ContentLengthError,
    http_exceptions.ContentEncodingError,
)
#: What a hostile or broken peer can make aiohttp raise.
FOREIGN = (aiohttp.ClientError, http_exceptions.HttpProcessingError, OSError, ValueError, RuntimeError)


def translated(error: BaseException) -> FetchError:
    """Say a foreign error in the ledger's words: the reason, and the original text for people."""
    text = str(error) or type(error).__name__
    if isinstance(error, aiohttp.ServerDisconnectedError) and not isinstance(error.message, str):
        text = "Server disconnected in the middle of a head"  # instead of all that has come of it, cookies included
    judged = error
    if isinstance(error, aiohttp.ClientConnectorError) and error.errno is None:
        judged = error.os_error  # a handshake that broke off, or several addresses that failed in several ways
        text = f"{text}: {judged}"
    code = getattr(judged, "errno", None)
    reason = _tls(error) or (_ERRNOS.get(code) if code and not isinstance(judged, ssl.SSLError) else None)
    if reason is None:
        reason = next((REASONS[kind] for kind in type(_cause(judged)).__mro__ if kind in REASONS), "malformed")
    if reason == "blocked" and isinstance(judged, OSError):
        text = judged.strerror or text
    elif isinstance(error, TimeoutError) and code is None:
        text = f"{_LIMITS.get(type(error), 'fetch.total_timeout')}: {error}".rstrip(": ")
    return FetchError(reason, text)


def _tls(error: BaseException) -> str:
    """Say what a handshake failed of; empty where it was no handshake, or failed of something else."""
    found: object = error
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        found = error.certificate_error
    elif isinstance(error, aiohttp.ClientConnectorError):
        found = error.os_error
    if isinstance(found, ssl.SSLCertVerificationError):
        return _CERTIFICATES.get(getattr(found, "verify_code", 0), "tls")
    return "tls-protocol" if isinstance(found, ssl.SSLError) and getattr(found, "reason", "") in _PROTOCOL else ""


def _cause(error: BaseException) -> BaseException:
    """Find what is wrong with a message below the wrappings, which depend on how far the message had come."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, _TELLING):
            return found
        if isinstance(found, http_exceptions.BadHttpMessage) and "chunk size" in str(found):
            return http_exceptions.TransferEncodingError(str(found))  # the C parser has no class for it
        found = found.__cause__
    return error
