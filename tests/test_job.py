"""The job's record: which visit has finished, and what may follow."""

from __future__ import annotations

import pathlib

import pytest

from acrawl.errors import JobConflict
from acrawl.job import Identity, Job

CRAWL = Identity("spider", "0" * 64, {}, "host")


@pytest.fixture
def job(tmp_path: pathlib.Path):
    with Job(tmp_path / "job") as job:
        yield job


def test_a_visit_follows_one_that_has_finished(job: Job):
    told: list[int] = []

    def begin(finished: int) -> int:
        told.append(finished)
        return finished + 1

    with pytest.raises(JobConflict, match="run it once without --again"):
        job.begin_visit(CRAWL, begin)
    assert job.begin(CRAWL) is False
    with pytest.raises(JobConflict, match="finish it first, without --again"):
        job.begin_visit(CRAWL, begin)
    job.finish()
    job.begin_visit(CRAWL, begin)
    job.begin_visit(CRAWL, begin)  # it goes on
    assert job.begin(CRAWL) is True  # without --again as well
    job.finish()
    with pytest.raises(JobConflict, match="this crawl has finished; fetch what has changed by --again"):
        job.begin(CRAWL)
    job.begin_visit(CRAWL, begin)
    assert told == [0, 1]


def test_killed_before_the_job_says_so_a_visit_is_found_begun(job: Job):
    def die(finished: int) -> int:
        raise KeyboardInterrupt

    job.begin(CRAWL)
    job.finish()
    with pytest.raises(KeyboardInterrupt):
        job.begin_visit(CRAWL, die)
    told: list[int] = []
    job.begin_visit(CRAWL, lambda finished: told.append(finished) or 1)
    assert told == [0]


def test_another_spider_visits_only_when_it_is_told_to(job: Job):
    job.begin(CRAWL)
    job.finish()
    changed = Identity("spider", "1" * 64, {}, "host")
    with pytest.raises(JobConflict, match=r"the spider's source has changed.*--again --resume"):
        job.begin_visit(changed, lambda _: 1)
    job.begin_visit(changed, lambda _: 1, resume=True)
    assert job.begin(changed) is True
