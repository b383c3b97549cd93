"""The halls: one page for each place of HTML and CSS that can name an image, and what looks like one and is none."""

from __future__ import annotations

from collections.abc import Callable

from acrawl.demo.builder import Builder, Page, Resource
from acrawl.demo.gallery import SPACER

FONT = "font/woff2"


def add_halls(builder: Builder, *others: Callable[[Builder], Page]) -> None:
    """Make the index of the halls, the halls here, and ``others``."""
    index = builder.page("/halls/", "The halls")
    for make in (_img, _srcset, _lazy, _head, _style, _sheets, _svg, _forms, _noscript, _data, _links, _base, *others):
        hall = make(builder)
        index.add(f'<p><a href="{hall.place}">{hall.title}</a>')


def _img(builder: Builder) -> Page:
    page = builder.page("/halls/img.html", "Plain images, written in every way")
    n, cdn = page.name, builder.cdn
    page.add(
        f'<img src="{n("/halls/img/rooted.png")}" alt="a path">',
        f'<img src="{n("/halls/img/relative.jpg", "img/relative.jpg")}" alt="relative">',
        f'<img src="{n("/halls/img/dot.gif", "./img/./dot.gif")}" alt="dots">',
        f'<img src="{n("/up.webp", "../up.webp")}" alt="up">',
        f'<img src="{n("/far-up.webp", "../../../../far-up.webp")}" alt="higher than the root">',
        f'<img src="{n("/collapsed.png", "img/%2e%2E/../collapsed.png")}" alt="dots, percent-encoded">',
        f'<img src="{builder.origin}{n("/halls/img/absolute.bmp")}" alt="absolute">',
        f'<img src="{builder.origin[5:]}{n("/halls/img/no-scheme.png")}" alt="without a scheme">',
        f'<img src="{n(cdn + "/halls/elsewhere.png")}" alt="on another host">',
        f'<img src="{n(cdn + "/halls/no-scheme.jpg")[5:]}" alt="on another host, without a scheme">',
        f'<img src="  {n("/halls/img/spaces-around.png")}\n " alt="white space around">',
        f'<img src="{n("/halls/img/broken-line.png", "/halls/img/broken-" + chr(10) + "line.png")}" alt="a break">',
        f'<img src="{n("/halls/img/backslash.png", "/halls" + chr(92) + "img/backslash.png")}" alt="a backslash">',
        f"<IMG ALT='capitals' SRC='{n('/halls/img/capitals.png')}'>",
        f"<img alt=unquoted src={n('/halls/img/unquoted.png')}>",
        f'<img src="{n("/img.php?id=1&size=small", "/img.php?id=1&amp;size=small", "png")}" alt="a query">',
        f'<img src="{n("/img.php?id=1&size=large", "/img.php?id=1&size=large", "png", size=(96, 72))}" alt="another">',
        f'<img src="{n("/img.php?id=2", "", "jpeg")}" alt="one more">',
        f'<img src="{n("/halls/img/entity.png", "/halls/img/entit&#121;.png")}" alt="a character reference">',
        f'<img src="{n("/halls/sprite.svg", "/halls/sprite.svg#a")}"><img src="/halls/sprite.svg#b" alt="one URL">',
    )
    return page


def _srcset(builder: Builder) -> Page:
    page = builder.page("/halls/srcset.html", "Sources to choose from")
    n, cdn = page.name, builder.cdn
    page.add(
        f'<img src="{n("/set/1x.jpg")}" srcset="{n("/set/1x.jpg")}, {n("/set/2x.jpg")} 2x,\n {n("/set/3x.jpg")} 3x">',
        f'<img srcset="{n("/set/320.png", "../set/320.png")} 320w,{n("/set/640.png")} 640w" sizes="50vw" alt="widths">',
        f'<img srcset="{n("/set/a,b.png")} 1x, {n("/set/w_1,h_2.png")} 2x" alt="commas in the URLs">',
        f'<img srcset="{SPACER} 1x, {n("/set/after-data.png")} 2x" alt="after a data: URL">',
        f'<picture><source type="image/webp" srcset="{n("/set/p.webp")} 1x, {n(cdn + "/set/p-2x.webp")} 2x">'
        f'<source media="(min-width: 40em)" srcset="{n("/set/wide.gif")}"><img src="{n("/set/plain.jpg")}" alt="plain">'
        "</picture>",
    )
    return page


