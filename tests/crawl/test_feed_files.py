"""Files of feeds in a whole crawl: named after the spider and the time it began, which stay when it is resumed."""

import csv
import json
import subprocess

SPIDER = """
from acrawl import Spider

class Shop(Spider):
    name = "shop"
    start_urls = [ORIGIN + "/"]

    def parse(self, response):
        yield {"path": response.url.removeprefix(ORIGIN)}
        yield from response.follow_all()
"""


def test_a_resumed_crawl_goes_on_with_its_files(acrawl, live, tmp_path):
    pages = ["/", *(f"/{n}" for n in range(9))]
    live.page("/", pages[1:])
    for page in pages[1:]:
        live.page(page)
    (tmp_path / "shop.py").write_text(f"ORIGIN = {live.origin!r}\n{SPIDER}")
    command = [
        "run",
        "shop.py",
        "--workers",
        1,
        "-q",
        "-o",
        "{name}-{time}.csv",
        "-o",
        "{batch:02}.json.gz:json",
        "-s",
        "feeds.batch_items=4",
    ]
    first = acrawl(*command, "-s", "limits.max_pages=3")
    assert first.code == 4, first.err
    (table,) = tmp_path.glob("shop-*.csv")
    before = table.read_text().splitlines()
    assert 3 <= len(before) - 1 < len(pages)
    assert acrawl("retry", "--status", "excluded", "--reason", "limit").code == 0
    second = acrawl(*command)
    assert second.code == 0, second.err
    assert list(tmp_path.glob("shop-*.csv")) == [table]
    header, *rows = csv.reader(table.read_text().splitlines())
    assert (header, sorted(path for (path,) in rows)) == (["path"], sorted(pages))
    unpacked = [
        json.loads(subprocess.run(["gzip", "-dc", path], capture_output=True, check=True).stdout)
        for path in sorted(tmp_path.glob("*.json.gz"))
    ]
    assert [len(part) for part in unpacked] == [4, 4, 2]
    assert [[item["path"]] for part in unpacked for item in part] == rows


def test_a_wrong_path_is_said_in_one_line_before_the_crawl_begins(acrawl, live, tmp_path):
    (tmp_path / "shop.py").write_text(f"ORIGIN = {live.origin!r}\n{SPIDER}")
    done = acrawl("run", "shop.py", "-q", "-o", "items-{bacth}.csv")
    assert done.code == 2
    assert "there is no {bacth} to fill in" in done.complaint
    assert "did you mean {batch}?" in done.complaint


def test_no_items_are_written_into_the_books_of_the_job(acrawl, live, tmp_path):
    (tmp_path / "shop.py").write_text(f"ORIGIN = {live.origin!r}\n{SPIDER}")
    done = acrawl("run", "shop.py", "-q", "--job", "books", "-o", "books/results.db")
    assert done.code == 2
    assert "a file of the job itself" in done.complaint
    assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == {"shop.py"}
