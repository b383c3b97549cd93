"""Selecting from a page with parsel's interface: CSS on lexbor, XPath on lxml.

``css`` understands ``::text`` and ``::attr(name)`` like parsel. A query that lexbor cannot do (``:contains``,
``:scope``, a list whose members select different things) and every XPath runs on parsel, which parses the page a second
time, once. For well-formed pages both give the same. Known differences: lexbor builds the tree that browsers build
(``tbody`` is added, the content of ``template`` is not part of the page, misnested elements are repaired), writes HTML
as the standard says, and looks at ancestors outside of the selected element when a query names them (``body p``).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex, overload

import msgspec
from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

if TYPE_CHECKING:
    import parsel

_PSEUDO = re.compile(r"::(?:text|attr\(\s*([a-zA-Z_][\w-]*)\s*\))\s*\Z")
_COMBINATOR = re.compile(r"[>+~]\s*\Z")
_DESCENDANT = re.compile(r"(?:\A|\s)\s*\*?\s*\Z")
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]*\Z")
_GROUPS = re.compile(r"\([^()]*\)|\[[^\]]*\]|\"[^\"]*\"|'[^']*'")


Regex = str | re.Pattern[str]


class _Plan(NamedTuple):
    """A query, split: what lexbor selects and what is taken from it. ``kind`` is one of the constants below."""

    kind: int
    css: str
    attribute: str = ""


_ELEMENTS, _TEXT, _DEEP_TEXT, _ATTRIBUTE, _FOREIGN = range(5)


@functools.lru_cache(2048)
def _plan(query: str) -> _Plan:
    match = _PSEUDO.search(query)
    if match is None:
        return _Plan(_FOREIGN if "::" in query else _ELEMENTS, query)
    css, name = query[: match.start()], match[1]
    if "::" in css or ("," in css and "," in _outside(css)):
        return _Plan(_FOREIGN, query)
    deep = _DESCENDANT.search(css)
    if _COMBINATOR.search(css):
        css, deep = css + "*", None
    elif deep and _COMBINATOR.search(css[: deep.start()]):
        deep = None
    if deep:
        scope = css[: deep.start()].rstrip()
        if name is None:
            return _Plan(_DEEP_TEXT, scope)
        inner = f"[{name}]"
        return _Plan(_ATTRIBUTE, f"{scope}{inner},{scope} {inner}" if scope else inner, name)
    return _Plan(_TEXT, css) if name is None else _Plan(_ATTRIBUTE, f"{css}[{name}]", name)


def _outside(css: str) -> str:
    """Return a query without what stands in brackets and quotes."""
    while (shorter := _GROUPS.sub("", css)) != css:
        css = shorter
    return css


class Page:
    """What all selectors of one document share: the tree, and parsel's tree once somebody needs it."""

    __slots__ = ("_foreign", "_same", "tree")

    def __init__(self, tree: LexborHTMLParser) -> None:
        self.tree = tree
        self._foreign: parsel.Selector | None = None
        self._same: dict[str, tuple[dict[int, int], list[Any]] | None] = {}

    def foreign(self, node: LexborNode) -> parsel.Selector:
        """Return parsel's selector for a node of the tree."""
        import parsel

        if self._foreign is None:
            markup = self.tree.raw_html.replace(b"\0", b"")
            self._foreign = parsel.Selector(body=markup or b"<html></html>", encoding="utf-8", type="html")
        tag = node.tag or ""
        if node.parent is None or tag == "html":
            return self._foreign
        pairs = self._pairs(tag) if _NAME.match(tag) else None
        if pairs is not None:
            ranks, elements = pairs
            rank = ranks.get(node.mem_id)
            if rank is not None:
                element = elements[rank]
                if {name: value or "" for name, value in node.attributes.items()} == dict(element.attrib.items()):
                    return parsel.Selector(root=element, type="html")
        # The two trees differ here (misnested markup): the element is parsed again by itself.
        fragment = parsel.Selector(text=node.html or "<html></html>", type="html")
        found = fragment.xpath(f"//{tag}") if _NAME.match(tag) else fragment.xpath("/html/body/*")
        return found[0] if found else fragment

    def _pairs(self, tag: str) -> tuple[dict[int, int], list[Any]] | None:
        """Return the rank of each lexbor element of a tag and lxml's elements; None where their number differs."""
        if tag not in self._same:
            assert self._foreign is not None
            nodes = self.tree.tags(tag)
            elements = list(self._foreign.root.iter(tag))
            equal = len(nodes) == len(elements)
            self._same[tag] = ({node.mem_id: i for i, node in enumerate(nodes)}, elements) if equal else None
        return self._same[tag]


