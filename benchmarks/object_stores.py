"""Files and feeds into a local server that speaks S3, against obstore's bare put. Needs the extra ``test``.

``python benchmarks/object_stores.py [MEGABYTES] [FILES]``: one large file as a worker sends it, small ones as many
callers save them at once, and how much memory it takes.
"""

from __future__ import annotations

import asyncio
import os
import pathlib
import resource
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests"))

from acrawl.results.cloud.address import address_of
from acrawl.results.cloud.bucket import PART, PARTS, Bucket
from acrawl.results.cloud.tree import BucketTree
from acrawl.worker.upload import ToBucket, UploadStore
from results.s3 import Store, environ, environment

SMALL = 20_000
STAGED = ".objects/job"


class Nobody:
    """A master that knows no files."""

    async def chunk(self, worker: str, upload: str, offset: int, data: bytes, sha256: str) -> bool:
        return False


def memory() -> float:
    """The most that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def large(url: str, size: int) -> None:
    bucket = Bucket(address_of(url, "-o"))
    with tempfile.NamedTemporaryFile() as file:
        for _ in range(size >> 20):
            file.write(os.urandom(1 << 20))
        file.flush()
        path, obstore = pathlib.Path(file.name), bucket._obstore
        bucket.put("warm", path)
        before = memory()
        began = time.perf_counter()
        bucket.put("large", path)
        ours, grown = time.perf_counter() - began, memory() - before
        began = time.perf_counter()
        obstore.put(bucket._store, "bare-large", path, chunk_size=PART, max_concurrency=PARTS)
        bare = time.perf_counter() - began
    bucket.close()
    rate = size / 1e6
    print(f"one file of {size >> 20} MiB: {rate / ours:.0f} MB/s, bare {rate / bare:.0f} MB/s, ratio {bare / ours:.2f}")
    print(f"memory: {before:.0f} MiB before, {grown:+.0f} MiB for the second time")


async def save(store: UploadStore, n: int) -> str:
    sink = store.sink()
    await sink.write(n.to_bytes(4, "big") + os.urandom(SMALL - 4))
    fact = await sink.finish(f"https://e.org/{n % 50}/{n}.png", "", "image/png")
    await sink.discard()
    return fact.sha256


async def small(url: str, count: int) -> None:
    bucket = Bucket(address_of(f"{url}/{STAGED}", "-o"))
    store = UploadStore(ToBucket(Nobody(), "worker", bucket))
    many = asyncio.Semaphore(64)

    async def one(n: int) -> str:
        async with many:
            return await save(store, n)

    began = time.perf_counter()
    digests = await asyncio.gather(*map(one, range(count)))
    ours = time.perf_counter() - began
    bodies = [os.urandom(SMALL) for _ in range(count)]
    obstore, loop = bucket._obstore, asyncio.get_running_loop()

    def put(n: int) -> None:
        obstore.put(bucket._store, f"bare/{n}", bodies[n])

    began = time.perf_counter()
    await asyncio.gather(*(loop.run_in_executor(bucket.threads, put, n) for n in range(count)))
    bare = time.perf_counter() - began
    print(
        f"{count} files of {SMALL} bytes: {count / ours:.0f} files/s, bare {count / bare:.0f}, ratio {bare / ours:.2f}"
    )
    name(url, digests)
    print(f"memory: {memory():.0f} MiB at most")
    await asyncio.to_thread(store.close)


def name(url: str, digests: list[str]) -> None:
    bucket = Bucket(address_of(url, "-o"))
    tree = BucketTree(bucket, STAGED)
    began = time.perf_counter()
    for start in range(0, len(digests), 500):
        wanted = [(digest, f"e.org/{start + n}.png") for n, digest in enumerate(digests[start : start + 500])]
        tree.expect(wanted)
        assert all(tree.place(*pair) for pair in wanted)
        tree.settle()
        tree.committed(digest for digest, _ in wanted)
    print(f"named by the master: {len(digests) / (time.perf_counter() - began):.0f} files/s")
    bucket.close()


if __name__ == "__main__":
    sizes = [int(word) for word in sys.argv[1:]] + [500, 2000][len(sys.argv) - 1 :]
    server = Store("rclone")
    try:
        server.make("shop")
        with environ(environment(server.url)):
            large("s3://shop", sizes[0] << 20)
            asyncio.run(small("s3://shop", sizes[1]))
    finally:
        server.reap()
