"""Selecting from a page with parsel's interface: CSS on lexbor, XPath on lxml.

``css`` understands ``::text`` and ``::attr(name)`` like parsel. A query that lexbor cannot do (``:contains``,
``:scope``, a list whose members select different things), one that would mean something else to it (a sibling
combinator below the root, ``.a b`` inside of an ``.a``, ``table > tr``) and every XPath runs on parsel, which parses
the page a second time, once. XML, JSON and plain text are parsel's from the beginning.

For well-formed pages both give the same, but for what the HTML standard wants and libxml2 does not know: ``tbody`` is
added, white space before ``head`` and a first line break in ``pre`` are no text, ``wbr`` and ``source`` hold nothing,
the content of ``template`` is not part of the page, the case of SVG's names is restored, and values of some attributes
(``http-equiv``, ``type``, ``rel``), and in pages without a doctype classes and ids, are compared without regard to
case. Misnested elements are repaired in different ways, and `Selector.get` writes HTML as the standard says.
"""

from __future__ import annotations

import functools
import re
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from selectolax.lexbor import LexborNode

from acrawl.parse import trees
from acrawl.parse.lazy import UNREAD, filled_when_looked_into
from acrawl.parse.query import FOREIGN, Plan, plan
from acrawl.parse.select import UNSURE, every, first, given

if TYPE_CHECKING:
    import parsel

Regex = str | re.Pattern[str]
_UNSET: Any = object()
_TYPES = ("html", "xml", "json", "text")
_XML = re.compile(r"[\s\ufeff]*<\?xml\s")
_WIDTH = 40