def _lazy(builder: Builder) -> Page:
    page = builder.page("/halls/lazy.html", "Images that scripts would load")
    n = page.name
    page.add(
        f'<img src="{n("/lazy/blank.gif")}" data-src="{n("/lazy/data-src.jpg")}" alt="data-src">',
        f'<img data-srcset="{n("/lazy/small.png")} 1x, {n("/lazy/big.png")} 2x" alt="data-srcset">',
        f'<picture><source data-srcset="{n("/lazy/source.webp")} 300w"></picture>',
        *(
            f'<img {attribute}="{n(f"/lazy/{attribute}.jpg")}" alt="{attribute}">'
            for attribute in ("data-original", "data-lazy", "data-lazy-src", "data-full-src")
        ),
        f'<div data-bg="{n("/lazy/data-bg.png")}"></div>',
        f"<div data-bg=\"url('{n('/lazy/data-bg-url.png')}')\"></div>",
        f'<section data-background-image="{n("/lazy/data-background-image.jpg")}"></section>',
        f'<img loading="lazy" src="{n("/lazy/native.webp")}" alt="loading=lazy">',
    )
    return page


def _head(builder: Builder) -> Page:
    page = builder.page("/halls/head.html", "Images in the head")
    n = page.name
    page.head += [
        f'<link rel="shortcut icon" href="{n("/head/shortcut.ico")}">',
        f'<link rel="icon" type="image/svg+xml" href="{n("/head/icon.svg")}">',
        f'<link rel="apple-touch-icon" sizes="96x96" href="{n("/head/touch.png", size=(96, 96))}">',
        f'<link rel="mask-icon" href="{n("/head/mask.svg", "../head/mask.svg")}" color="#333">',
        f'<meta property="og:image" content="{builder.origin}{n("/head/og.jpg")}">',
        f'<meta property="og:image:secure_url" content="{n(builder.cdn + "/head/og-secure.jpg")}">',
        f'<meta name="twitter:image" content="{n("/head/twitter.png")}">',
        '<meta property="og:image:width" content="1200"><meta property="og:title" content="not-an-image.png">',
    ]
    return page


def _style(builder: Builder) -> Page:
    page = builder.page("/halls/style.html", "Images in the page's own styles")
    n = page.name
    page.head.append(
        f"<style>@media screen {{ .a {{ background: url({n('/style/bare.png')}),\n"
        f"url( '{n('/style/quoted.png')}' ) }} }}\n"
        f'.b {{ list-style-image: url("{n("/style/list.gif", "../style/list.gif")}") }}\n'
        f"/* .c {{ background: url({builder.decoy('/style/commented-out.png')}) }} */\n"
        f'.d::before {{ content: "url({builder.decoy("/style/in-a-string.png")})" }}\n'
        ".e { fill: url(#gradient); background: url(data:image/gif;base64,R0lGODlhAQABAAAAACw=) }</style>"
    )
    page.add(
        f'<p style="background-image: url({n("/style/inline.jpg")})">bare</p>',
        f"<p style=\"background-image: url('{n('/style/inline-quoted.jpg')}')\">quoted</p>",
        f'<p style="background-image: url(&quot;{n("/style/inline-entity.jpg")}&quot;)">character references</p>',
        f'<p style="BACKGROUND: URL({n("/style/capitals.jpg")})">capitals</p>',
        f"<p style=\"cursor: image-set(url({n('/style/set-1x.png')}) 1x, '{n('/style/set-2x.png')}' 2x)\">a set</p>",
    )
    return page


