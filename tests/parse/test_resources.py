import pytest

from acrawl.parse.document import Document
from acrawl.parse.links import Link
from acrawl.parse.media import images
from acrawl.parse.resources import resources

URL = "https://h.test/a/b"


def found(markup, headers=(), **options):
    page = Document(markup.encode(), URL, "text/html", headers)
    return [
        (link.kind, link.url.removeprefix("https://h.test/"), link.tag, link.attr)
        for link in resources(page, **options)
    ]


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<script src=/s></script>", [("script", "s", "script", "src")]),
        ("<svg><script xlink:href=/s></script></svg>", [("script", "s", "script", "xlink:href")]),
        ("<link rel='alternate stylesheet' href=/s>", [("style", "s", "link", "href")]),
        ("<link rel=manifest href=/m>", [("data", "m", "link", "href")]),
        ("<html manifest=/m>", [("data", "m", "html", "manifest")]),
        ("<link rel=alternate type=application/rss+xml href=/f>", [("data", "f", "link", "href")]),
        ("<link rel=alternate hreflang=de href=/de><link rel=next href=/2><a href=/p.pdf>", []),
        ("<link rel=preload as=font href=/f><link rel=preload as=Script href=/s>", [
            ("font", "f", "link", "href"), ("script", "s", "link", "href"),
        ]),
        ("<link rel=modulepreload href=/m><link rel=prefetch href=/p>", [
            ("script", "m", "link", "href"), ("data", "p", "link", "href"),
        ]),
        ("<style>@import '/i'; @font-face { src: url(/f) } p { background: url(/b) }</style>", [
            ("style", "i", "style", ""), ("font", "f", "style", ""), ("image", "b", "style", ""),
        ]),
        ("<p style='background: url(/b)'>", [("image", "b", "p", "style")]),
        ("<video poster=/p src=/v><source src=/w><track src=/t></video><audio src=/a></audio><bgsound src=/b>", [
            ("image", "p", "video", "poster"), ("media", "v", "video", "src"), ("media", "w", "source", "src"),
            ("media", "t", "track", "src"), ("media", "a", "audio", "src"), ("media", "b", "bgsound", "src"),
        ]),
        ("<iframe src=/i></iframe>", [("page", "i", "iframe", "src")]),
        ("<frameset><frame src=/f></frameset>", [("page", "f", "frame", "src")]),
        ("<object data=/o type='text/html; charset=x'></object><object data=/p></object>", [
            ("page", "o", "object", "data"), ("data", "p", "object", "data"),
        ]),
        ("<embed src=/e.mp4><embed src=/f.htm><embed src=/g type=video/mp4>", [
            ("media", "e.mp4", "embed", "src"), ("page", "f.htm", "embed", "src"), ("media", "g", "embed", "src"),
        ]),
        ("<applet codebase=/c/ archive='x.jar, y.jar' code=Z.class></applet>", [
            ("data", "c/x.jar", "applet", "archive"), ("data", "c/y.jar", "applet", "archive"),
            ("data", "c/Z.class", "applet", "code"),
        ]),
        ("<object codebase=/c/ data=o.png archive=x.jar></object>", [
            ("image", "c/o.png", "object", "data"), ("data", "c/x.jar", "object", "archive"),
        ]),
        ("<img src=/i lowsrc=/l dynsrc=/d>", [
            ("image", "i", "img", "src"), ("image", "l", "img", "lowsrc"), ("media", "d", "img", "dynsrc"),
        ]),
        ("<svg><image href=/i /><use href=/u.svg#x /><use href=#y /></svg>", [
            ("image", "i", "image", "href"), ("image", "u.svg", "use", "href"),
        ]),
        ("<table background=/t>", [("image", "t", "table", "background")]),
        ("<input type=image src=/i>", [("image", "i", "input", "src")]),
        ("<meta property=og:video content=/v><meta name=twitter:player content=/p><meta name=description content=/d>", [
            ("media", "v", "meta", "content"), ("page", "p", "meta", "content"),
        ]),
        ("<iframe data-src=/f></iframe><video data-src=/v></video><a data-src=/a></a>", [
            ("page", "f", "iframe", "data-src"), ("media", "v", "video", "data-src"),
        ]),
        (
            """<script type=application/ld+json>{"@type": "VideoObject", "thumbnailUrl": "/t", "contentUrl": "/v",
            "embedUrl": "/e", "url": "/no"}</script>""",
            [("image", "t", "script", ""), ("media", "v", "script", ""), ("page", "e", "script", "")],
        ),
        ("<template><script src=/s></script></template><noscript><img src=/n></noscript>", [
            ("image", "n", "img", "src"), ("script", "s", "script", "src"),
        ]),
    ],
)  # fmt: skip
def test_resources_are_found_with_their_kind(markup, expected):
    assert found(markup) == expected


