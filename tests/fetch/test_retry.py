"""The retry table."""

import pathlib
import re

import pytest
from multidict import CIMultiDict

from acrawl.errors import FetchError, SettingsError
from acrawl.fetch import failures
from acrawl.fetch.failures import REASONS
from acrawl.fetch.retry import Verdict, decide, retry_after
from acrawl.response import Response
from acrawl.settings import Retry, flatten, resolve
from acrawl.settings.fetching import FAILURES

TERMS = Retry(times=2, delay=1.0)
NOW = 784111777.0  # Sun, 06 Nov 1994 08:49:37 GMT


def judge(came, attempt=1, chance=0.5, terms=TERMS, most=-1, **headers):
    if isinstance(came, int):
        came = Response("http://a.example/", status=came, headers=CIMultiDict(headers))
    else:
        came = FetchError(came)
    return decide(terms, attempt, came, NOW, most=most, chance=lambda: chance)


def table(**rows):
    """The terms with these rows over the built-in ones, as a settings file gives them."""
    return resolve(("here", {"retry.table": {word.replace("_", "-"): row for word, row in rows.items()}})).retry


@pytest.mark.parametrize("status", [200, 204, 206, 301, 304, 399])
def test_answers_below_400_are_answers(status):
    assert judge(status) == Verdict("ok")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 418, 422, 451, 499, 501, 505])
def test_statements_about_the_request_are_final(status):
    assert judge(status) == Verdict("fail", 0.0, f"http-{status}")


@pytest.mark.parametrize("status", [408, 425, 500, 502, 504, 507, 520, 521, 522, 523, 524, 530, 599])
def test_trouble_of_the_server_is_tried_again_and_an_unknown_5xx_is_a_500(status):
    assert judge(status) == Verdict("retry", 1.0, f"http-{status}")


@pytest.mark.parametrize(
    "reason", ["dns", "refused", "reset", "timeout", "truncated", "unreachable", "disk", "proxy", "resume"]
)
def test_trouble_on_the_way_is_tried_again(reason):
    assert judge(reason) == Verdict("retry", 1.0, reason)


@pytest.mark.parametrize("most", [-1, 0, 2])
def test_waiting_for_room_on_a_disk_costs_no_attempt_however_often(most):
    for reason in ("disk-full", "bucket-gone"):
        assert judge(reason, attempt=99, most=most) == Verdict("retry", 1.0, reason, free=True)


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
    assert judge("reset", terms=Retry(times=0)) == Verdict("fail", 0.0, "reset")


def test_delays_double_up_to_a_limit_and_jitter_half_to_one_and_a_half():
    many = Retry(times=99, delay=2.0, max_delay=10.0)
    assert [judge("reset", attempt, terms=many).delay for attempt in (1, 2, 3, 4)] == [2.0, 4.0, 8.0, 10.0]
    assert [judge("reset", chance=chance, terms=many).delay for chance in (0.0, 0.5, 1.0)] == [1.0, 2.0, 3.0]
    assert judge("reset", 99, chance=1.0, terms=many).delay == 15.0


# -- the table


def tries(word, terms):
    """How many further tries there are, and the first delay."""
    times = next(n for n in range(20) if judge(word, n + 1, terms=terms).kind == "fail")
    return times, judge(word, terms=terms).delay


def test_a_row_changes_one_outcome_and_leaves_the_others_as_they_are():
    terms = table(timeout=[5, 4.0], dns=[0], http_403=[1, 60.0], http_500=[3])
    assert [tries(word, terms) for word in ("timeout", "dns", 403, 500)] == [(5, 4.0), (0, 0.0), (1, 60.0), (3, 1.0)]
    assert [tries(word, terms) for word in ("reset", 502, 404)] == [(2, 1.0), (2, 1.0), (0, 0.0)]


def test_a_class_of_statuses_speaks_for_those_without_a_row():
    terms = table(http_5xx=[4, 2.0], http_4xx=[1], http_502=[0])
    assert [tries(word, terms) for word in (500, 599, 502, 501)] == [(4, 2.0), (4, 2.0), (0, 0.0), (0, 0.0)]
    assert [tries(word, terms) for word in (404, 408)] == [(1, 1.0), (2, 1.0)]


