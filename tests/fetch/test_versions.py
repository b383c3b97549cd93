"""What is remembered of an answer, and whether the next one is the same."""

from __future__ import annotations

import hashlib

import pytest
from multidict import CIMultiDict

from acrawl.fetch.versions import conditions, is_same, renewed, speaks_of, validators, version_of, version_of_redirect
from acrawl.outcome import FileFact
from acrawl.request import Request
from acrawl.response import Response
from acrawl.ticket import LONGEST_VALIDATOR, Version

URL = "http://a.test/"
DATE = "Wed, 21 Oct 2026 07:28:00 GMT"
BODY = b"<p>page"
DIGEST = hashlib.sha256(BODY).digest()[:16]


def answer(**headers: str) -> Response:
    fields = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return Response(URL, status=200, headers=fields, body=BODY)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, ("", "")),
        ({"ETag": '"1"', "Last_Modified": DATE}, ('"1"', DATE)),
        ({"ETag": 'W/"1"'}, ('W/"1"', "")),
        ({"ETag": '"\xfc"', "Last_Modified": DATE}, ("", DATE)),
        ({"ETag": f'"{"x" * LONGEST_VALIDATOR}"'}, ("", "")),
        ({"Last_Modified": DATE, "Vary": "Accept-Encoding"}, ("", DATE)),
        ({"Last_Modified": DATE, "Vary": "Accept-Encoding, Cookie"}, ("", "")),
        ({"Last_Modified": DATE, "Vary": "*"}, ("", "")),
        ({"ETag": '"1"', "Last_Modified": DATE, "Vary": "Cookie"}, ('"1"', DATE)),
    ],
)
def test_validators_are_those_that_can_be_sent_back(headers: dict[str, str], expected: tuple[str, str]):
    assert validators(answer(**headers).headers) == expected


@pytest.mark.parametrize(
    ("former", "expected"),
    [
        (Version(), {}),
        (Version('"1"', DATE), {"If-None-Match": '"1"', "If-Modified-Since": DATE}),
        (Version("", "yesterday"), {}),
        (Version("", "0"), {}),
    ],
)
def test_conditions_are_made_of_what_is_a_validator(former: Version, expected: dict[str, str]):
    assert conditions(former) == expected


def test_a_digest_is_taken_where_no_entity_tag_is_or_one_is_to_be_compared():
    request, tagged = Request(URL), answer(ETag='"1"')
    assert version_of(request, tagged, None, "validators") == Version('"1"')
    assert version_of(request, answer(Last_Modified=DATE), None, "validators") == Version("", DATE, DIGEST)
    assert version_of(request, tagged, None, "digests") == Version('"1"', "", DIGEST)
    assert version_of(request, tagged, Version(digest=DIGEST), "validators") == Version('"1"', "", DIGEST)
    assert version_of(request, tagged, None, "nothing") is None


def test_only_what_can_be_asked_for_again_is_remembered():
    assert version_of(Request(URL, method="POST", body=b"x"), answer(), None, "validators") is None
    assert version_of(Request(URL, method="HEAD"), answer(), None, "validators") is None
    assert version_of_redirect(Request(URL, method="POST"), URL) is None
    one, other = (version_of_redirect(Request(URL), URL + path) for path in ("1", "2"))
    assert one is not None
    assert other is not None
    assert not is_same(one, other)


def test_a_saved_file_has_the_whole_digest_and_its_length():
    sha256 = hashlib.sha256(BODY).hexdigest()
    saved = Response(URL, headers=CIMultiDict({"ETag": '"1"'}), file=FileFact(URL, sha256, 7))
    assert version_of(Request(URL, save=True), saved, None, "validators") == Version(
        '"1"', "", bytes.fromhex(sha256), 7
    )


@pytest.mark.parametrize(
    ("former", "now", "same"),
    [
        (Version('"1"'), Version('"1"'), True),
        (Version('"1"'), Version('W/"1"'), True),
        (Version('"1"'), Version('"2"'), False),
        (Version(), Version(), False),
        (Version(modified=DATE), Version(modified=DATE), False),
        (Version('"1"', digest=DIGEST), Version('"2"', digest=DIGEST), True),
        (Version('"1"', digest=DIGEST), Version('"1"', digest=b"0" * 16), False),
        (Version(digest=DIGEST + b"0" * 16), Version(digest=DIGEST), True),
        (Version('"1"', digest=DIGEST), Version('"1"'), True),
    ],
)
def test_the_digest_decides_and_then_the_entity_tag(former: Version, now: Version, same: bool):
    assert is_same(former, now) is same


def test_a_304_speaks_of_what_it_names_and_renews_its_validators():
    former = Version('"1"', DATE, DIGEST, 7)
    assert speaks_of(former, CIMultiDict())
    assert speaks_of(former, CIMultiDict({"ETag": 'W/"1"'}))
    assert not speaks_of(former, CIMultiDict({"ETag": '"2"'}))
    assert renewed(former, CIMultiDict()) == former
    later = "Thu, 22 Oct 2026 07:28:00 GMT"
    assert renewed(former, CIMultiDict({"ETag": 'W/"1"', "Last-Modified": later})) == Version('W/"1"', later, DIGEST, 7)
