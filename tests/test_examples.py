"""Every example runs as its docstring says, against a site on this machine that looks like the one it names."""

from __future__ import annotations

import json
import pathlib

import pytest
from aiohttp import web

from crawl.command import records
from crawl.conftest import acrawl, live, start
from crawl.site import LiveSite

__all__ = ["acrawl", "live", "start"]

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"
QUOTE = (
    "<div class=quote><span class=text>{n}</span><small class=author>{author}</small>"
    "<a href=/author/{author}>about</a><a class=tag>{tag}</a></div>"
)


@pytest.fixture
def run(acrawl, tmp_path):
    """Run an example with two workers; returns its items, those of files first."""

    def run(name, *arguments):
        done = acrawl("run", EXAMPLES / name, "-o", "items.jsonl", "--workers", 2, *arguments)
        assert done.code == 0, done.err
        return sorted(records(tmp_path / "items.jsonl"), key=json.dumps)

    return run


def furnish_quotes(live):
    for path, tag in (("", ""), ("/tag/humor", "humor")):
        first = QUOTE.format(n=1, author="Ann", tag=tag or "life") + QUOTE.format(n=2, author="Bob", tag="humor")
        live.add(f"{path}/", f"{first}<li class=next><a href={path}/page/2/>next</a>")
        live.add(f"{path}/page/2/", QUOTE.format(n=3, author="Ann", tag="humor"))


def test_quotes(live, run):
    furnish_quotes(live)
    site = f"site={live.origin}"
    assert run("quotes.py", "-a", site, "--job", "a") == [
        {"text": "1", "author": "Ann", "tags": ["life"]},
        {"text": "2", "author": "Bob", "tags": ["humor"]},
        {"text": "3", "author": "Ann", "tags": ["humor"]},
    ]
    run("quotes.py", "-a", site, "-a", "tag=humor", "--job", "b")
    assert live.hits["/tag/humor/page/2/"] == 1


def test_books(live, run):
    pod = "<article class=product_pod><h3><a href=/book/{n}>Book {n}</a></h3></article>"
    live.add("/", f"{pod.format(n=1)}<li class=next><a href=/page-2.html>next</a>")
    live.add("/page-2.html", f"{pod.format(n=2)}{pod.format(n=1)}<a href=/elsewhere>no rule takes it</a>")
    for n in (1, 2):
        about = f"<h1>Book {n}</h1><p class=price_color>£{n}0.50<p class=availability>In stock ({n} available)"
        live.add(f"/book/{n}", f"<div class=product_main>{about}</div><table><tr><th>UPC</th><td>u{n}</td></table>")
    assert run("books.py", "-a", f"site={live.origin}") == [
        {
            "title": f"Book {n}",
            "price": n * 10.5 - (n - 1) * 0.5,
            "in_stock": n,
            "upc": f"u{n}",
            "url": live.url(f"/book/{n}"),
        }
        for n in (1, 2)
    ]
    assert live.hits["/elsewhere"] == 0


def test_api(live, run):
    live.add(
        "/people?page=1", json.dumps({"people": [{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}], "more": True})
    )
    live.add("/people?page=2", json.dumps({"people": [{"id": 3, "name": "Cem"}], "more": False}))
    live.add("/people/1", json.dumps({"age": 30}))
    live.add("/people/3", json.dumps({"age": 40}))
    assert run("api.py", "-a", f"site={live.origin}") == [
        {"name": "Ann", "age": 30},
        {"name": "Bob", "missing": "http-404"},
        {"name": "Cem", "age": 40},
    ]


def test_pictures(live, run, tmp_path):
    figure = "<figure><img src=/{n}.png><figcaption>{caption}</figcaption></figure>"
    live.add("/", figure.format(n=1, caption="A\n <b>red</b> square") + "<a class=next href=/2>more</a>")
    live.add("/2", figure.format(n=2, caption="") + figure.format(n=3, caption="Blue"))
    for n in (1, 2, 3):
        live.picture(f"/{n}.png", n)
    items = run("pictures.py", "-a", f"page={live.url('/')}", "--files", "pictures")
    captions = {item["picture"]: item["caption"] for item in items if "picture" in item}
    assert captions == {live.url("/1.png"): "A red square", live.url("/3.png"): "Blue"}
    saved = [item for item in items if "path" in item]
    assert len(saved) == 3
    assert all((tmp_path / "pictures" / item["path"]).is_file() for item in saved)


