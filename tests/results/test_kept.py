"""Items that stay in the job: as they were delivered, up to the mark, whatever comes behind it."""

import datetime

import pytest

from acrawl.errors import DropItem, EnvironmentProblem
from acrawl.results.base import Row
from acrawl.results.catalog import Catalog
from acrawl.results.feeds import open_feed
from acrawl.results.kept import KEPT, keep, kept, place
from acrawl.results.outbox import Drain
from acrawl.results.pipelines import Pipelines
from acrawl.testing import ManualClock
from results.helpers import MemoryFrontier, Spider

MOMENT = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


def delivered(folder, items, marks=None):
    feed = keep(folder, marks or {}, ManualClock())
    unfit = feed.write([Row(f"id{number}", item, f"https://e.org/{number}") for number, item in enumerate(items)])
    marks = feed.commit()
    feed.close()
    return unfit, marks


def read(folder, marks):
    return [row for rows in kept(folder, marks[KEPT]) for row in rows]


def test_values_come_back_as_they_were(tmp_path):
    items = [{"b": b"\0\xff", "when": MOMENT, "deep": [{"x": None}], "é": 1.5, "y": True}, "text", {"big": 1 << 70}, []]
    _, marks = delivered(tmp_path, items)
    assert read(tmp_path, marks) == [Row(f"id{n}", item, f"https://e.org/{n}") for n, item in enumerate(items)]


def test_what_nothing_can_hold_is_handed_back_and_the_others_kept(tmp_path):
    unfit, marks = delivered(tmp_path, [{"n": 1}, {"bad": object()}, {"n": "\ud800"}, {"n": 2}])
    assert [at for at, _ in unfit] == [1, 2]
    assert all(reason.startswith("it cannot be kept in the job: ") for _, reason in unfit)
    assert [row.value for row in read(tmp_path, marks)] == [{"n": 1}, {"n": 2}]


def test_what_comes_behind_the_mark_is_not_read_and_goes_when_the_crawl_goes_on(tmp_path):
    _, marks = delivered(tmp_path, [1, 2])
    _, later = delivered(tmp_path, [3], marks)
    assert later[KEPT] > marks[KEPT]
    assert [row.value for row in read(tmp_path, marks)] == [1, 2]
    _, again = delivered(tmp_path, [4], marks)
    assert [row.value for row in read(tmp_path, again)] == [1, 2, 4]


def test_items_longer_than_what_is_read_at_once_come_back(tmp_path):
    items = ["x" * size for size in (1 << 20, 5, 3 << 20, 0)]
    _, marks = delivered(tmp_path, items)
    assert [row.value for row in read(tmp_path, marks)] == items


def test_a_job_that_has_moved_goes_on(tmp_path):
    (tmp_path / "a").mkdir()
    _, marks = delivered(tmp_path / "a", [1])
    (tmp_path / "a").rename(tmp_path / "b")
    _, marks = delivered(tmp_path / "b", [2], marks)
    assert [row.value for row in read(tmp_path / "b", marks)] == [1, 2]


def test_a_file_that_is_short_damaged_or_gone_is_told_of(tmp_path):
    _, marks = delivered(tmp_path, ["abc" * 100])
    file, data = place(tmp_path), place(tmp_path).read_bytes()
    file.write_bytes(data[:-1])
    with pytest.raises(EnvironmentProblem, match="is shorter than the"):
        read(tmp_path, marks)
    file.write_bytes(data[:8] + bytes(len(data) - 8))
    with pytest.raises(EnvironmentProblem, match="cannot be read"):
        read(tmp_path, marks)
    file.unlink()
    with pytest.raises(EnvironmentProblem, match=r"cannot be read: .*No such file"):
        read(tmp_path, marks)


class Picky:
    def process_item(self, item):
        if item["n"] == 1:
            raise DropItem
        if item["n"] == 2:
            raise ValueError("two")
        return item | {"seen": True} if item["n"] != 3 else ["no fields"]


@pytest.mark.asyncio
async def test_what_the_pipelines_let_through_is_kept_whatever_a_feed_says_of_it(tmp_path):
    frontier = MemoryFrontier([{"n": n} for n in range(5)])
    feeds = [open_feed(str(tmp_path / "a.csv"), {}), keep(tmp_path, {})]
    drain = Drain(frontier, feeds, Catalog(tmp_path / "results.db", tmp_path / "files"), Pipelines.of(Spider(Picky)))
    await drain.open()
    await drain.drain()
    await drain.close()
    assert [row.value for row in read(tmp_path, frontier.marks)] == [
        {"n": 0, "seen": True}, ["no fields"], {"n": 4, "seen": True},
    ]  # fmt: skip


def test_two_crawls_cannot_keep_their_items_in_one_job(tmp_path):
    first = keep(tmp_path, {})
    with pytest.raises(EnvironmentProblem, match="another crawl"):
        keep(tmp_path, {})
    first.close()
