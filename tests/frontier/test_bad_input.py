"""What a frontier meets in the world: full disks, damaged and forbidden files, URLs without end."""

from __future__ import annotations

import asyncio
import errno
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import pytest

from acrawl.errors import CrawlFailed, EnvironmentProblem, RequestError
from acrawl.frontier.sqlite import SqliteFrontier
from acrawl.outcome import FETCHED, Outcome
from acrawl.request import Request, seal
from acrawl.response import Response
from acrawl.settings import resolve
from acrawl.testing import ManualClock
from contracts.crawl import DEFAULTS, OpenGate, item

pytestmark = pytest.mark.asyncio


@pytest.fixture
def path(tmp_path: pathlib.Path) -> str:
    return str(tmp_path / "crawl.sqlite")


async def opened(path: str, **overrides: object) -> SqliteFrontier:
    return await SqliteFrontier.open(path, resolve(("test", DEFAULTS | overrides)), OpenGate(), ManualClock())


# -- a full disk in mid-crawl


def fill(frontier: SqliteFrontier, pages: int) -> None:
    """Leave room for so many more pages of the database."""
    database = frontier._store.database
    database.run(f"pragma max_page_count = {database.value('pragma page_count') + pages}")


async def work(frontier: SqliteFrontier, ended: list[str]) -> None:
    """Fetch pages, each with an item and 20 links, until something happens; note those that were acknowledged."""
    for _ in range(50):
        (ticket,) = (await frontier.lease("w", 1, 0.0)).tickets
        (lease,) = ticket.leases
        found = [seal(Request(f"{lease.url}/{n}/{'x' * 200}"), frontier.secret) for n in range(20)]
        outcome = Outcome(lease.token, FETCHED, requests=found, items=[item(lease.url)])
        await frontier.report("w", frontier.epoch, [outcome])
        ended.append(lease.url)


async def until_it_fails(frontier: SqliteFrontier) -> None:
    for _ in range(10_000):
        await frontier.snapshot()
        await asyncio.sleep(0)


@pytest.mark.parametrize("room", [0, 3, 20])
async def test_a_disk_that_is_full_ends_the_crawl_and_keeps_what_was_acknowledged(path: str, room: int):
    frontier = await opened(path)
    await frontier.add([seal(Request(f"http://a.test/{n}"), frontier.secret) for n in range(50)])
    fill(frontier, room)
    ended: list[str] = []
    with pytest.raises(CrawlFailed, match="the disk is full"):
        await work(frontier, ended)
    for call in (frontier.snapshot(), frontier.lease("w", 1, 0.0), frontier.add([]), frontier.seeds_exhausted()):
        with pytest.raises(CrawlFailed, match="the disk is full"):
            await call
    await frontier.close()

    frontier = await opened(path)  # room has been made
    books = await frontier.audit()
    assert (books.problems, books.done, books.undelivered) == ([], len(ended), len(ended))
    assert books.queued == 50 - len(ended) + 20 * len(ended)
    assert [one.item.body.decode() for one in await frontier.outbox(100)] == ended
    await frontier.close()


@pytest.mark.parametrize("verb", ["stop", "give_up"])
async def test_a_disk_that_is_full_when_a_queue_is_ended_is_told(path: str, verb: str):
    frontier = await opened(path, **{"limits.host_pages": 1})
    await frontier.add([seal(Request(f"http://a.test/{n}/{'x' * 900}"), frontier.secret) for n in range(2000)])
    fill(frontier, 40)
    if verb == "stop":
        with pytest.raises(EnvironmentProblem, match="the disk is full"):
            await frontier.stop("limit")
    else:
        (ticket,) = (await frontier.lease("w", 1, 0.0)).tickets
        await frontier.report("w", frontier.epoch, [Outcome(ticket.leases[0].token, FETCHED)])
        with pytest.raises(CrawlFailed, match="the disk is full"):
            await until_it_fails(frontier)
    await frontier.close()
    frontier = await opened(path)
    books = await frontier.audit()
    assert (books.problems, books.queued) == ([], 2000 - (verb == "give_up"))
    await frontier.close()


# -- files that cannot be used

