"""A worker's images: decoded once, stored like the originals, and none the worse for a disk that is full."""

from __future__ import annotations

import contextlib
import resource
import signal

import msgspec
import pytest
import pytest_asyncio

from acrawl.errors import FetchError
from acrawl.results.files.folder import FolderStore, object_path
from acrawl.settings import Images
from acrawl.worker.imaging import Imaging
from results.helpers import objects, save, temporaries
from results.pictures import encoded, photo

pytestmark = pytest.mark.process
JPEG = encoded(photo(1))


def alive(_):
    """Nobody watches."""


@contextlib.contextmanager
def files_of_at_most(size):
    """The kernel refuses to let any file of this process grow beyond ``size``."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, old)


@pytest_asyncio.fixture
async def store(tmp_path):
    store = FolderStore(tmp_path)
    yield store
    store.close()


@pytest.mark.asyncio
async def test_what_is_made_is_stored_and_bytes_that_come_again_are_not_decoded_again(store, tmp_path):
    fact = await save(store, "https://e.org/a.jpg", JPEG)
    async with Imaging.open(Images(thumbs={"t": "40x40"}, convert="webp"), store) as imaging:
        first = await imaging.looked_at(fact, alive)
        object_path(tmp_path, fact.sha256).unlink()  # whoever decoded it again would find nothing
        second = await imaging.looked_at(msgspec.structs.replace(fact, url="https://e.org/b.jpg"), alive)
    assert msgspec.structs.replace(second, url=fact.url) == first
    assert [one.kind for one in first.derived] == ["thumb:t", "converted"]
    assert objects(tmp_path) == sorted(one.sha256 for one in first.derived)
    for one in first.derived:
        assert object_path(tmp_path, one.sha256).stat().st_size == one.size


@pytest.mark.asyncio
async def test_what_is_no_image_to_decode_is_left_as_it_is(store):
    fact = await save(store, "https://e.org/a.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>')
    async with Imaging.open(Images(check=True), store) as imaging:
        assert await imaging.looked_at(fact, alive) is fact


@pytest.mark.asyncio
async def test_a_full_disk_is_an_error_of_the_request_and_the_next_try_has_it_all(store, tmp_path):
    fact = await save(store, "https://e.org/a.jpg", JPEG)
    async with Imaging.open(Images(convert="png"), store) as imaging:
        with files_of_at_most(2 * len(JPEG)), pytest.raises(FetchError, match="disk"):
            await imaging.looked_at(fact, alive)
        assert (objects(tmp_path), temporaries(tmp_path)) == ([fact.sha256], [])
        (made,) = (await imaging.looked_at(fact, alive)).derived
    assert objects(tmp_path) == sorted([fact.sha256, made.sha256])


@pytest.mark.asyncio
async def test_nothing_is_there_when_nothing_is_wanted(store):
    async with Imaging.open(Images(min_width=9, max_pixels=9), store) as imaging:
        assert imaging is None
