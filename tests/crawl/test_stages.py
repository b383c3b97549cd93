"""Stages of a spider's own, in the processes of a crawl."""

from __future__ import annotations

SPIDER = """
from acrawl import Spider

class Browser:
    async def __aenter__(self):
        raise OSError("there is no browser here")
    async def __aexit__(self, *how):
        pass
    async def __call__(self, request, send):
        return await send(request)

class Browses(Spider):
    name = "browses"
    start_urls = ["http://127.0.0.1:1/"]
    stages = [Browser()]
"""


def test_a_stage_that_cannot_begin_ends_the_crawl_at_once_and_in_words(acrawl, tmp_path):
    (tmp_path / "browses.py").write_text(SPIDER)
    done = acrawl("run", "browses.py", "--workers", 2)
    assert done.code == 2, done.err
    assert done.err.count("the stage Browser cannot begin: OSError: there is no browser here") == 2
    assert "Traceback" not in done.err