AS_NOBODY = """
import asyncio, concurrent.futures.thread, os, sys
sys.path[:0] = {path!r}
from acrawl.errors import EnvironmentProblem
from frontier.test_bad_input import opened
os.setgid(65534), os.setuid(65534)

async def main():
    try:
        frontier = await opened(sys.argv[1])
        await frontier.close()
    except EnvironmentProblem as error:
        print(error)

asyncio.run(main())
"""


async def refusal(path: str) -> str:
    """What is said to somebody whom the modes of files bind; root they do not."""
    if os.geteuid():
        with pytest.raises(EnvironmentProblem) as refused:
            await opened(path)
        return str(refused.value)
    code = AS_NOBODY.format(path=[entry for entry in sys.path if entry])
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code, path], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def reachable() -> Iterator[pathlib.Path]:
    """A folder that others can reach, too."""
    folder = pathlib.Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.process
@pytest.mark.parametrize("what", ["file", "folder"])
async def test_what_may_not_be_written_is_refused_and_named(reachable: pathlib.Path, what: str):
    path = reachable / "crawl.sqlite"
    if what == "file":
        await (await opened(str(path))).close()
        path.chmod(0o444)
        reachable.chmod(0o777)
    else:
        reachable.chmod(0o555)
    try:
        said = await refusal(str(path))
    finally:
        reachable.chmod(0o755)
    assert str(path) in said
    assert "written" in said


async def test_a_folder_in_place_of_the_file_is_refused_and_named(path: str):
    pathlib.Path(path).mkdir()
    with pytest.raises(EnvironmentProblem, match="unable to open"):
        await opened(path)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
async def test_a_truncated_file_is_noticed(path: str, part: float):
    frontier = await opened(path)
    await frontier.add([seal(Request(f"http://a.test/{n}"), frontier.secret) for n in range(3000)])
    await frontier.close()
    os.truncate(path, int(pathlib.Path(path).stat().st_size * part))
    assert any("damaged" in complaint for complaint in await complaints(path))


async def complaints(path: str) -> list[str]:
    """What is said of a file: by the audit, or instead of it."""
    try:
        frontier = await opened(path)
    except EnvironmentProblem as error:
        return [str(error)]
    try:
        return (await frontier.audit()).problems
    except EnvironmentProblem as error:
        return [str(error)]
    finally:
        await frontier.close()


async def test_a_file_cut_down_to_nothing_is_a_new_job(path: str):
    await (await opened(path)).close()
    os.truncate(path, 0)
    frontier = await opened(path)
    assert (frontier.epoch, (await frontier.audit()).problems) == (1, [])
    await frontier.close()


async def test_what_reads_fails_as_what_writes_does(path: str, monkeypatch: pytest.MonkeyPatch):
    """A disk that cannot be read any more ends the crawl, and does not leave a worker waiting."""
    frontier = await opened(path, **{"frontier.window": 4})
    await frontier.add([seal(Request(f"http://a.test/{n}"), frontier.secret) for n in range(40)])

    def broken(*_: object) -> None:
        raise EnvironmentProblem(os.strerror(errno.EIO))

    monkeypatch.setattr(frontier._store, "refill", broken)
    await frontier.lease("w", 8, 0.0)
    with pytest.raises(CrawlFailed, match=os.strerror(errno.EIO)):
        await until_it_fails(frontier)
    await frontier.close()


# -- URLs without end

HUGE = "http://a.test/" + "x" * (1 << 20)


async def test_a_url_of_a_megabyte_is_no_request_and_no_link():
    with pytest.raises(RequestError, match="at most"):
        Request(HUGE)
    links = "".join(f'<a href="{url}">x</a>' for url in ("/1", HUGE, "/" + "y" * (1 << 20), "/2"))
    page = Response("http://a.test/", body=links.encode(), request=Request("http://a.test/"))
    assert [request.url for request in page.follow_all()] == ["http://a.test/1", "http://a.test/2"]
    assert [request.url for request in page.follow_all(css="a")] == ["http://a.test/1", "http://a.test/2"]


async def test_nothing_is_found_at_a_url_of_a_megabyte(path: str):
    frontier = await opened(path)
    with pytest.raises(RequestError):
        await frontier.explain(HUGE)
    await frontier.close()
