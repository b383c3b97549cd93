"""The folder ``ROOT/.objects``: bytes under the name of their content, ``ROOT/.objects/a/<sha256>``.

A file is written to ``ROOT/.objects/tmp/<process>/``, hashed on the way, fsynced and renamed, so that what stands under
a hash is always whole. Each process holds a lock in its own temporary folder; what lies in a folder whose lock is free
was left by a process that died. Directories are not fsynced here: the master does that once a batch, before it commits.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pathlib
import re
import secrets
import shutil
import sys
import threading
import time

if sys.platform != "win32":
    import fcntl

_OLD = 86_400.0
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
        self._tmp = self.root / ".objects" / "tmp"
        self._mine: pathlib.Path | None = None
        self._numbers = itertools.count(1)
        self._lock = -1
        self._guard = threading.Lock()

    def temporary(self) -> str:
        """Return the path of a file that does not exist yet, on the same filesystem as the objects."""
        with self._guard:
            if self._mine is None:
                self._mine = self._enter()
            # A number is enough: nobody else makes files in a folder that we hold.
            return f"{self._mine}{os.sep}{next(self._numbers)}"

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
        if not self._tmp.is_dir():
            return 0
        return sum(_swept(folder) for folder in self._tmp.iterdir() if folder != self._mine)

    def close(self) -> None:
        """Remove the own temporary folder and free its lock. Idempotent."""
        with self._guard:
            if self._mine is not None:
                shutil.rmtree(self._mine, ignore_errors=True)
                os.close(self._lock)
                self._mine = None

    def _enter(self) -> pathlib.Path:
        self._tmp.mkdir(parents=True, exist_ok=True)
        mine = self._tmp / secrets.token_hex(8)
        mine.mkdir()
        # Locked before it has its name: a sweep never finds a lock that is free because it is not taken yet.
        self._lock = os.open(mine / "lock.new", os.O_RDWR | os.O_CREAT, 0o644)
        try_lock(self._lock)
        os.replace(mine / "lock.new", mine / "lock")
        return mine


def try_lock(descriptor: int) -> bool | None:
    """Lock if it is free; None where the filesystem or the system has no locks."""
    if sys.platform == "win32":  # no such locks there: a folder is only swept when it is old
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:  # held: its owner lives
        return False
    except OSError:  # no locks on this filesystem: the caller goes by age
        return None
    return True


def _swept(folder: pathlib.Path) -> int:
    try:
        age = time.time() - folder.stat().st_mtime
        lock = os.open(folder / "lock", os.O_RDWR)
    except FileNotFoundError:  # its owner is just entering or leaving, or died at it
        if not folder.exists() or age < 60:
            return 0
        lock = -1
    except OSError:  # another user's, or no folder at all: not ours to remove
        return 0
    try:
        free = True if lock < 0 else try_lock(lock)
        if free is False or (free is None and age < _OLD):
            return 0
        left = sum(not entry.name.startswith("lock") for entry in folder.iterdir())
        shutil.rmtree(folder, ignore_errors=True)
        return left
    finally:
        if lock >= 0:
            os.close(lock)
