"""What RFC 9110 says of validators and ranges, as tables."""

import pytest
from multidict import CIMultiDict

from acrawl.errors import FetchError
from acrawl.fetch.resume import (
    Extent,
    continuing,
    extent_of,
    fitting,
    is_complete,
    key_of,
    plain,
    validator_of,
    whole_headers,
)
from acrawl.outcome import Beginning
from acrawl.request import Request

URL = "http://a.example/file"
MODIFIED = "Sun, 06 Nov 1994 08:49:37 GMT"
BEGINNING = Beginning('"v1"', 1000, 400, {"Content-Type": "application/zip", "ETag": '"v1"'})


def fields(**headers):
    return CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        ({"ETag": '"v1"'}, '"v1"'),
        ({"ETag": ' "" '}, '""'),
        ({"ETag": 'W/"v1"'}, ""),
        ({"ETag": "v1"}, ""),
        ({"ETag": '"v\r1"'}, ""),
        ({"ETag": '"v1"', "Accept_Ranges": "none"}, ""),
        ({"ETag": '"v1"', "Accept_Ranges": "bytes"}, '"v1"'),
        ({"ETag": '"v1"', "Content_Encoding": "gzip"}, ""),
        ({"ETag": '"v1"', "Content_Encoding": "identity"}, '"v1"'),
        ({"Last_Modified": MODIFIED, "Date": "Sun, 06 Nov 1994 08:50:37 GMT"}, MODIFIED),
        ({"Last_Modified": MODIFIED, "Date": "Sun, 06 Nov 1994 08:50:36 GMT"}, ""),
        ({"Last_Modified": MODIFIED}, ""),
        ({"Last_Modified": "yesterday", "Date": MODIFIED}, ""),
        ({"Last_Modified": MODIFIED, "Date": "Mon, 07 Nov 1994 08:49:37 GMT", "ETag": 'W/"v1"'}, ""),
        ({}, ""),
    ],
)
def test_only_a_strong_validator_proves_that_a_file_is_the_same(headers, validator):
    assert validator_of(fields(**headers)) == validator


@pytest.mark.parametrize(
    ("text", "extent"),
    [
        ("bytes 400-999/1000", Extent(400, 999, 1000)),
        ("Bytes 0-0/1", Extent(0, 0, 1)),
        ("bytes 400-999/*", Extent(400, 999, 0)),
        ("bytes */1000", Extent(0, -1, 1000)),
        ("bytes */*", None),
        ("bytes 400-1000/1000", None),
        ("bytes 500-400/1000", None),
        ("bytes 400-/1000", None),
        ("bytes=400-999/1000", None),
        ("bytes 400-999", None),
        ("lines 1-2/3", None),
        ("bytes -1-999/1000", None),
        ("bytes 400-999/1000, 1-2/3", None),
        ("bytes \u0664-\u0665/\u0666", None),
        ("bytes 1-9999999999999999999/99999999999999999999", None),
        ("", None),
    ],
)
def test_a_content_range_is_read_or_refused(text, extent):
    assert extent_of({"Content-Range": text}) == extent


