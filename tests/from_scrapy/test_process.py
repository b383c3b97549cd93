"""A script with a spider and `CrawlerProcess`, as people write it: workers load it again, and it runs once."""

import json
import subprocess
import sys

import pytest

from acrawl.errors import SpiderError
from acrawl.spider import load_spider

SCRIPT = """
import acrawl.scrapy as scrapy
from acrawl.scrapy.crawler import CrawlerProcess


class Pages(scrapy.Spider):
    name = "pages"

    def start_requests(self):
        yield scrapy.Request(self.origin + "/")

    def parse(self, response):
        yield {"url": response.url}
        yield from response.follow_all(css="a")

    def closed(self, reason):
        print("closed:", reason)


class Marks:
    @classmethod
    def from_crawler(cls, crawler):
        made = cls()
        made.mark = crawler.settings.get("MARK")
        return made

    def process_item(self, item, spider):
        return {**item, "mark": self.mark}


process = CrawlerProcess({"FEEDS": {"out.jsonl": {"format": "jsonlines"}}, "ITEM_PIPELINES": {Marks: 1}})
Pages.custom_settings = {"MARK": "m"}
process.crawl(Pages, origin=ORIGIN)
process.start()
print("codes:", process.exit_codes)
"""


def test_a_script_runs_its_spider_and_goes_on_after_it(live, tmp_path):
    live.page("/", ["/one", "/two"])
    live.page("/one")
    live.page("/two", ["/"])
    (tmp_path / "script.py").write_text(f"ORIGIN = {live.origin!r}\n{SCRIPT}")
    for _ in range(2):  # a second run begins anew
        done = subprocess.run(
            [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-2:] == ["closed: finished", "codes: [0]"]
        items = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
        assert sorted(item["url"].removeprefix(live.origin) for item in items) == ["/", "/one", "/two"]
        assert {item["mark"] for item in items} == {"m"}


def test_a_mistake_in_the_settings_is_told_in_one_line(tmp_path):
    (tmp_path / "script.py").write_text(
        "import acrawl.scrapy as scrapy\nfrom acrawl.scrapy.crawler import AsyncCrawlerProcess\n\n"
        "class Pages(scrapy.Spider):\n    name = 'pages'\n\n"
        "process = AsyncCrawlerProcess({'FEEDS': {'out.yaml': {'format': 'yaml'}}})\n"
        "process.crawl(Pages)\nprocess.start()\n"
    )
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert done.stderr.splitlines()[-1].startswith("acrawl: -o out.yaml:yaml: there is no format 'yaml'")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("import scrapy.nothing\n", "it is written for Scrapy, and runs here after its import lines are changed"),
        ("import acrawl.scrapy.exporters\n", "there is no 'acrawl.scrapy.exporters'; docs/from-scrapy.md says what is"),
        ("import acrawl, my_own_shop\n", "it imports 'my_own_shop', which is not installed, or not where python looks"),
    ],
)
def test_what_a_spider_imports_in_vain_is_told(tmp_path, lines, told):
    (tmp_path / "spider.py").write_text(lines)
    with pytest.raises(SpiderError, match=told):
        load_spider(str(tmp_path / "spider.py"))
    with pytest.raises(SpiderError, match=r"no module named 'nowhere'; give a file.py or an importable module"):
        load_spider("nowhere.spiders")