def test_headers_name_resources():
    header = "</s>; rel=preload; as=style, <i>; rel=icon, </2>; rel=next, </p>; rel=preconnect"
    expected = [("style", "s", "", "Link"), ("image", "a/i", "", "Link")]
    assert found("<base href=/base/>", [("link", header)]) == expected


def test_a_resource_says_all_that_links_say():
    page = Document(b"<img src='x.svg#y' alt=' a  b ' title=t><link rel='preload x' as=style href=z>", URL)
    assert resources(page) == [
        Link("https://h.test/a/x.svg", "", "img", "src", "", "a b", "y", "image"),
        Link("https://h.test/a/z", "", "link", "href", "preload x", "", "", "style"),
    ]


def test_an_image_that_is_linked_and_shown_is_a_resource():
    assert found("<a href=/x.png><img src=/x.png></a>") == [("image", "x.png", "img", "src")]


@pytest.mark.parametrize(
    ("markup", "paths"),
    [
        ("<img src=/1 srcset='/2 1x, /3 3x, /4 2x'>", ["3"]),
        ("<img src=/1 srcset='/2 400w, /3 1200w, /4 1200w'>", ["3"]),
        ("<img src=/1><img srcset='/2, /3'>", ["1", "2"]),
        ("<img src=/1 srcset='/2 foo(, 3'>", ["1"]),
        ("<img src=/blank.gif data-src=/1 data-srcset='/2 1x, /3 2x'>", ["3"]),
        ("<picture><source srcset='/1 100w'><source srcset='/2 300w, /3 200w'><img src=/4 alt=p></picture>", ["2"]),
        ("<picture><source src=/1><img src=/4></picture>", ["4"]),
        ("<picture><img src=/4 style='background: url(/5)' srcset='/6 2x'></picture><img src=/7>", ["6", "5", "7"]),
        ("<link rel=preload as=image href=/1 imagesrcset='/2 1x, /3 2x'>", ["1", "3"]),
        ("<img srcset='/1 00000000000000000000002w, /2 1w'>", ["1"]),
    ],
)
def test_the_largest_candidate_is_picked(markup, paths):
    page = Document(markup.encode(), URL)
    assert [image.url.removeprefix("https://h.test/") for image in images(page, pick="largest")] == paths


def test_the_text_of_a_picture_is_that_of_its_image():
    page = Document(b"<picture><source srcset='/2 3x'><img src=/4 alt=p></picture>", URL)
    assert [image.alt for image in images(page, pick="largest")] == ["p"]


def test_an_unknown_pick_is_refused():
    with pytest.raises(ValueError, match="pick='largest'"):
        images(Document(b"", URL), pick="smallest")


def test_what_is_beyond_the_limit_is_left_out_and_said():
    page = Document(b"<img src=1><img src=1><img src=2 srcset='3, 4'>", URL)
    assert (len(resources(page, limit=4)), page.cut) == (4, "")
    assert (len(resources(page, limit=3)), page.cut[:6]) == (3, "links:")


def test_half_characters_do_not_travel_in_a_fragment():
    page = Document(b'<script type="application/ld+json">{"image": "/a.png#\\ud800"}</script>', "https://h.test/")
    assert resources(page) == []
