"""The retry table."""

import pytest
from multidict import CIMultiDict

from acrawl.errors import FetchError
from acrawl.fetch.retry import Verdict, decide, retry_after
from acrawl.response import Response
from acrawl.settings import Fetch

FETCH = Fetch(retries=2, retry_delay=1.0)
NOW = 784111777.0  # Sun, 06 Nov 1994 08:49:37 GMT


def judge(came, attempt=1, chance=0.5, fetch=FETCH, **headers):
    if isinstance(came, int):
        came = Response("http://a.example/", status=came, headers=CIMultiDict(headers))
    else:
        came = FetchError(came)
    return decide(fetch, attempt, came, NOW, lambda: chance)


@pytest.mark.parametrize("status", [200, 204, 206, 301, 304, 399])
def test_answers_below_400_are_answers(status):
    assert judge(status) == Verdict("ok")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 418, 451, 501, 505])
def test_statements_about_the_request_are_final(status):
    assert judge(status) == Verdict("fail", 0.0, f"http-{status}")


@pytest.mark.parametrize("status", [408, 425, 500, 502, 504, 520, 521, 522, 523, 524])
def test_trouble_of_the_server_is_tried_again(status):
    assert judge(status) == Verdict("retry", 1.0, f"http-{status}")


PASSING = ["dns", "refused", "reset", "timeout", "truncated", "unreachable", "disk", "resume", "proxy"]


@pytest.mark.parametrize("reason", PASSING)
def test_trouble_on_the_way_is_tried_again(reason):
    assert judge(reason) == Verdict("retry", 1.0, reason)


@pytest.mark.parametrize(
    "reason",
    [
        "tls",
        "tls-expired",
        "tls-untrusted",
        "too-large",
        "blocked",
        "malformed",
        "redirect-refused",
        "too-many-redirects",
        "stage",
    ],
)
def test_what_would_be_the_same_next_time_is_final(reason):
    assert judge(reason) == Verdict("fail", 0.0, reason)


def test_attempts_end_after_the_retries():
    assert [judge("reset", attempt).kind for attempt in (1, 2, 3, 4)] == ["retry", "retry", "fail", "fail"]
    assert [judge(500, attempt).kind for attempt in (1, 2, 3)] == ["retry", "retry", "fail"]
    assert judge("reset", fetch=Fetch(retries=0)) == Verdict("fail", 0.0, "reset")


def test_delays_double_and_jitter_half_to_one_and_a_half():
    many = Fetch(retries=99, retry_delay=2.0)
    assert [judge("reset", attempt, fetch=many).delay for attempt in (1, 2, 3, 4)] == [2.0, 4.0, 8.0, 16.0]
    assert [judge("reset", chance=chance, fetch=many).delay for chance in (0.0, 0.5, 1.0)] == [1.0, 2.0, 3.0]
    assert judge("reset", 99, fetch=many).delay == 2.0 * 2**16


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_host_rests_and_no_attempt_is_burnt(status):
    assert judge(status) == Verdict("pause", 5.0, f"http-{status}")
    assert judge(status, 3) == Verdict("pause", 20.0, f"http-{status}")
    assert judge(status, 99).kind == "pause"
    assert judge(status, **{"Retry-After": "120"}) == Verdict("pause", 120.0, f"http-{status}")
    assert judge(status, **{"retry-after": "0"}).delay == 0.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("Sun, 06 Nov 1994 08:50:37 GMT", 60.0),
        ("Sunday, 06-Nov-94 08:50:37 GMT", 60.0),
        ("Sun Nov  6 08:50:37 1994", 60.0),
        ("Sun, 06 Nov 1994 08:50:37 -0000", 60.0),
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0.0),
        ("9" * 400, 999999999999.0),
    ],
)
def test_retry_after_in_both_forms(text, seconds):
    assert retry_after(CIMultiDict({"Retry-After": text}), NOW) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "-5",
        "1.5",
        "\u0667",
        "nan",
        "inf",
        "Sun, 99 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 99999 08:49:37 GMT",
    ],
)
def test_retry_after_that_says_nothing(text):
    assert retry_after(CIMultiDict({"Retry-After": text}), NOW) is None
    assert judge(429, **{"Retry-After": text}).delay == 5.0


@pytest.mark.parametrize("attempt", [1, 3, 1000])
def test_a_download_that_went_forward_is_always_tried_again_and_soon(attempt):
    verdict = decide(FETCH, attempt, FetchError("truncated"), NOW, lambda: 0.5, forward=True)
    assert verdict == Verdict("retry", 1.0, "truncated", free=True)
    assert decide(FETCH, attempt, FetchError("too-large"), NOW, forward=True).kind == "fail"
