"""HTML standard, 13.2.3.2 "Determining the character encoding", and the Encoding standard, 4.2 "Names and labels"."""

import codecs

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from acrawl.parse.encoding import PRESCAN, declared, lookup, sniff

RUSSIAN = "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 20
JAPANESE = "これは文字コードの検出テストです。日本語の文章をある程度の長さで用意します。" * 20


@pytest.mark.parametrize(
    ("label", "codec"),
    [
        ("UTF8", "utf-8"),
        (" utf-8\n", "utf-8"),
        ("latin1", "windows-1252"),
        ("ISO-8859-1", "windows-1252"),
        ("us-ascii", "windows-1252"),
        ("iso8859-2", "iso-8859-2"),
        ("iso_8859-5:1988", "iso-8859-5"),
        ("iso-8859-9", "windows-1254"),
        ("iso-8859-11", "cp874"),
        ("x-cp1251", "windows-1251"),
        ("x-sjis", "cp932"),
        ("gb2312", "gb18030"),
        ("ks_c_5601-1987", "cp949"),
        ("koi8-ru", "koi8-u"),
        ("x-mac-cyrillic", "mac-cyrillic"),
        ("iso-8859-12", None),
        ("iso-8859-17", None),
        ("hz-gb-2312", None),
        ("rot13", None),
        ("base64", None),
        ("idna", None),
        ("", None),
    ],
)
def test_labels(label, codec):
    assert lookup(label) == codec
    if codec:
        codecs.lookup(codec)
        assert b"a".decode(codec, "replace")


@pytest.mark.parametrize(
    ("body", "header", "encoding"),
    [
        # A byte order mark wins over everything.
        (b"\xef\xbb\xbf<meta charset=koi8-r>", "text/html; charset=big5", "utf-8"),
        (b"\xff\xfe<\0", "text/html; charset=big5", "utf-16-le"),
        (b"\xfe\xff\0<", "", "utf-16-be"),
        # Then the transport layer.
        (b"<meta charset=koi8-r>", "text/html; charset=big5", "big5hkscs"),
        (b"<meta charset=koi8-r>", 'text/html; CHARSET = "euc-jp"; x=y', "euc-jp"),
        (b"<meta charset=koi8-r>", "text/html; charset=nonsense", "koi8-r"),
        (b"<meta charset=koi8-r>", "text/html; charset=", "koi8-r"),
    ],
)
def test_mark_header_document_in_this_order(body, header, encoding):
    assert sniff(body, header) == encoding


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"<meta charset=koi8-r>", "koi8-r"),
        (b"<META\n/ CharSet = 'KOI8-R' />", "koi8-r"),
        (b"<meta http-equiv=Content-Type content='text/html; charset=\"koi8-r\"'>", "koi8-r"),
        (b"<meta content='text/html; charset=koi8-r' http-equiv=content-type>", "koi8-r"),
        (b"<meta content='text/html; charset=koi8-r'>", None),
        (b"<meta charset=nonsense><meta charset=koi8-r>", "koi8-r"),
        (b"<meta charset=utf-16>", "utf-8"),
        (b"<meta charset=x-user-defined>", "windows-1252"),
        (b"<!-- <meta charset=big5> --><meta charset=koi8-r>", "koi8-r"),
        (b"<!--><meta charset=koi8-r>", "koi8-r"),
        (b"<p title='<meta charset=big5>'><meta charset=koi8-r>", "koi8-r"),
        (b"</p title='<meta charset=big5>'><? <meta charset=big5><! x><meta charset=koi8-r>", "koi8-r"),
        (b"<metaphor charset=koi8-r>", None),
        (b"<meta charset='koi8-r", None),
        (b"<meta charset=koi8-r", None),
        (b"<?xml version='1.0' encoding='koi8-r'?><p>", "koi8-r"),
        (b"<?xml version='1.0' encoding='koi8-r'?><meta charset=big5>", "big5hkscs"),
        (b"<\0?\0x\0m\0l\0", "utf-16-le"),
        (b"\0<\0?\0x\0m\0l", "utf-16-be"),
        (b"charset=koi8-r", None),
        (b"", None),
    ],
)
def test_prescan(body, encoding):
    assert declared(body) == encoding


PIECES = st.sampled_from(
    [b"<meta ", b"<META charset", b"charset=", b"koi8-r", b"big5", b">", b"<!--", b"-->", b"'", b'"', b" x=", b"</p",
     b"<?xml encoding=", b" " * 1000, b"http-equiv=content-type content='text/html; charset=utf-8'>", b"<"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=12).map(b"".join))
@example(b"<p>" + b"<!--" + b" " * 1000 + b"charset > --><meta charset=koi8-r>")
@example(b"<meta charset='big5>'><meta charset=koi8-r>")
@example(b"<!-- charset=big5> --><meta charset=koi8-r>")
def test_a_glance_at_the_beginning_gives_what_the_whole_gives(head):
    # Where "charset" stands in front, only what it stands in is read; behind a long space, everything is.
    assert declared(head) == declared(b" " * 1024 + head) or head.startswith(b"<?xml") or len(head) > PRESCAN - 1024


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"plain", "utf-8"),
        (RUSSIAN.encode(), "utf-8"),
        (RUSSIAN.encode("windows-1251"), "windows-1251"),
        (RUSSIAN.encode("koi8-r"), "koi8-r"),
        (JAPANESE.encode("cp932"), "cp932"),
        (JAPANESE.encode("euc-jp"), "euc-jp"),
        (JAPANESE.encode("iso2022-jp"), "iso2022-jp"),
        (b"<html>" + b" " * 40_000 + RUSSIAN.encode("windows-1251"), "windows-1251"),
        ("<html><body>text".encode("utf-16-le"), "utf-16-le"),
        ("<html><body>text".encode("utf-16-be"), "utf-16-be"),
        (b"\xff", "windows-1252"),
        ("<p>Price: 5 £".encode("latin-1") + b" only" * 50, "windows-1252"),
        ("naïve é ".encode() * 20 + b"\xff bad", "utf-8"),
        ("Grüße aus München, schöne Straße".encode("latin-1"), "windows-1252"),
    ],
)
def test_an_undeclared_encoding_is_found_by_its_bytes(body, encoding):
    assert sniff(body) == encoding


@pytest.mark.parametrize(
    "label", ["ibm866", "iso-8859-16", "macintosh", "x-mac-ukrainian", "dos-874", "gbk", "big5", "uhc"]
)
def test_every_codec_reads_every_byte(label):
    assert bytes(range(256)).decode(lookup(label), "replace").startswith("\0\1")
