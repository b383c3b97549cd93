"""The webhook: every item arrives, whatever the server does for a while; its URL is a secret."""

import email.utils
import http.server
import json
import threading
import time

import pytest

from acrawl.errors import CrawlFailed, EnvironmentProblem, UsageError
from acrawl.results.base import Row
from acrawl.results.feeds import Crawl, open_feed
from acrawl.results.feeds.patience import Patience
from acrawl.results.feeds.webhook import WebhookFeed
from acrawl.settings import Feeds
from results.kills import ITEMS, item, killed_again_and_again


class Hook(http.server.ThreadingHTTPServer):
    """Keeps what it takes; the next answers are popped from ``answers``: a status with headers, or None to hang up.

    It refuses bodies of more than ``limit`` bytes.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.taken = []
        self.answers = []
        self.limit = 1 << 30
        self.url = f"http://user:s3cret@127.0.0.1:{self.server_port}/s3cret/hook?token=s3cret"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        body = json.loads(self.rfile.read(length))
        answer = self.server.answers.pop(0) if self.server.answers else (204, {})
        if length > self.server.limit:
            answer = 413, {}
        if answer is None:
            self.close_connection = True
            return
        status, headers = answer
        if status == 204:
            self.server.taken.append((dict(self.headers), body["items"]))
        self.send_response(status)
        for name, value in ({"Content-Length": "0"} | headers).items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def hook():
    server = Hook()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class Waits:
    """Time that passes by waiting only."""

    def __init__(self):
        self.all = []

    def now(self):
        return sum(self.all)

    def patience(self, seconds=120):
        return Patience(seconds, self.now, self.all.append)


def test_items_arrive_with_their_ids(hook):
    feed = open_feed(hook.url, {})
    unfit = feed.write([Row("a", {"n": 1, "raw": b"\xff"}), Row("b", object()), Row('"c', ["é"])])
    assert feed.commit() == {}
    feed.close()
    feed.close()
    assert [place for place, _ in unfit] == [1]
    (_, asked), (headers, items) = hook.taken
    assert asked == []
    assert items == [{"item_id": "a", "item": {"n": 1, "raw": "/w=="}}, {"item_id": '"c', "item": ["é"]}]
    assert headers["Content-Type"] == "application/json"
    assert headers["Authorization"].startswith("Basic ")
    assert "s3cret" not in feed.name


def test_a_long_batch_is_sent_in_several_posts(hook):
    feed = open_feed(hook.url, {})
    feed.write([Row(str(n), "x" * 300_000) for n in range(8)])
    feed.close()
    assert [len(items) for _, items in hook.taken] == [0, 3, 3, 2]


def test_a_post_that_is_too_large_for_the_server_is_sent_in_smaller_ones(hook):
    feed = open_feed(hook.url, {})
    hook.limit = 2000
    rows = [Row(str(n), "x" * (3000 if n == 5 else 300)) for n in range(20)]
    ((place, reason),) = feed.write(rows)
    assert place == 5
    assert "takes no item of 3025 bytes (413)" in reason
    assert "s3cret" not in reason
    posts = len(hook.taken)
    assert feed.write(rows[:4]) == []
    feed.close()
    arrived = [one["item_id"] for _, items in hook.taken[:posts] for one in items]
    assert arrived == [str(n) for n in range(20) if n != 5]
    assert [len(items) for _, items in hook.taken[posts:]] == [4]


def test_a_server_that_refuses_every_second_post_gets_every_item_once(hook):
    waits = Waits()
    feed = WebhookFeed(hook.url, waits.patience(1))
    hook.answers = [(503, {}), (204, {})] * 50
    for n in range(50):
        assert feed.write([Row(str(n), n)]) == []
    feed.close()
    assert [one["item"] for _, items in hook.taken for one in items] == list(range(50))
    assert waits.all == [pytest.approx(0.1)] * 50


def test_how_long_a_server_is_waited_for_is_a_setting(hook):
    feed = open_feed(hook.url, {}, crawl=Crawl(Feeds(patience=0)))
    hook.answers = [(503, {})]
    with pytest.raises(CrawlFailed, match="it answered 503"):
        feed.write([Row("1", 1)])
    feed.close()


def test_only_chosen_fields_are_sent(hook):
    feed = open_feed(hook.url, {}, crawl=Crawl(Feeds(fields=("b", "c", "a"))))
    assert feed.write([Row("1", {"a": 1, "x": 9, "b": 2}), Row("2", 7)]) == []
    feed.close()
    first, second = (one["item"] for _, items in hook.taken for one in items)
    assert list(first.items()) == [("b", 2), ("a", 1)]
    assert second == 7


def test_what_does_not_arrive_is_sent_again(hook):
    waits = Waits()
    feed = WebhookFeed(hook.url, waits.patience())
    soon = email.utils.formatdate(time.time() + 50, usegmt=True)
    hook.answers = [
        None,
        (503, {}),
        (429, {"Retry-After": "30"}),
        (500, {"Retry-After": soon}),
        (500, {"Retry-After": "?"}),
    ]
    feed.write([Row("a", 1)])
    feed.close()
    assert [items for _, items in hook.taken] == [[{"item_id": "a", "item": 1}]]
    assert [waits.all[at] for at in (0, 1, 2, 4)] == [0.1, 0.2, 30.0, 1.6]
    assert 45 < waits.all[3] <= 50


def test_a_server_that_refuses_for_too_long_fails_the_crawl(hook, refused_url, caplog):
    waits = Waits()
    for url, answers in ((hook.url, [(503, {})] * 50), (refused_url.replace("//", "//u:s3cret@"), [])):
        hook.answers = answers
        feed = WebhookFeed(url, waits.patience())
        with pytest.raises(CrawlFailed, match=r"does not take items: .*(503|refused).*; mend it and resume") as caught:
            feed.write([Row("a", 1)])
        feed.close()
        assert "s3cret" not in str(caught.value) + caplog.text
    assert 200 < sum(waits.all) <= 240


@pytest.mark.parametrize("status", [301, 400, 401, 404])
def test_a_refusal_that_will_not_change_fails_the_crawl_at_once(hook, status):
    waits = Waits()
    feed = WebhookFeed(hook.url, waits.patience())
    hook.answers = [(status, {"Location": "/elsewhere"})]
    with pytest.raises(CrawlFailed, match=f"it answered {status}"):
        feed.write([Row("a", 1)])
    feed.close()
    assert waits.all == []


def test_what_stands_in_the_way_is_said_before_the_crawl_begins(hook, refused_url):
    hook.answers = [(403, {})]
    with pytest.raises(EnvironmentProblem, match="it answered 403") as caught:
        open_feed(hook.url, {})
    assert "s3cret" not in str(caught.value)
    with pytest.raises(EnvironmentProblem, match="cannot be reached: "):
        open_feed(refused_url, {})
    for url in ("http:///path", "https://[::1", "http://h:port/"):
        with pytest.raises(UsageError, match="no URL"):
            open_feed(url, {})


@pytest.mark.process
def test_whatever_is_killed_every_item_arrives_and_ids_tell_those_that_come_again(tmp_path, hook):
    killed_again_and_again(tmp_path, hook.url)
    arrived = {one["item_id"]: one["item"] for _, items in hook.taken for one in items}
    assert sorted(one["n"] for one in arrived.values()) == list(range(ITEMS))
    assert all(one == item(one["n"]) for one in arrived.values())
