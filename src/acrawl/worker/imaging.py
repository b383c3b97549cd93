"""Saved images of a worker: decoded beside it, and what is made of them is stored like the images themselves."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator

import msgspec

from acrawl.fetch.base import Advance, FileStore
from acrawl.outcome import Derived, FileFact
from acrawl.results.imaging.children import Child, ChildDied, Children
from acrawl.results.imaging.making import DECODERS, Findings, Job, Making, Part, check_extra, making_of
from acrawl.settings import Images

#: Images whose findings are remembered: many URLs of a site bring the same bytes.
_REMEMBERED = 1000
#: Seconds between two signs of life of an image that waits for its turn or is being decoded.
_SIGN = 10.0


class Imaging:
    """Looks at saved images and makes of them what is wanted. For one event loop.

    No process is started before the first image.
    """

    def __init__(self, making: Making, processes: int, files: FileStore) -> None:
        self._children = Children(making, processes)
        self._files = files
        self._known: OrderedDict[str, FileFact] = OrderedDict()

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, images: Images, files: FileStore) -> AsyncIterator[Imaging | None]:
        """As the settings say; None where they want nothing. Its processes end with the context.

        Raises `SettingsError`, `MissingExtra`.
        """
        making = making_of(images)
        if making is None:
            yield None
            return
        check_extra()
        imaging = cls(making, images.processes, files)
        try:
            yield imaging
        finally:
            await imaging._children.close()

    async def looked_at(self, fact: FileFact, advance: Advance) -> FileFact:
        """Add to a saved file what there is to say of it, if it is an image; what is made of it is stored by then.

        Raises `FetchError` ("disk") when that cannot be kept.
        """
        if fact.type not in DECODERS:
            return fact
        known, path = self._known.get(fact.sha256), self._files.place(fact)
        if known is None and not path:  # it was sent before, and comes from the cache now
            return msgspec.structs.replace(fact, note="not decoded: its bytes are not on this worker's disk")
        if known is None:
            with _living(advance):
                known = await self._decoded(fact, path, advance)
            self._known[fact.sha256] = known
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return msgspec.structs.replace(
            fact, derived=known.derived, dhash=known.dhash, broken=known.broken, note=known.note
        )

    async def _decoded(self, fact: FileFact, path: str, advance: Advance) -> FileFact:
        try:
            async with self._children.child() as child:
                findings = await child.ask(Job(path, fact.type))
                derived = [await self._stored(fact, part, child, advance) for part in findings.parts]
        except ChildDied as error:  # it costs this image what is made of it; its bytes are kept
            findings, derived = Findings(note=f"not decoded: {error}"), []
        return msgspec.structs.replace(
            fact, derived=derived, dhash=findings.dhash, broken=findings.broken, note=findings.note
        )

    async def _stored(self, fact: FileFact, part: Part, child: Child, advance: Advance) -> Derived:
        sink = self._files.sink(advance)
        try:
            async for piece in child.read(part.size):
                await sink.write(piece)
            made = await sink.finish(fact.url, "", part.type)
        finally:
            await sink.discard()
        return Derived(part.kind, made.sha256, made.size, part.type, part.width, part.height)


@contextlib.contextmanager
def _living(advance: Advance) -> Iterator[None]:
    """Within, whoever watches hears a sign of life now and then: the time for each image is bounded."""

    async def signs() -> None:
        while True:
            await asyncio.sleep(_SIGN)
            advance(1)

    living = asyncio.create_task(signs())
    try:
        yield
    finally:
        living.cancel()
