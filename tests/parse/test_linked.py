"""References in place: what is found, what is changed, and that nothing else is."""

import pytest

from acrawl.parse.document import Document
from acrawl.parse.linked import HTML, STYLE, SVG, Use, kind_of, named, rewritten

URL = "http://a.example/dir/page"


def html(markup, content_type="text/html"):
    body = markup.encode() if isinstance(markup, str) else markup
    return Document(body, URL, content_type)


def changed(markup, kind=HTML):
    return rewritten(html(markup), kind, lambda reference, use, _: f"{use.value[0]}/{reference}").decode()


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ('<a href="x">', '<a href="p/x">'),
        ("<A HREF = x >y", '<A HREF = "p/x" >y'),
        ("<a href='x&amp;y=&quot;'>", "<a href='p/x&amp;y=&quot;'>"),
        ('<a href="?a=1&copy=2&amp;b=3">', '<a href="p/?a=1&amp;copy=2&amp;b=3">'),
        ('<a href="?a&notit;&copy;=&amp=">', '<a href="p/?a&amp;notit;©=&amp;amp=">'),
        ('<a href="x" href="y">', '<a href="p/x" href="y">'),
        ('<img src=a.png srcset="b.png 1x, c.png 2x,d.png">',
         '<img src="p/a.png" srcset="p/b.png 1x, p/c.png 2x,p/d.png">'),
        ('<img data-src="a/b" data-srcset="c 1x">', '<img data-src="p/a/b" data-srcset="p/c 1x">'),
        ('<div data-src="true" data-bg="url(b.png)">', '<div data-src="true" data-bg="url(p/b.png)">'),
        ('<p style="background: url(&quot;b.png&quot;)">', '<p style="background: url(&quot;p/b.png&quot;)">'),
        ('<style>@import "m.css"; a { b: url(c) } /* url(d) */</style>',
         '<style>@import "p/m.css"; a { b: url(p/c) } /* url(d) */</style>'),
        ('<meta http-equiv=refresh content="0; url=x">', '<meta http-equiv=refresh content="0; url=p/x">'),
        ('<iframe src=x srcdoc="<a href=&quot;y&quot;>">', '<iframe src="f/x" srcdoc="&lt;a href=&quot;p/y&quot;>">'),
        ("<svg><use href=#a><image xlink:href=b /></svg>", '<svg><use href=#a><image xlink:href="p/b" /></svg>'),
        ('<svg><title/><a xlink:href="x"></svg>', '<svg><title/><a xlink:href="p/x"></svg>'),
        ('<form action="f"><button formaction=g>', '<form action="o/f"><button formaction="o/g">'),
        ("<link rel=canonical href=c>", '<link rel=canonical href="o/c">'),
        ("<link rel=next href=n><link rel=me href=m>", '<link rel=next href="p/n"><link rel=me href="m/m">'),
        ("<video poster=a><source src=b><track src=c>", '<video poster="p/a"><source src="p/b"><track src="p/c">'),
        ("<td background=b.png><q cite=c>", '<td background="p/b.png"><q cite="m/c">'),
        ("</<title><a href=x></ <textarea><a href=y>", '</<title><a href="p/x"></ <textarea><a href="p/y">'),
        ('<base href="/x/" target=_top>', '<base href="" target=_top>'),
    ],
)  # fmt: skip
def test_each_place_is_changed_by_itself(markup, expected):
    assert changed(markup) == expected


@pytest.mark.parametrize(
    "markup",
    [
        "<!-- <a href=x> --><![CDATA[ <a href=x ]]>",
        "<script>document.write('<a href=x>')</script><title><a href=x></title><textarea><img src=x></textarea>",
        "<div title='<a href=x>' alt=don't>text</div>",
        "<p>a < b href=x> and <a>none</a> <a href> <a href=''>",
        "<a name=href>x</a><i data-href=x>",
    ],
)
def test_what_is_no_reference_stays(markup):
    assert changed(markup) == markup


