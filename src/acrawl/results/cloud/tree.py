"""Readable names in a bucket: copies that the store makes of what workers have put under hashes."""

from __future__ import annotations

import contextlib
import errno
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future

from acrawl.errors import CrawlFailed
from acrawl.results.cloud.bucket import Bucket
from acrawl.results.files.objects import is_sha256


class BucketTree:
    """The readable side of a prefix. Satisfies `acrawl.results.files.base.Shelf`. Blocking; one thread at a time.

    ``staged`` is where workers put what they save, below the bucket's prefix; it belongs to one job. An object leaves
    it only when the catalog has its name for good, so whatever is broken off can be repeated. Requests for many names
    are under way at once: `expect` asks what there is, `place` only begins a copy, `settle` waits for all of them.
    """

    def __init__(self, bucket: Bucket, staged: str) -> None:
        self.root = bucket.address.url
        self._bucket = bucket
        self._hasty = Bucket(bucket.address, bucket.settings, 0.0)
        self._staged = staged
        self._sizes: dict[str, int | None] = {}
        self._folders: dict[str, bool] = {}
        self._shared: bool | None = None
        self._copies: list[Future[None]] = []

    def expect(self, wanted: Sequence[tuple[str, str]]) -> None:
        """See `acrawl.results.files.base.Places.expect`."""
        keys = [key for sha256, name in wanted if is_sha256(sha256) for key in (self._key(sha256), name)]
        if self._shared is None:  # what lies there from before may have other names for folders and files
            with _telling():
                self._shared = self._bucket.is_shared(self._staged.partition("/")[0])
        submit = self._bucket.threads.submit
        sizes = [(key, submit(self._hasty.head, key)) for key in keys]
        names = [name for _, name in wanted] if self._shared else []
        folders = [(name, submit(self._hasty.is_folder, name)) for name in names]
        # A name may turn out to be none, below another object, of which some stores say 500. What fails is asked again.
        self._sizes = {key: size.result() for key, size in sizes if size.exception() is None}
        self._folders = {name: found.result() for name, found in folders if found.exception() is None}

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
        if self._is_folder(name):  # stores that are folders on a disk cannot have both
            return False
        self._copies.append(self._bucket.threads.submit(self._bucket.copy, source, name, size))
        self._sizes[name] = size
        return True

    def vacate(self, sha256: str, name: str) -> None:
        """See `acrawl.results.files.base.Shelf.vacate`. The bytes are staged again: another URL may give them now."""
        with _telling():
            if self._stage(sha256, name):
                self._bucket.delete([name])
        self._sizes.pop(name, None)

    def bring_back(self, sha256: str, name: str) -> None:
        """See `acrawl.results.files.base.Shelf.bring_back`."""
        with _telling():
            self._stage(sha256, name)

    def _stage(self, sha256: str, name: str) -> bool:
        """Stage bytes that have a name once more; False where something else stands there by now."""
        key = self._key(sha256)
        if not self._holds(name, sha256):
            return False
        size = self._bucket.head(name)
        if size is not None and self._bucket.head(key) is None:
            self._bucket.copy(name, key, size)
        self._sizes.pop(key, None)
        return True

    def missing(self, sha256: str) -> Exception | None:
        """See `acrawl.results.files.placing.Tree.missing`."""
        if not is_sha256(sha256):
            return ValueError(f"not a SHA-256: {sha256[:80]!r}")
        if self._size(self._key(sha256)) is None:
            return FileNotFoundError(errno.ENOENT, "no such object", f"{self.root}/{self._key(sha256)}")
        return None

    def blocks(self, folder: str) -> bool:
        """Whether there is an object of this name: stores that are folders on a disk cannot have both."""
        return self._size(folder) is not None

    def settle(self) -> None:
        """Wait until all names since the last call are there. Raises `CrawlFailed`."""
        copies, self._copies = self._copies, []
        self._sizes.clear()
        errors = [error for copy in copies if (error := copy.exception()) is not None]
        for error in errors:
            if isinstance(error, FileNotFoundError):  # somebody has emptied the bucket under us
                raise CrawlFailed(f"{error.filename}: is gone; crawl anew with --fresh") from None
            with _telling():
                raise error

    def forget(self, needless: Iterable[str]) -> None:
        """Nothing: `committed` removes them with the others."""

    def committed(self, digests: Iterable[str]) -> None:
        """What workers put under these hashes has its name for good, or needs none: it goes. Raises `CrawlFailed`."""
        with _telling():
            self._bucket.delete(self._key(sha256) for sha256 in digests if is_sha256(sha256))

    def sweep(self) -> int:
        """Delete what nobody has reported; returns how much. Only when no worker is there and all is delivered."""
        with _telling():
            keys = [found.key for found in self._bucket.below(self._staged)]
            self._bucket.delete(keys)
        return len(keys)

    def close(self) -> None:
        """Let go of what is not the bucket's owner's. Idempotent."""
        self._hasty.close()

    def _key(self, sha256: str) -> str:
        return f"{self._staged}/{sha256}"

    def _size(self, key: str) -> int | None:
        if key not in self._sizes:
            with _telling():
                self._sizes[key] = self._bucket.head(key)
        return self._sizes[key]

    def _is_folder(self, name: str) -> bool:
        if not self._shared:  # then the catalog knows all folders
            return False
        if name not in self._folders:
            with _telling():
                self._folders[name] = self._bucket.is_folder(name)
        return self._folders[name]

    def _holds(self, name: str, sha256: str) -> bool:
        """Whether an object has these bytes: read, for nothing else tells in every store."""
        digest = hashlib.sha256()
        try:
            for piece in self._bucket.read(name):
                digest.update(piece)
        except FileNotFoundError:  # gone since it was looked for: the next name will do
            return False
        return digest.hexdigest() == sha256


@contextlib.contextmanager
def _telling() -> Iterator[None]:
    """Within, what the store refuses ends the crawl; what was reported stays in the outbox, and comes again."""
    try:
        yield
    except CrawlFailed as error:
        raise CrawlFailed(f"saved files get no names: {error}; mend it and resume") from None
