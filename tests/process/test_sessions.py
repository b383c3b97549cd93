"""Sessions through real processes: logged in once, passed on from worker to worker, and not lost by a kill."""

from __future__ import annotations

import os
import pathlib
import re
import signal
import time

import pytest
from aiohttp import web

from acrawl.errors import EXIT_OK
from crawl.command import gone, records, until
from crawl.site import LiveSite

pytestmark = pytest.mark.process

USERS = ("anna", "bert")
STEPS = 30

SPIDER = """
import os
from acrawl import Request, Spider


class Members(Spider):
    custom_settings = {"queues.batch": 1, "ROBOTSTXT_OBEY": False}

    def __init__(self, url):
        super().__init__(url=url)
        self.start_urls = [url]

    async def start(self):
        for user in ("anna", "bert"):
            yield Request(self.url + "login", method="POST", body=user, cookiejar=user)

    def parse(self, response):
        yield {"url": response.url, "user": response.request.cookiejar, "worker": os.getpid()}
        for link in response.links():
            yield response.follow(link, cookiejar=response.request.cookiejar)
"""


class Club(LiveSite):
    """Lets members in: every step hands out the token that the next one needs.

    What is asked for again after a kill may come with the token of a later step, for its first answer set that.
    """

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[tuple[str, str]] = []

    async def _answer(self, request: web.Request) -> web.Response:
        with self._news:
            self.log.append((request.path_qs, time.monotonic()))
            self._news.notify_all()
        if request.path == "/login":
            user = await request.text()
            answer = web.Response(status=302, headers={"Location": f"/{user}/0"})
            answer.set_cookie("token", f"{user}.0", httponly=True)
            answer.set_cookie("member", "yes", max_age=3600)
            return answer
        found = re.fullmatch(r"/(\w+)/(\d+)", request.path)
        token = re.fullmatch(r"(\w+)\.(\d+)", request.cookies.get("token", ""))
        welcome = found and token and token[1] == found[1] and int(token[2]) >= int(found[2])
        if not welcome or request.cookies.get("member") != "yes":
            self.refused.append((request.path, request.headers.get("Cookie", "")))
            return web.Response(status=403)
        step = int(found[2]) + 1
        links = f'<a href="/{found[1]}/{step}">on</a>' if step < STEPS else ""
        answer = web.Response(text=f"<h1>{found[1]}</h1>{links}", content_type="text/html")
        answer.set_cookie("token", f"{found[1]}.{step}", httponly=True)
        return answer


@pytest.fixture
def club():
    with Club() as site:
        yield site


@pytest.fixture
def command(club, tmp_path):
    (tmp_path / "members.py").write_text(SPIDER)

    def arguments(workers):
        return (
            "run", "members.py", "-o", "items.jsonl", "--job", "job", "--workers", workers,
            "-a", f"url={club.url()}", "-s", "queues.grace_seconds=0.3",
        )  # fmt: skip

    return arguments


def walked(club: Club, folder: pathlib.Path) -> dict[str, list[int]]:
    """The workers that took each user's steps, in order. All steps must have been taken, and nobody turned away."""
    assert club.refused == []
    found = records(folder / "items.jsonl")
    steps = {(item["user"], item["url"]): item["worker"] for item in found}
    assert len(steps) == len(found)
    return {user: [steps[user, club.url(f"/{user}/{step}")] for step in range(STEPS)] for user in USERS}


def test_a_session_goes_on_over_two_workers_and_no_other_session_is_in_it(club, command, acrawl, tmp_path):
    done = acrawl(*command(2))
    assert done.code == EXIT_OK, done.err
    workers = walked(club, tmp_path)
    assert len({*workers["anna"], *workers["bert"]}) == 2
    assert club.repeated == {"/login": 2}


def test_no_cookie_of_a_reported_answer_is_lost_by_a_kill(club, command, start, acrawl, tmp_path):
    # Given a worker killed in the middle of two sessions, and then the master,
    master = start(*command(2))
    club.wait_for(12)
    workers = master.children()
    os.kill(workers[0], signal.SIGKILL)
    club.wait_for(2 + STEPS // 2)
    workers = [*workers, *master.children()]
    master.kill()
    master.end(10)
    until(lambda: all(gone(pid) for pid in workers))
    assert len(club.log) < 2 * STEPS
    # when the same command goes on with the job, then both sessions do.
    done = acrawl(*command(2))
    assert done.code == EXIT_OK, done.err
    walked(club, tmp_path)
    assert club.hits["/login"] == 2
