"""``acrawl report`` as it is typed: of jobs in every state, to every place, and what is said to bad input."""

from __future__ import annotations

import json
import shutil
import signal
import sys

import pytest

from acrawl.errors import EXIT_ENVIRONMENT, EXIT_FAILED, EXIT_OK, EXIT_USAGE
from acrawl.frontier.database import Database
from acrawl.results import previews
from crawl.site import woods
from report.conftest import IMAGES, SPIDER
from report.pages import Page

pytestmark = pytest.mark.process


@pytest.fixture
def shown(typed, tmp_path):
    """The page of a job, parsed, and the figures of the same job."""

    def show(job, *options, cwd=tmp_path):
        done = typed("report", job, "-o", tmp_path / "page.html", *options, cwd=cwd)
        assert done.code == EXIT_OK, done.err
        figures = typed("report", job, "--json", cwd=cwd)
        return Page((tmp_path / "page.html").read_text(encoding="utf-8")), json.loads(figures.out)

    return show


def same(page, figures):
    """The numbers on the page are those of the figures."""
    requests, saved = figures["requests"], figures["saved"]
    wanted = {name: requests["totals"][name] for name in
              ("fetched", "failed", "discovered", "excluded", "queued", "retries", "bytes", "hosts")}  # fmt: skip
    wanted |= {"files": saved["files"], "items": requests["delivered"]}
    assert {name: page.values[name] for name in wanted} == wanted
    assert page.values["pages_per_second"] == pytest.approx(figures["pages_per_second"])
    assert page.figures["state"].replace("ended at a ", "") == figures["crawl"]["state"]
    assert ("balanced" in page.figures["books"]) == (not requests["problems"])


def test_the_page_says_what_the_figures_say(shop, shown):
    page, figures = shown(shop.job, cwd=shop.folder)
    same(page, figures)
    assert figures["crawl"]["state"] == "finished"
    for end in figures["requests"]["ends"]:
        assert f"{end['status']} {end['reason']}{end['requests']:,}" in page.text
    links = [attributes["href"] for attributes in page.of("a")]
    assert shop.home.url("/missing") in links
    assert "out of paper" in page.text
    assert "hush" not in page.text


def test_every_chart_is_told_in_words_and_as_a_table(shop, shown):
    page, _ = shown(shop.job, cwd=shop.folder)
    charts = [attributes for attributes in page.of("svg") if attributes.get("role") == "img"]
    assert len(charts) == 4
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    for chart in charts:
        assert set((chart["aria-labelledby"] or "").split()) <= ids
    assert page.text.count("The numbers as a table") == len(charts)
    assert all(svg.get("role") == "img" or svg.get("aria-hidden") == "true" for svg in page.of("svg"))
    anchors = [attributes["href"] for attributes in page.of("a") if str(attributes["href"]).startswith("#")]
    assert anchors
    assert {anchor[1:] for anchor in anchors} <= ids


def test_nothing_in_the_page_leads_out_of_it_by_itself(pictures, shown):
    page, _ = shown(pictures.job, cwd=pictures.folder)
    sources = [str(attributes["src"]) for _, attributes in page.elements if "src" in attributes]
    assert sources
    assert all(source.startswith("data:image/") for source in sources)
    assert not [tag for tag, attributes in page.elements if {"srcset", "style", "onload", "data"} & set(attributes)]
    assert [attributes["href"] for attributes in page.of("link")] == ["data:,"]
    (policy,) = (meta["content"] for meta in page.of("meta") if meta.get("http-equiv"))
    assert "default-src 'none'" in str(policy)
    assert "unsafe" not in str(policy)


def test_some_hundred_images_become_a_gallery_of_a_bounded_size(pictures, shown, tmp_path):
    page, figures = shown(pictures.job, cwd=pictures.folder)
    same(page, figures)
    images = page.of("img")
    assert len(images) == previews.MOST < IMAGES
    assert len({image["src"] for image in images}) == len(images)
    assert all(image["alt"] for image in images)
    assert f"60 of {IMAGES} distinct images" in page.text
    assert (tmp_path / "page.html").stat().st_size < 5_000_000
    page, _ = shown(pictures.job, "--images", 0, cwd=pictures.folder)
    assert page.of("img") == []


def test_a_folder_that_was_moved_takes_its_images_along(pictures, shown, tmp_path):
    shutil.copytree(pictures.folder / "made", tmp_path / "elsewhere")
    (pictures.folder / "made").rename(pictures.folder / "gone")
    try:
        page, _ = shown("elsewhere/.acrawl")
    finally:
        (pictures.folder / "gone").rename(pictures.folder / "made")
    assert len(page.of("img")) == previews.MOST


