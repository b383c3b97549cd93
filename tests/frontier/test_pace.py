"""Adaptive rate by itself: time is an argument."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acrawl.frontier.hosts import Hosts
from acrawl.frontier.pace import GROWN, LEAST_GAP, MOST_GAP, SLOW, Pace
from acrawl.settings import Politeness

LATENCIES = st.one_of(st.floats(0.001, 0.999), st.floats(1.0, 600.0))


def troubled(limit: int, cuts: int) -> Pace:
    pace = Pace(limit)
    for now in range(cuts):
        pace.trouble(float(now), float(now))
    return pace


@pytest.mark.parametrize(
    ("cuts", "width", "gap"),
    [(0, 8, 0), (1, 4, 0), (2, 2, 0), (3, 1, 0), (4, 1, 0.25), (5, 1, 0.5), (11, 1, 32), (12, 1, 60), (99, 1, 60)],
)
def test_trouble_halves_the_width_and_then_doubles_a_gap_up_to_the_most(cuts: int, width: int, gap: float):
    pace = troubled(8, cuts)
    assert (pace.width, pace.gap) == (width, gap)


def test_what_was_under_way_at_a_cut_does_not_cut_again():
    pace = troubled(8, 0)
    pace.trouble(10.0, 5.0)
    pace.trouble(11.0, 9.9)
    pace.trouble(12.0, 3.0)
    assert pace.width == 4
    pace.trouble(12.0, 10.0)  # started after the cut, and still in trouble
    assert pace.width == 2


def test_successes_close_the_gap_first_and_then_widen_by_about_one_a_round():
    pace = troubled(8, 6)
    assert (pace.width, pace.gap) == (1, 1.0)
    gaps = []
    while pace.gap:
        pace.success(50.0, 50.0, 0.1, 0.1)
        gaps.append(pace.gap)
        assert pace.width == 1
    assert gaps == sorted(gaps, reverse=True)
    assert all(gap >= LEAST_GAP for gap in gaps[:-1])
    widths = []
    while pace.width < 8:
        before = pace.width
        for _ in range(int(before)):  # one round: as many answers as may be under way
            pace.success(50.0, 50.0, 0.1, 0.1)
        widths.append(pace.width - before)
    assert pace.width == 8
    assert all(0.5 <= step <= 1.01 for step in widths[:-1])


def test_answers_that_have_become_slow_narrow_it_but_make_no_gap():
    pace = Pace(8)
    for now in range(100):
        pace.success(float(now), float(now), 30.0, 0.5)
    assert (pace.width, pace.gap) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("latency", "best"), [(SLOW * 0.99, 0.001), (3.9, 1.0), (GROWN * 2.0, 2.0)]
)  # below a second; less than grown; exactly grown
def test_answers_that_are_not_slow_enough_cut_nothing(latency: float, best: float):
    pace = troubled(8, 1)
    for now in range(100):
        pace.success(10.0 + now, 10.0 + now, latency, best)
    assert (pace.width, pace.gap) == (8.0, 0.0)


def test_one_slow_answer_among_many_is_no_trouble():
    pace = troubled(8, 1)
    for _ in range(3):
        pace.success(1.0, 1.0, 0.1, 0.1)
    before = pace.width
    pace.success(2.0, 2.0, 4.0, 0.1)
    assert pace.width > before


@given(
    limit=st.integers(1, 32),
    steps=st.lists(st.tuples(st.booleans(), st.floats(0, 100), LATENCIES, LATENCIES), max_size=80),
)
@settings(max_examples=200, deadline=None)
def test_width_and_gap_stay_within_their_bounds(limit: int, steps: list[tuple[bool, float, float, float]]):
    pace = Pace(limit)
    for now, (trouble, ago, latency, best) in enumerate(steps):
        if trouble:
            pace.trouble(float(now), now - ago)
        else:
            pace.success(float(now), now - ago, latency, min(latency, best))
        assert 1 <= pace.width <= limit
        assert pace.gap == 0 or LEAST_GAP <= pace.gap <= MOST_GAP
        assert pace.gap == 0 or pace.width == 1
        assert pace.whole <= (pace.width == limit and pace.gap == 0)


# -- a host that counts requests by the second


def burst(pace: Pace, at: float, count: int) -> None:
    """So many successes in a tenth of a second, and then the host has had enough."""
    for n in range(count):
        pace.success(at + 0.1, at + n / count / 10, 0.01, 0.01)
    pace.trouble(at + 0.1, at + 0.1, asked=True)


def test_the_rate_at_which_a_host_asked_for_less_is_halved():
    pace = Pace(8)
    burst(pace, 100.0, 30)
    assert (pace.width, pace.ceiling, pace.gap) == (8, 30, pytest.approx(1 / 15))


def test_what_is_reported_after_the_cut_belongs_to_the_rate():
    pace = Pace(8)
    burst(pace, 100.0, 10)
    for _ in range(20):
        pace.success(100.3, 100.05, 0.01, 0.01)
    assert (pace.ceiling, pace.gap) == (30, pytest.approx(1 / 15))


def test_too_few_answers_tell_no_rate():
    pace = Pace(8)
    burst(pace, 100.0, 3)
    assert (pace.width, pace.gap) == (4, 0)


def test_a_host_that_bears_so_many_a_second_is_asked_for_most_of_them_and_seldom_for_more():
    bears, now, refused, served = 30, 0.0, 0, 0
    pace = Pace(8)
    burst(pace, now, bears)
    for second in range(1, 301):
        now, count = float(second), round(1 / pace.gap)
        for n in range(min(count, bears)):
            pace.success(now + n / count, now + n / count, 0.01, 0.01)
            served += 1
        if count > bears:
            refused += 1
            pace.trouble(now + 0.99, now + 0.98, asked=True)
    assert served > 300 * bears * 0.7
    assert refused < 30


def test_a_limit_that_is_gone_is_forgotten():
    pace = Pace(8)
    burst(pace, 0.0, 30)
    for n in range(6000):
        pace.success(10.0 + n, 10.0 + n, 0.01, 0.01)
    assert (pace.gap, pace.ceiling, pace.whole) == (0, 0, True)


def test_timeouts_of_a_host_with_a_rate_narrow_it():
    pace = Pace(8)
    burst(pace, 0.0, 30)
    pace.trouble(50.0, 50.0)
    assert (pace.width, pace.gap) == (4, pytest.approx(1 / 15))


# -- as the hosts use it


def test_a_host_without_trouble_keeps_no_pace():
    hosts = Hosts(Politeness(obey_robots=False))
    host = hosts.get("http://a.test")
    for now in range(50):
        hosts.succeeded(host, float(now), float(now), 0.9)
    assert (host.pace, host.best, host.width, host.gap) == (None, 0.9, 8, 0.0)


def test_a_host_that_has_recovered_keeps_no_pace_any_more():
    hosts = Hosts(Politeness(obey_robots=False))
    host = hosts.get("http://a.test")
    hosts.struggled(host, 0.0, 0.0)
    assert host.width == 4
    while host.pace is not None:
        hosts.succeeded(host, 1.0, 1.0, 0.1)
    assert (host.width, host.gap) == (8, 0.0)


def test_the_hosts_own_delay_is_never_undercut():
    hosts = Hosts(Politeness(obey_robots=False, delay=2.0))
    host = hosts.get("http://a.test")
    for now in range(5):
        hosts.struggled(host, float(now), float(now))
        assert host.gap >= 2.0
    assert host.pace is not None
    host.pace.gap = 30.0
    assert host.gap == 30.0
