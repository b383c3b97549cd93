"""Kill injection: a crawl as real processes, killed with SIGKILL again and again, and started again until it is done.

`strikes` draws a plan from a seed, `under_fire` carries it out. Only processes that were started here are ever
signalled, and none of them outlives the call. For Linux: it reads ``/proc`` and signals through process descriptors,
which cannot hit another process that has taken over a number.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import IO

import msgspec

from acrawl.errors import CrawlFailed

MASTER = "master"
WORKER = "worker"
#: Workers are struck so many times in a row at most: a master gives a place up whose workers keep dying at once.
MOST_WORKERS = 3
#: Seconds between two looks at a condition.
_LOOK = 0.01
#: Seconds that a struck crawl has to start a worker, and an orphaned worker to go.
_PATIENCE = 15.0
#: Ends without a strike after which it is given up.
_MOST_SURPRISES = 3


class Strike(msgspec.Struct, frozen=True):
    """One kill: of the ``master`` or of one ``worker``, ``pause`` seconds after ``progress`` has been reached."""

    target: str
    progress: int
    pause: float


class Losses(msgspec.Struct):
    """What it took: how often the crawl was started, who was killed, and in ``surprises`` how it ended otherwise."""

    starts: int = 0
    masters: int = 0
    workers: int = 0
    seconds: float = 0.0
    surprises: list[str] = []


def strikes(seed: int, count: int, progress: int, *, masters: float = 0.5, pause: float = 1.5) -> list[Strike]:
    """Draw ``count`` kills at random moments of a crawl whose progress ends at ``progress``; the same for a seed.

    ``masters`` is the share of those that hit the master, ``pause`` the longest wait after the progress is reached.
    """
    chance = random.Random(seed)  # noqa: S311 - it has to be repeatable, not secret
    moments = sorted(chance.randrange(max(1, progress)) for _ in range(count))
    plan: list[Strike] = []
    for moment in moments:
        spared = all(strike.target == WORKER for strike in plan[-MOST_WORKERS:]) and len(plan) >= MOST_WORKERS
        target = MASTER if spared or chance.random() < masters else WORKER
        plan.append(Strike(target, moment, chance.uniform(0.0, pause)))
    return plan


def lines(path: str | os.PathLike[str]) -> int:
    """How many whole lines a file has, none while it is missing: the progress of a feed or of an access log."""
    try:
        return pathlib.Path(path).read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def under_fire(
    arguments: Sequence[str],
    plan: Sequence[Strike],
    progress: Callable[[], int],
    *,
    cwd: str | os.PathLike[str],
    seconds: float = 600.0,
    seed: int = 0,
) -> Losses:
    """Run ``python -m acrawl ARGUMENTS`` until it ends with 0, killing by the plan and starting it again each time.

    ``progress`` is called often and says how far the crawl is. ``seed`` decides which of several workers is struck.
    What the processes write is appended to ``crawl.log`` in ``cwd``. Strikes that come after the end are dropped.
    Raises TimeoutError when it has not ended after ``seconds``, `CrawlFailed` when it keeps ending in another way.
    """
    chance = random.Random(seed)  # noqa: S311 - as above
    losses, began = Losses(), time.monotonic()
    command = [sys.executable, "-m", "acrawl", *arguments]
    with contextlib.ExitStack() as yard:
        log = yard.enter_context(pathlib.Path(cwd, "crawl.log").open("ab"))
        siege = _Siege(command, cwd, log, began + seconds, losses)
        yard.callback(siege.close)
        siege.start()
        for strike in plan:
            siege.until(lambda reached=strike.progress: progress() >= reached)  # type: ignore[misc]
            siege.until(_after(strike.pause))
            if siege.finished:
                break
            siege.strike(strike, chance)
        siege.until(lambda: False)
    losses.seconds = time.monotonic() - began
    return losses


class _Siege:
    """One crawl under fire: the run that lives, and those that were struck and are not gone yet."""

    def __init__(
        self, command: list[str], cwd: str | os.PathLike[str], log: IO[bytes], deadline: float, losses: Losses
    ) -> None:
        self.finished = False
        self._command = command
        self._cwd = cwd
        self._log = log
        self._deadline = deadline
        self._losses = losses
        self._run: _Run | None = None
        self._struck: list[_Run] = []

    def start(self) -> None:
        # A dead master's workers may still be about when the next one starts: so it is in reality. Only those of the
        # one before last must have gone, so that they cannot pile up.
        for run in self._struck[:-1]:
            run.close(_PATIENCE)
        del self._struck[:-1]
        self._run = _Run(self._command, self._cwd, self._log)
        self._losses.starts += 1

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for the condition, or for the crawl's end; one that ends otherwise than with 0 is started again."""
        while not self.finished:
            run = self._run
            assert run is not None
            code = run.code()
            if code is not None:
                self._ended(run, code)
            elif condition():
                return
            elif time.monotonic() > self._deadline:
                raise TimeoutError(f"the crawl did not end in time; see {self._log.name}")
            else:
                threading.Event().wait(_LOOK)

    def strike(self, strike: Strike, chance: random.Random) -> None:
        """Kill one process. A worker has to be there first."""
        run = self._run
        assert run is not None
        if strike.target == WORKER:
            patience = time.monotonic() + _PATIENCE
            self.until(lambda: self._run is not run or bool(run.workers()) or time.monotonic() > patience)
            workers = run.workers()
            if self._run is run and workers and run.kill_worker(chance.choice(workers)):
                self._losses.workers += 1
            return
        run.kill_master()
        self._losses.masters += 1
        self._struck.append(run)
        self.start()

    def close(self) -> None:
        """Leave nothing behind."""
        for run in [*self._struck, self._run]:
            if run is not None:
                run.close(0.0)

    def _ended(self, run: _Run, code: int) -> None:
        run.close(_PATIENCE)
        self._run = None
        if code == 0:
            self.finished = True
            return
        self._losses.surprises.append(f"exit code {code} in start {self._losses.starts}")
        if len(self._losses.surprises) >= _MOST_SURPRISES:
            raise CrawlFailed(f"{'; '.join(self._losses.surprises)}; see {self._log.name}")
        self.start()


