"""One real crawl of all behaviours at once, beside a good host: through the command line, with one worker process."""

from __future__ import annotations

import contextlib
import itertools
import pathlib
import sqlite3
import threading
import time
from typing import Any

import msgspec

from crawl.command import Command, Done
from hostile.behaviours import BEHAVIOURS
from hostile.certificates import Certificates
from hostile.meeting import LIMITS
from hostile.server import Elsewhere

SPIDER = """
import json
import contextlib
import itertools
import pathlib

from acrawl import Spider


class Hostile(Spider):
    name = "hostile"

    def __init__(self, seeds):
        super().__init__(seeds=seeds)
        self.start_urls = json.loads(pathlib.Path(seeds).read_text())

    def parse(self, response):
        if response.url.startswith(self.start_urls[0]):
            yield from response.follow_all()
"""

#: Nothing is waited for long: a pause is a second at most, and the second one gives a host up.
PATIENCE = {"politeness.max_pauses": 2, "politeness.max_pause": 1, "scope.within": "any"}
#: Seconds for all of it.
DEADLINE = 120.0


class Crawled(msgspec.Struct, frozen=True):
    """What a crawl left: ``ledger`` has (status, reason) by URL, ``facts`` are the server's (`Hostile.facts`).

    ``peak`` is the most memory that the worker ever had, in bytes.
    """

    done: Done
    audit: Done
    seconds: float
    peak: int
    ledger: dict[str, tuple[str, str]]
    facts: dict[str, Any]

    def words(self, name: str) -> list[str]:
        """The ledger's words for the pages of a behaviour."""
        return [self.word(self.facts[name]["url"] + path) for path in paths(name)]

    def word(self, url: str) -> str:
        """The ledger's word for a URL."""
        status, reason = self.ledger.get(url, ("nowhere", "nowhere"))
        return "ok" if (status, reason) == ("fetched", "") else reason

    @property
    def gaps(self) -> list[float]:
        """Seconds between two requests at the good host, in order of size."""
        times = [at for at, _ in self.facts["good"]["requests"]]
        return sorted(later - earlier for earlier, later in itertools.pairwise(times))


def paths(name: str) -> list[str]:
    """The pages of a behaviour that a crawl fetches."""
    one = BEHAVIOURS[name]
    return [one.path.format(n=n) for n in range(1, (1 if one.pause else one.times) + 1)]


def crawl(folder: pathlib.Path) -> Crawled:
    """Crawl everything; everything lies in ``folder``."""
    certificates = Certificates(folder)
    with Elsewhere(folder) as server:
        origins = {name: found["url"] for name, found in server.facts().items()}
        seeds = [origins["good"] + "/", *(origins[name] + path for name in BEHAVIOURS for path in paths(name))]
        (folder / "seeds.json").write_bytes(msgspec.json.encode(seeds))
        (folder / "hostile.py").write_text(SPIDER)
        chosen = {f"fetch.{name}": value for name, value in LIMITS.items()} | {"retry.times": 0} | PATIENCE
        chosen["tls.ca_file"] = str(certificates.authority)
        settings = [text for name, value in chosen.items() for text in ("-s", f"{name}={value}")]
        began = time.monotonic()
        words = ("run", "hostile.py", "-a", "seeds=seeds.json", "--workers", 1, *settings)
        with contextlib.closing(Command(*words, cwd=folder)) as command:
            peak = _watched(command)
            done = command.end(DEADLINE)
        seconds = time.monotonic() - began
        facts = _settled(server)
    with contextlib.closing(Command("audit", cwd=folder)) as command:
        audit = command.end()
    return Crawled(done, audit, seconds, peak, _ledger(folder), facts)


def _watched(command: Command) -> int:
    """Look at the workers until the command ends: the largest memory of any."""
    peak = 0
    end = time.monotonic() + DEADLINE
    while command.alive and time.monotonic() < end:
        for pid in command.children():
            peak = max(peak, high_water(pid))
        threading.Event().wait(0.1)
    return peak


def high_water(pid: int) -> int:
    """VmHWM in bytes; 0 of a process that has gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in text.splitlines() if line.startswith("VmHWM")), 0)


def _settled(server: Elsewhere) -> dict[str, Any]:
    """The server's facts once it has seen the end of all connections, or soon after."""
    end = time.monotonic() + 5
    while True:
        facts = server.facts()
        if time.monotonic() > end or not any(found["open"] for found in facts.values()):
            return facts
        threading.Event().wait(0.05)


def _ledger(folder: pathlib.Path) -> dict[str, tuple[str, str]]:
    database = sqlite3.connect(folder / ".acrawl" / "hostile" / "job.db")
    try:
        query = "select url, status, reason from ledger join ending e on e.id = ending"
        return {url: (status, reason) for url, status, reason in database.execute(query)}
    finally:
        database.close()