@pytest.mark.parametrize(
    ("css", "expected"),
    [
        ("a{b:url( 'x' ) url(y)}", "a{b:url( 'p/x' ) url(p/y)}"),
        ("a{b:image-set('x' 1x, url(y) 2x); c: 'z'}", "a{b:image-set('p/x' 1x, url(p/y) 2x); c: 'z'}"),
        ("@import url(x) layer('y');", "@import url(p/x) layer('y');"),
        ("@font-face{src:url(z.woff)}", "@font-face{src:url(p/z.woff)}"),
        (r"a{b:url(x\(1\).png)}", r"a{b:url(p/x\(1\).png)}"),
        ("@namespace url(http://x/); a{b:url(#c)}", "@namespace url(http://x/); a{b:url(#c)}"),
        ("a{b: myurl(x); c: 'url(y)'}", "a{b: myurl(x); c: 'url(y)'}"),
    ],
)  # fmt: skip
def test_styles_are_changed_where_they_name_files(css, expected):
    assert changed(css, STYLE) == expected


def test_a_sheet_named_by_an_instruction_is_found():
    svg = '<?xml version="1.0"?><?xml-stylesheet href="s.css"?><svg><style><![CDATA[a{b:url(c)}]]></style></svg>'
    assert [url for url, _ in named(html(svg, "image/svg+xml"), SVG)] == [
        "http://a.example/dir/s.css",
        "http://a.example/dir/c",
    ]


def test_what_would_keep_a_browser_from_local_files_is_taken_away_where_they_are_local():
    markup = (
        '<script src=a.js integrity="sha256-x" crossorigin></script>'
        "<link rel=stylesheet href=//b.example/c integrity=y>"
    )
    page = rewritten(html(markup), HTML, lambda found, *_: "a.js" if found == "a.js" else "http://b.example/c").decode()
    assert page == '<script src="a.js"  ></script><link rel=stylesheet href="http://b.example/c" integrity=y>'
    policy = changed("<meta http-equiv=Content-Security-Policy content=\"default-src 'none'\">")
    assert policy == '<meta http-equiv="x-content-security-policy-of-the-origin" content="default-src \'none\'">'


def test_references_are_joined_with_the_base_and_listed_once():
    page = html('<base href="/b/"><a href=x><a href=x><img src=x><a href="mailto:x"><a href="#f"><a href="y#f">')
    assert named(page, HTML) == [
        ("http://a.example/b/x", Use.PAGE),
        ("http://a.example/b/x", Use.PART),
        ("http://a.example/b/y", Use.PAGE),
    ]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "windows-1251", "shift_jis", "gb18030", "euc-kr", "utf-16", "iso2022_jp"]
)
def test_the_encoding_stays_and_the_other_bytes_with_it(encoding):
    text = {"windows-1251": "Привет", "euc-kr": "안녕"}.get(encoding, "日本表")
    markup = f'<head><meta charset={encoding}></head>{text}<a href="{text}">{text}</a>'
    expected = f'<head><meta charset={encoding}></head>{text}<a href="{text}/new">{text}</a>'
    body = markup.encode(encoding)
    seen = []
    page = rewritten(html(body), HTML, lambda found, *_: seen.append(found) or f"{found}/new")
    assert seen == [text]
    assert page == expected.encode(encoding)


@pytest.mark.parametrize(("encoding", "char"), [("shift_jis", "表"), ("big5", "功"), ("gb18030", "乗")])
def test_a_character_that_ends_in_a_backslash_escapes_nothing(encoding, char):
    css = '@import "功"; a { b: url("功") } c { content: "功"; d: url(a功.png); e: url(f\\67.png) } /* 功 */'.replace(
        "功", char
    )
    seen = []
    sheet = html(css.encode(encoding), f"text/css; charset={encoding}")
    page = rewritten(sheet, STYLE, lambda found, *_: seen.append(found) or f"{found}x")
    assert seen == [char, char, f"a{char}.png", "fg.png"]
    expected = css.replace(f'"{char}"; a', f'"{char}x"; a').replace(f'url("{char}")', f'url("{char}x")')
    expected = expected.replace(f"a{char}.png", f"a{char}.pngx").replace("f\\67.png", "fg.pngx")
    assert page == f'@charset "{encoding}";{expected}'.encode(encoding)
    inner = rewritten(
        html(f"<style>{css}</style>".encode(encoding), f"text/html; charset={encoding}"), HTML, lambda *_: "x"
    )
    assert inner.decode(encoding).count("x") == 4