def test_without_pillow_the_smallest_originals_are_shown(pictures, shown, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    page, _ = shown(pictures.job, cwd=pictures.folder)
    assert len(page.of("img")) == previews.MOST
    assert {str(image["src"]).partition(";")[0] for image in page.of("img")} <= {
        "data:image/png", "data:image/svg+xml",
    }  # fmt: skip


def test_a_single_page(live, acrawl, shown):
    live.page("/")
    assert acrawl("images", live.url(), "-o", "made", "--workers", 1).code == EXIT_OK
    page, figures = shown("made/.acrawl")
    same(page, figures)
    assert figures["requests"]["totals"]["fetched"] == 1
    assert "Nothing here asks for attention" in page.text


def test_a_job_of_which_nothing_was_fetched(tmp_path, shown):
    (tmp_path / "job").mkdir()
    Database(str(tmp_path / "job" / "job.db")).close()
    page, figures = shown("job")
    assert figures["requests"]["totals"]["discovered"] == 0
    assert figures["seconds"] == 0
    assert "Nothing was fetched" in page.text
    assert page.of("svg") == []


def test_a_running_crawl_is_told_as_it_stands_and_goes_on(live, start, shown):
    live.page("/", [f"/{n}" for n in range(60)])
    for n in range(60):
        live.page(f"/{n}")
    live.delay = 0.15
    command = start("images", live.url(), "-o", "made", "--workers", 1)
    live.wait_for(20)
    page, figures = shown("made/.acrawl")
    assert figures["crawl"]["state"] == "running"
    assert figures["requests"]["totals"]["queued"] > 0
    assert figures["requests"]["problems"] == []
    assert page.figures["state"] == "running"
    live.delay = 0.0
    done = command.end()
    assert done.code == EXIT_OK, done.err
    page, figures = shown("made/.acrawl")
    same(page, figures)
    assert (figures["crawl"]["state"], figures["requests"]["totals"]["fetched"]) == ("finished", 61)


def test_a_crawl_that_was_killed_has_two_lives_and_counts_no_item_twice(tmp_path, live, start, acrawl, shown):
    (tmp_path / "shop.py").write_text(SPIDER)
    woods(live, 60)
    live.delay = 0.05
    words = ("run", "shop.py", "-a", f"home={live.url()}", "-o", "items.jsonl", "--workers", 1)
    command = start(*words)
    live.wait_for(25)
    command.kill(signal.SIGKILL)
    command.end()
    _, stopped = shown(".acrawl/shop")
    assert stopped["crawl"]["state"] == "stopped"
    live.delay = 0.0
    assert acrawl(*words).code == EXIT_OK
    page, figures = shown(".acrawl/shop")
    same(page, figures)
    first, second = figures["requests"]["lives"]
    assert first == stopped["requests"]["lives"][0]
    assert second["began"] > first["ended"]
    assert figures["seconds"] == pytest.approx(first["ended"] - first["began"] + second["ended"] - second["began"])
    assert "in 2 runs" in page.text
    assert (
        figures["requests"]["delivered"] == len((tmp_path / "items.jsonl").read_text().splitlines()) == 59
    )  # and /page/1 is dropped


def test_a_crawl_that_hit_a_limit_says_so(live, acrawl, shown):
    live.page("/", [f"/{n}" for n in range(30)])
    acrawl("images", live.url(), "-o", "made", "--workers", 1, "-s", "limits.max_pages=1")
    page, figures = shown("made/.acrawl")
    assert figures["crawl"]["state"] == "limit"
    assert "because a limit was hit" in page.text


# -- where it goes


def test_the_only_job_here_is_meant_and_the_page_is_called_report(shop, typed):
    done = typed("report", cwd=shop.folder)
    assert done.code == EXIT_OK, done.err
    assert done.out.startswith("report.html: ")
    assert Page((shop.folder / "report.html").read_text()).figures["state"] == "finished"
    assert not [path for path in shop.folder.iterdir() if path.name.endswith(".new")]


def test_a_dash_is_standard_output(shop, start):
    page = start("report", "--job", shop.job, "-o", "-", cwd=shop.folder).end()
    assert page.code == EXIT_OK, page.err
    assert page.out.startswith("<!doctype html>")
    assert Page(page.out).figures["state"] == "finished"


def test_the_figures_go_to_a_file_too(shop, typed, tmp_path):
    assert typed("report", shop.job, "--json", "-o", tmp_path / "f.json", cwd=shop.folder).code == EXIT_OK
    assert json.loads((tmp_path / "f.json").read_text())["crawl"]["spider"] == "Shop"


def test_a_link_goes_on_leading_to_the_page(shop, typed, tmp_path):
    (tmp_path / "real.html").write_text("old")
    (tmp_path / "link.html").symlink_to("real.html")
    assert typed("report", shop.job, "-o", tmp_path / "link.html", cwd=shop.folder).code == EXIT_OK
    assert (tmp_path / "link.html").is_symlink()
    assert (tmp_path / "real.html").read_text().startswith("<!doctype")


@pytest.mark.parametrize(
    ("output", "code", "said"),
    [
        ("folder", EXIT_USAGE, "is a folder; name a file in it, as in -o folder/report.html"),
        ("no/such/report.html", EXIT_USAGE, "there is no folder"),
        ("/dev/full", EXIT_ENVIRONMENT, "No space left"),
        ("/proc/report.html", EXIT_FAILED, "cannot be written"),
    ],
)
def test_a_place_that_cannot_be_written_gets_one_line(output, code, said, shop, typed):
    (shop.folder / "folder").mkdir(exist_ok=True)
    done = typed("report", shop.job, "-o", output, cwd=shop.folder)
    assert done.code == code
    assert said in done.complaint


def test_a_folder_that_is_no_job_gets_one_line(typed, tmp_path):
    assert "no crawl has begun here" in typed("report").complaint
    assert "no such job folder" in typed("report", "nowhere").complaint
    assert "two jobs" in typed("report", "a", "--job", "b").complaint
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "job.db").write_bytes(b"no database at all" * 100)
    assert "job.db" in typed("report", "job").complaint
