"""Names as users and spiders want them: filled in, portable, and refused before a crawl when they cannot be."""

import os
import re
import unicodedata

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from acrawl.errors import SettingsError
from acrawl.outcome import FileFact
from acrawl.results.files.template import DEFAULT, NUMBERS, TEXTS, NameTemplate
from results.test_names import SEGMENTS, TYPES, URLS, WINDOWS

SHA256 = "0123456789abcdef" * 4
FACT = FileFact("https://example.org/a/b/photo.php?id=3", SHA256, 1234, "image/png", 20, 10)
BEGAN = 1_760_000_000.0  # 2025-10-09


def filled(text, fact=FACT, **changes):
    return NameTemplate(text, spider="shop", began=BEGAN).name(msgspec.structs.replace(fact, **changes), 7)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("{host}/{path}", "example.org/a/b/photo.php-110fe7ac.png"),
        ("{sha256}", f"{SHA256}.png"),
        ("{sha256:2}/{sha256}{ext}", f"01/{SHA256}.png"),
        ("{host}/{stem}-{width}x{height}{ext}", "example.org/photo.php-110fe7ac-20x10.png"),
        ("{type}/{name}", "image/photo.php-110fe7ac.png"),
        ("{date}/{n:06}", "2025-10-09/000007.png"),
        ("{spider}/{folder}/{size}", "shop/a/b/1234.png"),
        ("{stem}.dat", "photo.php-110fe7ac.dat"),
        ("{stem}.{n}", "photo.php-110fe7ac.7.png"),
        ("{name:5}", "photo.png"),
        ("{sha256:8}{ext:0}", "01234567"),
        ("{{x}}", "{x}.png"),
        ("index.html", "_index.html"),
        ("index.html/{n}", "_index.html/7.png"),
        ("{stem:0}/{n}", "7.png"),
    ],
)
def test_fields_are_filled_in_and_an_extension_is_added_where_none_is(text, name):
    assert filled(text) == name


@pytest.mark.parametrize("url", ["https://e.org", "https://e.org/a/", "https://e.org:8/a/b.jpg?x", "https://e.org/a"])
def test_the_fields_of_a_url_together_are_the_usual_name(url):
    usual = filled(DEFAULT, url=url)
    assert filled("{host}/{folder}/{name}", url=url) == usual
    assert filled("{host}/{path}{ext:0}", url=url) == usual
    assert filled("{host}/{folder}/{stem}{ext}", url=url) == usual


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["below the folder"]),
        ("/{name}", ["below the folder"]),
        ("{name}/", ["below the folder"]),
        ("a//{name}", ["below the folder"]),
        ("../{name}", ["begins with a dot"]),
        ("{host}/../{name}", ["begins with a dot"]),
        (".objects/{name}", ["begins with a dot"]),
        (".acrawl/{name}", ["begins with a dot"]),
        ("{hots}/{path}", ["{hots}", "did you mean {host}?"]),
        ("{}/{path}", ["{}", "{sha256}"]),
        ("{host", ["{{ or }}"]),
        ("{host!r}", ["{host:8}"]),
        ("{n:8}", ["{n:06}"]),
        ("{sha256:x}", ["{sha256:8}"]),
        ("{width.real}", ["{width.real}"]),
        ("a\\{name}", ["\\", "every system"]),
        ("C:{name}", ["':'", "every system"]),
        ("CON/{name}", ["'CON'", "every system"]),
        ("{name}.", ["every system"]),
        ("a\0{name}", ["every system"]),
        ("x" * 300, ["every system"]),
    ],
)
def test_a_template_that_cannot_be_is_refused_in_one_line(text, words):
    with pytest.raises(SettingsError) as caught:
        NameTemplate(text)
    message = str(caught.value)
    assert message.startswith("files.name = ")
    assert "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("cover", "cover.png"),
        ("covers/one.webp", "covers/one.webp"),
        ("covers/", "covers/photo.php-110fe7ac.png"),
        ("AC/DC, live 1.2", "AC/DC, live 1.2.png"),
        ("../../etc/passwd", "_/_/etc/passwd.png"),
        ("/etc/passwd", "etc/passwd.png"),
        ("C:\\x\\y", "C__x_y.png"),
        ("nul", "_nul.png"),
        ("{sha256}", "{sha256}.png"),
        (".acrawl/job.db", "_.acrawl/job.db"),
        ("job.json", "_job.json"),
        ("exchanges/a.gif", "_exchanges/a.gif"),
        ("items.kept", "_items.kept"),
        ("a\0b\r\n", "a_b__.png"),
    ],
)
def test_a_spider_may_name_a_file_and_is_kept_below_the_folder(wanted, name):
    assert filled("{sha256}", save_as=wanted) == name


#: Whatever may be typed: all fields, with text between them that is no more than letters and signs.
TEMPLATES = st.lists(
    st.one_of(
        st.sampled_from([f"{{{field}}}" for field in (*TEXTS, *NUMBERS)]),
        st.sampled_from([f"{{{field}:{n}}}" for field in TEXTS for n in (0, 1, 8, 300)]),
        st.sampled_from(["/", "-", "_", "a", ".", " ", "{{", "é", "x" * 90, "COM1"]),
    ),
    min_size=1,
    max_size=8,
).map("".join)
FACTS = st.builds(
    FileFact,
    URLS,
    st.just(SHA256),
    st.integers(0, 10**12),
    st.one_of(TYPES, st.text(max_size=20)),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.one_of(st.just(""), SEGMENTS),
    save_as=st.one_of(st.just(""), st.lists(SEGMENTS, max_size=30).map("/".join)),
)


@given(TEMPLATES, FACTS)
@example("{type}/{name}", msgspec.structs.replace(FACT, type="../../etc"))
@example("{ext}{ext}{stem:0}", msgspec.structs.replace(FACT, name="..."))
@example("{host}", msgspec.structs.replace(FACT, url="https://../", save_as="x/" * 3000))
def test_whatever_is_filled_in_stays_below_the_folder_and_is_accepted_everywhere(text, fact):
    try:
        template = NameTemplate(text, spider="../a spider/.", began=BEGAN)
    except SettingsError:
        return
    name = template.name(fact, 7)
    assert name == template.name(fact, 7)
    assert os.path.normpath(os.path.join("/base", name)) == f"/base/{name}"
    assert len(name.encode()) < 1400
    for part in name.split("/"):
        assert part
        assert part[0] not in ".-~ "
        assert part[-1] not in ". "
        assert not set(part) & set('<>:"\\|?*\0')
        assert not [char for char in part if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl")]
        assert not WINDOWS.fullmatch(part)
        assert len(part.encode()) <= 200
        assert unicodedata.is_normalized("NFC", part)
    assert not re.fullmatch(r"index\.html|images\.jsonl|results\.db.*|job\.json", name.split("/")[0], re.IGNORECASE)
