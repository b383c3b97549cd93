"""What only the SQLite engine promises: its file, and what is noticed when somebody meddled with it."""

from __future__ import annotations

import pathlib
import sqlite3

import pytest

from acrawl.errors import EnvironmentProblem, JobConflict
from acrawl.frontier import schema
from acrawl.frontier.sqlite import SqliteFrontier
from acrawl.outcome import Outcome
from acrawl.request import Request, seal
from acrawl.settings import resolve
from acrawl.spelling import Spelling
from acrawl.testing import ManualClock
from contracts.crawl import DEFAULTS, OpenGate

pytestmark = pytest.mark.asyncio


@pytest.fixture
def path(tmp_path: pathlib.Path) -> str:
    return str(tmp_path / "crawl.sqlite")


async def opened(path: str, **overrides: object) -> SqliteFrontier:
    return await SqliteFrontier.open(path, resolve(("test", DEFAULTS | overrides)), OpenGate(), ManualClock())


async def used(path: str) -> None:
    """Leave a file with three requests: one done, two queued."""
    frontier = await opened(path)
    await frontier.add([seal(Request(f"http://a.test/{number}"), frontier.secret) for number in range(3)])
    batch = await frontier.lease("w", 1, 0.0)
    await frontier.report("w", frontier.epoch, [Outcome(batch.tickets[0].leases[0].token, "fetched")])
    await frontier.close()


def meddle(path: str, *statements: str) -> None:
    database = sqlite3.connect(path)
    for statement in statements:
        database.execute(statement)
    database.commit()
    database.close()


async def problems(path: str) -> list[str]:
    frontier = await opened(path)
    try:
        return (await frontier.audit()).problems
    finally:
        await frontier.close()


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("delete from queue where id = 2", "3 discovered, but 1 queued and 1 done"),
        ("delete from ledger", "3 discovered, but 2 queued and 0 done"),
        ("update meta set value = 9 where key = 'next_id'", "8 discovered"),
        (
            (
                "insert into ledger select 2, host, 1, '', 0, 0, 0, 1, 0, 0, 0, 0, 0, '', null, null, null, null, null "
                "from queue where id = 2"
            ),
            "queued and done at once",
        ),
        ("update seen set id = 77 where id = 1", "seen requests are neither queued nor done"),
    ],
)
async def test_the_audit_notices_what_is_missing_or_double(path: str, statement: str, complaint: str):
    await used(path)
    assert await problems(path) == []
    meddle(path, statement)
    assert any(complaint in problem for problem in await problems(path))


async def test_the_audit_notices_damaged_pages(path: str):
    await used(path)
    meddle(path, "pragma wal_checkpoint(truncate)")
    frontier = await opened(path)
    await frontier.add([seal(Request(f"http://a.test/x{number}"), frontier.secret) for number in range(2000)])
    await frontier.close()
    size = pathlib.Path(path).stat().st_size
    with open(path, "r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * 4096 * 8)
    try:
        found = await problems(path)
    except EnvironmentProblem as error:  # so damaged that it could not even be opened
        found = [str(error)]
    assert any("malformed" in problem or "damaged" in problem for problem in found)


async def test_the_story_of_a_request_that_fell_out_of_the_books_says_so(path: str):
    await used(path)
    meddle(path, "delete from queue where url = 'http://a.test/2'")
    frontier = await opened(path)
    story = await frontier.explain("http://a.test/2")
    assert (story.state, "unbalanced" in story.reason) == ("lost", True)
    await frontier.close()


async def test_a_file_of_another_schema_is_refused_and_left_alone(path: str):
    await used(path)
    meddle(path, "pragma user_version = 99")
    with pytest.raises(JobConflict, match="schema 99"):
        await opened(path)
    meddle(path, f"pragma user_version = {schema.VERSION}")
    assert await problems(path) == []


async def test_a_file_that_is_no_database_is_refused(path: str):
    pathlib.Path(path).write_bytes(b"no database at all " * 100)
    with pytest.raises(EnvironmentProblem, match="not a database"):
        await opened(path)


async def test_a_folder_that_is_not_there_is_named(tmp_path: pathlib.Path):
    with pytest.raises(EnvironmentProblem, match="nowhere"):
        await opened(str(tmp_path / "nowhere" / "crawl.sqlite"))


async def test_an_epoch_never_comes_again_and_the_secret_stays(path: str):
    lives = []
    for _ in range(3):
        frontier = await opened(path)
        lives.append((frontier.epoch, frontier.secret))
        await frontier.close()
    assert [epoch for epoch, _ in lives] == [1, 2, 3]
    assert len({secret for _, secret in lives}) == 1
    assert len(lives[0][1]) == 16


async def test_jobs_have_secrets_of_their_own(tmp_path: pathlib.Path):
    secrets = set()
    for name in "ab":
        frontier = await opened(str(tmp_path / name))
        secrets.add(frontier.secret)
        await frontier.close()
    assert len(secrets) == 2


@pytest.mark.parametrize("durable", [True, False])
async def test_waiting_for_the_disk_is_a_setting(path: str, durable: bool):
    frontier = await opened(path, **{"frontier.durable": durable})
    assert frontier._store.database.one("pragma synchronous") == (2 if durable else 1,)
    await frontier.close()


async def test_a_url_is_found_by_any_of_its_spellings(path: str) -> None:
    urls = {"urls.drop_params": ["utm_*"], "urls.fold_slash": True}
    spelling = Spelling(resolve(("test", urls)).urls)
    frontier = await opened(path, **urls)
    written = ["http://a.test/x/?utm_source=m", "http://a.test/x", "http://a.test/y"]
    await frontier.add([seal(Request(url), frontier.secret, spelling) for url in written])
    for asked, found in {
        "http://a.test/x/": ("queued", written[0]),
        "http://a.test/x?utm_medium=z": ("queued", written[0]),
        "http://a.test/y/": ("queued", written[2]),
        "http://a.test/z": ("unknown", "http://a.test/z"),
    }.items():
        story = await frontier.explain(asked)
        assert (story.state, story.url) == found
    await frontier.close()
