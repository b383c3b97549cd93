import pytest

from acrawl.parse.document import Document
from acrawl.parse.media import Image, images, stylesheets

URL = "https://h.test/a/b"


def found(markup):
    return images(Document(markup.encode(), URL))


def image(path, alt="", source="img"):
    return Image(f"https://h.test/{path}", alt, source)


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<img src=x.png alt=' a  picture '>", [image("a/x.png", "a picture")]),
        ("<img src=/x title=t>", [image("x", "t")]),
        ("<image src=/x>", [image("x")]),
        ("<img src=/x srcset='/y 1x, /z 2x'>", [image("x"), image("y", "", "srcset"), image("z", "", "srcset")]),
        (
            "<picture><source srcset='/w.webp 1x, /w2.webp 2x' type=image/webp><img src=/f.jpg alt=f></picture>",
            [image("w.webp", "", "srcset"), image("w2.webp", "", "srcset"), image("f.jpg", "f")],
        ),
        ("<img src=data:image/gif;base64,R0 data-src=/real.jpg alt=r>", [image("real.jpg", "r", "lazy")]),
        ("<img data-srcset='/s 1x, /t 2x'>", [image("s", "", "lazy"), image("t", "", "lazy")]),
        ("<img data-original=/o>", [image("o", "", "lazy")]),
        ("<img data-lazy=/l><img DATA-LAZY-SRC=/m>", [image("l", "", "lazy"), image("m", "", "lazy")]),
        (
            "<div data-bg=/bg.jpg></div><div data-bg='url(\"/bh.jpg\")'></div>",
            [image("bg.jpg", "", "lazy"), image("bh.jpg", "", "lazy")],
        ),
        ("<section data-background-image=/b.jpg></section>", [image("b.jpg", "", "lazy")]),
        ("<a data-full-src=/full.jpg></a>", [image("full.jpg", "", "lazy")]),
        ("<iframe data-src=/frame></iframe><img data-lazy=true data-original='Old name'>", []),
        ("<link rel=icon href=/i><link rel='shortcut icon' href=/j>", [image("i", "", "icon"), image("j", "", "icon")]),
        (
            "<link rel=apple-touch-icon href=/a><link rel=mask-icon href=/m>",
            [image("a", "", "icon"), image("m", "", "icon")],
        ),
        ("<link rel=image_src href=/s>", [image("s", "", "meta")]),
        ("<link rel=preload as=image href=/p imagesrcset='/q 1x'>", [image("p", "", "link"), image("q", "", "srcset")]),
        ("<link rel=preload as=font href=/p.woff2><link rel=next href=/2>", []),
        (
            "<meta property=og:image content=/o><meta property='og:image:secure_url' content=/p>",
            [image("o", "", "meta"), image("p", "", "meta")],
        ),
        ("<meta name='twitter:image' content=/t><meta property='og:image:width' content=9>", [image("t", "", "meta")]),
        ("<meta itemprop=image content=/i>", [image("i", "", "meta")]),
        ("<p style=\"background: url('/s.png')\">", [image("s.png", "", "css")]),
        ("<style>p { background: url(/s.png) } @font-face { src: url(/f) }</style>", [image("s.png", "", "css")]),
        ("<style>@import 'x.css'; p { background: image-set('/1.png' 1x) }</style>", [image("1.png", "", "css")]),
        ("<svg><image href=/h><image xlink:href=/x><feImage href=/f></svg>", [image(p, "", "svg") for p in "hxf"]),
        ("<input type=IMAGE src=/i alt=go><input type=text src=/no>", [image("i", "go", "input")]),
        ("<video poster=/p src=/v.mp4><source src=/w.mp4></video>", [image("p", "", "poster")]),
        (
            "<object data=/o type=image/svg+xml></object><embed src=/e.png>",
            [image("o", "", "object"), image("e.png", "", "object")],
        ),
        ("<object src=/o.png></object><embed data=/e.png><a src=/a.png></a><script src=/s.png></script>", []),
        ("<link rel=preload as=image imagesrcset='/q 1x'>", [image("q", "", "srcset")]),
        ("<img src=/x srcset='/x 1x' style='background: url(/y)'>", [image("x"), image("y", "", "css")]),
        ("<a href=/.png>x</a><a href=/png>y</a><a href=/x.html?a.png>z</a>", [image(".png", "", "link")]),
        ("<object data=/o.pdf></object><embed src=/e.png type=text/html>", []),
        ("<body background=/b><table background=/t><td background=/d>", [image(p, "", "background") for p in "btd"]),
        ("<noscript><img src=/n></noscript>", [image("n")]),
        ("<head><noscript><img src=/n></noscript><title>t</title></head>", [image("n")]),
        ("<template><div><img src=/t></div><template><img src=/u></template></template>", [image("t"), image("u")]),
        ("<a href=/p.JPG?x=1#y title=big>small</a>", [image("p.JPG?x=1", "big", "link")]),
        ("<a href=/p.php?f=a.jpg>no</a><a href=/jpg>no</a>", []),
        ("<script>'<img src=/no>'</script><!-- <img src=/no> --><img><img src=''><img src=#>", []),
        ("<img src='  /x.png\n'>", [image("x.png")]),
        ("<base href=/base/><img src=x>", [image("base/x")]),
    ],
)
def test_images_are_found_where_html_names_them(markup, expected):
    assert found(markup) == expected


@pytest.mark.parametrize(
    ("data", "paths"),
    [
        ('{"@type": "Article", "image": "/1.jpg"}', ["1.jpg"]),
        (
            '{"image": ["/1.jpg", {"@type": "ImageObject", "url": "/2.jpg", "contentUrl": "/3.jpg"}]}',
            ["1.jpg", "2.jpg", "3.jpg"],
        ),
        ('{"@graph": [{"publisher": {"logo": {"url": "/l.png"}}}, {"thumbnailUrl": "/t.png"}]}', ["l.png", "t.png"]),
        ('{"@type": "ImageObject", "contentUrl": "/c.png", "thumbnail": {"contentUrl": "/d.png"}}', ["c.png", "d.png"]),
        ('{"@type": "VideoObject", "contentUrl": "/v.mp4", "url": "/page", "thumbnailUrl": ["/t.png"]}', ["t.png"]),
        ('<!-- {"image": "/1.jpg", "text": "line\nbreak"} -->', ["1.jpg"]),
        ('[{"image": "/1.jpg"}]', ["1.jpg"]),
        ('{"image": null, "logo": 5}', []),
        ("{broken", []),
        ("", []),
    ],
)
def test_json_ld_is_read(data, paths):
    markup = f"<script type='application/ld+json'>{data}</script>"
    assert found(markup) == [image(path, "", "json-ld") for path in paths]


def test_other_scripts_are_not_read():
    assert found('<script type=application/json>{"image": "/1.jpg"}</script>') == []


def test_an_image_is_named_once_with_its_first_text():
    markup = "<meta property=og:image content=/x><img src=/x alt=''><img src=//h.test/x alt=one><img src=/x alt=two>"
    assert found(markup) == [image("x", "one", "meta")]


def test_stylesheets_are_found():
    markup = """<link rel=stylesheet href=1.css><link rel='alternate StyleSheet' href=2.css><link rel=icon href=i>
    <style>@import url(3.css); @import '1.css';</style>
    <link rel=stylesheet href=''><link rel=stylesheet href=data:text/css,x>"""
    assert stylesheets(Document(markup.encode(), URL)) == [f"https://h.test/a/{n}.css" for n in (1, 2, 3)]
