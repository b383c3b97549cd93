"""The trees of one document: lexbor's, and lxml's once somebody needs it, both made of the same bytes."""

from __future__ import annotations

import contextlib
import re
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from selectolax.lexbor import LexborHTMLParser, LexborNode

from acrawl.parse.bounds import bounded
from acrawl.parse.query import Plan
from acrawl.parse.select import BOOLEAN

if TYPE_CHECKING:
    import parsel

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]*\Z")
_EMPTY = b"<html></html>"
#: The elements of one tag: lexbor's, the rank of each by its ``mem_id``, lxml's, and the rank of each.
_Pairs = tuple[list[LexborNode], dict[int, int], list[Any], dict[Any, int]]


class Page:
    """What all selectors of one HTML document share.

    ``namespaces`` are the prefixes registered for XPath. ``pending`` are the lists that queries gave, as long as
    somebody has them: they may be filled later, though not after the tree has changed. ``changed`` is called then.
    """

    __slots__ = (
        "_foreign",
        "_matching",
        "_outside",
        "_same",
        "base_url",
        "changed",
        "namespaces",
        "pending",
        "root",
        "root_id",
        "tree",
    )

    def __init__(
        self, tree: LexborHTMLParser, base_url: str | None = None, changed: Callable[[], None] | None = None
    ) -> None:
        root = tree.root
        assert root is not None  # the HTML parser makes one of anything
        self.tree = tree
        self.base_url = base_url
        self.changed = changed
        self.root = root
        self.root_id = root.mem_id
        self.namespaces: dict[str, str] = {}
        self.pending: dict[int, weakref.ref[list[Any]]] = {}
        self._foreign: parsel.Selector | None = None
        self._same: dict[str, _Pairs | None] = {}
        self._matching: dict[str, frozenset[int]] = {}
        self._outside: dict[tuple[int, tuple[str, ...]], bool] = {}

    @classmethod
    def of(cls, markup: bytes, base_url: str | None = None) -> Page:
        """Parse UTF-8, or as much of it as is bearable."""
        return cls(LexborHTMLParser(bounded(markup)[0]), base_url)

    def looks_outside(self, node: LexborNode, plan: Plan) -> bool:
        """Whether lexbor may match a query's beginning outside of the node, where parsel does not look."""
        if node.mem_id == self.root_id:
            return False
        if plan.siblings:
            return True
        parent = node.parent
        key = (parent.mem_id if parent is not None else 0, plan.heads)
        found = self._outside.get(key)
        if found is None:
            ancestors = set()
            while parent is not None:
                ancestors.add(parent.mem_id)
                parent = parent.parent
            found = any(not ancestors.isdisjoint(self._matched(head)) for head in plan.heads)
            self._outside[key] = found
        return found

    def _matched(self, css: str) -> frozenset[int]:
        if css not in self._matching:
            self._matching[css] = frozenset(node.mem_id for node in self.tree.css(css))
        return self._matching[css]

    def foreign(self, node: LexborNode) -> parsel.Selector:
        """Return parsel's selector for an element of lexbor's tree."""
        import parsel

        if node.mem_id == self.root_id:
            return self._whole()
        twin = self._twin(node)
        if twin is not None:
            return parsel.Selector(root=twin, type="html")
        # The two trees differ here (misnested markup): the element is parsed again by itself.
        tag = node.tag or ""
        fragment = parsel.Selector(text=node.html or _EMPTY.decode(), type="html")
        found = fragment.xpath(f"//{tag}") if _NAME.match(tag) else fragment.xpath("/html/body/*")
        return found[0] if found else fragment

    def _whole(self) -> parsel.Selector:
        if self._foreign is None:
            import parsel

            markup = self.tree.raw_html.replace(b"\0", b"") or _EMPTY
            self._foreign = parsel.Selector(body=markup, encoding="utf-8", type="html", base_url=self.base_url)
        return self._foreign

    def native(self, element: Any) -> LexborNode | None:
        """Return lexbor's element for lxml's; None where the trees differ."""
        if element is self._whole().root:
            return self.root
        pairs = self._pairs(element.tag) if isinstance(element.tag, str) else None
        rank = pairs[3].get(element) if pairs is not None else None
        if pairs is None or rank is None or not _alike(pairs[0][rank], element):
            return None
        return pairs[0][rank]

    def _twin(self, node: LexborNode) -> Any:
        """Return lxml's element for lexbor's; None where the trees differ."""
        pairs = self._pairs(node.tag or "")
        if pairs is None:
            return None
        _, ranks, elements, _ = pairs
        rank = ranks.get(node.mem_id)
        return elements[rank] if rank is not None and _alike(node, elements[rank]) else None

    def _pairs(self, tag: str) -> _Pairs | None:
        """Return the elements of a tag; None where there is another number of them in each tree."""
        if tag not in self._same:
            nodes = self.tree.tags(tag) if _NAME.match(tag) else []
            elements = list(self._whole().root.iter(tag)) if nodes else []
            self._same[tag] = None
            if len(nodes) == len(elements) > 0:
                ranks = {node.mem_id: i for i, node in enumerate(nodes)}
                self._same[tag] = (nodes, ranks, elements, {each: i for i, each in enumerate(elements)})
        return self._same[tag]

    def settle(self) -> None:
        """Find everything that was selected, before the tree changes."""
        for reference in list(self.pending.values()):
            if (found := reference()) is not None:
                len(found)  # whoever looks has it filled

    def drop(self, node: LexborNode) -> None:
        """Take an element out of lexbor's tree, and its twin out of lxml's. It stays whole for those who hold it."""
        self.settle()
        self._whole()  # cannot be made later: its bytes would have the element
        twin = self._twin(node)
        if twin is not None:
            twin.drop_tree()
        self._detach(node)

    def drop_twin(self, element: Any) -> None:
        """Take the element of lexbor's tree out that is lxml's ``element``, which goes after this."""
        self.settle()
        node = self.native(element)
        if node is not None:
            self._detach(node)

    def _detach(self, node: LexborNode) -> None:
        parent = node.parent
        # Not decompose(): it frees what selectors may still hold.
        self.tree.create_node("div").insert_child(node, move=True)
        if parent is not None:
            parent.merge_text_nodes()  # as lxml has them: one text between two elements
        self._same.clear()
        self._matching.clear()
        self._outside.clear()
        if self.changed is not None:
            self.changed()