class _Run:
    """One start of the command, the leader of a process group that its workers belong to.

    The leader is not reaped before `close`: until then its number, which is the group's, cannot become another's.
    """

    def __init__(self, command: list[str], cwd: str | os.PathLike[str], log: IO[bytes]) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ACRAWL_")}
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            command, cwd=cwd, env=clean, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )

    def code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        if self._process.returncode is not None:
            return self._process.returncode
        found = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is None:
            return None
        return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status

    def workers(self) -> list[int]:
        """The processes it has started that are alive, in ascending order."""
        return [pid for pid in _pids() if _parent(pid) == self._process.pid]

    def kill_master(self) -> None:
        """SIGKILL to the leader alone, and wait for its end."""
        os.kill(self._process.pid, signal.SIGKILL)
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)

    def kill_worker(self, pid: int) -> bool:
        """SIGKILL to one of `workers`; returns whether it was still there."""
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return False
        try:
            if _parent(pid) != self._process.pid:  # looked at after the descriptor was opened: it is this one
                return False
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)
        return True

    def close(self, patience: float) -> None:
        """Let what is left of the group go by itself for so long, then kill it. Idempotent."""
        if self._process.returncode is not None:
            return
        group = self._process.pid
        end = time.monotonic() + patience
        while time.monotonic() < end and any(_group(pid) == group for pid in _pids()):
            threading.Event().wait(_LOOK)
        os.killpg(group, signal.SIGKILL)
        self._process.wait()


def _after(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


def _pids() -> list[int]:
    return sorted(int(name) for name in os.listdir("/proc") if name.isdecimal())


def _stat(pid: int) -> list[str]:
    """State, parent, group ... of a living process; empty for one that has ended, reaped or not."""
    try:
        found = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
    return [] if found[0] in "ZX" else found


def _parent(pid: int) -> int:
    found = _stat(pid)
    return int(found[1]) if found else 0


def _group(pid: int) -> int:
    found = _stat(pid)
    return int(found[2]) if found else 0
