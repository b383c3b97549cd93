"""Pictures with their captions: the files go to a folder, and a pipeline tidies what is said about them.

python -m acrawl run examples/pictures.py -o pictures.jsonl --files pictures/ -a page=https://museum.example/
"""

from acrawl import DropItem, Request, Spider


class Captions:
    """Drops pictures without a caption, and folds the white space of the others."""

    def process_item(self, item):
        """See `acrawl.results.pipelines`."""
        if "caption" in item:
            item["caption"] = " ".join(item["caption"].split())
            if not item["caption"]:
                raise DropItem("no caption")
        return item


class Pictures(Spider):
    """Reads the figures of a gallery's pages. Each saved file gives an item of its own, with its path and its hash."""

    name = "pictures"
    page = "https://museum.example/"
    pipelines = (Captions,)

    async def start(self):
        """Begin with the gallery."""
        yield Request(self.page)

    def parse(self, response):
        """Give the captions of a page, its pictures, and its links."""
        for figure in response.css("figure"):
            picture = figure.css("img::attr(src)").get()
            yield {"picture": response.urljoin(picture), "caption": "".join(figure.css("figcaption ::text").getall())}
            yield response.follow(picture, save="image/", allow_offsite=True)  # wherever it may lie
        yield from response.follow_all(css="a.next")
