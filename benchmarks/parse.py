"""What reading pages costs: links, selectors, joins; ours, lxml's with parsel, and the bare parser's, on real pages.

    python benchmarks/parse.py [-n PAGES] [-r ROUNDS] [FOLDER...]

The pages are a sample of each folder's, always the same; a folder that is missing is named and passed over. Figures are
CPU microseconds a page (or a join) in this process. In each round every candidate reads every page; a ratio is the
median over the rounds. What acrawl remembers of joins is forgotten before each round. No network, no HTTP client.
"""

import argparse
import functools
import pathlib
import random
import statistics
import time
from urllib.parse import urldefrag, urljoin

import ada_url
import lxml.html
import parsel
from selectolax.lexbor import LexborHTMLParser
from yarl import URL

from acrawl import url as urls_of
from acrawl.parse import document as documents
from acrawl.parse.bounds import bounded
from acrawl.parse.links import links, urls
from acrawl.parse.media import images, stylesheets
from acrawl.response import Response

FOLDERS = (
    "/usr/share/doc/python3.11/html",
    "/usr/share/doc/postgresql-doc-15/html",
    "/usr/share/gimp/2.0/help/en",
    "/usr/share/doc/openjdk-17-jre-headless/api",
)
#: Larger pages would be all that is measured.
LARGEST = 300_000
SELECTORS = (
    "title::text", "h1::text", "h2::text", "meta[name=description]::attr(content)", "link[rel=next]::attr(href)",
    "a::attr(href)", "img::attr(src)", "ul > li > a::text", "table td::text", "div p::text", "pre",
)  # fmt: skip


def sample(folders, count):
    """Return the URL and the bytes of pages; the folders that are not there are named."""
    pages = []
    for number, folder in enumerate(folders):
        files = sorted(path for path in pathlib.Path(folder).rglob("*.html") if path.stat().st_size < LARGEST)
        if not files:
            print(f"{folder} has no pages: passed over")
            continue
        chosen = random.Random(7).sample(files, min(count, len(files)))
        pages += [(f"https://site{number}.test/{path.relative_to(folder)}", path.read_bytes()) for path in chosen]
    return pages


# Links: absolute, without fragments, each once.


def walk_and_ada(url, body):
    """The tightest loop: it knows ``a`` alone, takes UTF-8 for granted, and bounds nothing."""
    references = dict.fromkeys(node.attrs["href"] for node in LexborHTMLParser(body).css("a[href]"))
    return joined_by_ada(url, references)


def joined_by_ada(url, references):
    found = {}
    for reference in references:
        try:
            found[ada_url.join_url(url, reference).partition("#")[0]] = None
        except ValueError:
            continue
    return found


def acrawl_urls(url, body):
    return urls(documents.Document(body, url))


def acrawl_links(url, body):
    return links(documents.Document(body, url))


def acrawl_everything(url, body):
    page = documents.Document(body, url)
    return links(page), images(page), stylesheets(page)


def lxml_links(url, body):
    tree = lxml.html.document_fromstring(body, parser=lxml.html.HTMLParser(encoding="utf-8", huge_tree=True))
    return joined_by_urljoin(url, dict.fromkeys(tree.xpath("//a/@href")))


def parsel_links(url, body):
    selector = parsel.Selector(body=body, encoding="utf-8", type="html")
    return joined_by_urljoin(url, dict.fromkeys(selector.css("a::attr(href)").getall()))


def joined_by_urljoin(url, references):
    found = {}
    for reference in references:
        try:
            found[urldefrag(urljoin(url, reference))[0]] = None
        except ValueError:
            continue
    return found


def parse_alone(_url, body):
    LexborHTMLParser(body)


def bounds_alone(_url, body):
    bounded(body)


# Title and ten selectors.


def acrawl_css(url, body):
    response = Response(url, body=body)
    return [response.css(query).getall() for query in SELECTORS]


def parsel_css(_url, body):
    selector = parsel.Selector(body=body, encoding="utf-8", type="html")
    return [selector.css(query).getall() for query in SELECTORS]


