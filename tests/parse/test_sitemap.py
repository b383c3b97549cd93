"""Reading a sitemap: in pieces, at flat memory, within bounds."""

import gzip
import itertools
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acrawl.parse import sitemap as module
from acrawl.parse.feed import Feed
from acrawl.parse.sitemap import Sitemap

URL = "https://a.test/sitemap.xml"
ENTRY = b"<url><loc>https://a.test/page?a=1&amp;b=2</loc><lastmod>2024-05-01T10:00:00Z</lastmod></url>\n"


def pieces(entries):
    """A sitemap of so many entries that never exists as a whole."""
    yield b"<urlset>"
    yield from itertools.repeat(ENTRY * 100, entries // 100)
    yield b"</urlset>"


def test_a_long_sitemap_is_never_in_memory_as_a_whole():
    for _ in Sitemap(pieces(1000), URL):  # what is remembered of URLs is there now
        pass
    tracemalloc.start()
    try:
        count = sum(1 for _ in Sitemap(pieces(50_000), URL))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 50_000
    assert peak < 50_000 * len(ENTRY) // 5


def test_the_source_is_read_as_far_as_entries_are_taken():
    taken = []

    def source():
        for piece in pieces(50_000):
            taken.append(piece)
            yield piece

    assert next(iter(Sitemap(source(), URL))).url == "https://a.test/page?a=1&b=2"
    assert len(taken) < 10


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_is_read(tmp_path, packed):
    body = b"".join(pieces(1000))
    path = tmp_path / "sitemap"
    path.write_bytes(gzip.compress(body) if packed else body)
    assert sum(1 for _ in Sitemap(path, URL)) == 1000


def test_pieces_may_be_of_any_size():
    packed = gzip.compress(b"".join(pieces(200)))
    for source in (b"".join(pieces(200)), packed, gzip.compress(packed)):
        single = (source[n : n + 1] for n in range(len(source)))
        assert sum(1 for _ in Sitemap(single, URL)) == 200


def test_entries_beyond_the_bound_are_left_out_and_it_says_so():
    whole = Sitemap(pieces(300), URL, most_entries=300)
    assert (len(list(whole)), whole.cut) == (300, "")
    cut = Sitemap(pieces(300), URL, most_entries=299)
    assert (len(list(cut)), cut.cut) == (299, "more than 299 entries")


def test_bytes_beyond_the_bound_are_left_out_and_it_says_so():
    cut = Sitemap(pieces(10_000), URL, max_bytes=200_000)
    assert 0 < len(list(cut)) < 200_000 // len(ENTRY)
    assert cut.cut == "more than 200000 bytes"


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_bomb_is_unpacked_as_far_as_the_bound(layers):
    body = b"<urlset>" + ENTRY + b" " * (20 << 20)
    for _ in range(layers):
        body = gzip.compress(body)
    tracemalloc.start()
    try:
        bomb = Sitemap(body, URL, max_bytes=1 << 20)
        count = sum(1 for _ in bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (count, bomb.cut) == (1, "more than 1048576 bytes")
    assert peak < 8 << 20


def test_what_is_packed_too_often_is_not_unpacked():
    body = b"".join(pieces(100))
    for _ in range(4):
        body = gzip.compress(body)
    assert list(Sitemap(body, URL)) == []


@pytest.mark.parametrize(("end", "why"), [(-20, "cut off"), (-9, "cut off")])
def test_gzip_that_is_cut_off_gives_what_came(end, why):
    packed = gzip.compress(b"".join(pieces(1000)))
    sitemap = Sitemap(packed[:end], URL)
    assert sum(1 for _ in sitemap) > 900
    assert why in sitemap.cut


def test_gzip_that_breaks_in_the_middle_gives_what_came():
    packed = bytearray(gzip.compress(b"".join(ENTRY.replace(b"page", str(n).encode()) for n in range(5000))))
    packed[len(packed) // 2] ^= 0xFF
    sitemap = Sitemap(bytes(packed), URL)
    assert 0 < sum(1 for _ in sitemap) < 5000
    assert "broken" in sitemap.cut


def test_an_entry_has_a_bounded_number_of_parts():
    parts = "".join(
        f"<image:image><image:loc>/{n}.png</image:loc></image:image><x{n}>x</x{n}>"
        f"<xhtml:link rel='alternate' href='/{n}'/>"
        for n in range(2 * module.MOST_PARTS)
    )
    (entry,) = Sitemap(f"<urlset><url><loc>/</loc>{parts}</url></urlset>".encode(), URL)
    assert len(entry.images) == len(entry.alternates) == module.MOST_PARTS
    assert len(entry.texts) <= 20


PARTS = [
    "<url>", "</url>", "<loc>", "https://a.test/", "/x", "</loc>", "<lastmod>2024", "</lastmod>", "<image:image>",
    "</image:image>", "<image:loc>", "<item>", "</item>", "<link>", "</link>",
    "<xhtml:link rel='alternate' href='/y'/>", "<!--", "-->", "<![CDATA[", "]]>", "&amp;", "<", ">", "'", "\n",
    "\x00", "\ud800",
]  # fmt: skip


@given(st.lists(st.sampled_from(PARTS), max_size=30), st.sampled_from([Sitemap, Feed]), st.integers(1, 100))
def test_whatever_comes_nothing_is_raised_and_pieces_make_no_difference(parts, reader, size):
    start = "<rss><item>" if reader is Feed else "<urlset><url><loc>"
    body = (start + "".join(parts)).encode("utf-8", "surrogatepass")
    whole = list(reader(body, URL))
    assert list(reader((body[n : n + size] for n in range(0, len(body), size)), URL)) == whole


@given(st.binary(max_size=200), st.sampled_from([Sitemap, Feed]))
def test_whatever_bytes_come_nothing_is_raised(body, reader):
    for start in (b"", b"<urlset><url><loc>", b"\x1f\x8b\x08\x00", b"{", b"\xff\xfe"):
        list(reader(start + body, URL))


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "filling", [b"<a>", b"\n", b"<url/>", b"<image:image><image:title>long</image:title></image:image>"]
)
def test_what_gives_nothing_for_long_is_read_no_further(filling):
    body = b"<urlset>" + ENTRY + b"<url>" + filling * ((20 << 20) // len(filling)) + b"</url>" + ENTRY
    sitemap = Sitemap(gzip.compress(body, 1), URL)
    assert (sum(1 for _ in sitemap), sitemap.cut) == (1, "nothing is found in 16777216 bytes")


@pytest.mark.parametrize(("text", "priority"), [("nan", None), ("1e400", 1.0), ("-inf", 0.0), ("0,5", 0.5), ("", None)])
def test_a_priority_is_a_number_between_0_and_1(text, priority):
    (entry,) = Sitemap(f"<urlset><url><loc>/</loc><priority>{text}</priority></url></urlset>".encode(), URL)
    assert entry.priority == priority
