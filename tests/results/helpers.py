"""What the tests of results share: pictures, deliveries, and frontiers that only deliver."""

from __future__ import annotations

import json
import os
import pathlib
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from acrawl.outcome import FileFact, Item, Sighting, Sightings
from acrawl.results.files.folder import FolderStore

encode = msgspec.msgpack.encode


def png(color: int, width: int = 4, height: int = 4) -> bytes:
    """A PNG of one colour that any browser shows."""
    row = b"\0" + (color & 0xFFFFFF).to_bytes(3, "big") * width
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(row * height)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


async def save(store: FolderStore, url: str, data: bytes, name: str = "", content_type: str = "") -> FileFact:
    """Store bytes as a worker does."""
    sink = store.sink()
    for start in range(0, len(data), 300_000):
        await sink.write(data[start : start + 300_000])
    return await sink.finish(url, name, content_type)


class Entry(NamedTuple):
    """One entry of an outbox."""

    id: int
    item_id: str
    url: str
    item: Item


def entries(things: Iterable[Any]) -> list[Entry]:
    """Deliveries of items (dicts), files and sightings."""
    made = []
    for i, thing in enumerate(things, 1):
        kinds = {FileFact: "file", Sightings: "sightings"}
        item = thing if isinstance(thing, Item) else Item(kinds.get(type(thing), "item"), encode(thing))
        made.append(Entry(i, f"id{i}", "https://e.org/page", item))
    return made


def sightings(page: str, *images: tuple[str, str]) -> Sightings:
    return Sightings(page, [Sighting(url, alt, "img") for url, alt in images])


class MemoryFrontier:
    """Keeps its outbox in memory; ``before_done`` is called when a batch is about to be forgotten."""

    def __init__(self, things: Iterable[Any]) -> None:
        self.waiting = entries(things)
        self.marks: dict[str, int] = {}
        self.before_done = lambda: None

    async def outbox(self, n: int) -> list[Entry]:
        return self.waiting[:n]

    async def done(self, ids: Sequence[int], marks: Mapping[str, int] | None = None) -> None:
        if ids:
            self.before_done()
        gone = set(ids)
        self.waiting = [entry for entry in self.waiting if entry.id not in gone]
        self.marks |= marks or {}


class JournalFrontier:
    """Keeps what was delivered in a file, one line a batch, so that it survives the death of its process."""

    def __init__(self, path: pathlib.Path, things: Iterable[Any]) -> None:
        self.marks: dict[str, int] = {}
        delivered: set[int] = set()
        whole = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
        for line in whole.splitlines():
            ids, marks = json.loads(line)
            delivered |= set(ids)
            self.marks |= marks
        path.write_bytes(whole + b"\n" if whole else b"")
        self.waiting = [entry for entry in entries(things) if entry.id not in delivered]
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115 - lives as long as the process

    async def outbox(self, n: int) -> list[Entry]:
        return self.waiting[:n]

    async def done(self, ids: Sequence[int], marks: Mapping[str, int] | None = None) -> None:
        self._file.write(json.dumps([list(ids), dict(marks or {})]).encode() + b"\n")
        os.fdatasync(self._file.fileno())
        self.marks |= marks or {}
        gone = set(ids)
        self.waiting = [entry for entry in self.waiting if entry.id not in gone]


class Spider:
    """As much of a spider as results look at."""

    def __init__(self, *pipelines: type) -> None:
        self.custom_settings: Mapping[str, Any] = {}
        self.pipelines = list(pipelines)


def readable(root: pathlib.Path) -> dict[str, bytes]:
    """Every file below a folder that is not acrawl's own."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".objects" not in path.parts
    }


def objects(root: pathlib.Path) -> list[str]:
    """The names of all stored objects."""
    folders = (folder for folder in (root / ".objects").iterdir() if folder.name not in {"tmp", "partial"})
    return sorted(path.name for folder in folders for path in folder.iterdir())


def temporaries(root: pathlib.Path) -> list[pathlib.Path]:
    """What lies half-written. The lock of a process that died as it took it is spared for a minute."""
    paths = (root / ".objects" / "tmp").rglob("*")
    return [path for path in paths if path.is_file() and not path.name.startswith("lock")]
