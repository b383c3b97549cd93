"""The figures of ``acrawl report --json`` against the tables they come from, and against ``acrawl audit``."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import statistics

import pytest

from acrawl.errors import EXIT_OK
from acrawl.figures import Report
from acrawl.frontier.database import Database
from acrawl.frontier.survey import survey
from acrawl.results.catalog import Catalog
from acrawl.results.listing import FailedItem
from acrawl.results.survey import survey as catalog_survey
from report.ledgers import BEGAN, ENDS, make_ledger

pytestmark = pytest.mark.process


@pytest.fixture
def figures(shop, typed):
    done = typed("report", shop.job, "--json", cwd=shop.folder)
    assert done.code == EXIT_OK, done.err
    return json.loads(done.out)


@pytest.fixture
def ledger(shop):
    with contextlib.closing(sqlite3.connect(shop.folder / shop.job / "job.db")) as db:
        db.row_factory = sqlite3.Row
        yield db.execute("select *, l.size as bytes from ledger l join ending e on e.id = l.ending").fetchall()


def test_totals_are_those_of_the_ledger(figures, ledger):
    totals = figures["requests"]["totals"]
    for status in ("fetched", "failed", "excluded", "quarantined"):
        assert totals[status] == sum(row["status"] == status for row in ledger)
    assert totals["discovered"] == len(ledger)
    assert totals["bytes"] == sum(row["bytes"] for row in ledger)
    assert (totals["queued"], totals["undelivered"]) == (0, 0)
    assert figures["requests"]["problems"] == []


def test_totals_are_those_of_the_audit(figures, shop, typed):
    said = dict(
        line.rsplit(maxsplit=1) for line in typed("audit", "--job", shop.job, cwd=shop.folder).out.splitlines()[:-2]
    )
    requests = figures["requests"]
    for name in ("discovered", "queued", "hosts", "undelivered"):
        assert int(said[name]) == requests["totals"][name]
    for end in requests["ends"]:
        name = f"{end['status']}({end['reason']})" if end["reason"] else end["status"]
        assert int(said["  " + name]) == end["requests"]


def test_totals_are_what_the_sites_were_asked_for(figures, shop):
    asked = sum(shop.home.hits.values()) + sum(shop.other.hits.values())
    totals = figures["requests"]["totals"]
    assert totals["fetched"] + totals["failed"] + totals["retries"] == asked
    assert totals["retries"] == shop.home.hits["/broken"] - 1 == 2


def test_every_part_adds_up_to_the_same_totals(figures, ledger):
    requests = figures["requests"]
    totals = requests["totals"]
    sent = totals["fetched"] + totals["failed"]
    bins = requests["timeline"]["bins"]
    assert sum(sum(one["requests"].values()) for one in bins) == sent
    assert sum(one["bytes"] for one in bins) == totals["bytes"]
    assert sum(one["retries"] for one in bins) == totals["retries"]
    assert sum(one["requests"] for one in requests["answers"]) == sent
    assert sum(one["count"] for one in requests["latency"]["slots"]) == requests["latency"]["count"]
    assert sum(requests["attempts"].values()) == sent
    for status in ("fetched", "failed", "excluded"):
        assert sum(one[status] for one in requests["depths"]) == totals[status]
    at_hosts = [row for row in ledger if row["host"]]
    assert sum(one["fetched"] + one["failed"] + one["excluded"] for one in requests["hosts"]) == len(at_hosts)
    assert sum(one["end"]["requests"] for one in requests["troubles"]) == totals["failed"] + totals["excluded"]


def test_hosts_failures_and_retries_are_told_one_by_one(figures, shop):
    requests = figures["requests"]
    assert requests["sites"] == [shop.home.origin]
    hosts = {host["name"]: host for host in requests["hosts"]}
    assert (hosts[shop.home.origin]["fetched"], hosts[shop.home.origin]["failed"]) == (7, 2)
    assert (hosts[shop.other.origin]["fetched"], hosts[shop.other.origin]["failed"]) == (3, 0)
    (again,) = requests["retried"]
    assert (again["reason"], again["tries"], again["requests"], again["ends"]) == ("http-500", 2, 1, {"failed": 1})
    examples = {one["end"]["reason"]: [line["url"] for line in one["examples"]] for one in requests["troubles"]}
    assert examples["http-404"] == [shop.home.url("/missing")]
    assert examples["robots"] == [shop.home.url("/private")]
    texts = {one["end"]["reason"]: one["end"] for one in requests["troubles"]}
    assert texts["http-404"]["text"] == "the server answered 404"
    assert "obey_robots" in texts["robots"]["change"]
    assert requests["largest"][0]["url"] == shop.other.url("/")


def test_items_are_counted_by_what_became_of_them(figures, shop):
    delivered = len((shop.folder / "items.jsonl").read_text().splitlines())
    assert (figures["requests"]["delivered"], figures["requests"]["dropped"]) == (delivered, 2)
    (failure,) = figures["saved"]["failures"]
    assert (failure["items"], failure["url"]) == (1, shop.home.url("/fatal"))
    assert "out of paper" in failure["reason"]


def test_the_command_is_told_without_secrets(figures):
    command = figures["crawl"]["command"]
    assert "shop.py" in command
    assert "token=***" in command
    assert "hush" not in command
    assert "nobody" not in command


def test_images_are_counted_by_type_and_size(pictures, typed):
    saved = json.loads(typed("report", pictures.job, "--json", cwd=pictures.folder).out)["saved"]
    assert (saved["urls"], saved["files"], saved["images"], saved["failed"]) == (300, 300, 300, 0)
    assert {one["type"]: one["files"] for one in saved["types"]} == {"image/png": 299, "image/svg+xml": 1}
    assert sum(one["bytes"] for one in saved["types"]) == saved["bytes"]
    assert sum(one["count"] for one in saved["sizes"]) == 300


# -- a ledger that is made


def test_of_each_failure_five_requests_are_shown_or_all_there_are(made):
    with Database(str(made), reading=True) as db:
        troubles = survey(db).troubles
    assert min(one.end.requests for one in troubles) > 5
    assert {len(one.examples) for one in troubles} == {5}


def test_of_a_rare_failure_all_requests_are_shown(tmp_path):
    make_ledger(tmp_path / "job.db", 2000)
    with Database(str(tmp_path / "job.db"), reading=True) as db:
        (rare,) = (one for one in survey(db).troubles if one.end.requests < 5)
    assert len(rare.examples) == rare.end.requests == 2


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    file = tmp_path_factory.mktemp("made") / "job.db"
    make_ledger(file, 20_000)
    return file


def read(file, *lives):
    with Database(str(file), reading=True) as db:
        return survey(db, lives)


def test_a_large_ledger_is_summed_exactly(made):
    requests = read(made, BEGAN)
    assert requests.problems == []
    assert {(end.status, end.reason): end.requests for end in requests.ends} == {
        (status, reason): share * 20 for status, reason, _, share in ENDS
    }
    with contextlib.closing(sqlite3.connect(made)) as db:
        tooks = sorted(took for (took,) in db.execute("select took from ledger where http_status > 0"))
        slow = [row[0] for row in db.execute("select took from ledger order by took desc limit 20")]
        (bodies,) = db.execute("select sum(size) from ledger").fetchone()
    assert requests.latency.count == len(tooks)
    assert requests.latency.mean == pytest.approx(statistics.mean(tooks) / 1000)
    assert requests.latency.longest == tooks[-1] / 1000
    for name, told in requests.latency.percentiles.items():
        exact = tooks[-(-len(tooks) * int(name[1:]) // 100) - 1] / 1000
        assert exact <= told <= exact + (0.01 if exact < 10 else 0.1), name
    assert [round(line.seconds * 1000) for line in requests.slowest] == slow
    assert requests.totals.bytes == bodies
    assert sum(one.bytes for one in requests.timeline.bins) == bodies


def test_pauses_between_lives_are_no_work(made):
    # The second life begins half an hour after the middle of the ledger: nothing ended in between.
    with contextlib.closing(sqlite3.connect(made)) as db:
        (last,) = db.execute("select max(ended) from ledger where ended < ?", ((BEGAN + 1800) * 1000,)).fetchone()
    whole, halves = read(made, BEGAN), read(made, BEGAN, BEGAN + 1800)
    assert whole.seconds == pytest.approx(3600, abs=1)
    assert [life.began for life in halves.lives] == [BEGAN, BEGAN + 1800]
    assert halves.lives[0].ended == last / 1000
    late = read(made, BEGAN - 7200, BEGAN + 1800)
    assert late.seconds == pytest.approx(3600 + 7200, abs=1)


def test_bins_are_as_wide_as_the_crawl_is_long(tmp_path):
    for seconds, width in ((2, 0.2), (50, 0.5), (3600, 60), (86_400, 900), (40 * 86_400, 43_200)):
        file = tmp_path / f"{seconds}.db"
        make_ledger(file, 2000, seconds)
        line = read(file, BEGAN).timeline
        assert line.width == width
        assert len(line.bins) <= 125
        assert sum(one.seconds for one in line.bins) == pytest.approx(seconds, rel=0.01)


def test_two_hundred_short_lives_share_their_bins(made):
    lives = [BEGAN + 18 * n for n in range(200)]
    requests = read(made, *lives)
    assert len(requests.lives) == 200
    assert len(requests.timeline.bins) <= 125


def test_a_job_that_did_not_record_its_lives_has_one(made):
    requests = read(made)
    assert not requests.lives_told
    (life,) = requests.lives
    assert life.ended - life.began == pytest.approx(3600, rel=0.01)


def test_what_came_before_the_first_known_start_is_a_life_of_its_own(made):
    requests = read(made, BEGAN + 1800)
    assert not requests.lives_told
    first, second = requests.lives
    assert first.ended < second.began == BEGAN + 1800
    assert requests.seconds == pytest.approx(3600, rel=0.01)


def test_the_document_is_the_struct(figures):
    assert set(figures) == set(Report.__struct_fields__)


def test_invalid_items_are_told_of_by_field(tmp_path):
    reasons = [f"Product.price[{n}].sum: expected int, got '{n}'" for n in range(50)]
    reasons += ["Product.name: missing", "ValueError: at Product.name: no", "RuntimeError: a.b", "[x]: y"]
    database = tmp_path / "results.db"
    catalog = Catalog(database, tmp_path)
    with catalog.batch():
        catalog.add_failed(
            FailedItem(str(n), f"https://e.org/{n:02}", "item", reason, "", b"") for n, reason in enumerate(reasons)
        )
    catalog.close()
    first, *others = catalog_survey(database).failures
    assert (first.reason, first.items, first.url, first.example) == (
        "Product.price", 50, "https://e.org/00", reasons[0],
    )  # fmt: skip
    assert {one.reason: one.example for one in others} == {
        "Product.name": "Product.name: missing", **dict.fromkeys(reasons[-3:], ""),
    }  # fmt: skip