@pytest.mark.parametrize(
    ("beginning", "headers", "extent"),
    [
        (BEGINNING, {"Content_Range": "bytes 400-999/1000", "ETag": '"v1"'}, Extent(400, 999, 1000)),
        (BEGINNING, {"Content_Range": "bytes 400-999/1000"}, Extent(400, 999, 1000)),
        (BEGINNING, {"Content_Range": "bytes 400-499/1000"}, Extent(400, 499, 1000)),
        (BEGINNING, {"Content_Range": "bytes 400-999/*"}, Extent(400, 999, 1000)),
        (Beginning('"v1"', 0, 400), {"Content_Range": "bytes 400-999/1000"}, Extent(400, 999, 1000)),
        (Beginning(MODIFIED, 0, 400), {"Content_Range": "bytes 400-9/10", "Last_Modified": "x"}, "makes sense"),
        (Beginning(MODIFIED, 0, 4), {"Content_Range": "bytes 4-9/10", "Last_Modified": MODIFIED}, Extent(4, 9, 10)),
        (Beginning(MODIFIED, 0, 4), {"Content_Range": "bytes 4-9/10", "Last_Modified": "later"}, "has changed"),
        (BEGINNING, {"Content_Range": "bytes 399-999/1000"}, "were asked for"),
        (BEGINNING, {"Content_Range": "bytes 0-999/1000"}, "were asked for"),
        (BEGINNING, {"Content_Range": "bytes */1000"}, "were asked for"),
        (BEGINNING, {"Content_Range": "bytes 400-999/1000", "ETag": '"v2"'}, "has changed"),
        (BEGINNING, {"Content_Range": "bytes 400-999/1000", "ETag": 'W/"v1"'}, "has changed"),
        (BEGINNING, {"Content_Range": "bytes 400-1000/1001"}, "1000 bytes and has 1001"),
        (BEGINNING, {"Content_Range": "bytes 400-1999/*"}, "where the file ends"),
        (Beginning('"v1"', 0, 400), {"Content_Range": "bytes 400-999/*"}, "where the file ends"),
        (BEGINNING, {"Content_Range": "bytes 400-999/1000", "Content_Length": "601"}, "contradicts"),
        (BEGINNING, {"Content_Type": "multipart/byteranges; boundary=x"}, "multipart/byteranges"),
        (BEGINNING, {}, "no type"),
    ],
)
def test_a_part_is_taken_only_if_it_goes_on_where_we_are_in_the_same_file(beginning, headers, extent):
    if isinstance(extent, Extent):
        assert fitting(beginning, fields(**headers)) == extent
    else:
        with pytest.raises(FetchError, match=extent) as caught:
            fitting(beginning, fields(**headers))
        assert caught.value.reason == "resume"


@pytest.mark.parametrize(
    ("headers", "complete"),
    [
        ({"Content_Range": "bytes */400"}, True),
        ({"Content_Range": "bytes */400", "ETag": '"v1"'}, True),
        ({"Content_Range": "bytes */400", "ETag": '"v2"'}, False),
        ({"Content_Range": "bytes */399"}, False),
        ({"Content_Range": "bytes 0-399/400"}, False),
        ({}, False),
    ],
)
def test_416_tells_whether_all_of_it_is_there_already(headers, complete):
    assert is_complete(BEGINNING, fields(**headers)) == complete


def test_the_rest_is_asked_for_uncoded_and_only_of_the_same_file():
    asked = continuing(Request(URL, headers={"accept-encoding": "gzip", "X-Own": "1"}, save=True), BEGINNING)
    assert asked.headers == {"X-Own": "1", "Accept-Encoding": "identity", "Range": "bytes=400-", "If-Range": '"v1"'}
    assert plain(Request(URL)).headers == {"Accept-Encoding": "identity"}
    assert plain(Request(URL, headers={"accept-encoding": "br"})).headers == {"accept-encoding": "br"}


def test_both_answers_together_have_the_headers_of_the_whole():
    first = Beginning('"v1"', 1000, 400, {"Content-Type": "text/csv", "Content-MD5": "whole", "ETag": '"v1"'})
    rest = fields(content_range="bytes 400-999/1000", content_length="600", content_md5="part", Date="now")
    whole = whole_headers(first, rest, 1000)
    assert dict(whole) == {
        "Content-Type": "text/csv", "Content-MD5": "whole", "ETag": '"v1"', "Date": "now", "Content-Length": "1000",
    }  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [
        {"method": "POST"},
        {"method": "HEAD"},
        {"body": b"x"},
        {"headers": {"range": "bytes=0-9"}},
        {"headers": {"If-Match": "*"}},
    ],
)
def test_what_is_no_plain_get_of_all_of_it_is_not_resumed(other):
    assert key_of(Request(URL, **other)) == ""


def test_a_beginning_belongs_to_a_url_and_to_what_chooses_between_its_files():
    key = key_of(Request(URL))
    assert key == key_of(Request(URL, headers={"Cookie": "a=1", "Authorization": "b"}, referrer="http://a.example/"))
    others = [Request(URL + "2"), Request(URL, headers={"accept": "image/png"})]
    assert len({key, *map(key_of, others)}) == 3
