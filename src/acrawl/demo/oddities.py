"""The halls of odd things: names, types, redirects, duplicates, encodings, transport, robots, and what is broken."""

from __future__ import annotations

from urllib.parse import quote

from acrawl.demo.builder import MAYBE, ONCE, THRICE, Builder, Page, Resource

PLAIN = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
#: A connection that closes without an answer may be taken for a kept one that had grown old, and be tried once more.
DROPPED = (3, 6)
#: A loop of two is followed until it is known for one; nobody need follow more than ten redirects.
LOOPED = (1, 11)
#: Paths below /names/ as they are asked for. Each is another image.
NAMES = (
    *(
        "Case.png",
        "case.png",
        "CASE.PNG",
        "node",
        "node/leaf.png",
        "node/leaf.png/twig.png",
        "folder/",
        "folder/index.html",
    ),
    *(
        "%20space%20.png",
        "tab%09and%0aline.png",
        "nul%00byte.png",
        "percent%2525.png",
        "per%25cent.png",
        "plus+plus.png",
    ),
    *("a;b=1,2.png", "icon@2x.png", "(1).png", "[2].png", "'quoted'.png", "%22double%22.png", "a&b.png", "a=b.png"),
    *(
        "..%2fup.png",
        "..%2f..%2f..%2f..%2fup-and-out.png",
        "%2e%2e%2fdots.png",
        "..%5c..%5cback.png",
        "%2fetc%2froot.png",
    ),
    *("c%3a%5cwindows.png", "con.png", "aux", "nul.tar.png", "trailing.", "trailing", "trailing.png%20", ".hidden.png"),
    *("%2e%2e%2e", "-rf.png", "~.png", "*.png", "$HOME.png", "%3f.png", "pipe|pipe.png", "/twice.png", "twice.png"),
    *("%e2%80%aegnp.png", "%ff%fe-not-utf-8.png", "images.jsonl", "index.html", ".objects/x.png"),
    *(f"{'x' * 240}.png", f"{'y' * 300}-1.png", f"{'y' * 300}-2.png", f"{'deep/' * 60}down.png"),
    *(f"{quote('長' * 90)}-1.png", f"{quote('長' * 90)}-2.png", f"q.php?{'long=' * 200}", "q.php?a/b=../c"),
    *(quote("caf\u00e9.png"), quote("cafe\u0301.png"), quote("\N{OWL}.png"), "caf%e9-latin-1.png"),
)
#: Names as authors write them, and what a browser asks for.
RAW_NAMES = (
    ("фото.png", quote("фото.png")),
    ("写真 1.png", quote("写真 1.png")),
    ("with space.png", "with%20space.png"),
    ('"both".png', "%22both%22.png"),
    ("less<more>.png", "less%3Cmore%3E.png"),
    ("grün.png?größe=1", "gr%C3%BCn.png?gr%C3%B6%C3%9Fe=1"),
)


def names(builder: Builder) -> Page:
    """Names that no file system takes as they are."""
    page = builder.page("/names/", "Names")
    for name in NAMES:
        written = page.name(f"/names/{name}", kind="png").replace("&", "&amp;").replace('"', "&quot;")
        page.add(f'<img src="{written}" alt="">')
    for raw, asked in RAW_NAMES:
        written = page.name(f"/names/{asked}", raw, "png").replace('"', "&quot;").replace("<", "&lt;")
        page.add(f'<img src="{written}" alt="{written}">')
    evil = 'attachment; filename="../../../up-and-out.png"'
    place = page.name("/names/disposition.php", kind="png", headers=(("Content-Disposition", evil),))
    page.add(f'<img src="{place}" alt="a file name from the server">')
    return page


def types(builder: Builder) -> Page:
    """Images whose name or header says something else, and unusual ways to begin a file."""
    page = builder.page("/types/", "Types")
    for place, kind, content_type in (
        ("jpeg.png", "jpeg", "image/png"),
        ("png.jpg", "png", "image/jpeg"),
        ("gif", "gif", BYTES),
        ("webp.html", "webp", "text/html; charset=utf-8"),
        ("bmp.txt", "bmp", "text/plain"),
        ("icon.dat", "ico", BYTES),
        ("svg.png", "svg", "image/png"),
        ("drawing.xml", "documented svg", "text/xml"),
        ("documented.svg", "documented svg", "image/svg+xml; charset=utf-8"),
        ("page.php", "png", "text/html"),
        ("vnd.ico", "ico", "image/vnd.microsoft.icon"),
        ("camera.jpg", "exif jpeg", "image/jpeg"),
        ("profile.jpg", "late jpeg", "image/pjpeg"),
        ("extended.webp", "extended webp", "image/webp"),
    ):
        page.add(f'<img src="{page.name(f"/types/{place}", place, kind, content_type=content_type)}" alt="{place}">')
    for place, size in (("one.png", (1, 1)), ("thin.gif", (1, 96)), ("flat.webp", (96, 1)), ("odd.jpg", (13, 57))):
        page.add(f'<img src="{page.name(f"/types/{place}", place, size=size)}" alt="{place}">')
    return page


