"""What workers ask before they send: whether the bucket has these bytes under a readable name already."""

from __future__ import annotations

import asyncio
import os

from acrawl.results.listing import Index


class Known:
    """The master's answers; in the place of `acrawl.results.files.uploads.Uploads`, for one event loop.

    The question is the last piece of an upload, with nothing in it.
    """

    def __init__(self, database: str | os.PathLike[str]) -> None:
        self._index = Index(database)

    async def put(self, upload: str, offset: int, data: bytes, sha256: str = "") -> bool:
        """Whether a file of ``offset`` bytes with this hash has a name. Pieces with bytes in them are refused."""
        if data or not sha256:
            return False
        return await asyncio.to_thread(self._index.has, sha256, offset)

    async def abandon(self, prefix: str) -> int:
        """Nothing is ever half here."""
        return 0

    def close(self) -> None:
        """Let go of the database. Idempotent."""
        self._index.close()