def test_a_row_of_its_own_makes_a_busy_answer_a_failure_and_a_class_does_not():
    assert judge(503, terms=table(http_503=[1, 3.0])) == Verdict("retry", 3.0, "http-503")
    assert judge(429, terms=table(http_429=[0])) == Verdict("fail", 0.0, "http-429")
    assert judge(503, terms=table(http_5xx=[0])).kind == "pause"


def test_all_of_it_can_be_switched_off_but_a_busy_host_rests_all_the_same():
    terms = Retry(enabled=False)
    assert {tries(word, terms)[0] for word in ("timeout", "reset", 500)} == {0}
    assert judge(429, terms=terms).kind == "pause"


@pytest.mark.parametrize(("most", "times"), [(0, 0), (1, 1), (5, 5), (-1, 2)])
def test_a_request_may_say_how_often_it_is_tried_again_but_not_make_a_final_answer_passing(most, times):
    assert [judge(500, n, most=most).kind for n in range(1, times + 2)] == [*["retry"] * times, "fail"]
    assert judge(404, most=most).kind == "fail"


def test_later_places_add_their_rows_to_those_of_earlier_ones():
    terms = resolve(
        ("file", {"retry.table": {"timeout": [5], "dns": [1]}}), ("-s", {"retry.table": "{dns = [7], http-403 = []}"})
    ).retry
    assert [terms.row(word)[0] for word in ("timeout", "dns", "http-403", "reset")] == [5, 7, 2, 2]


@pytest.mark.parametrize(
    "given",
    [{"retry.table": {"dns": [7]}}, {"retry": {"table": {"dns": [7]}}}, {"retry": {"times": 2, "table": {"dns": [7]}}}],
)
def test_a_spider_and_a_file_give_rows_as_tables(given):
    terms = resolve(("here", flatten(given, "here"))).retry
    assert [terms.row(word)[0] for word in ("dns", "reset")] == [7, 2]


@pytest.mark.parametrize(
    ("word", "hint"), [("timeuot", "'timeout'"), ("http-4o3", "'http-4"), ("http-200", "http-"), ("qqqq", "dns,")]
)
def test_an_unknown_outcome_is_refused_with_the_nearest_one(word, hint):
    with pytest.raises(SettingsError) as caught:
        resolve(("-s", {"retry.table": {word: [1]}}))
    assert repr(word) in str(caught.value)
    assert hint in str(caught.value).partition("no outcome")[2]


def test_scrapys_names_mean_the_same():
    terms = resolve(("s", {"RETRY_TIMES": 5, "RETRY_HTTP_CODES": [500, 503, 522, 429], "DOWNLOAD_DELAY": 1})).retry
    assert [tries(word, terms)[0] for word in (500, 522, 502, 408, "timeout")] == [5, 5, 0, 0, 5]
    assert judge(429, terms=terms).kind == judge(503, terms=terms).kind == "pause"
    assert not resolve(("-s", {"RETRY_ENABLED": "no"})).retry.enabled
    assert tries(418, resolve(("-s", {"RETRY_HTTP_CODES": "418,500"})).retry)[0] == 2


def test_every_failure_of_a_fetch_has_a_word_in_the_table():
    assert set(REASONS.values()) <= set(FAILURES)
    source = "".join(path.read_text() for path in pathlib.Path(failures.__file__).parent.rglob("*.py"))
    words = set(re.findall(r'FetchError\(\s*"([a-z][a-z-]+)"', source)) | set(re.findall(r'"(tls-[a-z-]+)"', source))
    assert len(words) > 5
    assert sorted(words - set(FAILURES)) == []


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_host_rests_and_no_attempt_is_burnt(status):
    assert judge(status) == Verdict("pause", 5.0, f"http-{status}")
    assert judge(status, 3) == Verdict("pause", 5.0, f"http-{status}")
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
    verdict = decide(TERMS, attempt, FetchError("truncated"), NOW, forward=True, chance=lambda: 0.5)
    assert verdict == Verdict("retry", 1.0, "truncated", free=True)
    assert decide(TERMS, attempt, FetchError("too-large"), NOW, forward=True).kind == "fail"
