"""Host clocks, shares and windows by themselves: time is an argument."""

from __future__ import annotations

import itertools
import random
from bisect import insort

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acrawl.frontier.host import HORIZON, Host
from acrawl.frontier.hosts import Hosts
from acrawl.frontier.rows import Row
from acrawl.settings import Politeness


def row(number: int, rank: int = 0, not_before: float = 0.0) -> Row:
    return Row(not_before, rank, number, 0, 0, 0, f"http://a.test/{number}", b"")


def hosts(wall: float = 0.0, **terms: object) -> Hosts:
    return Hosts(Politeness(**({"obey_robots": False} | terms)), wall)  # type: ignore[arg-type]


def busy(all_hosts: Hosts, name: str = "http://a.test", rows: int = 1) -> Host:
    host = all_hosts.get(name)
    for number in range(rows):
        host.put(row(number), 256)
    return host


# -- shares


@given(
    limit=st.integers(1, 10),
    steps=st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 12), st.booleans()), max_size=60),
)
@settings(max_examples=200, deadline=None)
def test_live_shares_never_sum_above_the_limit(limit: int, steps: list[tuple[str, int, bool]]):
    host, told = Host("h", limit, 0.0), {}
    for worker, count, takes in steps:
        share = host.share_for(worker, 4)
        if takes and share and count:
            host.hold(worker, share, count)
            told[worker] = share  # the worker goes by its latest ticket
        elif not takes:
            for _ in range(min(count, host.held.get(worker, 0))):
                host.free(worker)
        live = sum(min(told[name], held) for name, held in host.held.items())
        assert live == host.live <= limit


def test_a_share_shrinks_only_when_what_is_held_fits_into_it():
    host = Host("h", 8, 0.0)
    host.hold("a", 8, 6)
    assert host.share_for("a", 2) == 0
    assert host.share_for("b", 2) == 2
    host.free("a")
    host.free("a")
    assert host.share_for("a", 2) == 4


def test_a_host_with_a_delay_is_one_workers():
    host = Host("h", 8, 1.0)
    assert host.share_for("a", 2) == 8
    host.hold("a", 8, 2)
    assert (host.share_for("a", 2), host.share_for("b", 2)) == (8, 0)
    host.free("a")
    assert host.share_for("b", 2) == 0
    host.free("a")
    assert host.share_for("b", 2) == 8


# -- clocks


def test_reserved_starts_lie_a_delay_apart():
    host = Host("h", 8, 2.0)
    assert host.reserve(100.0, 3) == 0.0
    assert host.reserve(100.0, 1) == 6.0
    assert host.reserve(107.0, 1) == 1.0
    assert host.reserve(200.0, 1) == 0.0


def test_a_start_moves_the_clock_and_unused_reservations_are_given_back():
    host = Host("h", 8, 2.0)
    host.hold("a", 8, 5)
    host.reserve(100.0, 5)
    host.started(101.0)
    for _ in range(5):
        host.free("a")
    assert host.next_at == 103.0
    host.started(99.0)  # a report that comes late turns nothing back
    assert (host.last_start, host.next_at) == (101.0, 103.0)


def test_one_ticket_never_reserves_beyond_the_horizon():
    assert Host("h", 8, 1.0).most(8) == HORIZON
    assert Host("h", 8, 60.0).most(8) == 1
    assert Host("h", 8, 0.0).most(8) == 16
    assert Host("h", 8, 0.0).most(1) == 8


def test_rest_holds_through_a_grant_that_came_to_nothing():
    host = Host("h", 8, 2.0)
    host.rest_until(50.0)
    host.hold("a", 8, 1)
    assert host.reserve(49.0, 1) == 1.0
    host.free("a")
    assert host.reserve(49.0, 1) == 1.0


def test_a_new_host_rests_like_the_others():
    all_hosts = hosts(delay=3.0)
    all_hosts.resting_until = 10.0
    assert all_hosts.get("h").reserve(8.0, 1) == 2.0


def test_the_delay_of_robots_counts_from_robots():
    all_hosts = hosts()
    host = all_hosts.get("h")
    host.started(10.0)
    all_hosts.set_rules(host, b"", 5.0, 1e9)
    assert (host.delay, host.next_at) == (5.0, 15.0)


@pytest.mark.parametrize(("asked", "given_"), [(None, 1.0), (0.5, 1.0), (4.0, 4.0), (1e9, 60.0)])
def test_the_delay_is_the_larger_one_up_to_the_cap(asked: float | None, given_: float):
    all_hosts = hosts(delay=1.0)
    host = all_hosts.get("h")
    all_hosts.set_rules(host, b"", asked, 1e9)
    assert host.delay == given_


