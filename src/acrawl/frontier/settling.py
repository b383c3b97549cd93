"""How leases end: reported, given back, or lost. Pure: time is an argument."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from acrawl.cookie import LONGEST_KEY, LONGEST_SITE
from acrawl.frontier.host import Guest, Host
from acrawl.frontier.hosts import MOST_RETRY_DELAY
from acrawl.frontier.leases import Held
from acrawl.frontier.rows import CLOSING, TRAPS, Admission, End, Row, Rules, Tried
from acrawl.frontier.state import State
from acrawl.frontier.traps import Link
from acrawl.outcome import EXCLUDED, FAILED, FETCHED, PART, QUARANTINED, RELEASED, RETRY, HostFacts, Outcome
from acrawl.settings import Settings
from acrawl.url import host_of

#: Redirects of a robots.txt that are believed; a worker follows fewer.
_MOST_HOPS = 10
#: Characters of a failure to get a robots.txt that are kept.
_MOST_TOLD = 500
#: Bytes and seconds that nothing takes.
_MOST = 1 << 53
#: What a worker may report; anything else would be in no column of the books.
_STATUSES = frozenset({FETCHED, FAILED, EXCLUDED, RETRY, RELEASED, PART})

_encode = msgspec.msgpack.Encoder().encode


def _is_sane(outcome: Outcome) -> bool:
    """Whether an outcome can be recorded. Comparisons with NaN are false."""
    return (
        outcome.status in _STATUSES
        and 0 <= outcome.http_status < 1000
        and 0 <= outcome.size < _MOST
        and 0 <= outcome.seconds < _MOST
        and -1 <= outcome.ago < _MOST
        and 0 <= outcome.latency < _MOST
        and 0 <= outcome.duplicates < _MOST
        and (outcome.host is None or _is_possible(outcome.host))
        and all(len(jar.site) <= LONGEST_SITE and len(jar.key) <= LONGEST_KEY for jar in outcome.cookies)
    )


def _is_possible(facts: HostFacts) -> bool:
    return 0 <= facts.pause < _MOST and (facts.crawl_delay is None or 0 <= facts.crawl_delay < _MOST)


class Settling:
    """What becomes of requests and hosts when leases end. ``on_gone`` is told of a host that has been given up."""

    def __init__(self, state: State, settings: Settings, on_gone: Callable[[Host, tuple[str, str]], None]) -> None:
        self._state = state
        self._hosts = state.hosts
        self._window = settings.frontier.window
        self._max_lost = settings.frontier.max_lost
        self._retry = settings.retry
        self._limits = settings.limits
        self._by_address = settings.politeness.budget_by == "address"
        self._on_gone = on_gone
        #: Told of a host that begins to rest, for how long, and which workers still hold leases there.
        self.on_pause: Callable[[str, float, Sequence[str]], None] = _unheard

    # -- without an outcome

    def give_back(self, worker: str, tokens: Sequence[int], now: float) -> None:
        """Queue unfetched requests at their old place."""
        for token in tokens:
            held = self._state.leases.end(worker, token)
            if held is not None:
                if held.progress:
                    held.host.started(now)
                self._give_back(held, now)

    def lose(self, gone: Sequence[Held], now: float) -> None:
        """Leases whose worker did not come back: each may have been started, and may be what killed the worker."""
        group = self._state.group()
        for held in gone:
            held.host.started(now)
            row = held.row
            if row is not None and held.may_have_started(now):
                group.tried.append(Tried(row.id, now + self._hosts.wall, row.attempt + 1, "worker-lost", held.worker))
                row = held.row = row._replace(lost=row.lost + 1)
                proved = held.alone or self._max_lost < 2 or row.lost >= 2 * self._max_lost
                if row.lost >= self._max_lost and proved:
                    self._void(held)
                    self._state.leased.discard(row.id)
                    self._end(End(row.id, QUARANTINED, "worker-lost", attempts=row.attempt + row.lost))
                    self._hosts.freed(held.host, now)
                    continue
                group.requeued.append(row)
            self._give_back(held, now)

    def _give_back(self, held: Held, now: float) -> None:
        self._void(held)
        if held.guest is not None:
            held.host.guests = (held.guest, *held.host.guests)
        elif held.row is None:
            held.host.errand = False
        else:
            self._state.leased.discard(held.row.id)
            self._requeue(held.host, held.row)
        self._hosts.freed(held.host, now)

    def _requeue(self, host: Host, row: Row) -> None:
        end = self._hosts.gone.get(host.name)
        if end is None and self._state.door.stopped:
            end = (EXCLUDED, self._state.door.stopped)
        if end is not None:
            self._end(End(row.id, *end, attempts=row.attempt))
        else:
            self._hosts.put(host, row, self._window)

    def _end(self, end: End) -> None:
        self._state.ending.add(end.id)
        self._state.group().ends.append(end)

    def _void(self, held: Held) -> None:
        """The parts that have come of an outcome do not count: its last one will not come under this lease."""
        if held.parts and held.row is not None:
            number, group = held.row.id, self._state.group()
            group.staged[:] = [staged for staged in group.staged if staged[0] != number]
            group.voided.append(number)

    # -- reports

    def settle(self, worker: str, outcomes: Sequence[Outcome], now: float) -> int:
        """Take what a worker reports; returns how many outcomes, or parts of them, were its to report."""
        accepted, leases = 0, self._state.leases
        for reported in outcomes:
            held = leases.get(worker, reported.token)
            if held is None:
                continue
            accepted += 1
            sane = _is_sane(reported) and reported.part <= held.parts  # else a part is missing
            outcome = reported if sane else self._refused(held, reported)
            if outcome.status == PART and held.row is not None:
                self._stage(held, held.row, outcome)
                continue
            leases.end(worker, outcome.token)
            if outcome.ago >= 0:
                held.host.started(now - outcome.ago)
            if outcome.cookies:  # first of all: what this outcome causes sees them
                self._state.jars.take(outcome.cookies, self._state.group())
            if held.row is None and outcome.items:
                self._keep(held, outcome)
            if held.guest is not None:
                self._settle_errand(held.guest.host, outcome, now, held.guest.hops)
                self._hosts.wake(held.guest.host, now)
            elif held.row is None:
                self._settle_errand(held.host, outcome, now)
            else:
                self._settle(held, held.row, outcome, now)
            self._hosts.freed(held.host, now)
        return accepted

    def _refused(self, held: Held, outcome: Outcome) -> Outcome:
        """A worker that does not speak our language: the request has failed, and nothing else of it is believed."""
        self._void(held)
        held.parts = 0
        what = f"status {outcome.status[:100]!r}" if outcome.status not in _STATUSES else "numbers that cannot be"
        return Outcome(outcome.token, FAILED, "bad-report", what, ago=0.0)

    def _stage(self, held: Held, row: Row, outcome: Outcome) -> None:
        if outcome.part != held.parts:  # sent again, because our answer was lost on the way
            return
        items = [(held.made + ordinal, item) for ordinal, item in enumerate(outcome.items)]
        admissions = self._state.door.judged(outcome.requests, row.id, row.url)
        self._state.group().staged.append((row.id, held.parts, _encode((admissions, items))))
        held.parts += 1
        held.made += len(items)

    def _settle(self, held: Held, row: Row, outcome: Outcome, now: float) -> None:
        self._state.leased.discard(row.id)
        host, group = held.host, self._state.group()
        pause = self._learn(host, outcome, now)
        if pause > 0:
            if not self._hosts.pause(host, now, pause):
                self._give_up(host, (FAILED, "rate-limited"))
            if host.held:
                self.on_pause(host.name, host.paused_until - now, list(host.held))
        if outcome.status == RELEASED:
            self._void(held)
            self._requeue(host, row)
        elif outcome.status == RETRY:
            self._void(held)
            self._state.tally.retries += 1
            facts = (outcome.reason, outcome.detail, outcome.http_status, outcome.seconds)
            group.tried.append(Tried(row.id, now + self._hosts.wall, row.attempt + 1, *facts))
            if pause > 0:  # an answer that only asks us to wait uses up no try; the host waits, others go first then
                row = row._replace(not_before=row.not_before + 1.0)
            else:
                delay = min(max(0.0, outcome.delay), MOST_RETRY_DELAY)
                attempt = row.attempt if outcome.free else row.attempt + 1
                row = row._replace(not_before=now + self._hosts.wall + delay, attempt=attempt)
            group.requeued.append(row)
            self._requeue(host, row)
        else:
            self._finish(held, row, outcome)

    def _learn(self, host: Host, outcome: Outcome, now: float) -> float:
        """Take what an outcome tells of its host; returns for how long it wants to be left alone."""
        facts = outcome.host
        started = now - max(0.0, outcome.ago)
        if facts is not None and facts.address and self._by_address:
            self._hosts.join(host, facts.address, now)
            self._state.group().addresses[host.name] = facts.address
        pause = facts.pause if facts is not None else 0.0
        # A free try that ran out of time is no trouble of the host's: bytes came until then, of a large file.
        if pause > 0 or (outcome.reason == "timeout" and not outcome.free):
            self._hosts.struggled(host, now, started, asked=pause > 0)
        elif outcome.status == FETCHED and outcome.ago >= 0:  # else it came from a cache: the host knows nothing of it
            self._hosts.succeeded(host, now, started, outcome.latency)
        return pause

    def _finish(self, held: Held, row: Row, outcome: Outcome) -> None:
        facts = (outcome.status, outcome.reason, outcome.detail, outcome.http_status, outcome.size, outcome.seconds)
        self._end(End(row.id, *facts, attempts=row.attempt + 1))
        state, host, group = self._state, held.host, self._state.group()
        state.tally.duplicates += outcome.duplicates
        state.tally.pages += outcome.status == FETCHED
        host.fetched += outcome.status == FETCHED
        host.failed += outcome.status == FAILED
        host.size += outcome.size
        if outcome.close and not state.closing:  # kept with it: this page will not say so again
            state.closing = group.meta[CLOSING] = outcome.close
        if held.parts:
            group.assembled.append(row.id)
        admissions = state.door.admit(group, outcome.requests, row.id, row.url)
        if outcome.gist is not None and state.traps is not None:
            self._learn_page(host, row, outcome, admissions)
        for ordinal, item in enumerate(outcome.items, held.made):
            group.items.append((row.id, ordinal, item))
        self.check_limits(host)

    def _learn_page(self, host: Host, row: Row, outcome: Outcome, admissions: Sequence[Admission]) -> None:
        """Take what a page that was looked at has brought, to know traps by it."""
        traps, gist = self._state.traps, outcome.gist
        if traps is None or gist is None or outcome.status != FETCHED:
            return
        links = [Link(one.request.host, one.request.url) for one in admissions if not one.excluded]
        # A page that is saved, and what is seen on it, come of every page of such a spider.
        items = any(item.kind == "item" for item in outcome.items)
        traps.learn(host.name, row.url, gist, links, pages=host.fetched, items=items)
        for name, books in traps.written():
            self._state.group().meta[f"{TRAPS}{name}"] = books

    def check_limits(self, host: Host) -> None:
        """Give a host up that has reached a limit of its own; what is under way there may finish."""
        limits = self._limits
        if (
            0 < limits.host_pages <= host.fetched
            or 0 < limits.host_bytes <= host.size
            or 0 < limits.host_errors <= host.failed
        ):
            self._give_up(host, (EXCLUDED, "limit"))

    # -- robots.txt

    def _keep(self, held: Held, outcome: Outcome) -> None:
        """Let what the fetch of a robots.txt made enter the outbox. Its token is nobody else's, now and later."""
        made = enumerate(outcome.items, outcome.token)
        url = f"{held.host.name}/robots.txt"
        self._state.group().strays += [(0, ordinal, url, item.kind, item.body) for ordinal, item in made]

    def _settle_errand(self, host: Host, outcome: Outcome, now: float, hops: int = 0) -> None:
        """Take a host's robots.txt; while it cannot be had, nothing of the host is fetched (RFC 9309, 2.3.1.4).

        Where it leads to another host, that one is asked in its turn, for this one, which goes on waiting.
        """
        facts = outcome.host
        if facts is not None and facts.leads and hops < _MOST_HOPS:
            name = host_of(facts.leads)
            if name not in self._hosts.by_name:
                self._state.group().strangers.add(name)  # its record may know what memory does not
            other = self._hosts.get(name)
            other.guests += (Guest(host, facts.leads, hops + 1),)
            self._hosts.wake(other, now)
            return
        host.errand = False
        if facts is not None and facts.rules is not None:
            self._learn(host, outcome, now)
            self._hosts.set_rules(host, facts.rules, facts.crawl_delay, now + self._hosts.terms.robots_ttl)
            rules = Rules(facts.rules, facts.crawl_delay or 0.0, now + self._hosts.wall)
            self._state.group().rules[host.name] = rules
            self._state.group().troubles.pop(host.name, None)
        elif outcome.status != RELEASED:
            host.errands += 1
            host.trouble = f"{outcome.reason}: {outcome.detail}"[:_MOST_TOLD].rstrip(": ")
            self._state.group().troubles[host.name] = host.trouble
            # A host that cannot be reached at all is asked again soon, one in trouble later and later.
            doubled = 2 ** min(host.errands - 1, 10) if outcome.status == RETRY else 1
            patient = self._hosts.pause(host, now, max(outcome.delay, 0.1) * doubled)
            terms = self._retry
            most = terms.row(outcome.reason)[0] if outcome.reason in terms.table else terms.times
            if outcome.status == FAILED and host.errands > most:
                self._give_up(host, (FAILED, outcome.reason))
            elif not patient:
                self._give_up(host, (EXCLUDED, "robots-unreachable"))

    def _give_up(self, host: Host, end: tuple[str, str]) -> None:
        if host.name not in self._hosts.gone:  # else what was under way then has only said so again
            self._hosts.gone[host.name] = end
            self._on_gone(host, end)


def _unheard(host: str, seconds: float, workers: Sequence[str]) -> None:
    """Nobody listens."""
