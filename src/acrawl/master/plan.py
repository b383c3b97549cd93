"""What the user asked for, resolved: everything a master needs to begin."""

from __future__ import annotations

import pathlib

import msgspec

from acrawl.results.cloud.address import Address
from acrawl.settings import Settings
from acrawl.spider import Source


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One crawl. ``workers`` are local processes; ``listen`` opens the queues to other machines.

    ``files`` is where saved files go and ``publish`` what is made of the whole at the end, by its name in
    `acrawl.master.output`; ``feeds`` are ``PATH[:format]``. ``spec`` is what the local workers are told to load.
    ``warc`` is where a web archive goes: the beginning of the names of its files.
    ``typed`` are the words of the command line. A ``check`` is made again and again: a finished one is begun anew, and
    it has finished when whoever reports of it says so in the job.
    """

    source: Source
    spec: str
    settings: Settings
    job: pathlib.Path
    arguments: dict[str, str] = {}
    workers: int = 1
    listen: tuple[str, int] | None = None
    authkey: bytes | None = None
    files: pathlib.Path | Address | None = None
    publish: str = ""
    feeds: tuple[str, ...] = ()
    resume: bool = False
    fresh: bool = False
    quiet: bool = False
    check: bool = False
    typed: tuple[str, ...] = ()
    warc: pathlib.Path | None = None

    @property
    def place(self) -> str:
        """Where saved files go, also where nobody said it: a folder, or a URL."""
        files = self.files or self.job / "files"
        return files.url if isinstance(files, Address) else str(files.resolve())
