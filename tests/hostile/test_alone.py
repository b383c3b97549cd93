"""Each behaviour by itself: its outcome, in time and memory, and nothing of it stays behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import ssl

import aiohttp.connector
import pytest
import pytest_asyncio

from acrawl.fetch import Fetcher
from acrawl.request import Request
from hostile.behaviours import BEHAVIOURS
from hostile.bodies import make_bombs
from hostile.certificates import Certificates
from hostile.meeting import DEADLINE, MEMORY, fetched, meet, settings
from hostile.server import Hostile


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """The authority, trusted by every context for clients that is made, or was made when aiohttp was imported."""
    found = Certificates(tmp_path_factory.mktemp("tls"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(found.authority))
        early = aiohttp.connector._SSL_CONTEXT_VERIFIED
        early.load_verify_locations(found.authority)
        yield found


@pytest.fixture(scope="module", autouse=True)
def bombs():
    """Made before the memory is watched."""
    make_bombs()


@pytest_asyncio.fixture
async def failures():
    """What the loop was told of and nobody handled."""
    told = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    return told


def sockets() -> int:
    """How many sockets this process has open."""
    found = 0
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the listing's own
            found += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
    return found


async def until(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.mark.asyncio
@pytest.mark.parametrize("behaviour", BEHAVIOURS.values(), ids=BEHAVIOURS.keys())
async def test_a_hostile_server_has_its_outcome_and_leaves_nothing_behind(behaviour, certificates, failures):
    before = sockets()
    async with Hostile([behaviour], certificates.context) as server:
        (origin,) = server.origins.values()
        async with Fetcher(settings()) as fetcher:
            met = await meet(fetcher, behaviour, origin.url)
            assert met.words == [behaviour.outcome] * behaviour.times, met.details
            assert met.ends == ([behaviour.end] if behaviour.end else [])
            assert met.seconds < DEADLINE
            assert met.peak < MEMORY
            # The same fetcher serves others at once.
            assert (await fetched(fetcher, Request(server.good.url + "/1"), server.good.url))[0] == "ok"
            answered = behaviour.outcome.partition("-")[0] in {"ok", "redirect", "http"}
            await until(lambda: origin.open <= answered)
        await until(lambda: origin.open == server.good.open == 0)
        assert origin.failures == []
        assert server.secret.made == 0
    await until(lambda: sockets() <= before)
    gc.collect()  # what was not closed says so now
    await asyncio.sleep(0)
    assert failures == []


def test_there_are_enough_of_them_and_none_may_be_a_defect():
    assert len(BEHAVIOURS) >= 70
    words = {word for one in BEHAVIOURS.values() for word in (one.outcome, one.end, one.in_crawl)}
    assert not words & {"defect", "stage", "worker-lost"}
    assert all(one.text.endswith(".") for one in BEHAVIOURS.values())


def test_the_authority_signs_what_it_should(certificates):
    assert ssl.create_default_context(cafile=certificates.authority).get_ca_certs()
