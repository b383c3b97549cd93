"""Asking a running crawl through its join file, as a person does."""

from __future__ import annotations

import asyncio
import pathlib

import pytest
from fake_master import CONTROL, KEY, FakeBroker, certified, serving

from acrawl.errors import KeyProblem, MasterUnreachable, RemoteFault
from acrawl.outcome import Story
from acrawl.queues import control
from acrawl.queues.control import ControlClient
from acrawl.queues.join import Join

pytestmark = pytest.mark.asyncio

URL = "http://a.test/"


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "join-local.json"


async def asked(file: pathlib.Path) -> Story:
    async with ControlClient(file) as master:
        return await master.explain(URL)


async def test_the_master_tells_what_it_knows(file):
    async with serving(FakeBroker()) as manager:
        Join(*manager.address, KEY, control=CONTROL).write(file)
        assert await asked(file) == Story(URL, "queued", depth=2)


async def test_a_master_that_is_open_to_other_machines_is_asked_by_tls(file, tmp_path):
    tls, certificate, pin = certified(tmp_path)
    async with serving(FakeBroker(), tls=tls) as manager:
        Join(*manager.address, KEY, certificate, pin, CONTROL).write(file)
        assert (await asked(file)).state == "queued"


async def test_a_master_that_hangs_is_not_waited_for(file, monkeypatch):
    class Hanging(FakeBroker):
        async def explain(self, url: str) -> Story:
            await asyncio.sleep(30)
            return await super().explain(url)

    monkeypatch.setattr(control, "PATIENCE", 0.2)
    async with serving(Hanging()) as manager:
        Join(*manager.address, KEY, control=CONTROL).write(file)
        with pytest.raises(MasterUnreachable, match="did not answer"):
            await asked(file)


@pytest.mark.parametrize(("key", "token"), [(b"another key of many bytes", CONTROL), (KEY, "another token")])
async def test_another_crawls_master_is_not_ours(file, key, token):
    async with serving(FakeBroker()) as manager:
        Join(*manager.address, key, control=token).write(file)
        with pytest.raises(MasterUnreachable, match="another program answers there"):
            await asked(file)


async def test_nobody_at_the_address_is_said_at_once(file, refused_url):
    Join("127.0.0.1", int(refused_url.rpartition(":")[2].strip("/")), KEY, control=CONTROL).write(file)
    with pytest.raises(MasterUnreachable, match="no master answers"):
        await asyncio.wait_for(asked(file), 2)


async def test_a_fault_of_the_masters_is_told_as_one(file):
    class Faulty(FakeBroker):
        async def explain(self, url: str) -> Story:
            raise ZeroDivisionError("oh")

    async with serving(Faulty()) as manager:
        Join(*manager.address, KEY, control=CONTROL).write(file)
        with pytest.raises(RemoteFault, match="oh"):
            await asked(file)


async def test_what_is_no_join_file_is_named(file):
    file.write_text("{}")
    with pytest.raises(KeyProblem, match=r"join-local\.json"):
        ControlClient(file)