class Selector(msgspec.Struct, eq=False):
    """One selected element, text or attribute value; made by `css` and `xpath`."""

    page: Page
    node: Any = None
    value: str | None = None
    other: Any = None

    def __repr__(self) -> str:
        return f"<Selector {(self.get() or '')[:40]!r}>"

    def __str__(self) -> str:
        return self.get()

    def __bool__(self) -> bool:
        return bool(self.get())

    @property
    def root(self) -> Any:
        """The parser's own object: a lexbor node, an lxml element, or the text."""
        if self.value is not None:
            return self.value
        return self.node if self.node is not None else self.other.root

    def get(self) -> str:
        """The text or value itself; for an element its HTML."""
        if self.value is not None:
            return self.value
        return (self.node.html or "") if self.node is not None else str(self.other.get())

    extract = get

    def getall(self) -> list[str]:
        """What `get` gives, in a list."""
        return [self.get()]

    @property
    def attrib(self) -> dict[str, str]:
        """The attributes of an element; empty for text."""
        if self.node is not None:
            return {name: value or "" for name, value in self.node.attributes.items()}
        # items(): lxml refuses to look up the names that hostile markup can give to attributes.
        return dict(self.other.root.attrib.items()) if hasattr(getattr(self.other, "root", None), "attrib") else {}

    def css(self, query: str) -> SelectorList:
        """Select below (and including) this element. Raises ValueError for a malformed query."""
        if self.node is None:
            return self._on_parsel("css", query, {})
        plan = _plan(query)
        if plan.kind == _FOREIGN:
            return self._on_parsel("css", query, {})
        page, node = self.page, self.node
        try:
            if plan.kind == _ATTRIBUTE:
                name = plan.attribute
                held = [each.attributes for each in _found(node, plan.css)]
                # lexbor's [href] selects xlink:href as well: not every element has the attribute.
                return SelectorList([Selector(page, None, each[name] or "") for each in held if name in each])
            found = [node] if plan.kind == _DEEP_TEXT and not plan.css else _found(node, plan.css)
        except (SelectolaxError, UnicodeEncodeError):
            return self._on_parsel("css", query, {})  # lexbor does not know it: parsel selects, or says what is wrong
        if plan.kind == _ELEMENTS:
            return SelectorList([Selector(page, element) for element in found])
        texts = _direct(found) if plan.kind == _TEXT else _texts(found, None)
        return SelectorList([Selector(page, None, text) for text in texts])

    def xpath(self, query: str, namespaces: dict[str, str] | None = None, **variables: Any) -> SelectorList:
        """Select by XPath 1.0, relative to this element. Raises ValueError for a malformed query."""
        if namespaces:
            variables["namespaces"] = namespaces
        return self._on_parsel("xpath", query, variables)

    def re(self, regex: Regex, replace_entities: bool = True) -> list[str]:
        """Every match in `get`: its groups, its group named ``extract``, or all of it."""
        from parsel.utils import extract_regex

        return extract_regex(regex, self.get(), replace_entities)

    def re_first(self, regex: Regex, default: str | None = None, replace_entities: bool = True) -> str | None:
        """The first of `re`, or ``default``."""
        return next(iter(self.re(regex, replace_entities)), default)

    def _on_parsel(self, method: str, query: str, variables: dict[str, Any]) -> SelectorList:
        if self.value is not None:
            raise ValueError(f"{query!r} cannot be selected from text or an attribute's value")
        context = self.other if self.node is None else self.page.foreign(self.node)
        try:
            found = getattr(context, method)(query, **variables)
        except (ValueError, SyntaxError, RuntimeError) as error:  # what lxml and cssselect say to malformed queries
            raise ValueError(f"not a valid {method} query: {query!r}: {error}") from None
        return SelectorList([_adopted(self.page, each) for each in found])


