"""A URL's story in words. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import datetime

from acrawl.cli.reasons import explained
from acrawl.outcome import EXCLUDED, FAILED, FETCHED, QUARANTINED, Story, Try

#: How many pages of a long chain are shown at its end; its seed is always shown.
_LAST = 12


def told(story: Story, now: float, *, running: bool) -> Iterator[str]:
    """The lines that tell it at Unix time ``now``; ``running``: it comes from the crawl itself, not from its books."""
    yield story.url
    if story.state in {FETCHED, FAILED, EXCLUDED, QUARANTINED}:
        yield from _end(story)
    elif story.state == "leased":
        yield "  leased: a worker is at it now, or about to be"
    elif story.state == "queued":
        yield from _wait(story, now, running=running)
    else:
        yield f"  {story.state}: {story.reason}"
    yield from _origin(story)
    yield from _tries(story)
    if "\n" in story.detail:
        yield textwrap.indent(printable(story.detail).rstrip(), "    ")


def _end(story: Story) -> Iterator[str]:
    named = f"{story.state}({story.reason})" if story.reason else story.state
    if not story.reason:
        yield f"  {named}"
    else:
        reason = explained(story.reason)
        yield f"  {named}: {reason.text}{_said(story.detail)}"
        if reason.change:
            yield f"  what changes it: {reason.change}"
    if story.state in {FAILED, QUARANTINED}:
        yield "  `acrawl retry` queues it again"
    if story.ended_at:
        size = f", {story.size} bytes" if story.size else ""
        yield f"  ended {moment(story.ended_at)}{size}"


def _wait(story: Story, now: float, *, running: bool) -> Iterator[str]:
    if story.not_before > now:
        yield f"  queued: not before {moment(story.not_before)}, in {story.not_before - now:.0f} s"
    if running and (story.host_waits or story.not_before <= now):
        yield f"  queued: {story.host_waits or 'its turn has not come'}"
    if not running:
        yield "  queued: no crawl is running in this job folder; the command that began it goes on with it"


def _origin(story: Story) -> Iterator[str]:
    priority = f", priority {story.priority}" if story.priority else ""
    if not story.path:
        yield f"  a seed{priority}"
        return
    yield f"  found at depth {story.depth}{priority}, by way of"
    shown = story.path
    if len(shown) > _LAST:
        shown = [shown[0], f"... {len(shown) - _LAST} more pages ...", *shown[1 - _LAST :]]
    for url in shown:
        yield f"    {url}"


def _tries(story: Story) -> Iterator[str]:
    tries = list(story.tries)
    if _is_try(story):
        result = story.reason or story.state
        tries.append(Try(story.attempts, story.ended_at, result, story.detail, story.http_status, story.seconds))
    if tries:
        yield f"  {len(tries)} tries" if len(tries) > 1 else "  one try"
    for number, one in enumerate(tries, 1):
        facts = [one.reason, f"HTTP {one.http_status}" if one.http_status else "", f"{one.seconds:.3g} s"]
        yield f"    {number}. {moment(one.at)}  {', '.join(filter(None, facts))}{_said(one.detail)}"


def _is_try(story: Story) -> bool:
    """Whether it ended by being tried: what is kept out, swept away or quarantined has at most earlier tries."""
    return bool(story.http_status or story.seconds) and story.state != QUARANTINED


def _said(detail: str) -> str:
    """A detail of one line, in brackets. Longer ones stand at the end."""
    if "\n" in detail:
        return ": " + printable(detail.strip().rpartition("\n")[2])
    return f" ({printable(detail)})" if detail else ""


def moment(at: float) -> str:
    """A Unix time as people here read it."""
    return datetime.fromtimestamp(at).astimezone().isoformat(" ", "seconds")


def printable(text: str) -> str:
    """Text of a server's or a spider's, without what would move the cursor or colour the screen."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text)
