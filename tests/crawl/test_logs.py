"""What a spider logs in its callbacks is seen: on the terminal or in the file, at the level of the settings."""

from __future__ import annotations

import pytest

SPIDER = """
from acrawl import Spider

class Talks(Spider):
    name = "talks"

    def __init__(self, origin):
        super().__init__()
        self.start_urls = [origin + "/page"]

    def parse(self, response):
        self.logger.debug("in every detail")
        self.logger.info("a page has come")
        self.logger.warning("a page was odd")
"""


@pytest.fixture
def crawl(acrawl, live, tmp_path):
    live.page("/page")
    (tmp_path / "talks.py").write_text(SPIDER)

    def crawl(*words):
        done = acrawl("run", "talks.py", "-a", f"origin={live.origin}", "--workers", 1, *words)
        assert done.code == 0, done.err
        return done.err

    return crawl


def said(text):
    return [text.count(line) for line in ("in every detail", "a page has come", "a page was odd")]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), [0, 1, 1]),
        (("-q",), [0, 0, 1]),
        (("-s", "log.level=DEBUG"), [1, 1, 1]),
        (("-s", "log.level=ERROR"), [0, 0, 0]),
    ],
    ids=["usual", "quiet", "debug", "error"],
)
def test_what_a_callback_logs_is_shown_at_its_level(crawl, words, expected):
    err = crawl(*words)
    assert said(err) == expected
    assert "acrawl.worker.session" not in err


def test_what_a_callback_logs_goes_to_the_file(crawl, tmp_path):
    err = crawl("-s", "log.file=crawl.log")
    assert said(err) == [0, 0, 0]
    assert said((tmp_path / "crawl.log").read_text()) == [0, 1, 1]
