"""A worker that does not see the files' folder can still ask whether a file of an earlier crawl is in it."""

import pytest
import pytest_asyncio

from acrawl.errors import RemoteFault
from acrawl.results.files import object_path
from acrawl.results.uploads import Uploads
from acrawl.worker.upload import UploadStore


class Straight:
    """Carries pieces to the master's side without a wire; ``broken`` as if the master could not look."""

    def __init__(self, uploads):
        self.uploads = uploads
        self.pieces = 0
        self.broken = False

    async def chunk(self, worker, upload, offset, data, sha256):
        self.pieces += 1
        if self.broken:
            raise RemoteFault("FetchError: disk")
        return await self.uploads.put(f"{worker}:{upload}", offset, data, sha256)


@pytest_asyncio.fixture
async def courier(tmp_path):
    uploads = Uploads(tmp_path)
    yield Straight(uploads)
    assert not uploads._open, "asking leaves nothing behind"
    uploads.close()


@pytest.fixture
def store(courier):
    store = UploadStore(courier, "worker")
    yield store
    store.close()


async def saved(store, data):
    sink = store.sink()
    await sink.write(data)
    return await sink.finish("http://a.test/", "", "")


@pytest.mark.asyncio
async def test_a_file_that_was_sent_need_not_be_sent_again(store, courier, tmp_path):
    fact = await saved(store, b"some bytes")
    courier.pieces = 0
    assert await store.sink().kept(fact) == fact
    assert courier.pieces == 1
    object_path(tmp_path, fact.sha256).unlink()
    assert await store.sink().kept(fact) is None


@pytest.mark.asyncio
async def test_what_the_master_cannot_tell_is_not_there(store, courier):
    empty, fact = await saved(store, b""), await saved(store, b"some bytes")
    assert await store.sink().kept(empty) is None
    courier.broken = True
    assert await store.sink().kept(fact) is None
