"""The spider of the process tests, as source text: master and workers load it as files of their own."""

from __future__ import annotations

import pathlib

LINKS = '''
from acrawl import Request, Spider


class Links(Spider):
    """Every page is an item; every page has one picture, and many pages share theirs."""

    def __init__(self, url):
        super().__init__(url=url)
        self.start_urls = [url]

    def parse(self, response):
        yield {"url": response.url}
        for image in response.images():
            yield response.download(image.url)
        yield from response.follow_all()
'''

#: Pages of the site and distinct pictures on them.
PAGES = 60
PICTURES = 7


def write(folder: pathlib.Path) -> pathlib.Path:
    """Write the spider's file."""
    path = folder / "links.py"
    path.write_text(LINKS)
    return path
