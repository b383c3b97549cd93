"""All behaviours at once in a real crawl: each has its word in the ledger, and a good host does not suffer."""

from __future__ import annotations

import pytest

from acrawl.errors import EXIT_OK
from hostile.behaviours import BEHAVIOURS
from hostile.crawling import DEADLINE, crawl
from hostile.server import GOOD_PAGES

pytestmark = [pytest.mark.process, pytest.mark.timeout(2 * DEADLINE)]


@pytest.fixture(scope="module")
def crawled(tmp_path_factory):
    return crawl(tmp_path_factory.mktemp("hostile"))


def test_the_crawl_ends_well_and_its_books_balance(crawled):
    assert crawled.done.code == EXIT_OK, crawled.done.err
    assert "Traceback" not in crawled.done.err
    assert crawled.audit.code == EXIT_OK, crawled.audit.out
    assert crawled.seconds < DEADLINE


def test_each_behaviour_has_its_word_in_the_ledger(crawled):
    expected = {name: {one.word} for name, one in BEHAVIOURS.items()}
    assert {name: set(crawled.words(name)) for name in BEHAVIOURS} == expected


def test_chains_of_redirects_end_with_their_word(crawled):
    ends = {reason for _, reason in crawled.ledger.values()}
    assert {one.end for one in BEHAVIOURS.values()} - {"", "ok"} <= ends
    assert not ends & {"defect", "stage", "callback", "worker-lost", "bad-report"}


def test_nobody_is_led_to_a_server_of_this_machine(crawled):
    assert crawled.facts["secret"]["made"] == 0


def test_a_good_host_is_served_all_the_while(crawled):
    good = crawled.facts["good"]
    pages = [path for _, path in good["requests"] if path != "/robots.txt"]
    assert len(pages) == len(set(pages)) == GOOD_PAGES
    assert {crawled.word(good["url"] + path) for path in pages} == {"ok"}
    assert crawled.gaps[len(crawled.gaps) * 95 // 100] < 1.0


def test_the_worker_stays_small_and_leaves_no_connection(crawled):
    assert 0 < crawled.peak < 200 << 20
    assert {name: found["open"] for name, found in crawled.facts.items() if found["open"]} == {}
    assert {name: found["failures"] for name, found in crawled.facts.items() if found["failures"]} == {}
