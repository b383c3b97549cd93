"""The command line as a real process: run to its end, or started and watched; always with a deadline."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import msgspec

#: Seconds after which a process that should have ended is killed, and the test fails.
DEADLINE = 40.0


class Done(msgspec.Struct, frozen=True):
    """What a process left: its exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on standard error. Fails when there are more or none."""
        lines = self.err.strip().splitlines()
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        return lines[0]


class Command:
    """``python -m acrawl ARGUMENTS`` under way, in a process group of its own. ``err`` grows as it writes.

    ``within`` are words that run it, such as ``prlimit``.
    """

    def __init__(
        self, *arguments: object, cwd: pathlib.Path, env: dict[str, str] | None = None, within: Sequence[object] = ()
    ) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ACRAWL_")}
        self._process = subprocess.Popen(
            [*map(str, within), sys.executable, "-m", "acrawl", *map(str, arguments)],
            cwd=cwd,
            env=clean | {"COLUMNS": "200"} | (env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.pid = self._process.pid
        self._lines: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._news = threading.Condition()
        self._readers = [threading.Thread(target=self._read, args=(name,), daemon=True) for name in self._lines]
        for reader in self._readers:
            reader.start()

    @property
    def err(self) -> str:
        """What it has written to standard error so far."""
        return "".join(self._lines["stderr"])

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def says(self, pattern: str, seconds: float = 20.0) -> re.Match[str]:
        """Wait until standard error matches. Raises AssertionError with all it said instead."""
        found: re.Match[str] | None = None

        def look() -> bool:
            nonlocal found
            found = re.search(pattern, self.err)
            return found is not None

        with self._news:
            self._news.wait_for(look, seconds)
        assert found is not None, f"{pattern!r} was not said:\n{self.err}"
        return found

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to this process alone."""
        self._process.send_signal(number)

    def children(self) -> list[int]:
        """The processes it has started and that are alive."""
        return [pid for pid in _pids() if _parent(pid) == self.pid]

    def end(self, seconds: float = DEADLINE) -> Done:
        """Wait for its end. Kills it and fails when it does not come."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.close()
            raise AssertionError(f"still running after {seconds} s:\n{self.err}") from None
        for reader in self._readers:
            reader.join(5)
        return Done(code, "".join(self._lines["stdout"]), self.err)

    def close(self) -> None:
        """Kill what is left of it and of its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait(10)
        for reader in self._readers:
            reader.join(5)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def _read(self, name: str) -> None:
        with contextlib.suppress(ValueError):  # closed under us: the test is over
            for line in getattr(self._process, name):
                with self._news:
                    self._lines[name].append(line)
                    self._news.notify_all()


def until(condition: Any, seconds: float = 15.0) -> None:
    """Look again and again until the condition holds. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not true after {seconds} s")
        threading.Event().wait(0.05)


def gone(pid: int) -> bool:
    """Whether a process has ended, reaped or not."""
    return _status(pid) in {"", "Z"}


def records(path: pathlib.Path) -> list[dict[str, Any]]:
    """The lines of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _pids() -> list[int]:
    return [int(entry.name) for entry in pathlib.Path("/proc").iterdir() if entry.name.isdecimal()]


def _stat(pid: int) -> list[str]:
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _status(pid: int) -> str:
    return (_stat(pid) or [""])[0]


def _parent(pid: int) -> int:
    stat = _stat(pid)
    return int(stat[1]) if stat and stat[0] != "Z" else 0
