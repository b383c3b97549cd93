"""The folder ``ROOT/.objects``: bytes under the name of their content, ``ROOT/.objects/a/<sha256>``.

A file is written to ``ROOT/.objects/tmp/<process>/``, hashed on the way, fsynced and renamed, so that what stands under
a hash is always whole. What a process that died left half-written is swept away (`acrawl.temporary`). Directories are
not fsynced here: the master does that once a batch, before it commits.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re

from acrawl.temporary import OwnFolder

_HEX = re.compile(r"[0-9a-f]{64}")


def is_sha256(text: str) -> bool:
    """Say whether this is a SHA-256 in lower hexadecimal, and nothing else."""
    return _HEX.fullmatch(text) is not None


def object_path(root: str | os.PathLike[str], sha256: str) -> pathlib.Path:
    """Return where the bytes with this hash lie. Raises ValueError for what is no SHA-256 in lower hexadecimal."""
    return pathlib.Path(object_name(os.fspath(root), sha256))


def object_name(root: str, sha256: str) -> str:
    """As `object_path`, for those who ask for many."""
    if not is_sha256(sha256):
        raise ValueError(f"not a SHA-256: {sha256[:80]!r}")
    return _place(root, sha256)


def _place(root: str, sha256: str) -> str:
    # One letter: every folder that a batch touched is fsynced, and sixteen are fewer than 256.
    return f"{root}{os.sep}.objects{os.sep}{sha256[:1]}{os.sep}{sha256}"


class Objects:
    """The folder ``ROOT/.objects`` as one process sees it. Blocking; may be used by several threads."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = pathlib.Path(root)
        self._root = os.fspath(self.root)
        self._temporary = OwnFolder(self.root / ".objects" / "tmp")

    def temporary(self) -> str:
        """Return the path of a file that does not exist yet, on the same filesystem as the objects."""
        return self._temporary.path()

    def keep(self, temporary: str, sha256: str, size: int) -> None:
        """Rename a whole, fsynced file to its hash; where the hash is taken already, remove it instead."""
        if self.has(sha256, size):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            return
        self.put(temporary, sha256)

    def put(self, temporary: str, sha256: str) -> None:
        """Rename a whole, fsynced file to its hash, for a caller that has just looked: what stands there is replaced.

        By the same bytes, so nobody who reads it meanwhile notices.
        """
        path = _place(self._root, sha256)
        try:
            os.replace(temporary, path)
        except FileNotFoundError:  # the first object with this letter; a second failure goes to the caller
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.replace(temporary, path)

    def has(self, sha256: str, size: int | None = None) -> bool:
        """Say whether the object is there. With ``size``, one that was cut or edited in place counts as absent."""
        path = _place(self._root, sha256)
        if not os.access(path, os.F_OK):  # most are new, and an exception costs more than the question
            return False
        try:
            return size is None or os.stat(path).st_size == size
        except FileNotFoundError:  # removed between the two
            return False

    def sweep(self) -> int:
        """Remove what processes that died left half-written; returns how many files. Spares those still at work."""
        return self._temporary.sweep()

    def close(self) -> None:
        """Remove the own temporary folder and free its lock. Idempotent."""
        self._temporary.close()
