"""Cookie jars: what is reported with an outcome is seen by all that the outcome causes, and by every later life."""

from __future__ import annotations

import asyncio

from acrawl.cookie import OVER, Cookie, JarChange
from acrawl.outcome import FAILED, PART, RELEASED, RETRY, Outcome, Receipt
from contracts.crawl import HOST, Crawl

SITE = "a.test"
MANY = {"politeness.concurrency": 50}


def cookie(name: str, value: str = "1", **facts: object) -> Cookie:
    return Cookie(name, value, SITE, **facts)  # type: ignore[arg-type]


def change(*cookies: Cookie, key: str = "", site: str = SITE) -> list[JarChange]:
    return [JarChange(site, key, list(cookies))]


async def version(crawl: Crawl, worker: str = "w", host: str = HOST) -> int:
    """The version in the next ticket."""
    while True:
        batch = await crawl.frontier.lease(worker, 1, 0.0)
        if batch.tickets:
            (ticket,) = batch.tickets
            assert ticket.host == host
            return ticket.jars
        await asyncio.sleep(0)  # it may still be read from the storage


async def jar(crawl: Crawl, key: str = "", site: str = SITE) -> dict[str, str]:
    copy = await crawl.frontier.jar("w", site, key)
    return {cookie.name: cookie.value for cookie in copy.cookies}