def _alike(node: LexborNode, element: Any) -> bool:
    """Whether two elements of one tag have the same attributes; lexbor restores the case of SVG's."""
    ours = {name.lower(): value or "" for name, value in node.attributes.items()}
    theirs = {name.lower(): value for name, value in element.attrib.items()}
    return ours.keys() == theirs.keys() and all(
        value == theirs[name] or name in BOOLEAN for name, value in ours.items()
    )


def xml(markup: bytes, base_url: str | None = None) -> parsel.Selector:
    """Parse XML in UTF-8 for parsel, whatever encoding it declares; as much of it as is well-formed.

    Nothing outside is read, entities stay as they are, and libxml2's own bounds hold: 256 levels, 10 MB for a text.
    """
    import parsel
    from lxml import etree

    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, huge_tree=False, encoding="utf-8")
    root = None
    with contextlib.suppress(etree.XMLSyntaxError):  # there is no element in it: the document is an empty one
        root = etree.fromstring(markup.replace(b"\0", b"").strip(), parser, base_url=base_url)
    return parsel.Selector(root=etree.fromstring(b"<html/>") if root is None else root, type="xml")


def asked(context: parsel.Selector, method: str, query: str, options: Mapping[str, Any]) -> list[parsel.Selector]:
    """Return what parsel's ``css``, ``xpath`` or ``jmespath`` selects. Raises ValueError for a malformed query."""
    try:
        return list(getattr(context, method)(query, **options))
    except (ValueError, SyntaxError, RuntimeError) as error:  # what lxml, cssselect and jmespath say to malformed ones
        raise ValueError(f"not a valid {method} query: {query!r}: {error}") from None
