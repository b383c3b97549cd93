"""A host that asks to be left alone is left alone by all workers, whoever of them it told."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import pytest

from acrawl import Settings, Spider
from acrawl.frontier.gate import ScopeGate
from acrawl.frontier.sqlite import SqliteFrontier
from acrawl.master.broker import CrawlBroker
from acrawl.master.rests import MOST, Rests
from acrawl.outcome import RETRY, HostFacts, Outcome
from acrawl.queues.messages import Hello, News, Welcome
from acrawl.request import Request, seal
from acrawl.testing import Answer, ManualClock, crawl

HOST = "http://a.test"


def test_rests_are_told_until_they_were_heard_of():
    rests = Rests()
    rests.add("http://a", 10.0)
    rests.add("http://b", 20.0)
    assert rests.untold(0, 4.0) == {"http://a": 6.0, "http://b": 16.0}
    assert rests.untold(0, 4.0) == {"http://a": 6.0, "http://b": 16.0}  # the answer was lost on its way
    assert rests.untold(1, 4.0) == {"http://b": 16.0}
    rests.add("http://a", 30.0)
    assert rests.untold(2, 5.0) == {"http://a": 25.0}
    assert rests.untold(3, 5.0) == {}


def test_rests_that_are_over_are_not_told_and_a_number_of_a_former_master_counts_for_nothing():
    rests = Rests()
    rests.add("http://a", 10.0)
    rests.add("http://b", 20.0)
    assert rests.untold(99, 11.0) == {"http://b": 9.0}


def test_no_more_than_so_many_rests_are_kept():
    rests = Rests()
    for number in range(MOST + 5):
        rests.add(f"http://{number}", 10.0)
    assert len(untold := rests.untold(0, 0.0)) == MOST
    assert "http://4" not in untold


@pytest.mark.asyncio
async def test_only_workers_that_hold_leases_there_are_told_and_at_once(tmp_path):
    settings = Settings()
    clock = ManualClock()
    frontier = await SqliteFrontier.open(str(tmp_path / "job.db"), settings, ScopeGate(settings.scope), clock)
    broker = CrawlBroker(frontier, Hello("", "", "", ""), Welcome(1, {}, {}, b""), 0.0)
    try:
        for worker in "abc":
            await broker.hello(Hello(worker, "", "", ""))
        await frontier.add([seal(Request(f"{HOST}/{n}", allow_offsite=True), frontier.secret) for n in range(40)])
        errand = (await broker.lease("a", 1, 0.0)).tickets[0].leases[0]
        await broker.report("a", frontier.epoch, [Outcome(errand.token, "fetched", host=HostFacts(rules=b"\x90"))])
        mine = (await broker.lease("a", 4, 0.0)).tickets[0].leases
        assert (await broker.lease("b", 4, 0.0)).tickets
        heard = {worker: asyncio.create_task(broker.listen(worker, "run", 0, 5.0)) for worker in "bc"}
        await asyncio.sleep(0)
        # When one of two workers is asked to leave the host alone,
        pause = Outcome(mine[0].token, RETRY, "http-429", host=HostFacts(pause=7.0))
        await broker.report("a", frontier.epoch, [pause])
        # then the other one hears of it, and the one that has nothing there does not.
        news = await asyncio.wait_for(heard["b"], 4.0)
        assert (news.state, news.number) == ("run", 1)
        assert news.rests[HOST] == pytest.approx(7.0, abs=0.5)
        assert not heard["c"].done()
        broker.set_state("stop")
        assert await heard["c"] == News("stop")
        assert await broker.listen("b", "run", 1, 5.0) == News("stop", 1)
    finally:
        await frontier.close()


class Busy:
    """Answers after 0.3 s; one page of many asks, the first time, to be left alone for 20 seconds."""

    def answer(self, url, attempt=1, at=0.0):
        if url.endswith("/robots.txt"):
            return Answer(status=404)
        if url.endswith("/30") and attempt == 1:
            return Answer(b"", 429, headers={"Retry-After": "20"}, delay=0.3)
        return Answer(b"".join(b"<a href=/%d>x</a>" % n for n in range(120)), delay=0.3)

    def varies(self, url):
        return url.endswith("/30")


class Follow(Spider):
    start_urls = (f"{HOST}/",)
    custom_settings: ClassVar = {"politeness.concurrency": 9}

    def parse(self, response):
        yield from response.follow_all()


def test_what_other_workers_hold_of_a_host_that_rests_is_not_started():
    done = crawl(Follow, Busy(), workers=3)
    told = min(hit.at for hit in done.hits if hit.status == 429) + 0.3
    assert [hit for hit in done.hits if told + 0.01 < hit.at < told + 19.9] == []
    assert set(done.ended.values()) == {"fetched"}
    assert len(done.ended) == 121
    assert done.counts.retries > 0