def _found(node: LexborNode, css: str) -> list[LexborNode]:
    found = node.css(css)
    if "," in css:  # lexbor gives an element once for each member of a list that it matches
        found = list({each.mem_id: each for each in found}.values())
    return found


def _adopted(page: Page, found: Any) -> Selector:
    return Selector(page, None, found.root) if isinstance(found.root, str) else Selector(page, None, None, found)


def _direct(nodes: Iterable[LexborNode]) -> list[str]:
    """Return the text nodes that are children of the nodes, in document order."""
    nodes = list(nodes)
    texts: list[str] = []
    last = len(nodes) - 1
    for index, node in enumerate(nodes):
        child = node.first_child
        after_element = False
        while child is not None:
            if child.is_text_node:
                if after_element and index < last and _holds(node, nodes[index + 1]):
                    return _texts(nodes, {each.mem_id for each in nodes})
                texts.append(child.text_content or "")
                after_element = False
            else:
                after_element = True
            child = child.next
    return texts


def _holds(outer: LexborNode, inner: LexborNode) -> bool:
    parent, wanted = inner.parent, outer.mem_id
    while parent is not None:
        if parent.mem_id == wanted:
            return True
        parent = parent.parent
    return False


def _texts(nodes: Iterable[LexborNode], parents: set[int] | None) -> list[str]:
    """Return the text nodes below the nodes in document order, each once; only children of ``parents`` if given."""
    texts: list[str] = []
    seen: set[int] = set()
    for node in nodes:
        if node.mem_id in seen:
            continue
        for inner in node.traverse(include_text=True):
            if not inner.is_text_node:
                seen.add(inner.mem_id)
            elif parents is None or (inner.parent is not None and inner.parent.mem_id in parents):
                texts.append(inner.text_content or "")
    return texts


class SelectorList(list[Selector]):
    """What a query found, in document order. Its methods ask every member and join the answers."""

    __slots__ = ()

    @overload
    def __getitem__(self, index: SupportsIndex) -> Selector: ...
    @overload
    def __getitem__(self, index: slice) -> SelectorList: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Selector | SelectorList:
        """One member, or a `SelectorList` for a slice."""
        found = list.__getitem__(self, index)
        return SelectorList(found) if isinstance(found, list) else found

    @overload
    def get(self) -> str | None: ...
    @overload
    def get(self, default: str) -> str: ...
    def get(self, default: str | None = None) -> str | None:
        """`Selector.get` of the first member, or ``default`` where nothing was found."""
        for found in self:
            return found.get()
        return default

    extract_first = get

    def getall(self) -> list[str]:
        """`Selector.get` of every member."""
        return [found.get() for found in self]

    extract = getall

    @property
    def attrib(self) -> dict[str, str]:
        """The attributes of the first member; empty where nothing was found."""
        for found in self:
            return found.attrib
        return {}

    def css(self, query: str) -> SelectorList:
        """`Selector.css` of every member."""
        return SelectorList([inner for found in self for inner in found.css(query)])

    def xpath(self, query: str, namespaces: dict[str, str] | None = None, **variables: Any) -> SelectorList:
        """`Selector.xpath` of every member."""
        return SelectorList([inner for found in self for inner in found.xpath(query, namespaces, **variables)])

    def re(self, regex: Regex, replace_entities: bool = True) -> list[str]:
        """`Selector.re` of every member."""
        return [match for found in self for match in found.re(regex, replace_entities)]

    def re_first(self, regex: Regex, default: str | None = None, replace_entities: bool = True) -> str | None:
        """The first match in any member, or ``default``."""
        for found in self:
            for match in found.re(regex, replace_entities):
                return match
        return default
