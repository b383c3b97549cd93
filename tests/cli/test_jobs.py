"""Which job a verb means, and what it says of a folder or a database that is none, or not a sound one."""

from __future__ import annotations

import contextlib
import os
import pathlib
import sqlite3
import tempfile
from collections.abc import Iterator

import pytest

from acrawl.errors import EXIT_ENVIRONMENT, EXIT_FAILED, EXIT_OK, EXIT_USAGE
from acrawl.frontier.database import Database
from acrawl.job import Identity, Job
from cli.conftest import Typed

VERBS = {"why": ("why", "http://a.test/"), "audit": ("audit",), "retry": ("retry",), "report": ("report", "--json")}
#: What each says of a job in which nothing has happened yet.
CODES = {"why": EXIT_FAILED, "audit": EXIT_OK, "retry": EXIT_FAILED, "report": EXIT_OK}
SCHEMA_1 = pathlib.Path(__file__).parents[1] / "frontier" / "schema_1.sql"


def begin(folder: pathlib.Path) -> pathlib.Path:
    """A job in which nothing has happened yet."""
    with Job(folder) as job:
        job.begin(Identity("One", "", {}, "host"))
        Database(job.database).close()
    return folder


@pytest.fixture(params=VERBS)
def verb(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("place", [".acrawl", ".acrawl/one", "pictures/.acrawl", "x/.acrawl/one"])
def test_the_only_job_is_found(typed: Typed, tmp_path, verb, place):
    begin(tmp_path / place)
    done = typed(*VERBS[verb])
    assert (done.code, done.err) == (CODES[verb], "")


def test_of_several_jobs_one_has_to_be_named(typed: Typed, tmp_path, verb):
    for place in (".acrawl/one", "pictures/.acrawl"):
        begin(tmp_path / place)
    done = typed(*VERBS[verb])
    assert (done.code, done.out) == (EXIT_USAGE, "")
    assert done.complaint.endswith("--job .acrawl/one or --job pictures/.acrawl")
    assert typed(*VERBS[verb], "--job", "pictures/.acrawl").code == CODES[verb]


def test_without_a_job_it_says_where_it_looked_and_makes_none(typed: Typed, tmp_path, verb):
    (tmp_path / ".acrawl" / "left-over").mkdir(parents=True)
    done = typed(*VERBS[verb])
    assert (done.code, done.out) == (EXIT_USAGE, "")
    assert "./.acrawl" in done.complaint
    assert "--job" in done.complaint
    assert list(tmp_path.rglob("*")) == [tmp_path / ".acrawl", tmp_path / ".acrawl" / "left-over"]


def test_a_folder_that_is_no_job_is_named_and_left_alone(typed: Typed, tmp_path, verb):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    begin(tmp_path / "pictures" / ".acrawl")
    complaints = {
        "nowhere": "nowhere: no such job folder",
        "empty": "empty: no crawl has begun here",
        "pictures": "--job pictures/.acrawl",
        "file": "file",
    }
    for place, complaint in complaints.items():
        done = typed(*VERBS[verb], "--job", place)
        assert (done.code, done.out) == (EXIT_USAGE, "")
        assert complaint in done.complaint
    assert not (tmp_path / "nowhere").exists()
    assert not list((tmp_path / "empty").iterdir())


# -- databases


def garbage(path: pathlib.Path) -> None:
    path.write_bytes(b"no database at all " * 100)


def foreign(path: pathlib.Path) -> None:
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("create table songs(title)")


def newer(path: pathlib.Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as ours:
        ours.execute("pragma user_version = 99")


def empty(path: pathlib.Path) -> None:
    path.write_bytes(b"")


def cut(path: pathlib.Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def older(path: pathlib.Path) -> None:
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as ours:
        ours.executescript(SCHEMA_1.read_text())


UNSOUND = {
    "garbage": (garbage, EXIT_ENVIRONMENT, "not a database"),
    "foreign": (foreign, EXIT_USAGE, "not of a crawl"),
    "newer": (newer, EXIT_USAGE, "schema 99"),
    "cut": (cut, EXIT_ENVIRONMENT, "damaged"),
}


@pytest.mark.parametrize(("spoil", "code", "complaint"), UNSOUND.values(), ids=UNSOUND)
def test_an_unsound_database_is_named_in_one_line_and_left_as_it_is(
    typed: Typed, tmp_path, verb, spoil, code, complaint
):
    path = begin(tmp_path / ".acrawl") / "job.db"
    spoil(path)
    before = path.read_bytes()
    done = typed(*VERBS[verb])
    assert (done.code, done.out) == (code, ""), done.err
    assert complaint in done.complaint
    assert ".acrawl/job.db" in done.complaint
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["why", "audit"])
@pytest.mark.parametrize(("spoil", "complaint"), [(empty, "is empty"), (older, "is of schema 1")])
def test_asking_neither_fills_an_empty_database_nor_migrates_an_old_one(typed: Typed, tmp_path, name, spoil, complaint):
    path = begin(tmp_path / ".acrawl") / "job.db"
    spoil(path)
    before = path.read_bytes()
    done = typed(*VERBS[name])
    assert (done.code, done.out) == (EXIT_USAGE, "")
    assert complaint in done.complaint
    assert path.read_bytes() == before


def test_mending_an_old_database_brings_it_up_to_date(typed: Typed, tmp_path):
    older(begin(tmp_path / ".acrawl") / "job.db")
    assert typed("retry").out == "nothing to try again\n"  # an old acrawl kept no bodies
    assert typed("audit").code == EXIT_OK


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """Without root's rights for a while; what the test made belongs to root then."""
    if os.getuid():
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def test_a_job_that_may_only_be_read_can_be_asked_but_not_mended(typed: Typed):
    with tempfile.TemporaryDirectory() as name:
        job = begin(pathlib.Path(name, ".acrawl"))
        os.chmod(name, 0o755)
        for path in (*job.iterdir(), job):
            path.chmod(0o555 if path == job else 0o444)
        try:
            with as_nobody():
                done = {verb: typed(*words, cwd=name) for verb, words in VERBS.items()}
        finally:
            job.chmod(0o755)
    assert (done["audit"].code, done["audit"].err) == (EXIT_OK, "")
    assert (done["why"].code, done["why"].err) == (EXIT_FAILED, "")
    assert done["retry"].code == EXIT_ENVIRONMENT
    assert ".acrawl" in done["retry"].complaint
    assert "Permission denied" in done["retry"].complaint


def test_a_job_of_somebody_elses_that_may_not_be_looked_into_is_no_job(typed: Typed):
    with tempfile.TemporaryDirectory() as name:
        job = begin(pathlib.Path(name, ".acrawl"))
        os.chmod(name, 0o755)
        job.chmod(0)
        try:
            with as_nobody():
                done = typed("audit", cwd=name)
        finally:
            job.chmod(0o755)
    assert done.code == EXIT_USAGE
    assert "no crawl has begun here" in done.complaint


# -- what a job remembers


def test_a_job_is_busy_while_a_master_has_it_and_not_after_its_death(tmp_path):
    begin(tmp_path / "job")
    job = Job(tmp_path / "job")
    assert not job.busy
    with Job(tmp_path / "job"):
        assert job.busy
    assert not job.busy
    (tmp_path / "job" / "lock").unlink()
    assert not job.busy


def test_a_job_remembers_when_it_first_began_and_its_last_lives(tmp_path):
    with Job(tmp_path / "job") as job:
        for at in range(300):
            job.begin(Identity("One", "", {}, "host", lives=[float(at)]))
        job.finish()
    identity = Job(tmp_path / "job").identity()
    assert identity.state == "finished"
    assert identity.lives == [0.0, *map(float, range(101, 300))]
