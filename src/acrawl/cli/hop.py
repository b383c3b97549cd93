"""One request and what came of it, in lines for people. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from acrawl.cli.reasons import explained
from acrawl.cli.story import printable
from acrawl.errors import FetchError, IgnoreRequest
from acrawl.fetch import retry
from acrawl.fetch.robots import RobotsAnswer
from acrawl.fetch.trace import Connected, Step, Trace
from acrawl.request import Request
from acrawl.response import Response
from acrawl.settings import Retry
from acrawl.settings.masks import MASK

#: Characters of a header or a value that are shown without ``-v``.
_MOST = 100
_CACHED = {
    "hit": "stored before, and nothing was sent",
    "revalidated": "stored before, and the server says that it still holds",
    "stale": "stored before, and used though it may not hold any more",
}


class Hop(msgspec.Struct):
    """One request of a chain of redirects, and what ``came`` of it.

    ``robots`` is what its host's robots.txt says, ``asked`` how that was asked for; None if it was not, or known.
    """

    request: Request
    trace: Trace
    came: Response | FetchError | IgnoreRequest | None = None
    robots: RobotsAnswer | None = None
    asked: Trace | None = None


def told(hop: Hop, terms: Retry, now: float, *, caching: bool, verbose: bool) -> Iterator[str]:
    """The lines that tell of a hop at Unix time ``now``; ``verbose`` adds the heads of request and answer."""
    yield f"{hop.request.method} {hop.request.url}"
    if hop.robots is not None:
        yield f"  robots.txt: {_rules(hop.robots, hop.request.url)}"
    if hop.asked is not None:
        for connection in hop.asked.connections:
            yield from _connection(connection, 2)
        yield f"    total {_time(hop.asked.seconds)}"
    yield from _stages(hop.trace)
    if verbose:
        for connection in hop.trace.connections[-1:]:
            lines = connection.head.decode("latin-1").split("\r\n")
            yield from (f"  > {printable(_without_secret(line))}" for line in lines if line)
    came = hop.came
    if isinstance(came, Response):
        yield from _answer(came, hop.trace, verbose=verbose)
        if caching:
            yield f"  cache: {_CACHED.get(came.cached, 'nothing that is stored was used')}"
    if hop.trace.steps:
        yield f"  total {_time(hop.trace.seconds)}"
    if came is not None:
        yield from _verdict(came, terms, now)


def _without_secret(line: str) -> str:
    """A line of a head as it may be shown: of credentials only their kind."""
    name, _, value = line.partition(": ")
    if name.lower() not in {"authorization", "proxy-authorization"}:
        return line
    return f"{name}: {value.partition(' ')[0]} {MASK}"


def _rules(answer: RobotsAnswer, url: str) -> str:
    if answer.rules is None:
        return f"it cannot be had now, and nothing may be fetched without it ({answer.reason}: {_last(answer.detail)})"
    rule = answer.rules.decisive(url)
    judged = "allowed" if answer.rules.allowed(url) else "forbidden"
    return f"{answer.http_status or 'none'}; {judged}" + (f" by {printable(rule)}" if rule else ", no rule concerns it")


def _stages(trace: Trace) -> Iterator[str]:
    if not trace.steps:
        return
    yield f"  {'stage':24}{'down':>12}{'up':>12}"
    for step in trace.steps:
        yield _stage(step)
        if step.name == "transport":
            for connection in trace.connections:
                if step.began <= connection.at <= step.ended:  # a stage may have sent more than once
                    yield from _connection(connection, step.depth + 2)


def _stage(step: Step) -> str:
    up = _time(step.up) if step.inner else ""
    end = "" if step.end.isdecimal() else f"  {step.end or 'an error'}"
    return f"  {' ' * step.depth + step.name:24}{_time(step.down):>12}{up:>12}{end}"


def _connection(connection: Connected, depth: int) -> Iterator[str]:
    indent = " " * depth

    def line(what: str, seconds: float | None, fact: str) -> str:
        taken = _time(seconds) if seconds is not None else ""
        return f"  {indent + what:24}{taken:>12}  {fact}".rstrip()

    if connection.queued is not None:
        yield line("queue", connection.queued, "for a free connection")
    if connection.dns is not None:
        yield line("dns", connection.dns, "" if connection.dns else "known")
    if connection.connect is None:
        yield line("connection", None, f"kept from before, {connection.wire.address}")
    else:
        yield line("connect", connection.connect, connection.wire.address)
    if connection.tls is not None:
        tls = connection.tls
        by = f"by {tls.issuer}, valid until {tls.until}" if tls.until else "the certificate was not verified"
        yield line("tls", connection.handshake, printable(f"{tls.version}, {tls.cipher}, {by}"))
    yield line("wait", connection.wait, "from the request to the head of the answer")


def _answer(response: Response, trace: Trace, *, verbose: bool) -> Iterator[str]:
    kind = response.headers.get("Content-Type", "")
    yield f"  {response.status} {printable(kind[:_MOST])}".rstrip()
    if verbose:
        yield from (f"  < {name}: {printable(value)}" for name, value in response.headers.items())
    size = response.size
    coding = response.headers.get("Content-Encoding", "")
    decoded = f" decoded from {printable(coding[:_MOST])}" if coding else ""
    received = f"; {trace.received:,} bytes came, head included" if trace.connections else ""
    yield f"  body: {size:,} bytes{decoded}{received}"
    if response.proxy:
        yield f"  came through {response.proxy}"
    if cookies := response.headers.getall("Set-Cookie", []):
        yield f"  cookies set: {', '.join(printable(cookie.partition('=')[0][:_MOST]) for cookie in cookies)}"
    if response.following is not None:
        yield f"  leads to {response.following.url}"


def _verdict(came: Response | FetchError | IgnoreRequest, terms: Retry, now: float) -> Iterator[str]:
    if isinstance(came, IgnoreRequest):
        yield from _end("", f"excluded({came.reason})", came.reason, str(came))
        return
    verdict = retry.decide(terms, 1, came, now, chance=lambda: 0.5)
    named, detail = f"failed({verdict.reason})", came.detail if isinstance(came, FetchError) else ""
    if verdict.kind == retry.OK:
        if isinstance(came, Response) and came.following is not None:
            yield from _end("", "fetched(redirect)", "redirect", "")
        else:
            yield "  in a crawl: fetched"
    elif verdict.kind == retry.RETRY:
        most, _ = terms.row(verdict.reason)
        times = f"{most} more {'time' if most == 1 else 'times'}"
        again = f"it would be tried again in about {verdict.delay:g} s, at most {times}; then "
        yield from _end(again, named, verdict.reason, detail)
    elif verdict.kind == retry.PAUSE:
        yield f"  in a crawl: nothing would be asked of its host for {verdict.delay:.3g} s, then this again"
    else:
        yield from _end("", named, verdict.reason, detail)


def _end(before: str, named: str, reason: str, detail: str) -> Iterator[str]:
    known = explained(reason)
    yield f"  in a crawl: {before}{named}: {known.text}" + (f" ({_last(detail)})" if detail else "")
    if known.change:
        yield f"  what changes it: {known.change}"


def _last(detail: str) -> str:
    """The last line: of a traceback it is the one that tells."""
    return printable(detail.strip().rpartition("\n")[2])


def _time(seconds: float) -> str:
    return f"{seconds * 1000:,.2f} ms" if seconds < 1 else f"{seconds:,.2f} s"
