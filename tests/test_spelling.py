"""Which URLs are one: what the standards say, and what the user says."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from acrawl.errors import SettingsError
from acrawl.settings import Urls
from acrawl.spelling import EXACT, Spelling
from acrawl.url import canonical

PAIRS = {
    "hexadecimal digits in lower case": ({}, "http://a.test/%c3%a9", "http://a.test/%C3%A9"),
    "a letter that needs no encoding": ({}, "http://a.test/%7Euser/%61", "http://a.test/~user/a"),
    "another order": ({"sort_query": True}, "http://a.test/?b=2&a=1", "http://a.test/?a=1&b=2"),
    "a tracker's parameter": ({"drop_params": ["utm_*"]}, "http://a.test/x?utm_source=m&p=1", "http://a.test/x?p=1"),
    "nothing but trackers": ({"drop_params": ["utm_*", "fbclid"]}, "http://a.test/x?fbclid=1&UTM_Medium", "http://a.test/x"),
    "a servlet's session": ({"drop_sessions": True}, "http://a.test/x;jsessionid=AB12.node1?p=1", "http://a.test/x?p=1"),
    "a session of PHP": ({"drop_sessions": True}, "http://a.test/?PHPSESSID=0123&p=1", "http://a.test/?p=1"),
    "a long sid": ({"drop_sessions": True}, "http://a.test/?t=4&sid=" + "0af9" * 8, "http://a.test/?t=4"),
    "a session of ASP.NET": ({"drop_sessions": True}, f"http://a.test/(S({'a1' * 12}))/x", "http://a.test/x"),
    "a slash at the end": ({"fold_slash": True}, "http://a.test/a/?q", "http://a.test/a?q"),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_two_spellings_are_one_url(name):
    options, one, other = PAIRS[name]
    spelling = Spelling(Urls(**options))
    assert spelling.key(canonical(one)) == spelling.key(canonical(other))
    if options:
        assert EXACT.key(canonical(one)) != EXACT.key(canonical(other))


@pytest.mark.parametrize(
    ("options", "one", "other"),
    [
        ({}, "http://a.test/%2F", "http://a.test//"),
        ({}, "http://a.test/%3F", "http://a.test/?"),
        ({"sort_query": True}, "http://a.test/?a=1&a=2", "http://a.test/?a=2&a=1"),
        ({"drop_params": ["utm_*"]}, "http://a.test/?u=1", "http://a.test/?u=2"),
        ({"drop_sessions": True}, "http://a.test/?sid=12", "http://a.test/?sid=13"),
        ({"drop_sessions": True}, "http://a.test/?cfidx=12", "http://a.test/?cfidx=13"),
        ({"fold_slash": True}, "http://a.test/a", "http://a.test/a//"),
    ],
)
def test_two_urls_are_two(options, one, other):
    spelling = Spelling(Urls(**options))
    assert spelling.key(canonical(one)) != spelling.key(canonical(other))


def test_the_root_keeps_its_slash():
    assert Spelling(Urls(fold_slash=True)).key("http://a.test/") == "http://a.test/"


@example(["%", "%41", "a"])
@example(["%4", "%41"])
@given(
    st.lists(
        st.sampled_from(
            ["/", "?", "&", "=", "%", "%4", "%41", "%2f", "4", "a", "sid", ";jsessionid=", "utm_x", "é", "."]
        )
    )
)
def test_the_key_of_a_key_is_itself(pieces):
    spelling = Spelling(Urls(sort_query=True, drop_params=("utm_*",), drop_sessions=True, fold_slash=True))
    key = EXACT.key(canonical("http://a.test/" + "".join(pieces)))
    assert EXACT.key(key) == key
    spelling.key(key)


def test_an_alias_is_asked_under_the_name_it_stands_for():
    spelling = Spelling(Urls(host_aliases={"www.a.test": "a.test", "http://b.test:8080": "https://b.test"}))
    assert spelling.address("https://www.a.test/x?y") == "https://a.test/x?y"
    assert spelling.address("http://www.a.test/") == "http://a.test/"
    assert spelling.address("http://b.test:8080/x") == "https://b.test/x"
    for other in ("http://wwww.a.test/", "http://b.test/x", "http://www.a.test:81/", "http://a.test/www.a.test/"):
        assert spelling.address(other) == other


@pytest.mark.parametrize(
    ("aliases", "named"),
    [
        ({"a/b": "c.test"}, "'a/b'"),
        ({"a.test": ""}, "''"),
        ({"a.test": "b.test", "b.test": "c.test"}, "b.test is an alias"),
    ],
)
def test_an_alias_that_cannot_be_is_named(aliases, named):
    with pytest.raises(SettingsError) as caught:
        Spelling(Urls(host_aliases=aliases))
    assert "urls.host_aliases" in str(caught.value)
    assert named in str(caught.value)