def test_utf_16_without_a_mark_gets_one():
    body = "<p>é".encode("utf-16-le")
    assert rewritten(html(body, "text/html; charset=utf-16le"), HTML, lambda *_: None) == b"\xff\xfe" + body
    body = "<p>é<a href=x>".encode("utf-16-be")
    found = rewritten(html(body, "text/html; charset=utf-16be"), HTML, lambda *_: "y")
    assert found.decode("utf-16") == '<p>é<a href="y">'


def test_iso_2022_jp_that_the_header_alone_names_is_named_in_the_page():
    body = "<p>表".encode("iso2022_jp")
    found = rewritten(html(body, "text/html; charset=iso-2022-jp"), HTML, lambda *_: None)
    assert found == b'<meta charset="iso-2022-jp">' + body


def test_bytes_that_do_not_decode_stay():
    body = b"<meta charset=utf-8>\xff\xfe\xff<a href=x>\xe4</a>"
    assert rewritten(html(b" " + body), HTML, lambda *_: "y") == b" " + body.replace(b"href=x", b'href="y"')


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<!doctype html><html><head><p>é", '<!doctype html><html><head><meta charset="latin1"><p>é'),
        ("<html><head>é<html><!doctype html>", '<html><head><meta charset="latin1">é<html><!doctype html>'),
        ("<!doctype html><p>é", '<!doctype html><meta charset="latin1"><p>é'),
        ("<meta charset=windows-1252><p>é", "<meta charset=windows-1252><p>é"),
        ("<p>e", "<p>e"),
    ],
)  # fmt: skip
def test_an_encoding_that_the_header_alone_names_is_named_in_the_page(markup, expected):
    page = html(markup.encode("latin-1"), "text/html; charset=latin1")
    assert rewritten(page, HTML, lambda *_: None) == expected.encode("latin-1")


def test_a_file_without_a_type_is_what_it_looks_like():
    assert kind_of("", b" <!DOCTYPE html>") == HTML
    assert kind_of("", b"\x89PNG") == ""
    assert kind_of("text/plain", b"<html>") == ""


HOSTILE = [
    "<a " * 300_000, "<!--" * 300_000, "<a href='" * 100_000, "<title>" * 200_000, "<a b" + "=" * 1_000_000,
    "<a " + " ".join(f"a{n}=b" for n in range(100_000)) + " href=x>", "<style>" + "a" * 1_000_000, "<" * 1_000_000,
    "<style>" + "url(" * 250_000, "<style>" + "/*" * 500_000, "<style>url('" + "\\" * 1_000_000,
    "<img srcset='" + "a (" * 300_000 + "'>", "<img srcset='" + "a," * 300_000 + "'>",
    "<a href='" + "&" * 1_000_000 + "'>", "<svg>" * 200_000 + "<title/>" * 50_000,
    "<a href='" + "&a" * 500_000 + "'>", "<p style='url(" + " " * 1_000_000 + "'>",
    "<iframe srcdoc='" + "<iframe srcdoc=&quot;" * 50_000, "<a" + "\n" * 1_000_000 + "=" , "<a x" + " " * 1_000_000,
    "<meta http-equiv=refresh content='0;url=" + "'" * 500_000,
]  # fmt: skip


@pytest.mark.timeout(20)
@pytest.mark.parametrize("markup", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_page_is_read_in_time(markup):
    page = html(markup, "text/html; charset=utf-8")
    assert rewritten(page, HTML, lambda *_: None) == page.body