def selectolax_css(_url, body):
    """What the bare parser selects: whole elements or the attribute; text with all that is below."""
    tree = LexborHTMLParser(body)
    found = []
    for query in SELECTORS:
        css, _, pseudo = query.partition("::")
        nodes = tree.css(css)
        if pseudo == "text":
            found.append([node.text(deep=False) for node in nodes])
        elif pseudo:
            found.append([node.attributes.get(pseudo[5:-1]) for node in nodes])
        else:
            found.append([node.html for node in nodes])
    return found


# Joins alone.


def join_acrawl(url, references):
    return list(map(urls_of.Joiner(url), references))


def join_ada(url, references):
    return list(joined_by_ada(url, references))


def join_yarl(url, references):
    found, base = [], URL(url)
    for reference in references:
        try:
            found.append(str(base.join(URL(reference)).with_fragment(None)))
        except ValueError:
            continue
    return found


def join_urllib(url, references):
    return list(joined_by_urljoin(url, references))


def forget():
    """Forget what was joined before, so that a round has no more than what repeats within it."""
    urls_of._memo.clear()
    urls_of._known.clear()


def measure(title, candidates, items, rounds, each=1.0):
    """Print the cost of each candidate, and its ratio to the first."""
    costs = {candidate: [] for candidate in candidates}
    for _ in range(rounds):
        for candidate in candidates:
            forget()
            began = time.process_time()
            for item in items:
                candidate(*item)
            costs[candidate].append((time.process_time() - began) / each * 1e6)
    print(f"\n{title}")
    for candidate, figures in costs.items():
        ratios = sorted(a / b for a, b in zip(figures, costs[candidates[0]], strict=True))
        spread = f"{statistics.median(ratios):6.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        print(f"  {candidate.__name__:20} {statistics.median(figures):9.1f} us   {spread}")


def parses(pages):
    """Ask pages for everything; return how often lexbor parsed one, in the mean."""
    counted = 0

    class Counting(LexborHTMLParser):
        def __init__(self, *arguments):
            nonlocal counted
            counted += 1
            super().__init__(*arguments)

    documents.LexborHTMLParser, kept = Counting, documents.LexborHTMLParser
    try:
        for url, body in pages:
            response = Response(url, body=body)
            for ask in (
                response.links,
                response.images,
                response.resources,
                functools.partial(response.css, "a::text"),
            ):
                ask()
            list(response.follow_all())
    finally:
        documents.LexborHTMLParser = kept
    return counted / len(pages)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", default=FOLDERS, metavar="FOLDER")
    parser.add_argument("-n", type=int, default=60, help="pages of each folder")
    parser.add_argument("-r", "--rounds", type=int, default=7)
    options = parser.parse_args()
    pages = sample(options.folders, options.n)
    if not pages:
        raise SystemExit("no pages to read: name folders with HTML")
    size = sum(len(body) for _, body in pages)
    found = [dict.fromkeys(node.attrs["href"] for node in LexborHTMLParser(body).css("a[href]")) for _, body in pages]
    total = sum(map(len, found))
    print(f"{len(pages)} pages of {size / len(pages) / 1000:.1f} kB with {total / len(pages):.1f} references")
    print(f"parses a page, links, images, resources, css and follow_all asked: {parses(pages):.2f}")
    count = len(pages)
    candidates = (
        walk_and_ada,
        acrawl_urls,
        acrawl_links,
        acrawl_everything,
        lxml_links,
        parsel_links,
        parse_alone,
        bounds_alone,
    )
    measure("links of a page", candidates, pages, options.rounds, count)
    measure("title and ten selectors of a page", (parsel_css, acrawl_css, selectolax_css), pages, options.rounds, count)
    references = [(url, each) for (url, _), each in zip(pages, found, strict=True)]
    measure("a join", (join_ada, join_acrawl, join_yarl, join_urllib), references, options.rounds, total)


if __name__ == "__main__":
    main()
