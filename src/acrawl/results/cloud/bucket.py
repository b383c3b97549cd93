"""One bucket, or what lies below a prefix in it; the only door to obstore.

What it offers::

    probe     says all that is wrong before a crawl begins
    put       bytes or a file, in one go or streamed in parts: whole or not at all
    create    the same for small ones, and only if there is no such key
    head      how large an object is, None where there is none
    read      its bytes as they come
    copy      made by the server; by way of a file here where it copies no such size
    below     what lies below a folder; names: what lies directly below it; is_folder, is_shared: whether
    delete    many at once; what is gone is fine

All of it blocks and may be used by several threads; ``threads`` are as many as requests may be under way at once. A
request that the store does not answer, or answers by 429 or 5xx, is made again until the patience is over. What then is
wrong, and every other error of obstore, is a `CrawlFailed` that says in one line where, what and how to mend it.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import mimetypes
import os
import pathlib
import re
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import urlsplit

from acrawl.errors import CrawlFailed, EnvironmentProblem, MissingExtra
from acrawl.results.cloud.address import Address
from acrawl.results.cloud.faults import explained, is_no_bucket, status_of
from acrawl.settings import Cloud
from acrawl.version import VERSION

#: Bytes of one part, and how many are under way at once; what is not larger goes in one request.
PART, PARTS = 8 << 20, 4
#: Parts of one upload at most (of S3; others take more), and files in parts at once.
MOST_PARTS, LARGE_AT_ONCE = 10_000, 2
#: What S3 copies in one request at most.
MOST_COPIED = 5 << 30
#: Seconds for which a store that does not answer is asked before the crawl begins.
PROBE_PATIENCE = 8.0
#: What is written and deleted to see whether that may be done. One name: what a killed process left goes with the next.
PROBE = ".acrawl-probe"
_PIECE = 1 << 20
_DELETED_AT_ONCE = 1000
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT")
_TYPES = {".jsonl": "application/x-ndjson", ".html": "text/html; charset=utf-8", ".zst": "application/zstd"}
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]{1,100}/[\w!#$&^.+-]{1,100}", re.ASCII)
_COMPRESSED = {"gzip": "application/gzip", "zstd": "application/zstd"}


class Found(NamedTuple):
    """An object: its key below the bucket's prefix, and its bytes."""

    key: str
    size: int


def _unheard(_: int) -> None:
    """Nobody watches."""


class _Unconditional(Exception):
    """The store has no conditional writes."""


