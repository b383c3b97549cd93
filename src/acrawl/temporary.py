"""Temporary files of one process, in a folder of its own that others sweep away when the process has died.

Each process holds a lock in its folder; what lies in a folder whose lock is free was left by a process that is gone.
"""

from __future__ import annotations

import itertools
import os
import pathlib
import secrets
import shutil
import sys
import threading
import time

if sys.platform != "win32":
    import fcntl

#: Seconds after which a folder is taken for abandoned where there are no locks.
_OLD = 86_400.0


class OwnFolder:
    """A folder below ``parent``, made at first use; only this user may look into it.

    Its name begins with ``prefix``, so that `sweep` knows its like in a parent that has other things in it. Blocking;
    may be used by several threads.
    """

    def __init__(self, parent: str | os.PathLike[str], prefix: str = "") -> None:
        self._parent = pathlib.Path(parent)
        self._prefix = prefix
        self._mine: pathlib.Path | None = None
        self._numbers = itertools.count(1)
        self._lock = -1
        self._guard = threading.Lock()

    def path(self) -> str:
        """Return the path of a file that does not exist yet. Raises OSError when the folder cannot be made."""
        with self._guard:
            if self._mine is None:
                self._mine = self._enter()
            # A number is enough: nobody else makes files in a folder that we hold.
            return f"{self._mine}{os.sep}{next(self._numbers)}"

    def sweep(self) -> int:
        """Remove the folders of processes that died; returns how many files. Spares those still at work."""
        if not self._parent.is_dir():
            return 0
        return sum(_swept(folder) for folder in self._parent.glob(f"{self._prefix}*") if folder != self._mine)

    def close(self) -> None:
        """Remove the folder and free its lock. Idempotent."""
        with self._guard:
            if self._mine is not None:
                shutil.rmtree(self._mine, ignore_errors=True)
                os.close(self._lock)
                self._mine = None

    def _enter(self) -> pathlib.Path:
        self._parent.mkdir(parents=True, exist_ok=True)
        mine = self._parent / f"{self._prefix}{secrets.token_hex(8)}"
        mine.mkdir(mode=0o700)
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
    if folder.is_symlink():  # nothing of ours
        return 0
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
    except OSError:  # gone under our hands, or another user's after all: whoever may remove it does
        return 0
    finally:
        if lock >= 0:
            os.close(lock)
