"""The promises of `benchmarks/simulate.py`, in small: whole crawls on virtual time, seen from the hosts' side."""

from __future__ import annotations

import importlib
import pathlib
from typing import Any

import pytest

BENCHMARKS = pathlib.Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def simulate(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("simulate")


def kept(loop: Any) -> bool:
    assert loop.web.broken == {}, "\n".join(loop.web.examples)
    assert loop.plan.stock.done == loop.plan.stock.total
    assert not loop.web.active.count(0) < len(loop.web.sizes)
    return True


@pytest.mark.parametrize("seed", [1, 2])
def test_many_hosts_are_treated_as_promised_whatever_befalls_the_workers(simulate: Any, seed: int):
    loop = simulate.crawl(hosts=600, urls=12_000, workers=20, seed=seed)
    assert kept(loop)
    assert loop.incidents > 20
    assert any(loop.web.delay)


def test_a_delay_for_all_hosts_is_kept(simulate: Any):
    assert kept(simulate.crawl(hosts=100, urls=2_000, workers=10, seed=3, delay=0.5))


def test_few_large_hosts_are_used_to_their_limit_and_not_beyond(simulate: Any):
    loop = simulate.crawl(hosts=5, urls=5_000, workers=20, seed=4)
    assert kept(loop)
    assert max(loop.web.most) == loop.web.limit


def test_hosts_of_one_size_wait_alike(simulate: Any):
    loop = simulate.crawl(hosts=600, urls=12_000, workers=5, seed=5)
    for _, hosts, firsts, _, jain in simulate.classes(loop.web, loop.waits):
        assert firsts[-1] < 30.0
        assert hosts < 20 or jain > 0.8