class JarPromises:
    async def test_without_cookies_there_is_no_version_and_the_jar_is_empty(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/")
        assert await version(crawl) == 0
        assert await jar(crawl) == {}

    async def test_what_an_outcome_causes_is_handed_out_under_its_version(self, crawl: Crawl):
        await crawl.open(MANY)
        await crawl.add("/login")
        got = await crawl.one()
        await crawl.report(got, links=["/in"], cookies=change(cookie("sid")))
        asked = await version(crawl, "another")
        assert asked > 0
        copy = await crawl.frontier.jar("another", SITE, "")
        assert copy.version >= asked
        assert copy.cookies == [cookie("sid")]

    async def test_a_retry_sees_the_cookies_of_the_answer_that_asked_for_it(self, crawl: Crawl):
        await crawl.open({**MANY, "frontier.commit_seconds": 0.05})
        for status, facts in ((RETRY, {"delay": 0.0}), (RELEASED, {})):
            await crawl.add(f"/{status}")
            got = await crawl.one()
            outcome = Outcome(got.token, status, cookies=change(cookie(status)), **facts)  # type: ignore[arg-type]
            report = asyncio.create_task(crawl.frontier.report("w", crawl.epoch, [outcome]))
            await asyncio.sleep(0)  # it has arrived, and is not committed
            asked = await version(crawl, "another")
            assert status in await jar(crawl)
            assert (await crawl.frontier.jar("w", SITE, "")).version >= asked > 0
            await report

    async def test_a_failed_request_leaves_its_cookies(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/")
        await crawl.report(await crawl.one(), FAILED, reason="http-404", cookies=change(cookie("seen")))
        assert await jar(crawl) == {"seen": "1"}

    async def test_each_change_makes_a_new_version(self, crawl: Crawl):
        await crawl.open(MANY)
        versions = []
        for n in range(4):
            await crawl.add(f"/{n}")
            versions.append(await version(crawl, f"w{n}"))
            await crawl.add(f"/set/{n}")
            await crawl.report(await crawl.one(), cookies=change(cookie("n", str(n))))
        assert versions == sorted(set(versions))
        assert await jar(crawl) == {"n": "3"}

    async def test_all_hosts_of_a_site_have_its_version_and_no_others(self, crawl: Crawl):
        await crawl.open(MANY)
        await crawl.add("http://www.a.test/")
        await crawl.report(await crawl.one(), cookies=change(cookie("sid")))
        for host, known in (("https://a.test", True), ("http://b.a.test:8080", True), ("http://b.test", False)):
            await crawl.add(f"{host}/x")
            assert bool(await version(crawl, host, host)) is known

    async def test_each_key_and_each_site_has_a_jar_of_its_own(self, crawl: Crawl):
        await crawl.open(MANY)
        await crawl.add("/1", "/2", "/3")
        first, second, third = await crawl.lease_until(3)
        await crawl.report(first, cookies=[*change(cookie("a")), *change(cookie("b"), key="2")])
        await crawl.report(second, cookies=change(cookie("c"), key="2"))
        await crawl.report(third, cookies=change(cookie("d"), site="b.test"))
        assert await jar(crawl) == {"a": "1"}
        assert await jar(crawl, "2") == {"b": "1", "c": "1"}
        assert await jar(crawl, site="b.test") == {"d": "1"}
        assert await jar(crawl, "3") == {}

    async def test_the_last_report_wins_and_what_is_taken_back_is_gone(self, crawl: Crawl):
        await crawl.open(MANY)
        await crawl.add("/1", "/2", "/3")
        got = await crawl.lease_until(3)
        outcomes = [
            Outcome(got[0].token, cookies=change(cookie("a"), cookie("b")), status="fetched"),
            Outcome(got[1].token, cookies=change(cookie("a", "2"), cookie("c")), status="fetched"),
            Outcome(got[2].token, cookies=change(cookie("b", "", expires=OVER)), status="fetched"),
        ]
        assert await crawl.frontier.report("w", crawl.epoch, outcomes) == Receipt(3)
        assert await jar(crawl) == {"a": "2", "c": "1"}

    async def test_a_jar_outlives_every_life_of_the_frontier(self, crawl: Crawl):
        await crawl.open(MANY)
        await crawl.add("/", "/later")
        got, _ = await crawl.lease_until(2)
        kept = cookie("sid", "\u00fc", path="/x", expires=4e9, host_only=False, secure=True, created=12.5)
        await crawl.report(got, cookies=change(kept, key="anna"))
        former = (await crawl.frontier.jar("w", SITE, "anna")).version
        await crawl.restart()
        await crawl.clock.advance(2)
        asked = await version(crawl)
        copy = await crawl.frontier.jar("w", SITE, "anna")
        assert copy.version >= asked > former
        assert copy.cookies == [kept]

    async def test_a_stale_report_changes_no_jar(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/")
        got = await crawl.one()
        assert await crawl.report(got, worker="another", cookies=change(cookie("a"))) == Receipt(0, 1)
        assert await crawl.report(got, epoch=99, cookies=change(cookie("b"))) == Receipt(0, 1)
        await crawl.frontier.lost("w")
        assert await crawl.report(got, cookies=change(cookie("c"))) == Receipt(0, 1)
        assert await jar(crawl) == {}
        assert await version(crawl) == 0

    async def test_cookies_take_effect_with_the_last_part(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/")
        got = await crawl.one()
        await crawl.report(got, PART, links=["/1"], cookies=change(cookie("early")))
        assert await jar(crawl) == {}
        await crawl.report(got, links=["/2"], part=1, cookies=change(cookie("sid")))
        assert await jar(crawl) == {"sid": "1"}
        assert await version(crawl) > 0

    async def test_a_jar_stays_small_whatever_is_reported(self, crawl: Crawl):
        await crawl.open({"cookies.per_jar": 10, "cookies.jar_bytes": 1000})
        await crawl.add("/1")
        await crawl.report(await crawl.one(), cookies=change(*(cookie(f"c{n}") for n in range(3000))))
        assert await jar(crawl) == {f"c{n}": "1" for n in range(2990, 3000)}
        await crawl.add("/2")
        await crawl.report(await crawl.one(), cookies=change(cookie("large", "x" * 2_000_000)))
        assert await jar(crawl) == {}

    async def test_of_too_many_jars_that_of_the_site_asked_the_longest_ago_goes(self, crawl: Crawl):
        await crawl.open({**MANY, "cookies.max_jars": 3})
        for site in ("a.test", "b.test", "c.test"):
            await crawl.add(f"http://{site}/")
            await crawl.report(await crawl.one(), cookies=[JarChange(site, "", [Cookie("sid", site, site)])])
        await crawl.add("/again")
        assert await version(crawl) > 0  # a.test is in use
        await crawl.add("http://d.test/")
        await crawl.report(await crawl.one(), cookies=[JarChange("d.test", "", [Cookie("sid", "d", "d.test")])])
        assert {site: bool(await jar(crawl, site=f"{site}.test")) for site in "abcd"} == {
            "a": True, "b": False, "c": True, "d": True,
        }  # fmt: skip
        await crawl.add("http://b.test/again")
        assert await version(crawl, host="http://b.test") == 0
        # A lower limit holds for what is there already.
        await crawl.restart(cookies__max_jars=1)
        assert sum([bool(await jar(crawl, site=f"{site}.test")) for site in "abcd"]) == 1

    async def test_a_thousand_jars_in_one_report_leave_as_many_as_may_be(self, crawl: Crawl):
        await crawl.open({"cookies.max_jars": 10})
        await crawl.add("/")
        changes = [one for n in range(1000) for one in change(cookie("n", str(n)), key=str(n))]
        await crawl.report(await crawl.one(), cookies=changes)
        assert [n for n in range(1000) if await jar(crawl, str(n))] == list(range(990, 1000))

    async def test_a_jar_that_cannot_be_is_a_bad_report(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1", "/2")
        await crawl.report(await crawl.one(), cookies=change(cookie("a"), key="x" * 201))
        assert await crawl.state("/1") == "failed(bad-report)"
        await crawl.report(await crawl.one(), cookies=change(cookie("a"), site="x" * 8193))
        assert await crawl.state("/2") == "failed(bad-report)"

    async def test_the_same_url_in_another_jar_is_another_request(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/", "/")
        for key in ("anna", "bert", "bert", "0"):
            await crawl.add("/", cookiejar=key)
        now = await crawl.snapshot()
        assert (now.discovered, now.duplicates) == (4, 2)

    async def test_a_request_in_a_session_has_a_story(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/in", cookiejar="anna")
        assert await crawl.state("/in") == "queued"
        got = await crawl.one()
        assert await crawl.state("/in") == "leased"
        await crawl.report(got, FAILED, reason="http-403")
        assert await crawl.state("/in") == "failed(http-403)"
