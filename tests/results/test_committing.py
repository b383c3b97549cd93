"""All that a batch is written to commits together, and one that cannot waits for the others."""

import threading

import pytest

from acrawl.errors import CrawlFailed
from acrawl.results.committing import Committer


class Meeting:
    """A writer that commits only while as many others do."""

    def __init__(self, name, meeting, error=None):
        self.name, self.ended = name, False
        self._meeting, self._error = meeting, error

    def commit(self):
        self._meeting.wait(10)
        if self._error is not None:
            raise self._error
        self.ended = True
        return {self.name: 1}


def test_all_commit_at_once_and_each_has_its_mark():
    meeting = threading.Barrier(3)
    committer = Committer([Meeting(name, meeting) for name in "abc"])
    assert committer.commit() == {"a": 1, "b": 1, "c": 1}
    assert committer.commit() == {"a": 1, "b": 1, "c": 1}
    committer.close()


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_that_cannot_commit_is_told_of_when_all_others_have_ended(place):
    meeting = threading.Barrier(3)
    writers = [Meeting(str(n), meeting, CrawlFailed("full") if n == place else None) for n in range(3)]
    committer = Committer(writers)
    with pytest.raises(CrawlFailed, match="full"):
        committer.commit()
    assert [writer.ended for writer in writers] == [n != place for n in range(3)]
    committer.close()


def test_where_nothing_is_written_nothing_is_marked():
    committer = Committer([])
    assert committer.commit() == {}
    committer.close()