def test_pauses_are_counted_one_after_the_other_and_forgiven():
    all_hosts = hosts(max_pauses=2)
    host = all_hosts.get("h")
    assert all_hosts.pause(host, 0.0, 10.0)
    assert all_hosts.pause(host, 5.0, 10.0)  # the same pause, prolonged
    assert (host.pauses, host.paused_until) == (1, 15.0)
    assert all_hosts.pause(host, 15.0, 10.0)
    assert not all_hosts.pause(host, 25.0, 10.0)
    all_hosts.succeeded(host, 25.0, 24.0)
    assert all_hosts.pause(host, 99.0, 10.0)


# -- turns


def test_only_hosts_whose_time_has_come_are_taken_in_turn():
    all_hosts = hosts()
    first, second = busy(all_hosts, "1"), busy(all_hosts, "2")
    all_hosts.get("idle")
    third = busy(all_hosts, "3")
    third.paused_until = 50.0
    for host in (first, second, third, all_hosts.get("idle")):
        all_hosts.wake(host, 0.0)
        all_hosts.wake(host, 0.0)
    assert all_hosts.next_due() == 50.0
    assert all_hosts.promote(0.0) == 2
    assert all_hosts.take(0.0) is first
    all_hosts.wake(first, 0.0)
    assert [all_hosts.take(0.0), all_hosts.take(0.0)] == [second, first]
    assert all_hosts.promote(49.9) == 0
    assert all_hosts.promote(50.0) == 1
    assert all_hosts.take(50.0) is third
    assert all_hosts.next_due() is None


def test_what_becomes_due_sooner_is_woken_sooner_and_once():
    all_hosts = hosts()
    host = busy(all_hosts)
    host.paused_until = 50.0
    all_hosts.wake(host, 0.0)
    host.paused_until = 20.0
    all_hosts.wake(host, 0.0)
    assert (all_hosts.next_due(), all_hosts.promote(20.0)) == (20.0, 1)
    assert all_hosts.take(20.0) is host
    assert all_hosts.promote(50.0) == 0  # the older entry means nothing


def test_what_is_put_off_while_ready_is_not_taken():
    all_hosts = hosts()
    host = busy(all_hosts)
    all_hosts.wake(host, 0.0)
    host.paused_until = 10.0
    assert all_hosts.take(0.0) is None
    assert all_hosts.next_due() == 10.0


@given(moment=st.floats(0, 1e6), wall=st.floats(1e9, 2e9))
@settings(max_examples=300, deadline=None)
def test_a_host_that_is_ready_has_a_row_that_is_due(moment: float, wall: float):
    """Both ask about the same instant: one rounding apart, and a worker would wait for nothing."""
    all_hosts = hosts(wall)
    host = all_hosts.get("h")
    host.put(row(1, not_before=moment + wall), 256)
    at = all_hosts.ready_at(host, 0.0)
    assert at is not None
    assert len(all_hosts.due_rows(host, at, 1)) == 1


def test_robots_is_asked_for_when_nothing_is_under_way():
    all_hosts = hosts(obey_robots=True)
    host = busy(all_hosts)
    assert all_hosts.needs_errand(host, 0.0)
    assert all_hosts.ready_at(host, 0.0) == 0.0
    host.hold("a", 1, 1)
    assert all_hosts.ready_at(host, 0.0) is None
    host.free("a")
    host.errand = True
    assert all_hosts.ready_at(host, 0.0) is None
    host.errand = False
    all_hosts.set_rules(host, b"", None, 100.0)
    assert not all_hosts.needs_errand(host, 99.0)
    assert all_hosts.needs_errand(host, 100.0)


# -- windows


def test_a_window_that_may_not_grow_leaves_on_disk_what_comes_behind_its_last_row():
    host = Host("h", 8, 0.0)
    assert host.put(row(1), 0) == 0
    assert (host.window, host.more, host.high) == ([], True, None)  # to be read from the start
    host = Host("h", 8, 0.0)
    assert host.put(row(2), 8) == 1
    assert host.put(row(3), 0) == 0
    assert (host.more, host.high) == (True, row(2))
    assert host.put(row(1), 0) == 0  # it belongs before the last one, which goes instead
    assert ([one.id for one in host.window], host.high) == ([1], row(1))


