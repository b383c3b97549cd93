import pytest

from acrawl.parse.css import references


@pytest.mark.parametrize(
    ("css", "images"),
    [
        ("a { background: url(a.png) }", ["a.png"]),
        ("a { background: URL( 'a b.png' ) no-repeat, url(\"c.png\") }", ["a b.png", "c.png"]),
        (r"a { background: url(a\20 b\(1\).png) }", ["a b(1).png"]),
        (r'a { background: url("a\"b.png") }', ['a"b.png']),
        (
            "a { background: image-set('a.png' 1x, url(b.png) 2x, 'c.avif' type('image/avif')) }",
            ["a.png", "b.png", "c.avif"],
        ),
        ("a { background: -webkit-image-set(url(a.png) 1x) }", ["a.png"]),
        ("a { content: 'url(no.png)'; } b { cursor: url(c.cur), auto }", ["c.cur"]),
        ("/* url(no.png) */ a { background: url(yes.png) } /* url(no.png)", ["yes.png"]),
        ("@font-face { src: url(f.svg#x) } a { background: url(a.png) }", ["a.png"]),
        ("@media print { a { background: url(a.png) } } b { background: url(b.png) }", ["a.png", "b.png"]),
        ("a { src: url(f.woff2?v=1) } b { src: url(f.EOT?#iefix) }", []),
        ("a { background: url(data:image/png;base64,AA==) } b { filter: url(#f) }", []),
        ("@namespace svg url(http://www.w3.org/2000/svg); a { background: url(a.png) }", ["a.png"]),
        ("--x: url(a.png); mask: url(a.png)", ["a.png"]),
        ("a { background: url(a.png", ["a.png"]),
        ("a { background: url() }", []),
        ("a { width: calc((1px + 2px) * 2); background: url(a.png) }", ["a.png"]),
        ("a { background: image-set(linear-gradient(red, 'x'), 'a.png' 1x) }", ["a.png"]),
    ],
)
def test_images_are_found(css, images):
    assert references(css) == (images, [])


@pytest.mark.parametrize(
    ("css", "imports"),
    [
        ("@import 'a.css';", ["a.css"]),
        ('@IMPORT url(a.css) screen; @import url("b.css") supports(background: url(x.png));', ["a.css", "b.css"]),
        ("@charset 'utf-8'; @import 'a.css'", ["a.css"]),
        ("/* @import 'no.css'; */ @import 'a.css' layer(x);", ["a.css"]),
    ],
)
def test_imports_are_found(css, imports):
    assert references(css) == ([], imports)


def test_both_are_told_apart():
    assert references("@import 'a.css'; a { background: url(b.png) } @font-face{src:url(c)} d{background:url(e)}") == (
        ["b.png", "e"],
        ["a.css"],
    )


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece", ["url(", "url( ", '"', "'\\", "/*", "@import ", "image-set(", "(", "{", "\\", "url('", "-", "a"]
)
def test_hostile_css_takes_linear_time(piece):
    assert references(piece * 200_000 + "url(") is not None
    assert references("url(" + piece * 200_000) is not None