class Selector:
    """One document, or what was selected from one: an element, a text, an attribute's value, a piece of JSON.

    Made from ``text``, from ``body`` in an ``encoding``, or from a ``root`` (an lxml element, or what JSON is made of).
    ``type`` is ``html``, ``xml``, ``json`` or ``text``; without it JSON objects and arrays and XML declarations are
    recognised, and all else is HTML. ``namespaces`` are prefixes for XPath.
    """

    __slots__ = ("_foreign", "_page", "_query", "_text", "node", "type")
    #: An element of HTML: lexbor's node. None for everything else, and for what XPath found.
    node: LexborNode | None
    type: str
    _page: Any
    _text: str | None
    _foreign: Any
    _query: str | None

    def __init__(
        self,
        text: str | None = None,
        type: str | None = None,  # noqa: A002
        body: bytes | bytearray = b"",
        encoding: str = "utf-8",
        namespaces: Mapping[str, str] | None = None,
        root: Any = _UNSET,
        base_url: str | None = None,
    ) -> None:
        if type not in (None, *_TYPES):
            raise ValueError(f"type={type!r}: a selector's type is one of {', '.join(_TYPES)}")
        if text is None and body:
            text = bytes(body).decode(encoding, "replace")
        self._text = self._query = self.node = self._page = self._foreign = None
        if text is None:
            if root is _UNSET:
                raise ValueError("Selector() needs text, body or root")
            import parsel

            self._foreign = parsel.Selector(root=root, type=type)
        else:
            self._read(text, type, base_url)
        self.type = "html" if self._foreign is None else self._foreign.type
        for prefix, uri in (namespaces or {}).items():
            self.register_namespace(prefix, uri)

    def _read(self, text: str, kind: str | None, base_url: str | None) -> None:
        if kind == "html" or (kind is None and not text.lstrip().startswith(("{", "[")) and not _XML.match(text)):
            self._page = trees.Page.of(text.encode("utf-8", "replace"), base_url)
            self.node = self._page.root
        elif kind == "xml" or (kind is None and _XML.match(text)):
            self._foreign = trees.xml(text.encode("utf-8", "replace"), base_url)
        else:
            import parsel

            self._foreign = parsel.Selector(text=text, type=kind, base_url=base_url)
            if self._foreign.type == "html":  # it only began like JSON
                self._foreign = None
                self._read(text, "html", base_url)

    def __repr__(self) -> str:
        data = str(self.get())
        data = data if len(data) <= _WIDTH else f"{data[: _WIDTH - 3]}..."
        return f"<{type(self).__name__} query={self._query!r} data={data!r}>"

    def __str__(self) -> str:
        return str(self.get())

    def __bool__(self) -> bool:
        return bool(self.get())

    def __reduce__(self) -> Any:
        raise TypeError("a Selector cannot be pickled; pass on what get() gives")

    @property
    def root(self) -> Any:
        """The element of lxml (which has lxml parse an HTML page too), the text, or the piece of JSON."""
        if self._text is not None:
            return self._text
        return self._context().root

    def get(self) -> Any:
        """The text or value itself, or JSON's value; for an element its markup as text."""
        if self._text is not None:
            return self._text
        return (self.node.html or "") if self.node is not None else self._foreign.get()

    extract = get

    def getall(self) -> list[Any]:
        """What `get` gives, in a list."""
        return [self.get()]

    @property
    def attrib(self) -> dict[str, str]:
        """The attributes of an element; empty for everything else."""
        if self.node is not None:
            return {name: given(name, value) for name, value in self.node.attributes.items()}
        # items(): lxml refuses to look up the names that hostile markup can give to attributes.
        return dict(self._foreign.root.attrib.items()) if hasattr(self._element(), "attrib") else {}

    def css(self, query: str) -> SelectorList:
        """Select below (and including) this element; nothing from text. Raises ValueError for a malformed query."""
        node, page = self.node, self._page
        if node is None:
            return self._on_parsel("css", query, {})
        planned = plan(query)
        if planned.kind == FOREIGN:
            return self._on_parsel("css", query, {})
        if node.mem_id == page.root_id:
            return _Pending.of(page, planned, query)
        if planned.heads and page.looks_outside(node, planned):
            return self._on_parsel("css", query, {})
        return SelectorList([_made(page, each, query) for each in every(node, planned)])

    def xpath(self, query: str, namespaces: Mapping[str, str] | None = None, **variables: Any) -> SelectorList:
        """Select by XPath 1.0, relative to this element; ``$name`` is the variable of that name.

        EXSLT's ``re:`` and ``set:`` and the function ``has-class`` are there. Raises ValueError for a malformed query.
        """
        if self._page is not None:
            namespaces = {**self._page.namespaces, **(namespaces or {})}
        return self._on_parsel("xpath", query, variables | ({"namespaces": namespaces} if namespaces else {}))

    def jmespath(self, query: str, **options: Any) -> SelectorList:
        """Select from JSON by JMESPath; from text and elements (``script``) whose text is JSON too, else nothing.

        Raises ValueError for a malformed query.
        """
        context: Any = self._foreign
        if self.node is not None or self._text is not None:
            import parsel

            child = self.node.first_child if self.node is not None else None
            inner = child.text_content or "" if child is not None and child.is_text_node else ""
            context = parsel.Selector(text=inner if self._text is None else self._text, type="json")
        found = trees.asked(context, "jmespath", query, options)
        return SelectorList([_foreign(None, each, query) for each in found])

    def re(self, regex: Regex, replace_entities: bool = True) -> list[str]:
        """Every match in `get`: its groups, its group named ``extract``, or all of it."""
        from parsel.utils import extract_regex

        return extract_regex(regex, self.get(), replace_entities)

    @overload
    def re_first(self, regex: Regex, default: None = None, replace_entities: bool = True) -> str | None: ...
    @overload
    def re_first(self, regex: Regex, default: str, replace_entities: bool = True) -> str: ...
    def re_first(self, regex: Regex, default: str | None = None, replace_entities: bool = True) -> str | None:
        """The first of `re`, or ``default``."""
        return next(iter(self.re(regex, replace_entities)), default)

    def register_namespace(self, prefix: str, uri: str) -> None:
        """Let ``prefix`` mean the namespace in the XPaths of this selector and those made by it."""
        if self._page is not None:
            self._page.namespaces[prefix] = uri
        elif self._foreign is not None:
            self._foreign.register_namespace(prefix, uri)

    def remove_namespaces(self) -> None:
        """Take the namespaces out of an XML document, so that XPath needs no prefixes. HTML has none."""
        if self.type == "xml" and self._text is None:
            self._foreign.remove_namespaces()

    def drop(self) -> None:
        """Take this element out of its document; the text around it stays.

        Raises parsel's ``CannotRemoveElementWithoutRoot`` for text and values, and ``CannotDropElementWithoutParent``
        for the root.
        """
        if self._text is not None or self.node is None or self.node.mem_id == self._page.root_id:
            element = self._element()
            if self._page is not None and hasattr(element, "getparent") and self.node is None:
                self._page.drop_twin(element)
            self._context().drop()
        else:
            self._page.drop(self.node)

    def _element(self) -> Any:
        return getattr(self._foreign, "root", None)

    def _context(self) -> parsel.Selector:
        """The same thing as parsel's selector."""
        if self._text is not None:
            import parsel

            return parsel.Selector(root=self._text, type=self.type)
        found: parsel.Selector = self._foreign if self.node is None else self._page.foreign(self.node)
        return found

    def _on_parsel(self, method: str, query: str, options: Mapping[str, Any]) -> SelectorList:
        found = trees.asked(self._context(), method, query, options)
        page, kind = self._page, self.type
        return SelectorList(
            _value(each.root, query, kind) if isinstance(each.root, str) else _foreign(page, each, query)
            for each in found
        )


