"""What a worker may start, and when, by itself: time is an argument."""

from __future__ import annotations

import itertools

from acrawl.ticket import Lease, Ticket
from acrawl.worker.lanes import MANY_LANES, Lanes, Work

HOST = "http://a.test"
_tokens = itertools.count(1)


def ticket(count: int = 1, host: str = HOST, **terms: object) -> Ticket:
    leases = [Lease(next(_tokens), f"{host}/", b"") for _ in range(count)]
    return Ticket(host, leases, **terms)  # type: ignore[arg-type]


def begin(lanes: Lanes, now: float) -> Work:
    work, _ = lanes.take(now)
    assert work is not None
    return work


def waits_until(lanes: Lanes, now: float) -> float | None:
    work, soonest = lanes.take(now)
    assert work is None
    return soonest


def test_the_distance_is_kept_from_a_start_that_is_not_reported_yet():
    lanes = Lanes(5.0)
    lanes.add(ticket(spacing=2.0), 0.0, 30.0)
    lanes.over(begin(lanes, 4.0))  # late: all slots were busy, and the frontier believes it was at 0
    lanes.add(ticket(spacing=2.0), 4.06, 30.0)
    assert waits_until(lanes, 4.06) == 6.0
    assert begin(lanes, 6.0).started_at == 6.0


def test_what_is_sent_again_takes_a_start_of_its_own():
    lanes = Lanes(5.0)
    lanes.add(ticket(3, spacing=2.0, share=2), 0.0, 30.0)
    first = begin(lanes, 0.0)
    assert first.again(0.5) == 1.5
    assert waits_until(lanes, 2.0) == 4.0
    assert first.ago(2.5) == 0.5
    assert begin(lanes, 4.0).ago(4.0) == 0.0


def test_a_pause_is_kept_that_is_not_reported_yet():
    lanes = Lanes(5.0)
    lanes.add(ticket(), 0.0, 30.0)
    work = begin(lanes, 0.0)
    lanes.rest(work.lane.host, 20.0)
    lanes.over(work)
    lanes.add(ticket(), 0.1, 30.0)
    assert waits_until(lanes, 0.1) == 20.0


def test_hosts_are_forgotten_when_they_need_no_distance_any_more():
    lanes = Lanes(5.0)
    for number in range(MANY_LANES):
        lanes.add(ticket(host=f"http://{number}.test", spacing=0.0 if number else 60.0), 0.0, 30.0)
        lanes.over(begin(lanes, 0.0))
    lanes.add(ticket(), 1.0, 30.0)
    assert set(lanes._lanes) == {"http://0.test", HOST}


def test_what_was_not_sent_gives_its_distance_back_but_not_that_of_others():
    lanes = Lanes(0.0)
    lanes.add(
        Ticket("http://a", [Lease(number, "http://a/", b"") for number in range(4)], share=4, spacing=1.0), 0.0, 99.0
    )
    first, _ = lanes.take(0.0)
    lanes.spare(first)
    second, _ = lanes.take(0.1)
    assert second is not None
    third, _ = lanes.take(1.1)
    lanes.spare(second)  # too late: another has started since
    assert lanes.take(1.2)[0] is None
    lanes.rest(third.lane.host, 50.0)
    lanes.spare(third)
    assert lanes.take(40.0)[0] is None


def test_what_waits_at_a_host_that_rests_can_be_given_back_and_what_is_under_way_goes_on():
    lanes = Lanes(5.0)
    mine, others = ticket(3, share=1), ticket(2, "http://b.test")
    lanes.add(mine, 0.0, 30.0)
    lanes.add(others, 0.0, 30.0)
    running = begin(lanes, 0.0)
    lanes.rest(HOST, 10.0)
    assert lanes.clear(HOST) == [lease.token for lease in mine.leases[1:]]
    assert (lanes.unfinished, lanes.active) == (3, 1)
    assert set(lanes.held) == {running.lease.token, *(lease.token for lease in others.leases)}
    assert lanes.clear(HOST) == lanes.clear("http://never.test") == []
    lanes.over(running)
    assert begin(lanes, 0.0).lane.host == "http://b.test"
