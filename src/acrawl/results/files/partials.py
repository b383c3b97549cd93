"""The folder ``ROOT/.objects/partial``: what cut downloads have left for the next try, whichever worker makes it.

``<key>`` holds the bytes, ``<key>.json`` what they are (`_Note`). Whoever writes holds a lock on the bytes, which ends
with the process; another one who finds it taken goes without. A file that is whole is renamed out of here.

What lies here may be wrong after a power failure: the length of a file reaches the disk before its bytes may. So only
as much is believed as was synced, unless the machine still runs that wrote it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pathlib
import time
from typing import BinaryIO

import msgspec

from acrawl.outcome import Beginning
from acrawl.temporary import try_lock

_SUFFIX = ".json"
#: Seconds after which nobody will come any more for what was left: a week.
OLD = 604_800.0


class _Note(msgspec.Struct):
    """What is known of a partial file. ``size`` bytes of it are safe on disk; ``boot`` names a machine's life."""

    url: str
    validator: str
    total: int
    headers: dict[str, str]
    size: int = 0
    boot: str = ""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Note).decode


class Partial:
    """One unfinished file, open for writing at its end, and locked until ``file`` is closed. Blocking."""

    __slots__ = ("_note", "file", "path")

    def __init__(self, path: str, file: BinaryIO, note: _Note) -> None:
        self.path = path
        self.file = file
        self._note = note

    @property
    def beginning(self) -> Beginning:
        """What it is the beginning of, with as many bytes as are known to be safe."""
        note = self._note
        return Beginning(note.validator, note.total, note.size, note.headers)

    def read(self, offset: int, length: int) -> bytes:
        """Read up to so many bytes of what has been flushed. Raises OSError."""
        with open(self.path, "rb", buffering=0) as file:
            file.seek(offset)
            return file.read(length)

    def vouch(self) -> int:
        """Sync what was written, note that it is safe, and return how much it is. Raises OSError."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self._note.size = os.fstat(self.file.fileno()).st_size
        self._write_note()
        return self._note.size

    def forget(self) -> None:
        """Say no more what it is: its bytes go elsewhere, or nowhere. The lock must still be held."""
        with contextlib.suppress(OSError):  # what cannot be removed now is swept when it is old
            os.unlink(self.path + _SUFFIX)

    def remove(self) -> None:
        """Remove it and close it. The lock goes last, so that nobody else's is removed."""
        self.forget()
        with contextlib.suppress(OSError):  # as above
            os.unlink(self.path)
        with contextlib.suppress(OSError):  # a full disk may refuse the last bytes; the file is gone anyway
            self.file.close()

    def _write_note(self) -> None:
        path = self.path + _SUFFIX
        with open(path + ".new", "wb") as file:
            file.write(_encode(self._note))
        os.replace(path + ".new", path)


class Partials:
    """The folder as one process sees it. Blocking; may be used by several threads. ``limit`` 0 means no limit."""

    def __init__(self, root: str | os.PathLike[str], limit: int = 0) -> None:
        self._folder = pathlib.Path(root) / ".objects" / "partial"
        self._limit = limit

    def create(self, key: str, url: str, beginning: Beginning) -> Partial | None:
        """Begin a file anew under this key; None where there is one, or there are no locks. Raises OSError.

        One that nobody holds was left by another in this moment, and is likely to have more in it than we begin with.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        note = _Note(url, beginning.validator, beginning.total, beginning.headers, 0, _boot())
        try:
            partial = _opened(str(self._folder / key), note, os.O_CREAT)
        except PermissionError:  # another user's, who may come back for it
            return None
        if partial is not None and os.fstat(partial.file.fileno()).st_size:
            partial.file.close()
            return None
        if partial is not None:
            try:
                partial._write_note()
            except OSError:  # told to the caller, who is left with nothing
                partial.remove()
                raise
        return partial

    def take(self, key: str) -> Partial | None:
        """Take up what was left under this key; None without, and while another has it."""
        path = str(self._folder / key)
        try:
            partial = _opened(path, _Note("", "", 0, {}))
        except OSError:  # it cannot be opened: as good as not there
            return None
        if partial is None:
            return None
        try:
            with open(path + _SUFFIX, "rb") as file:
                note = partial._note = _decode(file.read())
            size = os.fstat(partial.file.fileno()).st_size
            is_ours = note.boot == _boot() != ""
            if not is_ours:
                size = min(size, note.size)
            partial.file.truncate(size)
            partial.file.seek(size)
            note.size, note.boot = size, _boot()
            if not is_ours:
                partial._write_note()  # from now on the bytes are this machine's
        except (OSError, msgspec.DecodeError):  # nobody knows what it is: it is of no use
            size = 0
        if not size:
            partial.remove()
            return None
        return partial

    def keys(self) -> set[str]:
        """The keys under which there is anything. Raises OSError."""
        try:
            return {name for name in os.listdir(self._folder) if "." not in name}
        except FileNotFoundError:  # nothing was ever left
            return set()

    def has_room(self) -> bool:
        """Whether all that lies here, what is being written included, stays within the limit."""
        return not self._limit or sum(_size(entry) for entry in os.scandir(self._folder)) <= self._limit

    def remove(self, key: str) -> None:
        """Remove what was left under this key, unless another has taken it up. Idempotent."""
        with contextlib.suppress(OSError):  # not ours to open: swept by its owner when it is old
            partial = _opened(str(self._folder / key), _Note("", "", 0, {}))
            if partial is not None:
                partial.remove()

    def sweep(self, seconds: float = OLD) -> int:
        """Remove what nobody has written to for so long and nobody holds; returns how many files."""
        if not self._folder.is_dir():
            return 0
        old, swept = time.time() - seconds, 0
        for path in sorted(self._folder.iterdir()):  # the bytes before what is said of them
            with contextlib.suppress(OSError):  # gone meanwhile, or another user's
                if path.stat().st_mtime > old:
                    continue
                if not path.suffix:
                    self.remove(path.name)
                    swept += not path.exists()
                elif not path.with_name(path.name.partition(".")[0]).exists():
                    path.unlink()
        return swept


def _opened(path: str, note: _Note, flags: int = 0) -> Partial | None:
    """Open and lock; None where that is not to be had. Raises OSError for what cannot be opened."""
    try:
        descriptor = os.open(path, os.O_RDWR | flags | getattr(os, "O_BINARY", 0), 0o666)
    except FileNotFoundError:
        return None
    locked = try_lock(descriptor)
    with contextlib.suppress(FileNotFoundError):  # as below: there is nothing at that path any more
        # Its last owner may have finished or removed it between the two calls; then the lock is one of another file.
        if locked and os.path.samestat(os.fstat(descriptor), os.stat(path)):
            return Partial(path, os.fdopen(descriptor, "wb"), note)
    made = locked is None and flags and not os.fstat(descriptor).st_size
    os.close(descriptor)
    if made:  # where there are no locks nothing is kept
        with contextlib.suppress(OSError):  # an empty file that cannot be removed harms nobody
            os.unlink(path)
    return None


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except FileNotFoundError:  # finished or removed meanwhile
        return 0


@functools.cache
def _boot() -> str:
    """A name for this life of this machine; empty where the system has none."""
    try:
        return pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:  # not Linux: only what was synced is believed
        return ""
