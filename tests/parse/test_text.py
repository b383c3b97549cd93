"""The text of a page, whatever its bytes and whatever the server says of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acrawl.parse.document import Document
from acrawl.parse.encoding import lookup, sniff

LABELS = [
    *("utf-8", "utf-16", "utf-16be", "utf-7", "utf-32", "replacement", "iso-2022-kr", "hz-gb-2312", "iso-2022-cn"),
    *("iso-2022-jp", "x-user-defined", "big5", "gb18030", "gbk", "euc-kr", "euc-jp", "shift_jis", "windows-1252"),
    *(
        "windows-874",
        "koi8-r",
        "ibm866",
        "macintosh",
        "rot13",
        "idna",
        "punycode",
        "hex",
        "unicode_escape",
        "undefined",
    ),
    *("mbcs", "base64", "iso-8859-8-i"),
]
types = st.one_of(
    st.text(max_size=60),
    st.builds(
        "{}; charset={}".format, st.sampled_from(["text/html", "text/xml", "a/b+xml", ""]), st.sampled_from(LABELS)
    ),
)
pieces = st.sampled_from(
    [
        *(b"<?xml version='1.0' encoding='", b"'?>", b"<meta charset=", b">", b"<", b"\0", b"[", b"{"),
        *(b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\x1b$B", b"\x1b(J", b"~{", b"+AD"),
        *(label.encode() for label in LABELS),
    ]
)
bodies = st.lists(st.one_of(pieces, st.binary(max_size=16))).map(b"".join)


@settings(max_examples=500, deadline=None)
@given(bodies, types)
def test_it_never_raises(body, content_type):
    page = Document(body, "https://h.test/", content_type)
    page.text.encode("utf-8")  # no lone surrogates either
    assert page.type in ("html", "xml", "json")
    page.selector.get()
    page.selector.xpath("//*") if page.type != "json" else page.selector.jmespath("a")


@pytest.mark.parametrize(
    "label", ["utf-7", "utf-32", "replacement", "iso-2022-kr", "hz-gb-2312", "iso-2022-cn", "rot13", "iso-8859-00"]
)
def test_encodings_that_browsers_refuse_are_not_used(label):
    assert lookup(label) is None
    assert Document(b"+ADw-b+AD4- ~{VPND~}", "", f"text/html; charset={label}").text == "+ADw-b+AD4- ~{VPND~}"


def test_the_detector_sees_the_beginning_of_what_is_unusual():
    russian = ("Съешь же ещё этих мягких французских булок, да выпей чаю. " * 400).encode("windows-1251")
    japanese = ("これは文字コードの検出テストです。" * 2000).encode("euc-jp")
    assert sniff(b"x" * 1_000_000 + russian + japanese * 20) == "windows-1251"
    assert sniff(b"x" * 1_000_000 + japanese + russian * 20) == "euc-jp"
