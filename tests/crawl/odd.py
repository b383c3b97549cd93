"""A site with everything that a browsable copy can stumble over, and a second host that has parts of its pages."""

from __future__ import annotations

import base64
import hashlib

from crawl.site import LiveSite

SCRIPT = b"document.documentElement.dataset.ran = 'yes'"
SHEET = b'@charset "utf-8"; @import "more.css"; body { background: url("/pics/back.png?x=1") } @font-face {'
SHEET += b" font-family: Odd; src: url(font/odd.woff2) }"
#: Pages at home, by the address that leads to each.
PAGES = (
    *("/", "/docs", "/docs/", "/list?page=1", "/list?page=2", "/latin", "/based/deep/", "/wide", "/svg"),
    *("/a%20b/c%23d%3F.html", "/x/y.html", "/new", "/Case", "/case", "/untyped"),
)
HOME = """<!doctype html>
<html><head><title>Home</title><meta charset=utf-8>
<meta http-equiv="Content-Security-Policy" content="default-src {home} {other} 'unsafe-inline' data:">
<link rel="canonical" href="/"><link rel=icon href=/icon.png><link rel="stylesheet" href="/css/main.css?v=1">
<link rel=stylesheet href="{other}/far.css" integrity="{far}" crossorigin=anonymous>
<script src="/js/app" integrity="{script}" crossorigin></script></head>
<body style="color: rgb(1, 2, 3); border-image: url('pics/1.png') 1"><!-- <img src="/never.png"> -->
<a href="/docs">docs</a><a href='/docs/'>docs/</a><a href=/list?page=1&amp;sort=>none</a>
<a href="/list?page=2#end">2</a>
<a href="list?page=1">1</a><a href="/latin">latin</a><a href="/based/deep/">based</a><a href="/wide">wide</a>
<a href="/svg">svg</a><a href="/a%20b/c%23d%3F.html">odd</a><a href="/x">x</a><a href="/x/y.html">y</a>
<a href="/old#part">old</a><a href="/Case">Case</a><a href="/case">case</a><a href="/untyped">untyped</a>
<a href="/moved">moved</a><a href="/gone">gone</a><a href="mailto:a@b.example">mail</a><a href="#top">top</a>
<a href="{other}/page">elsewhere</a><form action="/search"><input name=q></form>
<img src="/pics/1.png" srcset="/pics/2.png 2x, /pics/comma,3.png 3x">
<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">
<img src="/old.png"><img src="{other}/far.png"><img class=lazy data-src="/pics/lazy.png"><img src="/pic.svg">
<picture><source srcset="/pics/4.png" type="image/png"><img src="/pics/5.png"></picture>
<iframe src="/docs/"></iframe><video poster="/pics/6.png" preload=none src="/clip.webm"></video>
<script>document.write("<a href='/never'>never</a>")</script></body></html>
"""


def sri(data: bytes) -> str:
    return f"sha384-{base64.b64encode(hashlib.sha384(data).digest()).decode()}"


def furnish(home: LiveSite, other: LiveSite) -> None:
    far = b"h1 { color: rgb(9, 8, 7) }"
    home.add("/", HOME.format(home=home.origin, other=other.origin, script=sri(SCRIPT), far=sri(far)))
    home.add("/docs", '<!doctype html><title>docs</title><a href="docs/">in</a><img src="pics/1.png">')
    home.add(
        "/docs/",
        '<!doctype html><title>docs/</title><a href="../docs">out</a><img src="../pics/1.png"><a href="?q">q</a>',
    )
    for n in (1, 2):
        home.add(f"/list?page={n}", f"<!doctype html><title>list {n}</title><a id=end href='?page={3 - n}'>other</a>")
    russian = "<!doctype html><title>Привет</title><p>Привет</p><a href='/'>home</a>"
    home.add("/latin", russian.encode("cp1251"), "text/html; charset=windows-1251")
    home.add("/wide", "<!doctype html><title>wide</title><img src=/pics/1.png>日本".encode("utf-16"))
    based = '<!doctype html><base href="/docs/"><title>based</title><a href="">docs</a><a href="#a">there</a>'
    home.add("/based/deep/", f'{based}<img src="../pics/2.png">')
    home.add(
        "/svg",
        "<!doctype html><title>svg</title><svg><image href=/pics/3.png /><style>g { fill: url(#f) }</style></svg>",
    )
    home.add("/a%20b/c%23d%3F.html", '<!doctype html><title>odd</title><a href="../x">x</a><img src="../pics/1.png">')
    home.add("/x", b"\0bytes", "application/octet-stream")
    home.add("/x/y.html", "<!doctype html><title>y</title><img src='../pics/1.png'>")
    home.add("/new", "<!doctype html><title>new</title><p id=part>new")
    home.add("/old", b"", status=301, location="/older")
    home.add("/older", b"", status=302, location="/new")
    home.add("/old.png", b"", status=302, location="/pics/9.png")
    home.add("/moved", '<!doctype html><title>moved</title><meta http-equiv=refresh content="0; url=/new">')
    for name in ("Case", "case"):
        home.add(f"/{name}", f"<!doctype html><title>{name}</title><img src=pics/1.png>")
    home.add("/untyped", "<!doctype html><title>untyped</title><img src=pics/1.png>", "")
    home.add("/css/main.css?v=1", SHEET, "text/css")
    home.add("/css/more.css", "@import url(main.css?v=1); p { background: url(../pics/7.png) }", "text/css")
    home.add("/css/font/odd.woff2", b"wOF2", "font/woff2")
    home.add("/js/app", SCRIPT, "text/javascript")
    home.add("/clip.webm", b"\x1aE\xdf\xa3", "video/webm")
    picture = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="pics/8.png"/></svg>'
    home.add("/pic.svg", picture, "image/svg+xml")
    for n in (1, 2, 4, 5, 6, 7, 8, 9):
        home.picture(f"/pics/{n}.png", n)
    for n, path in enumerate(
        ("/icon.png", "/pics/back.png?x=1", "/pics/comma,3.png", "/pics/3.png", "/pics/lazy.png"), 10
    ):
        home.picture(path, n)
    other.add("/far.css", far, "text/css", access_control_allow_origin="*")
    other.picture("/far.png", 30)
    other.add("/page", "<!doctype html><title>never</title>")
