"""The page in a real browser: nothing runs that came from the web, nothing leaves, everything fits, tables sort."""

from __future__ import annotations

import msgspec
import pytest
import pytest_asyncio

from acrawl.cli.report import gather
from acrawl.figures import Picture
from acrawl.frontier.database import Database
from acrawl.job import Job
from acrawl.monitor.report import render
from acrawl.monitor.report.texts import esc, link, middle, size, span
from browser import browser
from report.ledgers import make_ledger
from report.pages import Page

OWN = 'window.owned=true;document.title="owned"'
HOSTILE = f"\"><script>{OWN}</script><img src=x onerror='{OWN}'>\u202egnp.\u2066"
URLS = (
    f"http://evil.test/{HOSTILE}",
    f"javascript:{OWN}//",
    "data:text/html,<script>window.owned=true</script>",
    "http://evil.test/'onmouseover='" + OWN,
    "http://ann:tell-nobody@evil.test/path",
    "http://evil.test/" + "long" * 2000,
)


@pytest.fixture
def hostile(tmp_path):
    """The figures of a crawl whose every text tries to run something."""
    job = tmp_path / "job"
    job.mkdir()
    make_ledger(job / "job.db", 3000)
    with Database(str(job / "job.db")) as db, db.transaction():
        for number, url in enumerate(URLS, 20):
            values = (url, HOSTILE, number)
            db.run("update ledger set url = ?, took = 99000, detail = ?, parent = 20 where id = ?", *values)
        db.run("update host set name = ?, trouble = ? where id = 5", "https://" + HOSTILE, HOSTILE)
        db.run("update ending set reason = ? where reason = 'timeout'", HOSTILE)
    (job / "job.json").write_text(
        msgspec.json.encode(
            {"spider": HOSTILE, "sha256": "", "arguments": {}, "scope": "", "command": ["run", HOSTILE], "lives": []}
        ).decode()
    )
    return gather(Job(job))


def pictures():
    head = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"'
    svg = f"{head} onload='{OWN}'><script>{OWN}</script></svg>"
    return [Picture(url, url, HOSTILE, "image/svg+xml", 20, 20, 99, "image/svg+xml", svg.encode()) for url in URLS]


@pytest.fixture
def pages(hostile, tmp_path):
    """The hostile page as a file."""
    saved = msgspec.structs.replace(hostile.saved, images=len(URLS), files=0)
    text = render(msgspec.structs.replace(hostile, saved=saved), pictures())
    path = tmp_path / "hostile.html"
    path.write_text(text, encoding="utf-8")
    return path


@pytest_asyncio.fixture
async def tab():
    async with browser() as tab:
        yield tab


async def shown(tab, path, width=1400):
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    await tab.call("Emulation.setDeviceMetricsOverride", **metrics)
    await tab.open(path.as_uri())


@pytest.mark.browser
@pytest.mark.asyncio
async def test_nothing_of_the_web_runs_and_nothing_leaves_the_page(tab, pages):
    await shown(tab, pages)
    assert await tab.evaluate("window.owned") is None
    for chance in ("click", "mouseover", "focus"):
        await tab.evaluate(
            f"document.querySelectorAll('a:not([href^=\"http\"]), summary, rect, td').forEach("
            f"(one) => one.dispatchEvent(new Event('{chance}', {{bubbles: true, cancelable: true}})))"
        )
    assert await tab.evaluate("window.owned") is None
    asked = (
        "performance.getEntriesByType('resource').map((one) => one.name).filter((name) => !name.startsWith('data:'))"
    )
    assert await tab.evaluate(asked) == []
    assert await tab.evaluate("[...document.images].every((one) => one.complete && one.naturalWidth > 0)")
    schemes = await tab.evaluate("[...new Set([...document.links].map((one) => one.protocol))]")
    assert set(schemes) <= {"http:", "https:", "file:"}
    assert tab.console == []


