"""Cookies in whole crawls: what an answer set is sent with all it led to, on whatever worker that is fetched."""

from __future__ import annotations

import pathlib
import re
from typing import ClassVar
from urllib.parse import parse_qsl

from multidict import CIMultiDict

from acrawl import Request, Spider
from acrawl.response import Response
from acrawl.testing import crawl

SITE = "https://shop.test"
STAGES = ("guard", "robots", "cookies", "redirect", "testing.test_sessions:Club", "body", "decode", "transport")
STEPS = 12
FORM = b"<form action=/login method=post><input name=csrf value=c4><input name=user><input name=password></form>"


class Club:
    """A site of careful sessions, as a stage that stands in for it: each answer hands out a new token, and a step is
    let through only with the token of the step before it. ``/login/USER`` begins, or the form at ``/login``;
    ``/USER/N`` is a step.
    """

    #: ``(path, its Cookie header, the worker's stage)``
    visits: ClassVar[list[tuple[str, str, int]]] = []

    async def __call__(self, request, send):
        url, cookie = request.url, request.headers.get("Cookie", "")
        path = url.removeprefix(SITE)
        self.visits.append((path, cookie, id(self)))
        if path == "/login" and request.method == "GET":
            return Response(url, body=FORM, request=request)
        if path.startswith("/login"):
            sent = dict(parse_qsl(request.body.decode()))
            user = path.removeprefix("/login/") if path != "/login" else sent["user"]
            if path == "/login" and (sent["csrf"], sent["password"]) != ("c4", f"{user}'s"):
                return Response(url, body=FORM, request=request)
            return redirect(url, f"/{user}/0", f"token={user}.0; Path=/; Secure; HttpOnly")
        if path == "/again":  # sends the visitor to itself until it has a cookie
            return Response(url) if cookie else redirect(url, "/again", "seen=1")
        if path == "/busy" and "busy=1" not in cookie:
            return answered(url, "busy=1", status=502)
        user, step = path.split("/")[-2:]
        if cookie != f"token={user}.{step}":
            return answered(url, status=403)
        return answered(url, f"token={user}.{int(step) + 1}; Path=/; Secure")


def answered(url, *cookies, status=200):
    return Response(url, status=status, headers=CIMultiDict(("Set-Cookie", cookie) for cookie in cookies))


def redirect(url, target, cookie):
    response = answered(url, cookie, status=302)
    response.headers["Location"] = target
    return response


class Members(Spider):
    start_urls: ClassVar = [f"{SITE}/"]

    async def start(self):
        for user in ("anna", "bert"):
            yield Request(f"{SITE}/login/{user}", method="POST", body=b"password", cookiejar=user)

    def parse(self, response):
        step = int(response.url.rpartition("/")[2])
        yield {"user": response.request.cookiejar, "step": step}
        if step < STEPS:
            target = response.urljoin(str(step + 1))
            yield Request(target, cookiejar=response.request.cookiejar)


def crawled(spider, workers=1):
    Club.visits = []
    settings = {"fetch.stages": STAGES, "politeness.obey_robots": False, "queues.batch": 1}
    return crawl(spider, {}, settings, workers=workers)


def test_each_step_of_a_session_is_sent_the_token_of_the_step_before_it_on_any_worker():
    done = crawled(Members, workers=3)
    assert done.counts.reasons == {"fetched(redirect)": 2, "fetched": 2 * (STEPS + 1)}
    assert sorted((item["user"], item["step"]) for item in done.items) == [
        (user, step) for user in ("anna", "bert") for step in range(STEPS + 1)
    ]
    workers = {
        user: {worker for path, _, worker in Club.visits if path.startswith(f"/{user}/")} for user in ("anna", "bert")
    }
    assert all(len(met) > 1 for met in workers.values()), workers


class Careless(Spider):
    start_urls: ClassVar = [f"{SITE}/login/anna"]

    async def start(self):
        yield Request(f"{SITE}/login/anna")

    def parse(self, response):
        yield response.follow("http://shop.test/anna/1", self.parse_plain)

    def parse_plain(self, response):
        yield {"url": response.url}


def test_a_secure_cookie_is_not_sent_in_the_clear():
    done = crawled(Careless)
    assert [(path, cookie) for path, cookie, _ in Club.visits] == [
        ("/login/anna", ""),
        ("/anna/0", "token=anna.0"),
        ("http://shop.test/anna/1", ""),
    ]
    assert done.ended["http://shop.test/anna/1"] == "failed(http-403)"


class Once(Spider):
    start_urls: ClassVar = [f"{SITE}/again"]

    def parse(self, response):
        yield {"url": response.url}


def test_a_redirect_to_itself_that_sets_a_cookie_works():
    done = crawled(Once)
    assert [cookie for _, cookie, _ in Club.visits] == ["", "seen=1"]
    assert done.counts.reasons == {"fetched(redirect)": 1, "fetched": 1}
    assert len(done.items) == 1


class Twins(Spider):
    start_urls: ClassVar = [f"{SITE}/again"]

    def parse(self, response):
        yield {"jar": response.request.cookiejar}
        for jar in {"": ["a"], "a": ["b", "a"]}.get(response.request.cookiejar, []):
            yield response.follow("/again", cookiejar=jar)


def test_a_link_that_was_followed_in_one_session_is_followed_in_another():
    done = crawled(Twins)
    assert [item["jar"] for item in done.items] == ["", "a", "b"]
    assert [cookie for _, cookie, _ in Club.visits] == ["", "seen=1"] * 3


class Patient(Spider):
    start_urls: ClassVar = [f"{SITE}/busy"]


def test_a_retry_sends_the_cookie_that_the_first_try_was_given():
    done = crawled(Patient, workers=2)
    assert [cookie for _, cookie, _ in Club.visits] == ["", "busy=1"]
    assert done.counts.retries == 1


def test_the_spider_of_the_manual_runs_as_printed(monkeypatch):
    monkeypatch.setenv("PASSWORD_ANNA", "anna's")
    monkeypatch.setenv("PASSWORD_BERT", "bert's")
    manual = pathlib.Path(__file__).parents[2] / "docs" / "cookies.md"
    (source,) = re.findall(r"^```python\n(.*?)^```$", manual.read_text(), re.MULTILINE | re.DOTALL)
    names: dict[str, type[Spider]] = {}
    exec(source.replace("https://club.example", SITE), names)
    done = crawled(names["Members"])
    assert [item["user"] for item in done.items] == ["anna", "bert"]
    assert done.counts.reasons == {"fetched(redirect)": 2, "fetched": 4}