def redirects(builder: Builder) -> Page:
    """Images that have moved."""
    page = builder.page("/redirects/", "Redirects")
    cdn = builder.cdn

    def moved(name: str, target: str, status: int, location: str = "") -> None:
        page.add(f'<img src="{page.mention(f"/moved/{name}")}" alt="{name}">')
        builder.image(target, "png")
        builder.moved(f"/moved/{name}", target, status, location)

    moved("301.png", "/arrived/301.png", 301)
    moved("302.png", "/arrived/302.png", 302, "/arrived/302.png")
    moved("303.png", "/arrived/303.png", 303, "../arrived/303.png")
    moved("307.png", "/arrived/307.png", 307)
    moved("308", f"{cdn}/arrived/308", 308)
    moved("302-space.png", "/arrived/a%20space.png", 302, "/arrived/a space.png")
    moved("chain-1.png", "/arrived/chain.png", 301, "/moved/chain-2.png")
    builder.moved("/moved/chain-2.png", "/moved/chain-3.png", 302, "chain-3.png", final=False)
    builder.moved("/moved/chain-3.png", "/arrived/chain.png", 302, final=False)
    builder.image("/arrived/known.png", requests=(1, 2))  # found twice, by name and by redirect, maybe at one time
    page.add(f'<img src="{page.mention("/arrived/known.png")}"><img src="{page.mention("/moved/known.png")}">')
    builder.moved("/moved/known.png", "/arrived/known.png")
    builder.moved("/moved/into-private.png", builder.refuse("/private/from-a-redirect.png", "png"), final=False)
    builder.moved("/moved/nowhere.png", builder.broken("/moved/gone.png", "http-404", _missing()), final=False)
    for name in ("into-private.png", "nowhere.png", "circle-a.png"):
        page.add(f'<img src="/moved/{name}" alt="leads to nothing">')
    for here, there in ("ab", "ba"):
        circle = Resource(status=302, headers=(("Location", f"/moved/circle-{there}.png"),))
        builder.broken(f"/moved/circle-{here}.png", "redirect-loop", circle, LOOPED)
    builder.moved("/old-hall", "/redirects/new-hall.html", 301, final=False)
    page.add('<a href="/old-hall">a hall that has moved</a>')
    hall = builder.page("/redirects/new-hall.html", "A hall that has moved")
    hall.add(f'<img src="{hall.name("/redirects/new-hall.png", "new-hall.png")}" alt="relative to where it is now">')
    return page


def duplicates(builder: Builder) -> Page:
    """One image under many names."""
    page = builder.page("/duplicates/", "Duplicates")
    first = page.name("/duplicates/first.jpg")
    page.add(f'<img src="{first}" alt="the first">')
    for place in ("second.jpg", "third.png", "fourth.php?id=4"):
        page.add(f'<img src="{page.name(f"/duplicates/{place}", place, same_as=first)}" alt="the same">')
    other = page.name(f"{builder.cdn}/duplicates/far.webp")
    page.add(f'<img src="{other}"> <img src="{page.name("/duplicates/near.webp", same_as=other)}" alt="on two hosts">')
    return page


