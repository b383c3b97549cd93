import pytest

from acrawl.parse.document import Document
from acrawl.parse.strings import references, strings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://h.test/a?b=1&c=2#d.", ["https://h.test/a?b=1&c=2#d"]),
        ("(http://h.test), <https://h.test/a>", ["http://h.test", "https://h.test/a"]),
        ("https://h.test/wiki/A_(b) (https://h.test/c)", ["https://h.test/wiki/A_(b)", "https://h.test/c"]),
        (r'{"u": "https:\/\/h.test\/a\u002fb?x=1\u0026y=2"}', ["https://h.test/a/b?x=1&y=2"]),
        ("HTTP://127.0.0.1:80/x http://localhost:1", ["HTTP://127.0.0.1:80/x", "http://localhost:1"]),
        ("https://h.test/?a&amp;b", ["https://h.test/?a&b"]),
        ("https://\u00e4.test/\u00fc", ["https://\u00e4.test/\u00fc"]),
        (r"""fetch('/api/items?page=2'); x = "\/b\/c.js"; `../d/ee`""", ["/api/items?page=2", "/b/c.js", "../d/ee"]),
        ("'//cdn.h.test/x.js'", ["//cdn.h.test/x.js"]),
        ("['i.html', \"a/b.css\", 'img/x.png?1', 'video.mp4']", ["i.html", "a/b.css", "img/x.png?1", "video.mp4"]),
        ("'https://h.test/a' 'https://h.test/a'", ["https://h.test/a"]),
    ],
)  # fmt: skip
def test_urls_are_found_in_text(text, expected):
    assert references(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "http:// http://x https://${host}/a http://.test xhttp://h.test",
        "'text/html' 'application/json' 'utf-8' '1.5' 'a.b' 'foo.bar()' 'e.g.' '1/2/2020'",
        r"'/user/:id' '/*' '/**/' '//' '// note' '/' '/g' '/\d+/' '/1/2' './' '..' '/a|b/' '</div>' '/{x}/y'",
        "'require.js' 'package.json' 'style.css' 'jquery.min.js' '#top' '.class' 'a, b.html'",
        "'http://www.w3.org/2000/svg' 'https://schema.org/Article' 'https://schema.org'",
        "/not/quoted 'a/b.html\" '",
        "",
    ],
)
def test_what_only_looks_like_a_url_is_not_taken(text):
    assert references(text) == []


def test_prose_is_read_for_whole_urls_only():
    assert references("'/a/bb' https://h.test/", quoted=False) == ["https://h.test/"]


def test_a_page_is_read_where_it_has_text():
    page = Document(
        b"<a href=/no>https://h.test/text</a><!-- <a href='/comment/x'> --><script>f('/script.html')</script>"
        b"<p title='https://h.test/no'>'/no/no'</p><template><script>'/template/x.png'</script></template>",
        "https://h.test/",
    )
    assert [(link.url, link.tag, link.attr, link.kind) for link in strings(page)] == [
        ("https://h.test/script.html", "script", "", "page"),
        ("https://h.test/template/x.png", "script", "", "image"),
        ("https://h.test/comment/x", "#comment", "", "page"),
        ("https://h.test/text", "#text", "", "page"),
    ]


def test_json_is_read_whole():
    page = Document(b'{"next": "/items?page=2", "self": "/items"}', "https://h.test/a/", "application/json")
    assert [link.url for link in strings(page)] == ["https://h.test/items?page=2", "https://h.test/items"]


def test_what_is_beyond_the_limit_is_left_out_and_said():
    page = Document(b"https://h.test/1 https://h.test/2", "https://h.test/")
    assert (len(strings(page, limit=2)), page.cut) == (2, "")
    assert (len(strings(page, limit=1)), page.cut[:6]) == (1, "links:")
