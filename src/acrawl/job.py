"""The job folder: what lies where, who may work on it, and whether a crawl is the one that began there.

::

    JOB/job.db        the frontier          JOB/results.db   files and sightings
    JOB/job.json      the crawl's identity  JOB/lock         the master that works here
    JOB/join.json     how workers join      JOB/nonce        proof that a worker sees this disk
    JOB/items.kept    delivered items

A crawl makes the folder where it is missing. Whoever only asks or mends calls `find` first, or says ``make=False``.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import secrets
import shutil
import socket
from collections.abc import Callable

import msgspec

from acrawl.errors import FolderProblem, JobConflict, JobLocked, UsageError

#: Beginnings of lives that a job remembers: the first, and the last ones.
_MOST_LIVES = 200
#: What a job keeps for itself, beside its lock.
_OWN = ("job.db*", "results.db*", "warc.db*", "job.json*", "join*.json*", "nonce*", "items.kept")
#: Where jobs are, seen from the folder a crawl was started in: see `acrawl.cli.crawl`.
_PLACES = (".acrawl", ".acrawl/*", "*/.acrawl", "*/.acrawl/*")


class Identity(msgspec.Struct, frozen=True):
    """What makes two crawls the same: spider, arguments and scope. ``state`` is ``begun`` or ``finished``.

    ``command`` is what was typed, and ``cwd`` where: for people who want to go on with it. ``lives`` are when the crawl
    began and each time it went on (Unix times), ``files`` is the folder of its saved files, ``name`` the spider's.
    ``visit`` is the one that the state is of, from 0.
    """

    spider: str
    sha256: str
    arguments: dict[str, str]
    scope: str
    state: str = "begun"
    command: list[str] = []
    cwd: str = ""
    lives: list[float] = []
    files: str = ""
    name: str = ""
    visit: int = 0

    def differences(self, other: Identity) -> list[str]:
        """In words, how another crawl differs from this one."""
        found = [
            f"{name}: {getattr(self, name)!r} then, {getattr(other, name)!r} now"
            for name in ("spider", "scope")
            if getattr(self, name) != getattr(other, name)
        ]
        then, now = self.arguments, other.arguments
        found += [
            f"{name}: {then.get(name)!r} then, {now.get(name)!r} now"
            for name in dict.fromkeys((*then, *now))
            if then.get(name) != now.get(name)
        ]
        if not found and self.sha256 != other.sha256:
            found.append("the spider's source has changed")
        return found


class Job:
    """A job folder, locked for this process. Use as a context manager.

    Entering makes the folder; with ``make=False`` it has to be a job's already. Raises `FolderProblem`, `JobLocked`,
    `JobConflict`.
    """

    def __init__(self, folder: str | os.PathLike[str], *, make: bool = True) -> None:
        self.folder = pathlib.Path(folder)
        self._make = make
        self._lock: int | None = None

    @property
    def database(self) -> str:
        """The frontier's file."""
        return str(self.folder / "job.db")

    @property
    def local_join_file(self) -> pathlib.Path:
        """How the local workers join: on loopback, whatever this machine is called."""
        return self.folder / "join-local.json"

    @property
    def join_file(self) -> pathlib.Path:
        """How workers join; only this user may read it."""
        return self.folder / "join.json"

    def __enter__(self) -> Job:
        try:
            if self._make:
                self.folder.mkdir(parents=True, exist_ok=True)
            else:
                check(self.folder)
            self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise FolderProblem(f"{self.folder}: cannot be used as the job's folder: {error.strerror}") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.pread(self._lock, 300, 0).decode(errors="replace").strip()
            os.close(self._lock)
            self._lock = None
            raise JobLocked(
                f"{self.folder}: process {owner or '?'} works here; wait for it, or give another --job"
            ) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()} on host {socket.gethostname()}\n".encode(), 0)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._lock is not None:
            os.close(self._lock)  # the kernel lets go of the lock with it, also when we are killed
            self._lock = None

    def begin(self, crawl: Identity, *, resume: bool = False, fresh: bool = False, anew: bool = False) -> bool:
        """Begin the crawl here, or go on with it; returns whether it goes on.

        A finished crawl and one that differs are refused with `JobConflict`, unless told ``resume`` (go on all the
        same) or ``fresh`` (forget what is here). With ``anew`` a finished crawl of the same spider is forgotten.
        """
        if fresh:
            self._clear()
        before = self._read()
        if anew and not resume and before is not None and (before.spider, before.state) == (crawl.spider, "finished"):
            self._clear()
            before = None
        if before is None:
            self._write(crawl)
            return False
        if not resume:
            self._compare(before, crawl)
            if before.state == "finished":
                raise JobConflict(
                    f"{self.folder}: this crawl has finished; fetch what has changed by --again, begin anew by "
                    "--fresh, or look for more by --resume"
                )
        self._write(msgspec.structs.replace(crawl, state="begun", visit=before.visit, lives=_lives(before, crawl)))
        return True

    def begin_visit(self, crawl: Identity, begin: Callable[[int], int], *, resume: bool = False) -> None:
        """Visit a finished crawl again, or go on with such a visit.

        ``begin`` is told of the visit that has finished, and returns the number of the next one once that has begun:
        until then the crawl has finished, and after that it goes on. Raises `JobConflict` as `begin` does, and where
        the first visit has not finished.
        """
        before = self._read()
        if before is None:
            raise JobConflict(f"{self.folder}: no crawl has begun here; run it once without --again")
        if not resume:
            self._compare(before, crawl, "--again --resume")
        number = before.visit
        if before.state == "finished":
            number = begin(number)
        elif not number:
            raise JobConflict(f"{self.folder}: this crawl has not finished; finish it first, without --again")
        self._write(msgspec.structs.replace(crawl, state="begun", visit=number, lives=_lives(before, crawl)))

    def _compare(self, before: Identity, crawl: Identity, how: str = "--resume") -> None:
        differences = before.differences(crawl)
        if differences:
            raise JobConflict(
                f"{self.folder} holds another crawl ({'; '.join(differences)}); "
                f"go on with it by {how}, begin anew by --fresh, or give another --job"
            )

    def forget(self) -> None:
        """Let it be as if no crawl had begun here."""
        self._clear()

    def finish(self) -> None:
        """Record that the crawl has finished. Idempotent."""
        before = self._read()
        if before is not None:
            self._write(msgspec.structs.replace(before, state="finished"))

    def reopen(self) -> Identity | None:
        """Record that there is more to crawl; returns the crawl, None where it was never recorded. Idempotent."""
        before = self._read()
        if before is not None and before.state != "begun":
            self._write(msgspec.structs.replace(before, state="begun"))
        return before

    def nonce(self) -> tuple[str, str]:
        """Write a fresh secret into the folder: the file's path, and what a worker must find in it."""
        path, value = self.folder / "nonce", secrets.token_hex(16)
        self._replace(path, value.encode())
        return str(path.resolve()), value

    def identity(self) -> Identity | None:
        """The crawl that has begun here; None where it was never recorded. Raises `JobConflict`."""
        return self._read()

    @property
    def busy(self) -> bool:
        """Whether a master works here now. Asks without entering."""
        try:
            descriptor = os.open(self.folder / "lock", os.O_RDONLY)
        except OSError:  # none ever did, or it is another user's: then nobody can tell
            return False
        try:
            pid, _, host = os.pread(descriptor, 300, 0).decode(errors="replace").strip().partition(" on host ")
            # Only where its process seems to be there: a master that begins now must not find the lock taken by us.
            if host == socket.gethostname() and pid.isdecimal() and not _is_alive(int(pid)):
                return False
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:  # its master holds it
            return True
        finally:
            os.close(descriptor)
        return False

    def check_place(self, path: str) -> None:
        """Raise `UsageError` for a place of items that is a file of the job itself."""
        place = pathlib.Path(os.path.realpath(path))
        if place.parent == self.folder.resolve() and any(map(place.match, (*_OWN, "lock"))):
            raise UsageError(f"-o {path}: is a file of the job itself; name another")

    def _read(self) -> Identity | None:
        path = self.folder / "job.json"
        try:
            return msgspec.json.decode(path.read_bytes(), type=Identity)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise JobConflict(f"{path} cannot be read ({error}); begin anew by --fresh") from None

    def _write(self, crawl: Identity) -> None:
        self._replace(self.folder / "job.json", msgspec.json.format(msgspec.json.encode(crawl), indent=1))

    def _replace(self, path: pathlib.Path, data: bytes) -> None:
        temporary = path.with_name(path.name + ".new")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(descriptor, "wb") as file:
                file.write(data)
            temporary.replace(path)
        except OSError as error:
            raise FolderProblem(f"{path}: cannot be written: {error.strerror}") from None

    def _clear(self) -> None:
        """Remove what this class and its users made; what else lies in the folder is left alone."""
        for pattern in _OWN:
            for path in self.folder.glob(pattern):
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()
        for name in ("uploads", "exchanges"):
            shutil.rmtree(self.folder / name, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # another user's, or no number of a process: the lock tells
        return True
    return True


def _lives(before: Identity, now: Identity) -> list[float]:
    """When the crawl began, each time it went on, and now; of very many the first and the last."""
    return [*before.lives[:1], *before.lives[1:][1 - _MOST_LIVES + len(now.lives) :], *now.lives]


def check(folder: pathlib.Path) -> None:
    """Refuse a folder that no crawl has begun in, by name. Makes nothing. Raises `JobConflict`."""
    if is_job(folder):
        return
    below = jobs_below(folder)
    if below:
        raise JobConflict(f"{folder} is no job folder; below it there is --job {' or --job '.join(map(str, below))}")
    raise JobConflict(f"{folder}: {'no crawl has begun here' if folder.is_dir() else 'no such job folder'}")


def find(folder: pathlib.Path | None) -> pathlib.Path:
    """The job folder that is meant: the given one, or the only one below this folder. Makes nothing.

    Raises `JobConflict` for a folder that is no job's, and when there are none or several to choose from.
    """
    if folder is not None:
        check(folder)
        return folder
    found = jobs_below(pathlib.Path())
    if not found:
        raise JobConflict("no crawl has begun here (looked below ./.acrawl and ./*/.acrawl); say which: --job DIR")
    if len(found) > 1:
        raise JobConflict(f"{len(found)} crawls have begun here; say which: --job {' or --job '.join(map(str, found))}")
    return found[0]


def jobs_below(folder: pathlib.Path) -> list[pathlib.Path]:
    """The job folders that crawls started in this folder use when nothing else is said, sorted."""
    return sorted({job for place in _PLACES for job in folder.glob(place) if is_job(job)})


def is_job(folder: pathlib.Path) -> bool:
    """Whether a crawl has begun in this folder. One that may not be looked into is none."""
    return os.path.isfile(folder / "job.db")  # Path.is_file raises where looking is not allowed