def _sheets(builder: Builder) -> Page:
    page = builder.page("/halls/sheets.html", "Images in stylesheets")
    page.head.append(f'<link rel="stylesheet" href="{_sheet_chain(builder, page)}">')
    other = builder.sheet(f"{builder.cdn}/theme/theme.css")
    other.used(page)
    other.add(f".theme {{ background: url({other.name(builder.cdn + '/theme/paper.png', 'paper.png')}) }}")
    page.head.append(f'<link rel="alternate stylesheet" href="{other.url}">')
    late = builder.sheet("/css/late.css")
    late.used(page)
    late.add(f".late {{ background: url({late.name('/css/late.webp', 'late.webp')}) }}")
    page.head.append("<style>@import '/css/late.css';</style>")
    page.add('<p class="leaf">Nothing here is named by the page itself.</p>')
    return page


def _sheet_chain(builder: Builder, page: Page) -> str:
    """Make three stylesheets that import each other, in a ring. Returns the first."""
    first, second, third = (builder.sheet(f"/css/{name}.css") for name in ("first", "deep/second", "deep/deeper/third"))
    for sheet, user in ((first, page), (second, first), (third, second), (first, third)):
        sheet.used(user)
    n = first.name
    first.add(
        '@charset "utf-8";\n@import "deep/second.css";',
        "@font-face { font-family: Demo; src: url(demo.svg#Demo) format('svg'), url('demo.woff2') format('woff2') }",
        f".a {{ background: url('{n('/css/first.png', 'first.png')}') }}",
        f".b {{ border-image: url({n('/css/border.svg', './border.svg')}) 30 round; mask: url(#mask) }}",
        f".c {{ cursor: url({n('/css/pointer.ico', 'pointer.ico')}), auto }}",
        f".d {{ content: image-set('{n('/css/set.png', 'set.png')}' 1x, url({n('/css/set-2x.webp')}) 2x) }}",
        f".e {{ background: url(up\\ and\\ away.png), url({n('/css/escaped.png', 'esc' + chr(92) + '61 ped.png')}) }}",
        f"/* .f {{ background: url({builder.decoy('/css/commented-out.png')}) }} */",
    )
    n("/css/up%20and%20away.png")
    builder.decoy("/css/demo.svg", "svg")
    builder.never.append(builder.serve("/css/demo.woff2", Resource(b"wOF2 no real font", FONT), (0, 0)))
    second.add(
        "@import url(deeper/third.css) screen;",
        f".g {{ background: url({second.name('/css/deep/second.jpg', 'second.jpg')}) }}",
    )
    third.add(
        "@import '../../first.css';",
        f".leaf {{ background: url(\n  {third.name('/css/leaf.gif', '../../leaf.gif')}\n) }}",
        f".cdn {{ background: url({third.name(builder.cdn + '/css/far.png')}) }}",
    )
    return "/css/first.css"


def _svg(builder: Builder) -> Page:
    page = builder.page("/halls/svg.html", "Images in drawings")
    n = page.name
    page.add(
        f'<svg viewBox="0 0 9 9"><image href="{n("/svg/href.png")}" width="9"/><g><image x="1" '
        f'xlink:href="{n("/svg/xlink.jpg", "../svg/xlink.jpg")}"/></g><use href="#nothing"/></svg>'
    )
    return page


def _forms(builder: Builder) -> Page:
    page = builder.page("/halls/forms.html", "Buttons and posters")
    n = page.name
    page.add(
        f'<form action="#"><input type="image" src="{n("/forms/send.png")}" alt="send">'
        f'<INPUT TYPE="IMAGE" SRC="{n("/forms/capitals.gif")}"><input src="/forms/not-an-image.png"></form>',
        f'<video poster="{n("/forms/poster.jpg")}" src="/films/film.mp4"></video>',
        f'<video poster="{n("/forms/second-poster.webp", "../forms/second-poster.webp")}"></video>',
    )
    builder.decoy("/forms/not-an-image.png")
    builder.never.append(builder.serve("/films/film.mp4", Resource(b"no real film", "video/mp4"), (0, 0)))
    return page


