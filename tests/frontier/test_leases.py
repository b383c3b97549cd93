"""Leases by themselves: time is an argument."""

from __future__ import annotations

import pytest

from acrawl.frontier.host import Host
from acrawl.frontier.leases import Held, Leases
from acrawl.frontier.rows import Row


def row(number: int) -> Row:
    return Row(0.0, 0, number, 0, 0, 0, f"http://a.test/{number}", b"")


@pytest.fixture
def host() -> Host:
    return Host("http://a.test", 8, 0.0)


@pytest.fixture
def leases() -> Leases:
    return Leases(30.0, 1e9)


def grant(leases: Leases, host: Host, worker: str = "w", number: int = 1, now: float = 0.0) -> Held:
    host.hold(worker, 8, 1)
    return leases.grant(worker, host, row(number), now)


def test_a_lease_ends_once(leases: Leases, host: Host):
    held = grant(leases, host)
    assert leases.end("w", held.token) is held
    assert leases.end("w", held.token) is None
    assert (len(leases), list(leases), leases.of("w"), host.held) == (0, [], [], {})


def test_only_its_worker_can_end_it(leases: Leases, host: Host):
    held = grant(leases, host)
    assert leases.end("other", held.token) is None
    assert leases.end("w", held.token ^ 1) is None
    assert (list(leases), leases.of("w"), host.held) == ([held], [held], {"w": 1})


def test_tokens_cannot_be_guessed_from_each_other(leases: Leases, host: Host):
    tokens = [grant(leases, host, number=number).token for number in range(200)]
    assert len(set(tokens)) == 200
    assert len({later - earlier for earlier, later in zip(tokens, tokens[1:], strict=False)}) == 199  # noqa: RUF007
    assert max(tokens).bit_length() > 56
    assert max(tokens) < 1 << 63  # every engine and codec can hold it


def test_it_expires_when_its_time_is_over_and_not_before(leases: Leases, host: Host):
    held = grant(leases, host, now=10.0)
    assert leases.expired(39.9) == []
    assert leases.expired(40.0) == [held]
    assert leases.expired(50.0) == []
    assert leases.end("w", held.token) is None
    assert host.held == {}


def test_renewal_prolongs_only_what_is_named_and_the_workers(leases: Leases, host: Host):
    kept, left = grant(leases, host), grant(leases, host, number=2)
    theirs = grant(leases, host, "other", 3)
    assert leases.renew("w", {kept.token: False, theirs.token: True, 7: True}, 20.0) == [theirs.token, 7]
    assert sorted(leases.expired(30.0), key=lambda held: held.token) == sorted(
        [left, theirs], key=lambda held: held.token
    )
    assert leases.expired(49.9) == []
    assert leases.expired(50.0) == [kept]
    assert not theirs.named


def test_renewed_many_times_it_is_still_one_lease(leases: Leases, host: Host):
    held = grant(leases, host)
    for now in range(1, 500):
        assert leases.renew("w", {held.token: False}, float(now)) == []
        assert leases.expired(float(now)) == []
    assert leases.expired(529.0) == [held]
    assert leases.expired(1e9) == []


def test_once_started_always_started(leases: Leases, host: Host):
    held = grant(leases, host)
    leases.renew("w", {held.token: 1}, 1.0)
    leases.renew("w", {held.token: 0}, 2.0)
    assert held.may_have_started(2.0)


def test_it_may_have_started_once_it_might_and_nobody_has_said_otherwise(leases: Leases, host: Host):
    host.hold("w", 8, 1)
    held = leases.grant("w", host, row(1), 10.0, 5.0)
    assert [held.may_have_started(now) for now in (10.0, 14.9, 15.0)] == [False, False, True]
    leases.renew("w", {held.token: 0}, 16.0)
    assert not held.may_have_started(16.0)
    leases.renew("w", {held.token: 1}, 17.0)
    assert held.may_have_started(17.0)


def test_ended_leases_leave_nothing_to_expire(leases: Leases, host: Host):
    for number in range(50):
        held = grant(leases, host, number=number)
        leases.end("w", held.token)
    assert leases.expired(1e9) == []


def test_workers_count_while_they_show_themselves(leases: Leases):
    assert leases.workers(0.0) == 0
    leases.met("a", 0.0)
    leases.met("b", 10.0)
    assert leases.workers(30.0) == 2
    assert leases.workers(31.0) == 1
    leases.met("a", 32.0)
    assert leases.workers(32.0) == 2
    leases.forget("a")
    leases.forget("a")
    assert leases.workers(32.0) == 1


def test_they_come_back_in_the_order_in_which_they_were_granted(leases: Leases, host: Host):
    held = [grant(leases, host, number=number) for number in range(40)]
    assert leases.of("w") == held
    leases.renew("w", dict.fromkeys([one.token for one in held], 1), 5.0)
    assert leases.expired(35.0) == held