@pytest.mark.browser
@pytest.mark.asyncio
@pytest.mark.parametrize(("media", "width"), [("screen", 400), ("screen", 1400), ("print", 800)])
async def test_the_page_is_never_wider_than_the_window_or_the_paper(tab, pages, media, width):
    await tab.call("Emulation.setEmulatedMedia", media=media)
    await shown(tab, pages, width)
    wide = await tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0
    assert await tab.evaluate("document.querySelectorAll('.column').length") > 50


@pytest.mark.browser
@pytest.mark.asyncio
async def test_tables_sort_by_numbers_and_say_how(tab, pages):
    await shown(tab, pages)
    column = "[...document.querySelectorAll('#hosts tbody tr')].map((row) => row.cells[2].dataset.v)"
    press = "document.querySelector('#hosts th:nth-child(3) button').click()"
    order = "document.querySelector('#hosts th:nth-child(3)').getAttribute('aria-sort')"
    await tab.evaluate(press)
    assert await tab.evaluate(order) == "descending"
    values = [float(value) for value in await tab.evaluate(column)]
    assert values == sorted(values, reverse=True)
    await tab.evaluate(press)
    assert await tab.evaluate(order) == "ascending"
    values = [float(value) for value in await tab.evaluate(column)]
    assert values == sorted(values)
    assert len(set(values)) > 1
    await tab.evaluate("document.querySelector('#hosts th button').click()")
    ordered = "[...document.querySelectorAll('#hosts tbody tr')].map((row) => row.cells[0].textContent)"
    assert await tab.evaluate(f"{ordered}.every((name, n, all) => !n || all[n - 1].localeCompare(name) <= 0)")
    assert tab.console == []


@pytest.mark.browser
@pytest.mark.asyncio
async def test_dark_is_dark_and_light_is_light(tab, pages):
    brightness = "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).reduce((a, b) => a + +b, 0)"
    found = {}
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await tab.call("Emulation.setEmulatedMedia", features=features)
        await shown(tab, pages)
        found[scheme] = await tab.evaluate(brightness)
    assert found["light"] > 600
    assert found["dark"] < 150


# -- without a browser


def test_a_hostile_page_is_well_formed_and_shows_as_text_what_would_run(pages):
    text = pages.read_text(encoding="utf-8")
    page = Page(text)
    assert "tell-nobody" not in text
    assert not {"\u202e", "\u2066"} & set(text)
    assert len(page.of("script")) == 1
    hrefs = [str(one["href"]) for one in page.of("a")]
    assert URLS[5] in hrefs
    assert not [href for href in hrefs if not href.startswith(("http://", "https://", "#"))]
    assert "window.owned=true" in page.text
    assert max(map(len, page.text.split())) < 400


def test_half_surrogates_and_controls_are_replaced():
    assert esc("a\ud800b\x00c\x1b[31m\u202ed") == "a\ufffdb\ufffdc\ufffd[31m\ufffdd"
    assert esc("na\u00efve \u65e5\u672c <&\"'>") == "na\u00efve \u65e5\u672c &lt;&amp;&quot;&#x27;&gt;"
    assert "\ud800" not in link("http://a.test/\ud800")


def test_links_are_of_the_web_only():
    assert "<a " not in link("javascript:alert(1)")
    assert "<a " not in link("http:alert(1)")
    assert 'href="https://a.test/?q=&quot;&amp;b"' in link('https://a.test/?q="&b')
    assert "secret" not in link("https://ann:secret@a.test/")
    assert "mail@b" in link("https://a.test/mail@b")


def test_numbers_have_units():
    assert [size(value) for value in (0, 999, 1000, 15_400, 2_500_000, 7e12)] == [
        "0 B", "999 B", "1.0 kB", "15 kB", "2.5 MB", "7.0 TB",
    ]  # fmt: skip
    assert [span(value) for value in (0.25, 119, 125, 7260, 100_000)] == [
        "0.2 s", "119.0 s", "2 min 5 s", "2 h 1 min", "1 d 3 h",
    ]  # fmt: skip
    assert middle("x" * 500, 100).count("x") == 99
