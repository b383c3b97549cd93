"""One page, read by acrawl and by parsel: what each query gives, and why, where it is not the same.

lexbor builds the tree of the HTML standard and libxml2 its own. The rules by which a well-formed page differs are few,
and each is a function here that changes lxml's tree to the standard's:

``rows``    ``tr`` in ``table`` stands in a ``tbody`` (13.2.6.4.9)
``breaks``  a line break that begins a ``pre``, ``textarea`` or ``listing`` is no text (13.2.6.4.7)
``voids``   ``wbr``, ``source``, ``track`` and ``embed`` hold nothing (13.1.2); libxml2 puts all that follows into them
``space``   white space before ``head`` is no text, that after ``body`` is part of it (13.2.6.4.3, 13.2.6.4.19)

A query that gives something else in a page, and the same once the tree is changed, is explained by the rule. What no
rule explains must not be. Names are compared in lower case, for lexbor restores ``viewBox``. A page whose elements are
not the same with all rules (``</p>`` without a ``p``) is repaired by each parser in its own way, and counted as that.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import parsel
from lxml import etree

from acrawl.parse.document import Document

#: Types, classes, ids, attributes by all operators, combinators, positions, functions, text and attributes, lists.
CSS = """
* | a | A | div | li | code | p | h2 | pre | table | td | tr | dl | html | body | :root | script | br | title | .pre
.section | .reference | a.reference | a.Reference | span.pre | .body .section | div.section > h2 | .a.b.c | #contents
div#x | [id] | a[href] | a[name] | a:not([href]) | img | link[rel=next] | link[rel="stylesheet"] | a[href="#"]
a[href^="http"] | a[href$=".html"] | a[href*="#"] | [class~="reference"] | [class|="sphinx"] | [lang|="en"]
[title=""] | a[href^=""] | [class~=""] | a[HREF] | [href="INDEX.HTML" i] | a[class="reference internal"] | div p
div > p | ul > li | ol>li>p | dt + dd | h2 ~ p | h2 + p | dl dt | tr > td | table td | td:first-child | em em
li:first-child | li:last-child | li:only-child | li:nth-child(2) | li:nth-child(odd) | li:nth-child(3n+1)
td:nth-child(n+2) | li:nth-last-child(1) | p:first-of-type | p:last-of-type | p:nth-of-type(2) | p:nth-last-of-type(2)
p:only-of-type | div:empty | p:not(.topic) | a:not(.headerlink) | div:not(.section):not(.body) | p:not([class])
div div div > p | a:is(.reference, .headerlink) | :is(h1, h2, h3) | :where(a) | div:has(> p) | div:has(h2)
p:not(:has(a)) | section:has(+ section) | h1, h2, h3 | h1, h1 | a, a.reference | em, strong, b, i, .pre
p:contains("the") | h2:lang(en) | a:link | input:disabled | tbody > tr | table > tr | thead > tr > th
tr:nth-child(2) > td | title::text | h1::text | p::text | li::text | a::text | td::text | code::text | pre::text
script::text | div::text | *::text | ::text | p ::text | div ::text | pre ::text | .body ::text | div > p::text
div > ::text | p + ::text | h1, h2::text | a::attr(href) | ::attr(href) | ::attr(class) | div ::attr(id)
[id]::attr(id) | img::attr(src) | meta::attr(content) | a.reference::attr(href) | ul li a::attr(href)
div > ::attr(class) | p ~ ::attr(id) | a::attr(data-x) | a::attr(HREF) | h1::text, title::text
a::attr(href), img::attr(src) | li:not(:first-child) > a::attr(href) | dt:nth-of-type(2)::attr(id)
"""
XPATH = """
//a/@href | //p[1]/text() | //li[position() < 3] | count(//a) | string(//title) | //div[@class]/p | //*[@id][2]/@id
//a[re:test(@href, '^https?:')]/@href | //*[has-class('reference')] | //table/tr/td | //a[starts-with(@href, '#')]
set:distinct(//a/@class) | normalize-space(//h1) | boolean(//nothing) | //comment() | //pre/text()
//h2/following::p[1]
"""
INNER_CSS = """
a::attr(href) | ::text | * | p | div p | .section a | ul > li | dt + dd | body p | html | ::attr(class) | li, a
p:first-child | div ::attr(href) | .body div | div > div::attr(class) | td | * > a | :scope > a | table > tr
p ::text
"""
INNER_XPATH = """
. | ./@class | .//a/@href | string() | ancestor::*/@id | ./* | following-sibling::*[1]/@class | //title/text()
count(.//*) | self::div | parent::*/@class | .//text()
"""
#: From so many elements of each kind of a page queries go on.
OUTER = ("div", "li", "p", "td", "dl", "table", ".section")
PER_KIND = 6

_END = re.compile(rb"</html>(\s*)\Z", re.IGNORECASE)

Rule = Callable[[Any, bytes], None]


def listed(table: str) -> list[str]:
    """The queries of a table above."""
    return [query.strip() for line in table.strip().splitlines() for query in line.split(" | ")]


def rows(root: Any, markup: bytes) -> None:
    """Put the rows of tables into a ``tbody`` each, as far as they stand beside each other."""
    for table in list(root.iter("table")):
        group = None
        for child in list(table):
            if child.tag == "tr":
                if group is None:
                    group = etree.SubElement(table, "tbody")
                    child.addprevious(group)
                group.append(child)
            elif child.tag is etree.Comment and group is not None:
                group.append(child)
            else:
                group = None


def breaks(root: Any, markup: bytes) -> None:
    """Leave the first line break of preformatted text out."""
    for element in root.iter("pre", "textarea", "listing"):
        if element.text and element.text.startswith("\n"):
            element.text = element.text[1:] or None


def voids(root: Any, markup: bytes) -> None:
    """Put what stands in an element that cannot hold anything behind it."""
    for element in reversed(list(root.iter("wbr", "source", "track", "embed"))):
        parent, children, tail = element.getparent(), list(element), element.tail or ""
        element.tail, element.text = element.text, None
        for place, child in enumerate(children, parent.index(element) + 1):
            parent.insert(place, child)
        last = children[-1] if children else element
        last.tail = (last.tail or "") + tail or None


def space(root: Any, markup: bytes) -> None:
    """Leave white space before ``head`` out, and put what follows ``body`` into it."""
    root.text = None
    end = _END.search(markup)  # libxml2 drops it
    for body in root.findall("body"):
        after, body.tail = (body.tail or "") + (end[1].decode() if end else ""), None
        if len(body):
            body[-1].tail = (body[-1].tail or "") + after or None
        else:
            body.text = (body.text or "") + after or None


RULES: dict[str, Rule] = {"rows": rows, "breaks": breaks, "voids": voids, "space": space}


class Counts:
    """What was compared, how many queries each rule explains, what nothing explains, and which pages were repaired."""

    def __init__(self) -> None:
        self.pages = self.queries = self.nodes = 0
        self.repaired: list[str] = []
        self.explained: collections.Counter[str] = collections.Counter()
        self.unexplained: list[str] = []

    def add(self, other: Counts) -> None:
        """Count another's as well."""
        self.pages += other.pages
        self.queries += other.queries
        self.nodes += other.nodes
        self.repaired.extend(other.repaired)
        self.explained.update(other.explained)
        self.unexplained.extend(other.unexplained)


class _Reference:
    """parsel's tree of a page, as it is and changed by each rule and by all."""

    def __init__(self, markup: bytes) -> None:
        self._markup = markup
        self._changed: dict[tuple[str, ...], parsel.Selector] = {}

    def under(self, rules: tuple[str, ...]) -> parsel.Selector:
        if rules not in self._changed:
            selector = parsel.Selector(body=self._markup, encoding="utf-8", type="html")
            for rule in rules:
                RULES[rule](selector.root, self._markup)
            self._changed[rules] = selector
        return self._changed[rules]

    def trees(self) -> Iterator[tuple[str, parsel.Selector]]:
        """The tree as it is, changed by one rule, and by all."""
        yield "", self.under(())
        for name in RULES:
            yield name, self.under((name,))
        yield "several", self.under(tuple(RULES))


def compare(body: bytes, name: str = "", content_type: str = "text/html") -> Counts:
    """Ask both all queries on one page, from its root and from elements in it."""
    page = Document(body, "http://h.test/", content_type)
    reference = _Reference(page.text.encode("utf-8", "replace"))
    counts = Counts()
    counts.pages = 1
    if _elements(page.selector) != _elements(reference.under(tuple(RULES))):
        counts.repaired.append(name)
        return counts
    for method, table in (("css", CSS), ("xpath", XPATH)):
        for query in listed(table):
            ours = described(getattr(page.selector, method)(query))
            theirs = ((rule, described(getattr(tree, method)(query))) for rule, tree in reference.trees())
            _judge(counts, f"{name} {query}", ours, theirs)
    for kind in OUTER:
        _inner(counts, f"{name} {kind}", kind, page, reference)
    return counts


def _elements(root: Any) -> list[str]:
    return [tag for tag, _, _ in described(root.css("*"))]


def _inner(counts: Counts, name: str, kind: str, page: Document, reference: _Reference) -> None:
    found = page.selector.css(kind)
    trees = [(rule, tree.css(kind)) for rule, tree in reference.trees()]
    step = max(1, len(found) // PER_KIND)
    for index in range(0, len(found), step):
        for method, table in (("css", INNER_CSS), ("xpath", INNER_XPATH)):
            for query in listed(table):
                ours = described(getattr(found[index], method)(query))
                theirs = ((rule, described(getattr(each[index], method)(query))) for rule, each in trees)
                _judge(counts, f"{name}[{index}] {query}", ours, theirs)


def _judge(counts: Counts, what: str, ours: list[Any], theirs: Iterable[tuple[str, list[Any]]]) -> None:
    counts.queries += 1
    counts.nodes += len(ours)
    for rule, other in theirs:
        if ours == other:
            if rule:
                counts.explained[rule] += 1
            return
    counts.unexplained.append(what)


def described(found: Iterable[Any]) -> list[Any]:
    """Texts and values as they are; of an element its name, its attributes and all text in it."""
    return [_described(each) for each in found]


def _described(found: Any) -> Any:
    node = getattr(found, "node", None)
    if node is not None:
        return node.tag.lower(), {name.lower(): value for name, value in found.attrib.items()}, node.text()
    root = found.root
    if not isinstance(root, etree._Element) or not isinstance(root.tag, str):
        return found.get()
    return root.tag.lower(), {name.lower(): value for name, value in root.attrib.items()}, found.xpath("string()").get()