def _noscript(builder: Builder) -> Page:
    page = builder.page("/halls/noscript.html", "For those without scripts, and what is no markup at all")
    n = page.name
    page.add(
        f'<noscript><img src="{n("/noscript/plain.jpg")}" alt="without scripts"></noscript>',
        f'<noscript><picture><source srcset="{n("/noscript/source.webp")}"></picture></noscript>',
        f'<!-- <img src="{builder.decoy("/noscript/commented-out.png")}"> -->',
        f"<script>document.write(\"<img src='{builder.decoy('/noscript/in-a-script.png')}'>\")</script>",
        f'<textarea><img src="{builder.decoy("/noscript/in-a-textarea.png")}"></textarea>',
    )
    return page


def _data(builder: Builder) -> Page:
    page = builder.page("/halls/json-ld.html", "Images in structured data")
    n = page.name
    page.add(
        f'<script type="application/ld+json">{{"@type": "Organization", "logo": "{n("/ld/logo.png")}",'
        f'"image": ["{n("/ld/one.jpg")}", "{builder.origin}{n("/ld/two.jpg")}"]}}</script>',
        '<script type="application/ld+json">[{"@graph": [{"@type": "Article", "image": {"@type": "ImageObject", "url":'
        f'"{n("/ld/nested.webp")}"}}, "publisher": {{"logo": {{"@type": "ImageObject",'
        f'"url": "{n("/ld/press.svg")}"}}}}}},'
        f'{{"@type": "VideoObject", "thumbnailUrl": "{n("/ld/thumbnail.jpg")}", "name": "not-an-image.png"}},'
        f'{{"@type": "ImageObject", "contentUrl": "{n("/ld/escaped.png").replace("/", chr(92) + "/")}"}}]}}]</script>',
        '<script type="application/ld+json">{ this is not JSON }</script>',
    )
    return page


def _links(builder: Builder) -> Page:
    page = builder.page("/halls/links.html", "Links to images")
    n = page.name
    unnamed = builder.image("/download/image/7", "webp")  # a link without an extension: an image only by its bytes
    builder.linked.setdefault(unnamed, {})[page.url] = None
    page.add(
        f'<a href="{n("/links/large.jpg")}">large</a> <a href="{n("/links/CAPITALS.PNG")}">capitals</a>',
        f'<a href="{n("/links/query.webp?v=3&w=2", "../links/query.webp?v=3&amp;w=2")}">with a query</a>',
        f'<a href="{n("/links/fragment.gif", "/links/fragment.gif#top")}">with a fragment</a>',
        f'<a href="{n(builder.cdn + "/links/far.png")}">on another host</a>',
        '<a href="/download/image/7">an image behind a link that does not say so</a>',
    )
    return page


def _base(builder: Builder) -> Page:
    page = builder.page("/halls/base.html", "A page with another base")
    n = page.name
    page.head.insert(0, '<base href="/elsewhere/deep/">')
    page.head.append(f"<style>.f {{ background: url({n('/elsewhere/deep/style.png', 'style.png')}) }}</style>")
    page.add(
        f'<img src="{n("/elsewhere/deep/relative.png", "relative.png")}" alt="relative to the base">',
        f'<img src="{n("/elsewhere/up.jpg", "../up.jpg")}" alt="above the base">',
        f'<img src="{n("/base-rooted.gif")}" alt="a path">',
        '<a href="page.html">a page below the base</a>',
    )
    below = builder.page("/elsewhere/deep/page.html", "Below the base")
    below.add(f'<img src="{below.name("/elsewhere/deep/below.png", "below.png")}" alt="below">')
    return page
