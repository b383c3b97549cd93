"""A spider with annotations passes a strict type checker: the package is typed for its users, too."""

import subprocess
import sys

import pytest

SPIDER = """
from collections.abc import Iterator

from acrawl import CrawlSpider, FormRequest, LinkExtractor, Request, Response, Rule
from acrawl.response import Failure
from acrawl.testing import Answer, crawl


class Shop(CrawlSpider):
    start_urls = ["https://shop.example/"]
    rules = [Rule(LinkExtractor(allow="/item/", restrict_css=["main"]), callback="item", follow=True)]
    custom_settings = {"politeness.delay": 1}

    def item(self, response: Response) -> Iterator[dict[str, str | None] | Request]:
        yield {"name": response.css("h1::text").get("none"), "about": response.xpath("//p").get(default="")}
        price: str = response.css("p").re_first(r"[0-9]+", default="0") + response.css("p")[0].re_first("[A-Z]+", "EUR")
        yield {"price": price, "sku": response.css("p").re_first("sku-(.*)")}
        yield Request("https://shop.example/a", self.item, errback=self.lost)
        yield Request("https://shop.example/b", callback="item", cb_kwargs={"page": 1})
        yield response.follow(response.css("a")[0], callback=self.item)
        yield FormRequest.from_response(response, formdata={"a": "b", "c": None}, callback=self.item)
        yield from response.follow_all(css="a.next", callback=self.item)

    def lost(self, failure: Failure) -> None:
        name: str | None = failure.request.callback
        self.logger.error("%s: %s", name, failure.reason)


done = crawl(Shop, {"https://shop.example/": "<h1>Shop</h1>", "https://shop.example/a": [Answer(status=503), b"A"]})
"""


def checked(tmp_path, text):
    (tmp_path / "shop.py").write_text(text)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "shop.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=280, check=False)
    return done.stdout + done.stderr


@pytest.mark.timeout(300)
def test_a_spider_with_annotations_passes_a_strict_checker_which_still_tells_a_wrong_callback(tmp_path):
    wrong = f'{SPIDER}\nRequest("https://shop.example/", callback=5)\n'
    (told, total) = checked(tmp_path, wrong).splitlines()
    assert 'Argument "callback" to "Request" has incompatible type "int"' in told
    assert total.startswith("Found 1 error in 1 file")
