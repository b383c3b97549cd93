"""docs/stages.md says what is so: its stage works, and its table is the list."""

import importlib
import pathlib
import re

from acrawl.settings import Fetch
from acrawl.testing import Pages, crawl

TEXT = (pathlib.Path(__file__).parent.parent.parent / "docs" / "stages.md").read_text()


def test_the_stage_of_the_page_works(tmp_path, monkeypatch):
    for name, block in re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL):
        (tmp_path / name).write_text(block)
    monkeypatch.syspath_prepend(tmp_path)

    class Shop(importlib.import_module("mine").Mine):
        start_urls = ("https://shop.example/",)

        def parse(self, response):
            yield from response.follow_all(css="a")

    pages = Pages({
        "https://shop.example/": "<a href=/logout>out</a><a href=/broken>x</a>",
        "https://shop.example/broken": "out of order",
    })  # fmt: skip
    done = crawl(Shop, pages, {"retry.times": 0})
    assert done.ended["https://shop.example/"] == "fetched"
    assert done.ended["https://shop.example/logout"] == "excluded(filter)"
    assert done.ended["https://shop.example/broken"] == "failed(http-503)"


def test_the_table_of_the_page_is_the_default_list():
    assert re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE) == list(Fetch().stages)
    assert f"fetch.stages={','.join(Fetch().stages).replace('spider', 'stamp:Stamp,spider')}'" in TEXT