_new = object.__new__


def _element(page: trees.Page, node: LexborNode, query: str | None) -> Selector:
    made = _new(Selector)
    made._page, made.node, made._query, made.type = page, node, query, "html"
    made._text = made._foreign = None
    return made


def _value(text: str, query: str, kind: str = "html") -> Selector:
    made = _new(Selector)
    made._text, made._query, made.type = text, query, kind
    made._page = made.node = made._foreign = None
    return made


def _foreign(page: trees.Page | None, found: parsel.Selector, query: str | None) -> Selector:
    made = _new(Selector)
    made._page, made._foreign, made._query, made.type = page, found, query, found.type
    made._text = made.node = None
    return made


def whole(page: trees.Page) -> Selector:
    """Return the selector of an HTML document's root."""
    return _element(page, page.root, None)


def native(found: Selector) -> LexborNode | None:
    """Return lexbor's node for an element that either language found; None where its tree differs."""
    is_foreign = found._page is not None and found._foreign is not None
    return found._page.native(found.root) if is_foreign else found.node


def adopted(found: parsel.Selector) -> Selector:
    """Return parsel's selector as one of ours."""
    return _foreign(None, found, None)


def _made(page: trees.Page, found: LexborNode | str, query: str) -> Selector:
    return _value(found, query) if isinstance(found, str) else _element(page, found, query)


class SelectorList(list[Selector]):
    """What a query found, in document order. Its methods ask every member and join the answers."""

    __slots__ = ("__weakref__", "_asked")
    #: What a list that is not filled yet is to be filled with: page, plan, query.
    _asked: tuple[trees.Page, Plan, str]

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
            first: str | None = found.get()
            return first
        return default

    extract_first = get

    def getall(self) -> list[Any]:
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

    def xpath(self, query: str, namespaces: Mapping[str, str] | None = None, **variables: Any) -> SelectorList:
        """`Selector.xpath` of every member."""
        return SelectorList([inner for found in self for inner in found.xpath(query, namespaces, **variables)])

    def jmespath(self, query: str, **options: Any) -> SelectorList:
        """`Selector.jmespath` of every member."""
        return SelectorList([inner for found in self for inner in found.jmespath(query, **options)])

    def re(self, regex: Regex, replace_entities: bool = True) -> list[str]:
        """`Selector.re` of every member."""
        return [match for found in self for match in found.re(regex, replace_entities)]

    @overload
    def re_first(self, regex: Regex, default: None = None, replace_entities: bool = True) -> str | None: ...
    @overload
    def re_first(self, regex: Regex, default: str, replace_entities: bool = True) -> str: ...
    def re_first(self, regex: Regex, default: str | None = None, replace_entities: bool = True) -> str | None:
        """The first match in any member, or ``default``."""
        for found in self:
            for match in found.re(regex, replace_entities):
                return match
        return default

    def drop(self) -> None:
        """`Selector.drop` of every member."""
        for found in self:
            found.drop()


@filled_when_looked_into
class _Pending(SelectorList):
    """What a query finds in a whole page, found when somebody looks: `get` finds the first and goes no further.

    A page's tree changes by `Selector.drop` alone, which has all such lists filled before.
    """

    __slots__ = ()

    @classmethod
    def of(cls, page: trees.Page, planned: Plan, query: str) -> _Pending:
        made = cls((UNREAD,))
        made._asked = page, planned, query
        page.pending[id(made)] = weakref.ref(made, functools.partial(page.pending.pop, id(made)))
        return made

    def fill(self) -> None:
        page, planned, query = self._asked
        self.__class__ = SelectorList  # type: ignore[assignment]
        self[:] = [_made(page, each, query) for each in every(page.root, planned)]

    def get(self, default: str | None = None) -> Any:
        found = self._first()
        return default if found is None else found if isinstance(found, str) else found.html or ""

    extract_first = get

    def getall(self) -> list[Any]:
        page, planned, _ = self._asked
        return [each if isinstance(each, str) else each.html or "" for each in every(page.root, planned)]

    extract = getall

    def __bool__(self) -> bool:
        return self._first() is not None

    def _first(self) -> Any:
        page, planned, _ = self._asked
        found = first(page.root, planned)
        if found is not UNSURE:
            return found
        self.fill()
        return SelectorList.get(self)