def encodings(builder: Builder) -> Page:
    """Pages in other encodings; all write image and link names of their own letters."""
    page = builder.page("/encodings/", "Encodings")
    for place, charset, declared, word in (
        ("cyrillic.html", "windows-1251", "text/html; charset=windows-1251", "Ёлка"),
        ("koi8.html", "koi8-r", "text/html; charset=KOI8-R", "Объект"),
        ("japanese.html", "shift_jis", "text/html", "ソ表能"),  # their second byte is a backslash
        ("chinese.html", "gb18030", "text/html", "图片"),
        ("utf-16.html", "utf-16", "text/html", "šíře"),
        ("mark.html", "utf-8-sig", "text/html; charset=iso-8859-1", "žluť"),
        ("prolog.html", "iso-8859-2", "application/xhtml+xml", "łódź"),
    ):
        prolog = '<?xml version="1.0" encoding="iso-8859-2"?>' if place == "prolog.html" else ""
        inner = builder.page(f"/encodings/{place}", word, charset=charset, prolog=prolog, content_type=declared)
        if charset in {"shift_jis", "gb18030"}:
            inner.head.append(f'<meta http-equiv="Content-Type" content="text/html; charset={charset}" />')
        inner.add(f'<img src="{inner.name(f"/encodings/{quote(word)}.png", word + ".png")}" alt="{word}" />')
        inner.add(f'<a href="{word}.html">{word}</a>')
        below = builder.page(f"/encodings/{quote(word)}.html", f"{word}, once more")
        below.add(f'<img src="{below.name(f"/encodings/{quote(word)}.jpg", f"./{word}.jpg")}" alt="{word}">')
        page.add(f'<a href="{place}">{charset}</a>')
    return page


def transport(builder: Builder) -> Page:
    """Answers that come compressed, in chunks, or late."""
    page = builder.page("/transport/", "Transport")
    for place, served in (
        ("gzip", {"manner": "gzip"}),
        ("deflate", {"manner": "deflate"}),
        ("chunked", {"manner": "chunked"}),
        ("slow", {"delay": 0.6}),
    ):
        inner = builder.page(f"/transport/{place}.html", f"A page that comes {place}", **served)
        inner.add(f'<img src="{inner.name(f"/transport/{place}-page.png", f"{place}-page.png")}" alt="{place}">')
        page.add(f'<a href="{place}.html">{place}</a>')
        page.add(f'<img src="{page.name(f"/transport/{place}.svg", **served)}" alt="{place}">')
    for place, delay in (("late.jpg", 1.0), ("later.webp", 0.3)):
        page.add(f'<img src="{page.name(f"/transport/{place}", delay=delay)}" alt="late">')
    page.add(f'<img src="{page.name("/transport/dribble.bmp", manner="dribble")}" alt="in pieces">')
    busy = Resource(b"busy", PLAIN, 503, (("Retry-After", "1"),))
    page.add(f'<img src="{page.name("/transport/busy-once.png", first=busy, requests=(2, 2))}" alt="busy once">')
    return page


def robots(builder: Builder) -> Page:
    """What robots.txt allows and what it does not."""
    page = builder.page("/robots/", "Robots")
    refuse, cdn = builder.refuse, builder.cdn
    for number in range(1, 8):
        page.add(f'<img src="{refuse(f"/private/{number}.jpg", "jpeg")}" alt="closed">')
    for number in (6, 12, 18, 24):
        refuse(f"/private/notes-{number}.html")
    page.add(
        f'<a href="{refuse("/private/")}">private</a> <a href="{refuse("/private/image.png", "png")}">an image</a>',
        f'<img src="{refuse("/private/open.png", "png")}" alt="not below what is open">',
        f'<img src="{refuse("/robots/draft-1.png", "png")}"> <img src="{page.name("/robots/draft-1.png?final")}">',
        f'<img src="{refuse("/robots/session.php?sid=1", "gif")}">',
        f'<img src="{refuse("/priv%61te/encoded.png", "png")}" alt="the same folder, written otherwise">',
        f'<img src="{refuse(f"{cdn}/hidden/a.png", "png")}"> <img src="{page.name(f"{cdn}/hidden/but-this.png")}">',
        f'<img src="{page.name("/privateer.png")}"> <img src="{page.name("/robots/otherbot.png")}" alt="free">',
        '<p style="background: url(/private/style.png)">closed</p> <a href="/private/open/">open</a>',
    )
    refuse("/private/style.png", "png")
    inner = builder.page("/private/open/", "Open all the same")
    inner.add(f'<img src="{inner.name("/private/open/picture.jpg", "picture.jpg")}" alt="open">')
    inner.add(f'<img src="{refuse("/private/closed-again.png", "png")}" alt="closed">')
    text = (
        "User-agent: otherbot\nDisallow: /\n\nUser-agent: *\nDisallow: /private/  # and everything below\n"
        "Allow: /private/open/\nDisallow: /*/draft-*.png$\nDisallow: /*?sid=\n\n"
        "User-agent: thirdbot\nDisallow: /robots/\n\n"
        f"Sitemap: {builder.origin}/sitemap.xml\n"
    )
    builder.serve("/robots.txt", Resource(text.encode(), PLAIN))
    far = b"User-Agent: *\nDisallow: /hidden/\nAllow: /hidden/but-this.png\n"
    builder.serve(f"{cdn}/robots.txt", Resource(far, PLAIN))
    return page


