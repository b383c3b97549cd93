"""Connections between master and worker: what `multiprocessing.managers` needs of one, without pickle and with limits.

A message is a four byte length and msgpack of plain values; nothing that arrives is ever executed or turned into an
object of a class. A connection that gets out of step (a bad length, a time-out in the middle of a message) closes.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as hmac_digest
from multiprocessing import AuthenticationError, connection
from typing import Any

import msgspec

from acrawl.errors import AcrawlError, FetchError, KeyProblem, RemoteFault, WireError

#: Seconds for all that comes before a connection is trusted: TLS, both challenges, the first request.
AUTH_SECONDS = 5.0
#: Seconds in which a message that has begun must be read or written whole.
MESSAGE_SECONDS = 30.0
#: Seconds a client waits for an answer: longer than any call may be parked.
ANSWER_SECONDS = 120.0
#: Bytes of a message before the peer is trusted.
MAX_UNTRUSTED = 4096
_HEADER = struct.Struct("!i")
#: Up to here header and body go out in one write: two would wait for each other (Nagle, delayed acknowledgement).
_ONE_WRITE = 16384
#: Notice a peer that vanished: probes after 15 s of silence, gone after 30 s without an acknowledgement.
_KEEPALIVE = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 30_000}


def _as_text(value: Any) -> Any:
    if isinstance(value, BaseException):
        text = str(value)
        if isinstance(value, OSError) and value.strerror:
            text = value.strerror  # the whole text names files of this machine
        elif not isinstance(value, AcrawlError):
            text = text.partition("\n")[0]
        return {"error": type(value).__name__, "text": text[:2000]}
    raise TypeError(f"{type(value).__qualname__} does not go over the wire")


_encode = msgspec.msgpack.Encoder(enc_hook=_as_text).encode


def _no_extension(code: int, data: memoryview) -> Any:
    raise ValueError(f"an extension of type {code} does not go over the wire")


_decode = msgspec.msgpack.Decoder(ext_hook=_no_extension).decode


def challenge_keys(authkey: bytes) -> tuple[bytes, bytes]:
    """The keys of the master's challenge and of the worker's, made from the one both know.

    With one key for both, a false master could put the question of one of a worker's connections to another of its
    connections, and give the answer back as its own.
    """
    return hmac_digest(authkey, b"acrawl: the master asks", "sha256"), hmac_digest(
        authkey, b"acrawl: the worker asks", "sha256"
    )


class ClientTls:
    """How a client recognises its master: by the one certificate it was told, whatever the name it is reached by."""

    def __init__(self, context: ssl.SSLContext, pin: str) -> None:
        self.context = context
        self.pin = pin

    def wrap(self, raw: socket.socket) -> ssl.SSLSocket:
        """Shake hands. Raises `KeyProblem` for another certificate or none, OSError when the connection breaks."""
        try:
            secured = self.context.wrap_socket(raw)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):  # it hung up: trying again may help
            raise
        except ssl.SSLCertVerificationError:
            raise KeyProblem(
                "the master shows another certificate than the join file names; fetch the join file anew"
            ) from None
        except ssl.SSLError as error:
            raise KeyProblem(
                f"what answers does not speak our TLS ({error.reason}); fetch the join file anew"
            ) from None
        certificate = secured.getpeercert(binary_form=True) or b""
        if not compare_digest(sha256(certificate).hexdigest().encode(), self.pin.encode()):
            secured.close()
            raise KeyProblem("the master shows another certificate than the join file names; fetch the join file anew")
        return secured


class WireConnection:
    """A connection as `multiprocessing.managers` uses one. One thread reads and writes; another may `abort` it.

    ``deadline`` bounds everything until it is set to None; ``patience`` is how long to wait for a message to begin.
    """

    def __init__(self, raw: socket.socket, limit: int, deadline: float | None, patience: float | None = None) -> None:
        self._socket: socket.socket | None = raw
        self._limit = limit
        self.deadline = deadline
        self.patience = patience
        self._writing = threading.Lock()
        self._end: float | None = None

    def trust(self, limit: int, patience: float | None) -> None:
        """The peer has authenticated itself: larger messages, no deadline."""
        self._limit, self.patience, self.deadline = limit, patience, None

    def send(self, value: Any) -> None:
        """Send a value of plain types. A traceback is cut to its last line: peers learn nothing of our files."""
        if isinstance(value, tuple) and len(value) == 2 and value[0] in {"#TRACEBACK", "#UNSERIALIZABLE"}:
            value = (value[0], str(value[1]).strip().rpartition("\n")[2])
        self.send_bytes(_encode(value))

    def recv(self) -> Any:
        """Receive a value of plain types. Raises EOFError when the peer has closed in order."""
        try:
            return _decode(self._receive(None))
        except (msgspec.DecodeError, ValueError, RecursionError) as error:  # garbage: what follows cannot be trusted
            self.close()
            raise EOFError(str(error)) from None

    def send_bytes(self, data: Any) -> None:
        """Send one message."""
        raw, size = self._open(), len(data)
        if size > self._limit:
            raise WireError(f"a message of {size} bytes is over the limit of {self._limit}")
        try:
            with self._writing:
                raw.settimeout(self._left(MESSAGE_SECONDS))
                if size <= _ONE_WRITE:
                    raw.sendall(_HEADER.pack(size) + data)
                else:
                    raw.sendall(_HEADER.pack(size))
                    raw.sendall(data)
        except OSError:
            self.close()
            raise

    def recv_bytes(self, maxlength: int | None = None) -> bytes:
        """Receive one message."""
        return bytes(self._receive(maxlength))

    def hung_up(self) -> bool:
        """Whether the peer has gone while it waits for our answer. Does not block; by the connection's own thread."""
        raw = self._open()
        raw.settimeout(0)
        try:
            # Past TLS: whether the stream has ended is all that is asked, and SSLSocket.recv cannot look ahead.
            return socket.socket.recv(raw, 1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:  # reset: nobody reads the answer
            return True

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._open().fileno()

    @property
    def closed(self) -> bool:
        """Whether it is of no further use."""
        return self._socket is None

    def close(self) -> None:
        """Close. Idempotent."""
        raw, self._socket = self._socket, None
        if raw is not None:
            raw.close()

    def abort(self) -> None:
        """From another thread: end whatever the connection is doing."""
        raw = self._socket
        if raw is not None:
            with contextlib.suppress(OSError):  # it has just been closed by its own thread
                # SSLSocket.shutdown would take the TLS state from under the blocked thread.
                socket.socket.shutdown(raw, socket.SHUT_RDWR)

    def _open(self) -> socket.socket:
        if self._socket is None:
            raise OSError("the connection is closed")
        return self._socket

    def _left(self, seconds: float | None) -> float | None:
        left = seconds if self.deadline is None else self.deadline - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError("the message did not go through in time")
        return left

    def _receive(self, maxlength: int | None) -> bytearray:
        limit = self._limit if maxlength is None else min(self._limit, maxlength)
        self._end = None
        try:
            (size,) = _HEADER.unpack(self._read(_HEADER.size))
            if not 0 <= size <= limit:
                raise OSError(f"a message of {size} bytes; the limit is {limit}")
            return self._read(size)
        except OSError:  # out of step with the peer
            self.close()
            raise

    def _read(self, size: int) -> bytearray:
        raw, data, got = self._open(), bytearray(size), 0
        view = memoryview(data)
        while got < size:
            raw.settimeout(self._left(self.patience if self._end is None else self._end - time.monotonic()))
            count = raw.recv_into(view[got:])
            if count == 0:
                if got == 0 and size == _HEADER.size:
                    raise EOFError
                raise OSError("the connection ended in the middle of a message")
            got += count
            if self._end is None:  # absolute, for header and body: a peer that drips is not waited for
                self._end = time.monotonic() + MESSAGE_SECONDS
        return data


def tune(raw: socket.socket) -> None:
    """Send at once, and notice a peer that vanished."""
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):  # macOS and Windows lack some
            raw.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class WireListener:
    """Accepts connections. Never reads: authentication and TLS happen in the thread that serves the connection."""

    def __init__(
        self, address: tuple[str, int], tls: ssl.SSLContext | None, auth_seconds: float = AUTH_SECONDS
    ) -> None:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._socket = socket.create_server(address, family=family, backlog=1024)
        self._tls = tls
        self._auth_seconds = auth_seconds
        self.address: tuple[str, int] = self._socket.getsockname()[:2]
        self.last_accepted: Any = None

    def accept(self) -> WireConnection:
        """The next connection, not yet to be trusted."""
        raw, self.last_accepted = self._socket.accept()
        try:
            tune(raw)
            raw.settimeout(self._auth_seconds)
            if self._tls is not None:
                raw = self._tls.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
        except OSError as error:  # the peer has already gone; the listener is well
            raw.close()
            raise ConnectionAbortedError(str(error)) from None
        return WireConnection(raw, MAX_UNTRUSTED, time.monotonic() + self._auth_seconds)

    def close(self) -> None:
        """Stop accepting; wakes a thread that waits in `accept`."""
        with contextlib.suppress(OSError):  # not connected: systems differ in whether a listener can be shut down
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def connect(address: tuple[str, int], authkey: bytes, tls: ClientTls | None, limit: int) -> WireConnection:
    """Connect to a master; both sides prove that they know the key (`multiprocessing.connection`).

    Raises `KeyProblem` when the key is refused, OSError or EOFError when there is no connection.
    """
    masters, workers = challenge_keys(authkey)
    raw = socket.create_connection(address, timeout=AUTH_SECONDS)
    try:
        tune(raw)
        secured = raw if tls is None else tls.wrap(raw)
    except BaseException:
        raw.close()
        raise
    made = WireConnection(secured, MAX_UNTRUSTED, time.monotonic() + AUTH_SECONDS)
    try:
        connection.answer_challenge(made, masters)  # type: ignore[arg-type]  # it only sends and receives bytes
        connection.deliver_challenge(made, workers)  # type: ignore[arg-type]
    except (AuthenticationError, AssertionError) as error:  # Python 3.11 asserts that it is asked a question
        made.close()
        raise KeyProblem(f"the master at {address[0]}:{address[1]} refuses our key, or is none: {error}") from None
    except BaseException:
        made.close()
        raise
    made.trust(limit, ANSWER_SECONDS)
    return made


def _family(kind: type[AcrawlError]) -> dict[str, type[AcrawlError]]:
    found = {kind.__name__: kind}
    for child in kind.__subclasses__():
        found |= _family(child)
    return found


def raised(result: Any) -> AcrawlError:
    """The error that a master's answer stands for: one of ours by its name, else a `RemoteFault`."""
    if not isinstance(result, dict):
        return RemoteFault(str(result))
    name, text = str(result.get("error")), str(result.get("text"))
    kind = _family(AcrawlError).get(name, FetchError)
    return RemoteFault(f"{name}: {text}") if issubclass(kind, FetchError) else kind(text)
