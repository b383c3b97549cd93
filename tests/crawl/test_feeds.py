"""Crawls of documents that are lists."""

from acrawl import CSVFeedSpider, Request, XMLFeedSpider
from acrawl.testing import Answer, Pages, crawl

HOST = "https://a.test"


def web(body, content_type):
    return Pages({f"{HOST}/": Answer(body.encode(), content_type=content_type), f"{HOST}/1": "<p>a page</p>"})


XML = """<rss xmlns:g="http://g.test/"><channel><item><title>One</title><g:id>1</g:id></item>
<item><title>Two</title><g:id>2</g:id></item></channel></rss>"""


def test_each_element_of_an_xml_document():
    class Shop(XMLFeedSpider):
        start_urls = (f"{HOST}/",)
        namespaces = (("shop", "http://g.test/"),)

        def parse_node(self, response, node):
            number = node.xpath("shop:id/text()").get()
            if number == "1":
                return Request(f"{HOST}/1", self.parse_page)
            return {"title": node.xpath("title/text()").get(), "id": number}

        def process_results(self, response, results):
            for result in results:
                yield result | {"from": response.url} if isinstance(result, dict) else result

        def parse_page(self, response):
            yield {"page": response.url}

    done = crawl(Shop, web(XML, "application/xml"))
    assert done.items == [{"title": "Two", "id": "2", "from": f"{HOST}/"}, {"page": f"{HOST}/1"}]


def test_each_element_of_a_page():
    class Listing(XMLFeedSpider):
        start_urls = (f"{HOST}/",)
        iterator = "html"
        itertag = "li"

        def parse_node(self, response, node):
            yield {"text": node.xpath("string()").get()}

    done = crawl(Listing, web("<ul><li>one<li>two</ul>", "text/html"))
    assert done.items == [{"text": "one"}, {"text": "two"}]


def test_a_wrong_iterator_says_which_there_are():
    class Wrong(XMLFeedSpider):
        start_urls = (f"{HOST}/",)
        iterator = "iter"

    done = crawl(Wrong, web(XML, "application/xml"))
    assert "iterator='iter': write one of iternodes, xml, html" in done.details[f"{HOST}/"]


def test_each_row_of_a_table(caplog):
    class Prices(CSVFeedSpider):
        start_urls = (f"{HOST}/",)
        delimiter = ";"

        def parse_row(self, response, row):
            return row

    done = crawl(Prices, web("name;price\nLamp;5\nbroken\nalso\nChair;7\n", "text/csv"))
    assert done.items == [{"name": "Lamp", "price": "5"}, {"name": "Chair", "price": "7"}]
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        f"{HOST}/: line 3 has 1 columns, and 2 have a name; it is passed over, and so are others like it"
    ]


def test_a_table_without_names_is_given_them():
    class Prices(CSVFeedSpider):
        start_urls = (f"{HOST}/",)
        headers = ("name", "price")

        def parse_row(self, response, row):
            yield row

    assert crawl(Prices, web("Lamp,5\n", "text/csv")).items == [{"name": "Lamp", "price": "5"}]