def test_a_window_that_was_forgotten_during_a_reading_is_read_again():
    host = Host("h", 8, 0.0)
    for number in (1, 2):
        host.put(row(number), 2)
    host.more, host.high, host.refilling = True, row(2), True
    assert host.reread() == 2
    host.put(row(9), 2)
    host.refilled([row(3), row(4)], 2, set().__contains__)
    assert (host.window, host.late, host.more, host.high, host.refilling) == ([], None, True, None, False)
    host.refilling = True
    host.refilled([row(1), row(2)], 2, set().__contains__)
    assert [one.id for one in host.window] == [1, 2]


class LongQueue:
    """One host whose window lies over a table, as an engine keeps it; a reading may be as old as it can be."""

    def __init__(self, size: int, chance: random.Random) -> None:
        self.host = Host("h", 8, 0.0)
        self.size = size
        self.chance = chance
        self.table: list[Row] = []
        self.held: list[Row] = []
        self.ending: set[int] = set()
        self.out: list[int] = []
        self.read: list[Row] | None = None
        self.rows = 0

    def add(self, new: Row) -> None:
        insort(self.table, new)
        scarce = self.chance.random() < 0.3  # memory holds enough: a size of 0
        self.rows += self.host.put(new, 0 if scarce else self.size)
        self.check()

    def overflow(self, new: list[Row]) -> None:
        """More came in at once than is worth telling: all is to be read from the start."""
        for one in new:
            insort(self.table, one)
        self.rows -= self.host.reread()
        self.check()

    def check(self) -> None:
        """The count of rows in memory is exact, and the window is in order."""
        assert self.rows == len(self.host.window) + len(self.host.late or ())
        assert self.host.window == sorted(self.host.window)

    def take(self) -> None:
        if self.host.window:
            self.held.append(self.host.window.pop(0))
            self.rows -= 1
        if self.host.more and not self.host.refilling and len(self.host.window) <= self.size // 4:
            self.host.refilling = True

    def give_back(self) -> None:
        """As it was, lost with its worker (same place, another count), or to be retried (another place)."""
        if not self.held:
            return
        back = self.held.pop(self.chance.randrange(len(self.held)))
        self.table.remove(back)
        fate = self.chance.randrange(3)
        if fate == 1:
            back = back._replace(lost=back.lost + 1)
        elif fate == 2:
            back = back._replace(not_before=self.chance.choice([0.0, 5.0]), attempt=back.attempt + 1)
        self.add(back)

    def finish(self) -> None:
        if self.held:
            done = self.held.pop(0)
            self.out.append(done.id)
            self.table.remove(done)
            if self.read is not None:  # the reading may still show it
                self.ending.add(done.id)

    def look(self) -> None:
        """Read the table."""
        if self.host.refilling and self.read is None:
            high = self.host.high
            self.read = [one for one in self.table if high is None or one[:3] > high[:3]][: self.size]

    def arrive(self) -> None:
        """What was read comes in."""
        if self.read is not None:
            rows, self.read = self.read, None
            self.host.refilled(rows, self.size, {*self.ending, *(one.id for one in self.held)}.__contains__)
            self.rows = len(self.host.window)
            self.check()
            self.ending.clear()


def test_the_last_row_of_what_was_read_comes_back_even_if_it_was_lost_meanwhile():
    host = Host("h", 8, 0.0)
    host.more = host.refilling = True
    host.refilled([row(1), row(2)], 2, {2}.__contains__)  # 2 is leased
    assert host.more
    host.put(row(2)._replace(lost=1), 2)
    assert [one.id for one in host.window] == [1, 2]


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("overflows", [False, True])
def test_a_window_over_a_long_queue_gives_every_row_exactly_once(seed: int, overflows: bool):
    chance = random.Random(seed)
    queue, numbers = LongQueue(chance.choice([1, 2, 5, 8]), chance), itertools.count(1)
    steps = [queue.take, queue.give_back, queue.finish, queue.look, queue.arrive]
    for _ in range(chance.choice([60, 200, 1500])):  # a long life mends by itself what a short one shows
        if chance.random() < 0.15:
            queue.add(row(next(numbers), chance.randrange(3)))
        if overflows and chance.random() < 0.03:
            queue.overflow([row(next(numbers), chance.randrange(3)) for _ in range(7)])
        chance.choices(steps, (4, 3, 1, 2, 2))[0]()
    while queue.host.window or queue.host.more or queue.held:
        for step in (queue.take, queue.finish, queue.look, queue.arrive):
            step()
    assert queue.table == []
    assert sorted(queue.out) == list(range(1, next(numbers)))
