"""The join file: all that a worker needs to find and trust its master. Whoever can read it can join."""

from __future__ import annotations

import logging
import os
import pathlib
import sys
from typing import Annotated

import msgspec

from acrawl.errors import FolderProblem, KeyProblem
from acrawl.queues.server import MIN_KEY

log = logging.getLogger(__name__)


class Join(msgspec.Struct, frozen=True):
    """Address, key and certificate of a master. ``control`` opens its control object.

    In the file, which is JSON, the key is base64; ``certificate`` is PEM, and empty on loopback; ``pin`` its SHA-256.
    """

    host: str
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    authkey: bytes
    certificate: str = ""
    pin: str = ""
    control: str = ""

    def __repr__(self) -> str:
        return f"Join({self.host}:{self.port})"  # the rest opens the crawl, and would end up in logs

    def write(self, path: pathlib.Path) -> None:
        """Write the file, whole, readable by this user only. Raises `FolderProblem`."""
        try:
            write_private(path, msgspec.json.format(msgspec.json.encode(self), indent=1))
        except OSError as error:
            raise FolderProblem(f"{path}: the join file cannot be written: {error.strerror}") from None


def write_private(path: pathlib.Path, data: bytes) -> None:
    """Write a file, whole, readable by this user only, whoever may read what is in its place now. Raises OSError."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)  # one left behind may be open to others, or lead elsewhere
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    temporary.replace(path)


def read(source: str) -> Join:
    """Read a join file: a path, ``-`` for standard input, or its text itself (as in ``ACRAWL_JOIN``).

    Raises `KeyProblem` naming the source when it is no join file.
    """
    if source.lstrip().startswith("{"):
        name, text = "ACRAWL_JOIN", source.encode("utf-8", "surrogateescape")
    elif source == "-":
        name, text = "standard input", sys.stdin.buffer.read()
    else:
        name, text = source, _read(pathlib.Path(source), "join file")
        if os.name == "posix" and pathlib.Path(source).stat().st_mode & 0o077:
            log.warning("%s holds the crawl's key and others may read it: chmod 600 %s", source, source)
    try:
        join = msgspec.json.decode(text, type=Join)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise KeyProblem(f"{name} is no join file ({error}); the master writes one as it begins") from None
    if len(join.authkey) < MIN_KEY:
        raise KeyProblem(f"{name}: the key has {len(join.authkey)} bytes; it must have at least {MIN_KEY}")
    return join


def load_authkey(path: pathlib.Path | None, text: str | None = None) -> bytes | None:
    """The user's own key: from a file, else from ``text`` (``ACRAWL_AUTHKEY``); None when there is neither.

    Raises `KeyProblem` when it is not UTF-8 or has fewer than 16 bytes.
    """
    if path is not None:
        name, key = str(path), _read(path, "key file").rstrip(b"\r\n")
    elif text is not None:
        name, key = "ACRAWL_AUTHKEY", text.encode("utf-8", "surrogateescape")
    else:
        return None
    try:
        key.decode()
    except UnicodeDecodeError:
        raise KeyProblem(f"{name}: the key is not UTF-8 text") from None
    if len(key) < MIN_KEY:
        raise KeyProblem(f"{name}: the key has {len(key)} bytes; it must have at least {MIN_KEY}")
    return key


def _read(path: pathlib.Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise KeyProblem(f"{path}: no such {what}") from None
    except OSError as error:
        raise KeyProblem(f"{path}: the {what} cannot be read: {error.strerror}") from None
