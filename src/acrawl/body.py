"""The bytes of a response: in memory, in a temporary file that goes with it, or in a saved file."""

from __future__ import annotations

import contextlib
import os
import pathlib
import secrets
import shutil
import tempfile
import weakref
from collections.abc import Callable


class Body:
    """The decoded bytes that a URL gave. ``room`` gives paths for temporary files; without it they are the system's.

    What is in a file is there until `release`, and no longer: `save` what is to stay.
    """

    __slots__ = ("__weakref__", "_bytes", "_done", "_lent", "_path", "_remove", "_size", "_url", "room")

    def __init__(self, url: str, body: bytes = b"") -> None:
        self.room: Callable[[], str] | None = None
        self._url = url
        self._bytes: bytes | None = body
        self._path = ""
        self._size = 0
        self._done = False
        self._lent = False
        self._remove: weakref.finalize[[str], Body] | None = None

    def read(self) -> bytes:
        """All of it. Bytes in a file are read anew each time; ValueError once that file is gone, or was never here."""
        if self._bytes is not None:
            return self._bytes
        if self._lent:
            self.check()
        try:
            return pathlib.Path(self._path).read_bytes()
        except FileNotFoundError:
            raise self._gone() from None

    def replace(self, body: bytes) -> None:
        """Have other bytes from now on."""
        if self._remove is not None:
            self._remove()
        self._bytes, self._path, self._remove, self._lent = body, "", None, False

    @property
    def size(self) -> int:
        """How many bytes. Reads nothing."""
        return self._size if self._bytes is None else len(self._bytes)

    @property
    def is_here(self) -> bool:
        """Whether the bytes can be read on this machine. Looks at no disk."""
        return self._bytes is not None or self._path != ""

    @property
    def in_memory(self) -> bool:
        """Whether the bytes are here, and need no file."""
        return self._bytes is not None

    @property
    def path(self) -> pathlib.Path:
        """A temporary file with the bytes; that of a short body is written at first use. For reading only.

        Blocks. Raises OSError, and ValueError after `release`.
        """
        self.check()
        if self._bytes is not None and not self._path:
            self._keep(_written(self._bytes, self.room))
        return pathlib.Path(self._path)

    @property
    def source(self) -> bytes | pathlib.Path:
        """What to read it from piece by piece: the bytes where they are in memory, else the file; see `path`."""
        return self.path if self._bytes is None else self._bytes

    def spill(self, path: str, size: int) -> None:
        """Have the bytes in a file of so many, which goes with this body."""
        self._bytes, self._size = None, size
        self._keep(path)

    def lend(self, path: str, size: int) -> None:
        """Have the bytes in a file of so many that stays with its owner; an empty path says that it is not here."""
        self.replace(b"")
        self._bytes, self._path, self._size, self._lent = None, path, size, True

    def release(self) -> None:
        """Remove the temporary file. Called when the callback is done, at the latest when nobody has the body."""
        self._done = True
        if self._remove is not None:
            self._remove()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Put the bytes into a file of your own, whole or not at all; what stood there is replaced.

        Those in a temporary file are linked or copied, and never read into memory. Blocks. Raises OSError, and
        ValueError when the temporary file is gone.
        """
        if self._bytes is None:
            self.check()
        target = pathlib.Path(path)
        part = target.with_name(f"{secrets.token_hex(8)}.part")
        try:
            if self._bytes is not None:
                part.write_bytes(self._bytes)
            else:
                self._copy(part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    def check(self) -> None:
        """Raise ValueError after `release`."""
        if self._done:
            raise self._gone()
        if self._lent and not self._path:
            raise ValueError(
                f"the bytes of {self._url} went to the file store and are not on this worker's disk; "
                "response.file has their facts"
            )

    def _copy(self, part: pathlib.Path) -> None:
        if self._lent:  # a link would let whoever changes the new file change the saved one
            shutil.copyfile(self._path, part)
            return
        try:
            part.hardlink_to(self._path)
        except OSError:  # another filesystem, or one without links
            shutil.copyfile(self._path, part)

    def _keep(self, path: str) -> None:
        self._path = path
        self._remove = weakref.finalize(self, _removed, path)

    def _gone(self) -> ValueError:
        if self._lent:
            return ValueError(f"the saved file of {self._url} is gone, or its callback is done with the response")
        return ValueError(
            f"the temporary file with the body of {self._url} is gone: it is there until the callback is done with the "
            "response; response.save(path) makes one that stays"
        )


def _written(body: bytes, room: Callable[[], str] | None) -> str:
    """Write a body to a new temporary file and return its path."""
    if room is None:
        descriptor, path = tempfile.mkstemp(prefix="acrawl-")
        os.close(descriptor)
    else:
        path = room()
    try:
        pathlib.Path(path).write_bytes(body)
    except OSError:
        _removed(path)
        raise
    return path


def _removed(path: str) -> None:
    with contextlib.suppress(OSError):  # gone already, with the folder; what cannot be removed now is swept later
        os.unlink(path)
