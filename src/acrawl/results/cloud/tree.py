"""Readable names in a bucket: copies that the store makes of what workers have put under hashes."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import Future

from acrawl.errors import CrawlFailed
from acrawl.results.cloud.bucket import Bucket, each
from acrawl.results.files.objects import is_sha256


class BucketTree:
    """The readable side of a prefix. Satisfies `acrawl.results.catalog.Shelf`. Blocking; one thread at a time.

    ``staged`` is where workers put what they save, below the bucket's prefix; it belongs to one job. An object leaves
    it only when the catalog has its name for good, so whatever is broken off can be repeated. Requests for many names
    are under way at once: `expect` asks what there is, `place` only begins a copy, `settle` waits for all of them.
    """

    def __init__(self, bucket: Bucket, staged: str) -> None:
        self.root = bucket.address.url
        self._bucket = bucket
        self._staged = staged
        self._sizes: dict[str, int | None] = {}
        self._copies: list[Future[None]] = []

    def expect(self, wanted: Sequence[tuple[str, str]]) -> None:
        """See `acrawl.results.files.naming.Places.expect`."""
        self._copies.clear()
        keys = [key for sha256, name in wanted if is_sha256(sha256) for key in (self._key(sha256), name)]
        self._sizes = dict(zip(keys, each(self._bucket, self._bucket.head, keys), strict=True))

    def place(self, sha256: str, name: str) -> bool:
        """See `acrawl.results.files.placing.Tree.place`."""
        if not is_sha256(sha256):
            raise ValueError(f"not a SHA-256: {sha256[:80]!r}")
        source = self._key(sha256)
        size, there = self._size(source), self._size(name)
        if size is None:
            raise FileNotFoundError(errno.ENOENT, "no such object", f"{self.root}/{source}")
        if there is not None:  # left by a run that died before its commit, or an object of the user's
            return there == size and self._holds(name, sha256)
        self._copies.append(self._bucket.threads.submit(self._bucket.copy, source, name, size))
        self._sizes[name] = size
        return True

    def missing(self, sha256: str) -> Exception | None:
        """See `acrawl.results.files.placing.Tree.missing`."""
        if not is_sha256(sha256):
            return ValueError(f"not a SHA-256: {sha256[:80]!r}")
        if self._size(self._key(sha256)) is None:
            return FileNotFoundError(errno.ENOENT, "no such object", f"{self.root}/{self._key(sha256)}")
        return None

    def blocks(self, folder: str) -> bool:
        """Nothing does: an object and a folder of one name do not meet in a bucket."""
        return False

    def settle(self) -> None:
        """Wait until all names since the last call are there. Raises `CrawlFailed`."""
        copies, self._copies = self._copies, []
        self._sizes.clear()
        errors = [error for copy in copies if (error := copy.exception()) is not None]
        for error in errors:
            if isinstance(error, FileNotFoundError):  # somebody has emptied the bucket under us
                raise CrawlFailed(f"{error.filename}: is gone; crawl anew with --fresh") from None
            raise error

    def forget(self, needless: Iterable[str]) -> None:
        """Nothing: `committed` removes them with the others."""

    def committed(self, digests: Iterable[str]) -> None:
        """What workers put under these hashes has its name for good, or needs none: it goes. Raises `CrawlFailed`."""
        self._bucket.delete(self._key(sha256) for sha256 in digests if is_sha256(sha256))

    def sweep(self) -> int:
        """Delete what nobody has reported; returns how much. Only when no worker is there and all is delivered."""
        count, keys = 0, []
        for found in self._bucket.below(self._staged):
            keys.append(found.key)
            if len(keys) == 1000:
                self._bucket.delete(keys)
                count, keys = count + len(keys), []
        self._bucket.delete(keys)
        return count + len(keys)

    def close(self) -> None:
        """Nothing: the bucket is its owner's."""

    def _key(self, sha256: str) -> str:
        return f"{self._staged}/{sha256}"

    def _size(self, key: str) -> int | None:
        if key not in self._sizes:
            self._sizes[key] = self._bucket.head(key)
        return self._sizes[key]

    def _holds(self, name: str, sha256: str) -> bool:
        """Whether an object has these bytes: read, for nothing else tells in every store."""
        digest = hashlib.sha256()
        try:
            for piece in self._bucket.read(name):
                digest.update(piece)
        except FileNotFoundError:  # gone since it was looked for: the next name will do
            return False
        return digest.hexdigest() == sha256
