"""The spider of the benchmarks: every page of a site with its title (job A), and every image it names (job B)."""

import re

from acrawl import Spider

PAGE = re.compile(r"[^?#]*(/|\.html?)([?#]|$)", re.IGNORECASE).match
IMAGE = re.compile(r"[^?#]*\.(png|jpe?g|gif|svg|ico|webp|bmp|tiff?)([?#]|$)", re.IGNORECASE).match


class Pages(Spider):
    name = "pages"

    def __init__(self, start, job="A"):
        super().__init__()
        self.start_urls = [start]
        self.job = job

    def parse(self, response):
        if response.content_type != "text/html":
            return
        yield {"url": response.url, "title": response.css("title::text").get()}
        for request in response.follow_all():
            if PAGE(request.url):
                yield request
        if self.job == "B":
            for image in response.images():
                if IMAGE(image.url):
                    yield response.download(image.url)