def schemes(builder: Builder) -> Page:
    """References that are no requests, and pages that are not of this site."""
    page = builder.page("/schemes/", "Schemes")
    far = builder.serve(f"{builder.cdn}/page.html", Resource(b"<title>another site</title>"), (0, 0))
    builder.never.append(far)
    page.add(
        "<a href=\"javascript:alert('a.png')\">script</a> <a href='mailto:a@b.invalid?subject=x.png'>mail</a>",
        '<a href="tel:+123">phone</a> <a href="data:text/html,<img src=x.png>">data</a>',
        '<a href="ftp://a.invalid/a.png">ftp</a>',
        '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw="> <img src="about:blank"> <img src="blob:x">',
        '<img src=""> <img>',
        '<img src="file:///etc/passwd"> <img src="http://"> <img src="https://a b/c.png"> <img src="#top">',
        f'<a href="{far}">a page of another site</a> <a href="#top">here</a> <a href="">here</a>',
        '<a href="/schemes/#x">here</a>',
        f'<img src="{page.name("/schemes/after-all.png")}" alt="an image after all">',
    )
    return page


def broken(builder: Builder) -> Page:
    """What fails, and what is no image though it is named as one."""
    page = builder.page("/broken/", "Broken things")
    put, cdn = builder.broken, builder.cdn
    image = builder.picture("/broken/image.png")[3]
    failing = Resource(b"<h1>Internal Server Error</h1>", status=500)
    half = Resource(image, "image/png", manner="truncated")
    references = [
        *(put(f"/broken/missing-{n}.png", "http-404", _missing()) for n in range(1, 6)),
        put(f"{cdn}/broken/missing.png", "http-404", _missing()),
        put("/broken/missing-with-image.png", "http-404", Resource(image, "image/png", 404)),
        put("/broken/gone.png", "http-410", Resource(b"gone", PLAIN, 410)),
        put("/broken/refused.png", "http-403", Resource(b"no", PLAIN, 403)),
        *(put(f"/broken/failing-{n}.png", "http-500", failing, THRICE) for n in range(1, 4)),
        put(f"{cdn}/broken/failing.png", "http-500", failing, THRICE),
        put("/broken/bad-gateway.png", "http-502", Resource(image, "image/png", 502), THRICE),
        put("/broken/half.png", "truncated", half, THRICE),
        put("/broken/half-in-chunks.png", "truncated", half._replace(manner="cut"), THRICE),
        put("/broken/dropped.png", "dropped", Resource(manner="drop"), DROPPED),
    ]
    for name, body, content_type in (
        ("page.png", b"<!DOCTYPE html><title>Not found</title><h1>Sorry</h1>", "text/html; charset=utf-8"),
        ("page-that-lies.png", b"<!DOCTYPE html><title>Not found</title><h1>Sorry</h1>", "image/png"),
        ("text.jpg", b"not an image\n", PLAIN),
        ("data.webp", b'{"error": "not an image"}', "image/webp"),
        ("empty.png", b"", "image/png"),
    ):
        url = builder.serve(f"/broken/{name}", Resource(body, content_type), ONCE)
        builder.not_images.append(url)
        references.append(f"/broken/{name}")
    page.add(*(f'<img src="{reference}" alt="broken">' for reference in references))
    for place, reason, resource, requests in (
        ("/broken/page-500.html", "http-500", failing, THRICE),
        ("/broken/no-such-page.html", "http-404", _missing(), ONCE),
    ):
        page.add(f'<a href="{put(place, reason, resource, requests)}">{reason}</a>')
    page.add(f'<img src="{page.name("/broken/whole.png")}" alt="whole, between all the broken ones">')
    return page


def add_sitemap(builder: Builder) -> None:
    """Name every page in a sitemap. A crawl that found them by their links need not read it."""
    entries = "".join(f"<url><loc>{page.url}</loc></url>\n" for page in builder.pages)
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{entries}</urlset>\n'
    builder.serve("/sitemap.xml", Resource(body.encode(), "application/xml"), MAYBE)


def _missing() -> Resource:
    return Resource(b"<title>Not found</title>", status=404)


ODDITIES = (names, types, redirects, duplicates, encodings, transport, robots, schemes, broken)
