"""Pages as Markdown."""

import sys

import pytest

from acrawl.errors import MissingExtra
from acrawl.parse import markdown as module
from acrawl.parse.document import Document
from acrawl.parse.markdown import markdown

URL = "https://example.org/docs/page.html"


def converted(body: str, *, main: bool = False) -> str:
    return markdown(Document(body.encode(), URL, "text/html; charset=utf-8"), main=main)


CASES = {
    "headings": ("<h1>A <em>b</em></h1><h3>c</h3>", "# A *b*\n\n### c"),
    "paragraphs": ("<p>a<p>b <b>c</b>", "a\n\nb **c**"),
    "relative link": ('<a href="other.html#x">text</a>', "[text](https://example.org/docs/other.html#x)"),
    "link with parentheses": ('<a href="/a_(b)">t</a>', "[t](https://example.org/a_%28b%29)"),
    "link that no crawler follows": (
        '<a href="javascript:x()">t</a> <a href="mailto:a@b.c">m</a>',
        "t [m](mailto:a@b.c)",
    ),
    "base": ('<base href="/other/"><a href="x">t</a>', "[t](https://example.org/other/x)"),
    "heading in a link": ('<a href="/x"><h3>Title</h3></a>', "[Title](https://example.org/x)"),
    "image": ('<img src="i.png" alt="An [image]">', r"![An \[image\]](https://example.org/docs/i.png)"),
    "lazy image": ('<img src="data:image/gif;base64,R0" data-src="i.png">', "![](https://example.org/docs/i.png)"),
    "video": (
        '<video src="v.mp4" poster="p.png"></video>',
        "[![](https://example.org/docs/p.png)](https://example.org/docs/v.mp4)",
    ),
    "video with sources": (
        '<video poster="data:,x"><source src="/v.webm"><source src="v.mp4">film</video>',
        "[film](https://example.org/v.webm)",
    ),
    "video that no crawler follows": ('<video src="javascript:x()">film</video>', "film"),
    "nested lists": (
        "<ul><li>a<ul><li>b<ol><li>c<li>d</ol></ul><li>e</ul>",
        "- a\n  - b\n    1. c\n    2. d\n- e",
    ),
    "numbers of a list": ('<ol start="9"><li>a<li>b</ol>', "9. a\n10. b"),
    "definitions": ("<dl><dt>term<dd><p>one<p>two</dl>", "term\n:   one\n\n    two"),
    "quotation": ("<blockquote><p>a<p>b</blockquote>", "> a\n>\n> b"),
    "code block": ('<div class="highlight-python3"><pre>a\n\n\n  *b*\n</pre></div>', "```python\na\n\n\n  *b*\n```"),
    "code block of a class": ('<pre><code class="language-c++">x</code></pre>', "```c++\nx\n```"),
    "code block with a fence": ("<pre>```\nx\n```</pre>", "````\n```\nx\n```\n````"),
    "code": ("<p><code>a_b*c</code> <code>`</code>", "`a_b*c` `` ` ``"),
    "table": (
        "<table><thead><tr><th>A<th>B<tbody><tr><td>1<td>2</table>",
        "| A | B |\n| --- | --- |\n| 1 | 2 |",
    ),
    "table without a head": ("<table><tr><td>1<td>2</table>", "|  |  |\n| --- | --- |\n| 1 | 2 |"),
    "cells": (
        "<table><tr><th colspan=2>A<tr><td>a|b<td><p>x<p>y<tr><td><code>p|q</code><td><pre>1\n2</pre></table>",
        "| A | |\n| --- | --- |\n| a\\|b | x y |\n| `p\\|q` | ` 1 2 ` |",
    ),
    "layout table": ("<table><tr><td><h1>T</h1><p>a<td><p>b</table>", "# T\n\na\n\nb"),
    "text that is no markup": (
        "<p>a *b* &lt;b&gt; snake_case _c_ &amp;amp; [x](y) `",
        r"a \*b\* \<b> snake_case \_c\_ \&amp; [x\](y) \`",
    ),
    "text that begins no list": ("<p>1. a<br># b<p>- c", "1\\. a  \n\\# b\n\n\\- c"),
    "scripts and forms": ("<script>x</script><style>y</style><p>a<button>b</button><p hidden>c", "a"),
    "permalinks": ('<h2>T<a class="headerlink" href="#t">¶</a></h2>', "## T"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_markup_becomes_markdown(case):
    body, expected = CASES[case]
    assert converted(body) == expected


PAGE = """<title>t</title><header>Site</header><nav><a href="/">Home</a></nav>
<main><nav>In this page</nav><h1>Title</h1><p>Text.</p></main><aside>More</aside><footer>Imprint</footer>"""


def test_the_whole_page_has_what_stands_around_it_and_the_main_content_has_not():
    assert converted(PAGE, main=True) == "# Title\n\nText."
    assert all(text in converted(PAGE) for text in ("Site", "Home", "Title", "More", "Imprint"))


def test_without_a_mark_navigation_is_left_out_by_its_name():
    page = '<header>S</header><div class="navbar">N</div><div><p>Text.</p></div><div class="navfooter">F</div>'
    assert converted(page, main=True) == "Text."


def test_what_is_left_out_may_lie_in_what_is_left_out():
    nested = '<nav class="navbar">N<aside hidden>A<nav role="navigation">M</nav></aside></nav>' * 50
    assert converted(f"<main>{nested}<p>One.</p>{nested}<ul><li>Two</ul>{nested}</main>", main=True) == "One.\n\n- Two"


def test_a_page_of_navigation_alone_stays_whole():
    assert converted('<nav><a href="/a">A</a></nav>', main=True) == "[A](https://example.org/a)"


def test_the_document_itself_stays_as_it_was():
    document = Document(PAGE.encode(), URL, "text/html")
    before = document.root.html
    markdown(document, main=True)
    assert document.root.html == before


HOSTILE = {
    "elements in each other": b"<div>" * 900 + b"deep",
    "quotations in each other": b"<blockquote>" * 900 + b"a<br>" * 20_000,
    "tables in each other": b"<table><tr><td>" * 300 + b"deep",
    "a long list": b"<ol>" + b"<li>a" * 30_000,
    "a wide row": b"<table><tr>" + b"<td colspan=1000>a" * 30_000,
    "too many elements": b"<p>a" * (module.MAX_ELEMENTS + 1),
    "too many characters": b"<p>" + b"*" * (module.MAX_SIZE + 1),
    "blanks": b"<p>" + b" \n" * 1_000_000,
    "blanks in a line": b"<h1>a" + b" " * 1_000_000 + b"b<code>" + b" " * 1_000_000 + b"c",
    "hard blanks": ("<p>a" + "\u00a0\n" * 200_000 + "b").encode(),
    "backticks": b"<pre>" + b"`" * 100_000,
    "bytes": bytes(range(256)) * 100,
    "nothing": b"",
    "frames": b"<frameset><frame src=a></frameset>",
}


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("main", [False, True])
def test_no_page_raises_or_grows_beyond_measure(case, main):
    body = HOSTILE[case]
    text = markdown(Document(body, URL, "text/html"), main=main)
    assert len(text) <= 40 * len(body) + 100
    text.encode()


def test_text_beyond_all_measure_is_no_markup():
    text = converted("<b>&lt;i&gt;</b>" * (module.MAX_ELEMENTS + 1))
    assert text.startswith("&lt;i&gt;\n&lt;i&gt;")


def test_what_is_missing_is_named_with_the_command_that_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "acrawl.parse.markdown_rules", None)
    with pytest.raises(MissingExtra, match=r"pip install 'acrawl\[markdown\]'"):
        converted("<p>a")


def test_a_long_run_of_blanks_is_one_blank_but_in_code():
    assert converted(f"<p>a{' ' * 50}b{' ' * 50}\n{' ' * 50}c</p><pre>d{' ' * 50}e</pre>") == (
        f"a b\nc\n\n```\nd{' ' * 50}e\n```"
    )


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ('<video src="javascript:x" poster="file:///p">v</video>', "v"),
        ('<video><source src="javascript:x">v</video>', "v"),
        (
            '<video src="/m(1).mp4" poster=p.png>v</video>',
            "[![v](https://example.org/docs/p.png)](https://example.org/m%281%29.mp4)",
        ),
        ('<video><source src="/m.mp4">v</video>', "[v](https://example.org/m.mp4)"),
    ],
)
def test_a_video_is_a_link_to_what_can_be_asked_for(markup, expected):
    assert converted(markup) == expected
