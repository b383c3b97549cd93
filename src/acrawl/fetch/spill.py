"""Bodies that are too large for memory: temporary files of this worker, each as long as its response is worked on."""

from __future__ import annotations

import contextlib
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor

import aiofiles

from acrawl.errors import FetchError
from acrawl.fetch.limits import Bounded
from acrawl.temporary import OwnFolder

#: Bytes that are written at once.
_CHUNK = 1 << 19
#: How the folders of workers are called, below the system's folder for temporary files (``TMPDIR`` says where).
PREFIX = "acrawl-spill-"


class Room:
    """A folder for the bodies of one fetcher. Made at first use; `close` removes it with all that is in it."""

    def __init__(self) -> None:
        self._folder: OwnFolder | None = None
        self._threads = ThreadPoolExecutor(2, "acrawl-spill")

    def path(self) -> str:
        """Return the path of a file that does not exist yet. Raises OSError."""
        if self._folder is None:
            self._folder = OwnFolder(tempfile.gettempdir(), PREFIX)  # where no file can be written there is none
        return self._folder.path()

    def sweep(self) -> None:
        """Remove what workers that were killed left behind. Blocking."""
        with contextlib.suppress(OSError):  # no folder to look into: whoever needs one is told
            OwnFolder(tempfile.gettempdir(), PREFIX).sweep()

    def close(self) -> None:
        """Remove the folder. Blocking, idempotent."""
        self._threads.shutdown()
        if self._folder is not None:
            self._folder.close()

    async def fill(self, begun: list[bytes], rest: Bounded) -> tuple[str, int]:
        """Write what has ``begun``, which is taken out of its list, and the rest to a file; returns its path and size.

        Raises `FetchError` (disk), and what the rest raises; nothing is left of the file then.
        """
        path, size = "", 0
        try:
            path = self.path()
            async with aiofiles.open(path, "xb", executor=self._threads) as file:
                data = b"".join(begun)
                begun.clear()
                while data:
                    await file.write(data)
                    size += len(data)
                    data = await _chunk(rest)
        except BaseException as error:
            if path:
                with contextlib.suppress(OSError):  # what cannot be removed now goes with the folder
                    os.unlink(path)
            if isinstance(error, OSError):  # retried later: there may be room then, or another worker has some
                raise FetchError("disk", f"a body over fetch.spill could not be kept in a file: {error}") from error
            raise
        return path, size


async def _chunk(rest: Bounded) -> bytes:
    """Read enough to be worth a write; empty at the end."""
    pieces, size = [], 0
    while size < _CHUNK and (piece := await rest.read()):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)
