"""Whole answers, as bytes."""

OK = b"HTTP/1.1 200 OK\r\n"


def whole(body: bytes = b"ok", fields: bytes = b"", begin: bytes = OK) -> bytes:
    """An answer with a body of a declared length."""
    return begin + fields + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunked(*chunks: bytes) -> bytes:
    """An answer in chunks, without the last one."""
    return OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in chunks)


def moved(to: str, status: int = 302) -> bytes:
    """A redirect."""
    return whole(b"", b"Location: " + to.encode("latin-1") + b"\r\n", b"HTTP/1.1 %d Moved\r\n" % status)