def test_prices(live, acrawl, run, tmp_path):
    """Two visits: the second has the book alone whose price has changed; one without a price fails, and only that."""
    pod = "<article class=product_pod><h3><a href=/book/{n}>Book {n}</a></h3></article>"
    book = "<h1>Book {n}</h1><p class=price_color>{price}</p><div id=product_gallery><img src=/{n}.png></div>"
    live.add("/", "".join(pod.format(n=n) for n in (1, 2, 3)))
    for n, price in ((1, "£51.77"), (2, "£20"), (3, "£ask")):
        live.add(f"/book/{n}", book.format(n=n, price=price))
        live.picture(f"/{n}.png", n)

    words = ("-a", f"site={live.origin}", "-o", "{time}.csv", "--files", "covers")
    assert [(one["title"], one["price"], one["currency"]) for one in run("prices.py", *words)] == [
        ("Book 1", 51.77, "£"),
        ("Book 2", 20.0, "£"),
    ]
    assert {path.name for path in (tmp_path / "covers").glob("*.png")} == {"Book 1.png", "Book 2.png", "Book 3.png"}
    assert "Book.price: expected `float`, got `str` ('£ask')" in acrawl("audit", "--items").out
    live.add("/book/2", book.format(n=2, price="£18.50"))
    both = run("prices.py", *words, "--again")
    assert sorted((one["title"], one["price"]) for one in both) == [
        ("Book 1", 51.77),
        ("Book 2", 18.5),
        ("Book 2", 20.0),
    ]
    assert f"changed    {live.url('/book/2')}" in acrawl("changes").out
    first, second = sorted(tmp_path.glob("*.csv"))
    assert [len(path.read_text().splitlines()) for path in (first, second)] == [3, 2]


def test_news(live, run):
    entry = "<url><loc>{url}</loc><lastmod>{day}</lastmod></url>"
    dated = {"/news/new": "2024-05-02", "/news/old": "2024-04-01", "/sport/new": "2024-05-03"}
    urls = "".join(entry.format(url=live.url(path), day=day) for path, day in dated.items())
    start = "<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>"
    live.add("/sitemap.xml", f"{start}{urls}</urlset>", "application/xml")
    for path in dated:
        text = f"<h1>{path}</h1><time datetime=2024>then</time><article><p>One <b>two</b><p>three</article>"
        live.add(path, text)
    assert run("news.py", "-a", f"site={live.origin}", "-a", "since=2024-05-01") == [
        {"url": live.url("/news/new"), "title": "/news/new", "published": "2024", "text": "One two\nthree"}
    ]
    assert live.hits["/sport/new"] == 0


class Club(LiveSite):
    """Shows its notes to those who have sent its form whole."""

    async def _answer(self, request):
        if request.method == "POST":
            sent = dict(await request.post())
            known = sent == {"token": "t", "user": "ann", "password": "secret"}
            return web.Response(status=302, headers={"Location": "/home", **({"Set-Cookie": "m=1"} if known else {})})
        if request.path != "/login" and request.cookies.get("m") != "1":
            return web.Response(text="<a href=/login>log in</a>", content_type="text/html")
        return await super()._answer(request)


@pytest.mark.parametrize(("password", "notes"), [("secret", ["one", "two"]), ("wrong", [])])
def test_login(run, password, notes):
    with Club() as club:
        fields = "<input type=hidden name=token value=t><input name=user><input type=password name=password>"
        club.add("/login", f"<form action=/login method=post>{fields}<button>Go</button></form>")
        club.add("/home", "<a href=/logout>log out</a><a class=note href=/1>1</a><a class=note href=/2>2</a>")
        club.add("/1", "<p>one")
        club.add("/2", "<p>two")
        items = run("login.py", "-a", f"site={club.origin}", "-a", "user=ann", "-a", f"password={password}")
    assert sorted(item["note"] for item in items) == notes


def test_broad(live, run):
    live.page("/", ["/one", "/login", "/paper.pdf"])
    live.page("/one", ["/two"])
    live.page("/two", ["/three"])
    live.page("/three", ["/too-deep"])
    items = run("broad.py", "-a", f"urls={live.url('/')}")
    assert {item["title"] for item in items} == {"/", "/one", "/two", "/three"}
    assert set(live.hits) == {"/", "/one", "/two", "/three"}


def test_scrapy_authors(live, run):
    furnish_quotes(live)
    for name in ("Ann", "Bob"):
        live.add(f"/author/{name}", f"<h3 class=author-title> {name}\n</h3><span class=author-born-date>1900</span>")
    items = run("scrapy_authors.py", "-a", f"site={live.origin}")
    assert [(item["name"], item["born"]) for item in items] == [("Ann", "1900"), ("Bob", "1900")]
    assert items[0]["quoted_on"] == live.url("/")


def test_every_example_is_tried_and_says_how_to_run_it():
    names = {path.name for path in EXAMPLES.glob("*.py")}
    source = pathlib.Path(__file__).read_text()
    assert {name for name in names if f'run("{name}"' not in source} == set()
    for name in names:
        assert f"python -m acrawl run examples/{name}" in (EXAMPLES / name).read_text()