class Bucket:
    """See the module. Keys are below ``address``. Raises `MissingExtra`, and `EnvironmentProblem` for what is missing.

    ``patience`` are seconds, in the place of the setting's.
    """

    def __init__(self, address: Address, settings: Cloud | None = None, patience: float | None = None) -> None:
        self.address = address
        self.settings = settings or Cloud()
        self.threads = ThreadPoolExecutor(self.settings.concurrency, "acrawl-bucket")
        self._large = threading.Semaphore(LARGE_AT_ONCE)
        self._conditional = True
        self._obstore: Any = _library(address)
        self._store = self._opened(self.settings.patience if patience is None else patience)

    def probe(self, option: str) -> None:
        """Write a small object and delete it, so that a crawl does not begin in vain. Raises `EnvironmentProblem`.

        ``option`` is what named the bucket.
        """
        asking = Bucket(self.address, self.settings, PROBE_PATIENCE)
        key = PROBE
        try:
            asking.create(key, b"acrawl looks whether it may write here\n")
            asking.delete([key])
            self._conditional = asking._conditional
        except CrawlFailed as error:  # nothing has begun
            what = str(error).replace(self.address.below(key).url, self.address.url, 1)
            raise EnvironmentProblem(f"{option} {what}") from None
        finally:
            asking.close()

    def put(
        self, key: str, source: bytes | pathlib.Path, kind: str = "", advance: Callable[[int], None] = _unheard
    ) -> None:
        """Write an object in the place of whatever is there; ``kind`` is its media type, else its name's.

        ``advance`` hears of the bytes of a file that have left it. Raises OSError for a file that cannot be read.
        """
        if isinstance(source, bytes):
            self._put(key, source, kind, use_multipart=False)
            return
        size = source.stat().st_size
        if size <= PART:
            self._put(key, source.read_bytes(), kind, use_multipart=False)
            advance(size)
            return
        with open(source, "rb") as file:
            self._put_parts(key, file, size, kind, advance)

    def create(self, key: str, data: bytes, kind: str = "") -> bool:
        """Write an object unless there is one; returns whether it did. A store that has no such writes is asked before.

        Between two who create at once such a store keeps the last one.
        """
        if self._conditional:
            try:
                with self._asking(key, creating=True):
                    self._obstore.put(
                        self._store, self._path(key), data, attributes=_attributes(key, kind), mode="create"
                    )
            except FileExistsError:
                return False
            except _Unconditional:  # from now on it is asked
                self._conditional = False
            else:
                return True
        if self.head(key) is not None:
            return False
        self.put(key, data, kind)
        return True

    def head(self, key: str) -> int | None:
        """How many bytes an object has; None where there is none."""
        try:
            with self._asking(key):
                size: int = self._obstore.head(self._store, self._path(key))["size"]
                return size
        except FileNotFoundError:
            return None

    def read(self, key: str) -> Iterator[bytes]:
        """The bytes of an object as they come. Raises FileNotFoundError."""
        with self._asking(key):
            for piece in self._obstore.get(self._store, self._path(key)).stream(min_chunk_size=_PIECE):
                yield bytes(piece)

    def copy(self, source: str, target: str, size: int) -> None:
        """Let the store copy an object of ``size`` bytes over whatever is there. Raises FileNotFoundError."""
        if size > MOST_COPIED:
            self._carry(source, target)
            return
        with self._asking(source):
            self._obstore.copy(self._store, self._path(source), self._path(target))

    def below(self, prefix: str) -> Iterator[Found]:
        """All objects below a folder."""
        with self._asking(prefix):
            for part in self._obstore.list(self._store, self._path(prefix) or None, chunk_size=1000):
                yield from (self._found(one) for one in part)

    def names(self, folder: str) -> list[Found]:
        """The objects directly below a folder."""
        with self._asking(folder):
            found = self._obstore.list_with_delimiter(self._store, self._path(folder) or None)
            return [self._found(one) for one in found["objects"]]

    def is_folder(self, key: str) -> bool:
        """Whether anything lies below a key."""
        return next(self.below(key), None) is not None

    def is_shared(self, own: str) -> bool:
        """Whether there is anything but what lies below one folder."""
        with self._asking(""):
            found = self._obstore.list_with_delimiter(self._store, self._path("") or None)
            return bool(found["objects"]) or any(path != self._path(own) for path in found["common_prefixes"])

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; those that are gone are fine."""
        paths = [self._path(key) for key in keys]
        for start in range(0, len(paths), _DELETED_AT_ONCE):
            some = paths[start : start + _DELETED_AT_ONCE]
            try:
                with self._asking(""):
                    self._obstore.delete(self._store, some)
            except FileNotFoundError:  # some stores end at the first that is gone
                for path in some:
                    with contextlib.suppress(FileNotFoundError), self._asking(""):
                        self._obstore.delete(self._store, path)

    def close(self) -> None:
        """Wait for what is under way. Idempotent."""
        self.threads.shutdown()

    # -- underneath

    def _put(self, key: str, data: bytes, kind: str, **how: Any) -> None:
        with self._asking(key):
            self._obstore.put(self._store, self._path(key), data, attributes=_attributes(key, kind), **how)

    def _carry(self, source: str, target: str) -> None:
        """Copy by way of a file here: nothing may be read from a bucket within a put."""
        with tempfile.NamedTemporaryFile() as file:
            for piece in self.read(source):
                file.write(piece)
            file.flush()
            self.put(target, pathlib.Path(file.name), media_type(target))

    def _put_parts(self, key: str, file: BinaryIO, size: int, kind: str, advance: Callable[[int], None]) -> None:
        def told() -> Iterator[bytes]:
            while piece := file.read(_PIECE):
                yield piece
                advance(len(piece))

        part = max(PART, -(-size // (MOST_PARTS - 1)))
        how = {"attributes": _attributes(key, kind), "chunk_size": part, "max_concurrency": PARTS}
        with self._large, self._asking(key):
            self._obstore.put(self._store, self._path(key), told(), use_multipart=True, **how)

    def _path(self, key: str) -> str:
        return self.address.below(key).key if key else self.address.key

    def _found(self, one: Any) -> Found:
        path: str = one["path"]
        return Found(path.removeprefix(f"{self.address.key}/") if self.address.key else path, one["size"])

    @contextlib.contextmanager
    def _asking(self, key: str, *, creating: bool = False) -> Iterator[None]:
        """Within, an error of obstore is one of ours, or of the few of the language that callers look for."""
        where, errors = self.address.below(key) if key else self.address, self._obstore.exceptions
        try:
            yield
        except errors.AlreadyExistsError:  # told to whoever creates
            raise FileExistsError(errno.EEXIST, "is there already", where.url) from None
        except FileNotFoundError as error:  # obstore's own, for an object; of a bucket it says so here as well
            if not is_no_bucket(str(error)):
                raise FileNotFoundError(errno.ENOENT, "no such object", where.url) from None
            raise CrawlFailed(f"{where.url}: {explained(str(error), where)}") from None
        except errors.BaseError as error:  # whoever asked is told, and knows what becomes of it
            if creating and (isinstance(error, errors.NotSupportedError) or status_of(str(error)) == 501):
                raise _Unconditional from None
            raise CrawlFailed(f"{where.url}: {explained(str(error), where)}") from None

    def _opened(self, patience: float) -> Any:
        milliseconds = datetime.timedelta(milliseconds=100)
        retry = {
            "max_retries": 1000,
            "retry_timeout": datetime.timedelta(seconds=patience),
            "backoff": {"init_backoff": milliseconds, "max_backoff": 30 * milliseconds, "base": 2},
        }
        client: dict[str, Any] = {"timeout": "120s" if patience > PROBE_PATIENCE else "10s", "connect_timeout": "5s"}
        client["user_agent"] = f"acrawl/{VERSION}"
        if any(_endpoint(name).startswith("http://") for name in _ENDPOINTS):
            client["allow_http"] = True
        more = _profile() if self.address.scheme == "s3" else {}
        url = self.address._replace(key="").url
        try:
            with self._asking(""):
                return self._obstore.store.from_url(url, client_options=client, retry_config=retry, **more)
        except CrawlFailed as error:  # nothing has begun
            raise EnvironmentProblem(str(error)) from None


def _endpoint(name: str) -> str:
    """The endpoint that a variable names; empty without. Raises `EnvironmentProblem` for what is no URL."""
    found = os.environ.get(name, "")
    try:
        parts = urlsplit(found)
        good = not found or (parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0)
    except ValueError:  # nothing has begun
        good = False
    if not good:
        raise EnvironmentProblem(f"{name} is no URL of a server; write http://host:port or https://host")
    return found


def _library(address: Address) -> Any:
    try:
        import obstore
        import obstore.exceptions
        import obstore.store
    except ImportError:  # nothing has begun
        raise MissingExtra(f"{address.url}: needs obstore: pip install 'acrawl[cloud]'") from None
    return obstore


def _profile() -> dict[str, Any]:
    """Credentials of a profile, which boto3 reads: those of the environment come first.

    Raises `MissingExtra` where a profile is named and there is no boto3.
    """
    named = "AWS_PROFILE" in os.environ
    if "AWS_ACCESS_KEY_ID" in os.environ or not (named or _has_profiles()):
        return {}
    try:
        from obstore.auth.boto3 import Boto3CredentialProvider

        return {"credential_provider": Boto3CredentialProvider()}
    except ImportError:  # nothing has begun
        if named:
            raise MissingExtra("AWS_PROFILE is set, and only boto3 reads profiles: pip install boto3") from None
        return {}
    except Exception as error:  # noqa: BLE001 - whatever boto3 says of a profile that is not there, or has no keys
        if named:
            raise EnvironmentProblem(f"AWS_PROFILE: {type(error).__name__}: {error}") from None
        return {}


def _has_profiles() -> bool:
    path = os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or os.path.expanduser("~/.aws/credentials")
    return os.path.exists(path)


def _attributes(key: str, kind: str) -> dict[str, str] | None:
    if not _MEDIA_TYPE.fullmatch(kind):  # servers say anything, and not all of it can stand in a header
        kind = media_type(key)
    return {"Content-Type": kind} if kind else None


def media_type(name: str) -> str:
    """The media type that a name tells; empty where it tells none."""
    suffix = pathlib.PurePosixPath(name).suffix.lower()
    kind, packed = mimetypes.guess_type(name)
    if packed:
        return _COMPRESSED.get(packed, "")
    return _TYPES.get(suffix) or kind or ""


def each(bucket: Bucket, function: Callable[..., Any], arguments: Sequence[Any]) -> list[Any]:
    """Call a function of a bucket for each argument, many at once; the first error is raised when all have ended."""
    tasks = [bucket.threads.submit(function, argument) for argument in arguments]
    ended = [(task.exception(), task) for task in tasks]
    for error, _ in ended:
        if error is not None:
            raise error
    return [task.result() for _, task in ended]
