"""Markup that would blow up an HTML parser is cut before the parser sees it.

By the HTML standard, a few kilobytes can ask for gigabytes: an unclosed ``<font>`` is opened again in every following
paragraph, so N of them make N² elements; each ``<li>`` looks through all open elements; each attribute is compared with
all before it, and so is each ``<option>`` of a list. Browsers cut such pages off as well. What stands before the cut is
parsed as usual, and the reason is told.
"""

from __future__ import annotations

import re
from collections.abc import Set
from itertools import product

from acrawl.parse.foreign import BREAKOUTS, ROOTS, Foreign, end_of_raw
from acrawl.parse.harmless import is_harmless
from acrawl.settings import Parse

#: Open elements below each other; browsers stop at 512.
MAX_DEPTH = 1000
#: Formatting elements that end with another element, over the whole page: each may go on after it, as a level more.
MAX_LINGERING = 3000
#: Attributes of one tag.
MAX_ATTRIBUTES = 2000
#: Attributes and options that are compared with each other, over the whole page: a second or two of a parser's time.
MAX_COMPARED = 300_000_000
#: Options of all lists of a page.
MAX_OPTIONS = 50_000
#: Names of elements and attributes that differ, over the whole page: parsers look for each among all others.
MAX_NAMES = 20_000
#: Formatting elements that paragraphs open again, over the whole page.
MAX_REOPENED = 200_000
#: How much longer than two attributes it takes to compare two options.
_OPTION = 4
#: Bytes of attributes in which there is no room for so many that they would matter; the squares of longer ones, up to
#: which they need not be counted to know that they do not.
_FEW = 128
_GUESSED = 8 * MAX_COMPARED // 3
_FEW_OPTIONS = 4000
#: Bytes in which there are surely few tags, attributes and names.
_FEW_BYTES = 7500
#: Bytes that have no room for so many names that they would matter.
_FEW_NAMES = 256 * 1024

_FORMATTING = frozenset(b"b big code em font i nobr s small strike strong tt u".split())
#: Elements that never stay open, or whose end tag may be left out and who close each other.
_FLEETING = frozenset(
    b"area base br col embed hr img input link meta param source track wbr basefont bgsound frame keygen image "
    b"p li dt dd td th tr tbody thead tfoot colgroup caption option html head body".split()
)
_CELLS = frozenset(b"td th caption".split())
_LINKS = frozenset(b"a area".split())
#: Elements whose ends change more than what is open.
_SPECIAL = ROOTS | _FORMATTING | {b"select"}
#: What neither nests nor changes what is open.
_PASSIVE = (_FLEETING - _CELLS - {b"col"}) | {b"a"}
_RAW = frozenset(b"script style textarea title xmp iframe noembed noframes".split())
#: Some parsers ignore tags in a list, others do not; all know these, or let them close it.
_NEVER_IGNORED = frozenset((b"script", b"textarea"))
_CDATA = b"<![CDATA["
#: How often all of a page may be read, where there are several ways to; bytes that are read while a tag is looked at.
_READINGS = 4
_STEP = 50
#: End tags do not reach what is open outside of these; that of a table reaches out of all but a template.
_FENCES = frozenset(
    b"table object marquee applet template svg math foreignobject desc title annotation-xml mi mo mn ms mtext "
    b"select".split()
)
_FENCES_OF_TABLES = frozenset((b"template",))
#: What is opened in these is not opened again after them.
_FORGETTING = frozenset(b"object marquee applet template".split())
#: Items close those of their own kind; one within the other, each is a level.
_ITEMS = {b"li": (b"li",), b"dt": (b"dt", b"dd"), b"dd": (b"dt", b"dd")}
_ITEM_TAG = re.compile(rb"<(?:([lL][iI])|[dD][tTdD])[\s/>]")
_BLOCKS = _FENCES | frozenset(
    b"address article aside blockquote button center details dialog dir div dl fieldset figcaption figure footer h1 h2 "
    b"h3 h4 h5 h6 header hgroup listing main menu nav ol pre section summary ul".split()
)
#: An attribute (HTML standard, 13.2.5.32 to 38). A quoted value may hold anything; a quote elsewhere is a letter.
_NAMED = rb"[^\t\n\f\r />][^\t\n\f\r />=]*+"
_VALUED = rb"""(?:[\t\n\f\r ]*+=[\t\n\f\r ]*+(?:"[^"]*+"?|'[^']*+'?|[^\t\n\f\r >]*+))?+"""
_NAME, _ATTRIBUTES = rb"([a-zA-Z][^\t\n\f\r />]*+)", rb"(?:[\t\n\f\r /]++|%b%b)*+" % (_NAMED, _VALUED)
#: A comment, an end tag, a start tag with its attributes, or what is taken for a comment.
_TOKEN = re.compile(
    rb"<(?:(?:!--(?:-?>|.*?--!?>|.*))|/%b%b>?|%b(%b)>?|(?:[!?]|/[^a-zA-Z>])[^>]*+>?)"
    % (_NAME, _ATTRIBUTES, _NAME, _ATTRIBUTES),
    re.DOTALL,
)
_OPTION_TAG = re.compile(rb"<[oO][pP][tT][iI][oO][nN][\s/>]")
#: A name of an attribute, and its value.
_ATTRIBUTE = re.compile(rb"(%b)%b" % (_NAMED, _VALUED))
#: Each of these adds its attributes to those of the first.
_ONLY = frozenset(
    bytes(cases) for name in (b"html", b"body") for cases in product(*zip(name, name.upper(), strict=True))
)
_NEAR = 16

DEFAULTS = Parse()


def bounded(markup: bytes, limits: Parse = DEFAULTS) -> tuple[bytes, str]:
    """Return the markup, or the part of it before it becomes too much, and why it was cut: empty for the whole.

    Most pages cost one count of ``<``. The bytes are not looked at: see `acrawl.parse.document.Document.root`.
    """
    tags = markup.count(b"<")
    counts_links = 0 < limits.max_links < tags
    too_many = counts_links or 0 < limits.max_tags < tags or _has_room_for(limits.max_attributes, markup)
    if not too_many and (len(markup) < _FEW_BYTES or is_harmless(markup, tags)):
        return markup, ""
    counted = (_LINKS if counts_links else set()) | ({b"option"} if _has_many_options(markup, tags) else set())
    at, why = _Walk(limits, _nests_items(markup, tags)).cut(markup, counted)
    return (markup[:at], f"{why} at byte {at:,}") if why else (markup, "")


def _has_room_for(attributes: int, markup: bytes) -> bool:
    """Whether there may be more attributes than so many: each has a name, and a blank before it. 0: any number."""
    return 0 < attributes < len(markup) // 2


def _has_many_options(markup: bytes, tags: int) -> bool:
    """Whether options may be too many: in most pages they need not be counted."""
    return tags > _FEW_OPTIONS and len(_OPTION_TAG.findall(markup)) > _FEW_OPTIONS


def _nests_items(markup: bytes, tags: int) -> bool:
    """Whether lists of both kinds may be too deep in each other; in most pages their items need not be followed."""
    kinds = _ITEM_TAG.findall(markup) if tags > MAX_DEPTH else []
    lists = len(kinds) - kinds.count(b"")
    return min(lists, len(kinds) - lists) > MAX_DEPTH // 2


class _Walk:
    """Follows tags as a parser would, roughly, and rather counts an element too many than one too few."""

    def __init__(self, limits: Parse, follows_items: bool) -> None:
        self.limits = limits
        self.passive = _PASSIVE.difference(_ITEMS) if follows_items else _PASSIVE
        self.open: list[bytes] = []
        self.loose = 0
        self.lingering = 0
        self.foreign = Foreign()
        self.doubted = 0
        self.read = 0
        self.formatting: dict[bytes, int] = {}
        self.unclosed = 0
        self.reopened = 0
        self.links = 0
        self.selects = 0
        self.options = 0
        self.options_here = 0
        self.compared = 0
        self.guessed = 0
        self.attributes_of_only = 0
        self.attributes = 0
        self.names: set[bytes] = set()
        self.counts_names = False

    def cut(self, markup: bytes, counted: Set[bytes]) -> tuple[int, str]:
        """Return where the markup becomes too much and in what; the latter is empty for what is never too much.

        ``counted`` are the elements to be counted.
        """
        position, tags, why = 0, 0, ""
        most = self.limits.max_tags or len(markup)
        search, stack, passive, foreign = _TOKEN.search, self.open, self.passive, self.foreign
        names = self.names
        self.counts_names = len(markup) > _FEW_NAMES or _has_room_for(self.limits.max_attributes, markup)
        while (token := search(markup, position)) is not None:
            position = token.end()
            tags += 1
            if tags > most:
                return token.start(), f"tags: more than {most:,}"
            end, start, attributes = token.groups()
            if start is not None:
                looks = counted or len(attributes) > _FEW or (attributes and start in _ONLY)
                looks = looks or (self.counts_names and (attributes or start not in names))
                if looks and (why := self._counted(start, attributes, counted)):
                    return token.start(), why
                if start in passive and not self.unclosed and not foreign.possible:
                    continue
                name = start.lower()
                if why := self._start(name, attributes):
                    return token.start(), why
                if name in _RAW and not foreign.sure:
                    position, why = self._after_raw(markup, position, name, counted)
            elif end is not None:
                if end in passive and not foreign.possible:
                    continue
                if stack and stack[-1] == end and end not in _SPECIAL and not foreign.possible:
                    stack.pop()
                else:
                    self._end(end.lower())
            elif foreign.possible and token.group().startswith(_CDATA):
                position, why = self._after_cdata(markup, token.start(), position, counted)
            if why:
                return position, why
        return 0, ""

    def _after_raw(self, markup: bytes, position: int, name: bytes, counted: Set[bytes]) -> tuple[int, str]:
        """Return where the walk goes on after a start tag that hides what follows, if nothing ignores it."""
        end = end_of_raw(markup, position, name)
        may_be_ignored = self.foreign.possible or (self.selects > 0 and name not in _NEVER_IGNORED)
        if not may_be_ignored or end == markup.find(b"<", position):
            return end, ""
        self.read += end - position
        return self._both(markup, position, end, counted)

    def _after_cdata(self, markup: bytes, start: int, position: int, counted: Set[bytes]) -> tuple[int, str]:
        """Return where the walk goes on after a CDATA section, which in HTML is a comment up to the position."""
        end = _end_of_cdata(markup, start)
        if self.foreign.sure or end == position:
            return end, ""
        self.read += end - position
        return self._both(markup, position, end, counted)

    def _both(self, markup: bytes, one: int, other: int, counted: Set[bytes]) -> tuple[int, str]:
        """Read on from both positions to where the next tag is the same; what there is too much of, and where.

        All start tags count, and no end tags, as they may be none.
        """
        self.foreign.confuse()
        tokens: dict[int, re.Match[bytes]] = {}
        positions = [one, other]
        while True:
            for position in positions:
                token = _TOKEN.search(markup, position)
                self.read += (token.end() if token else len(markup)) - position + _STEP
                if token:
                    tokens[token.start()] = token
            at = min(tokens, default=len(markup))
            if self.read > _READINGS * max(len(markup), _FEW_NAMES):
                return at, "doubt: it may be read in too many ways"
            if len(tokens) < 2:
                return at, ""
            token = tokens.pop(at)
            start, attributes = token.group(2, 3)
            positions = [token.end()]
            if start is not None:
                if why := self._noted(start, attributes, counted):
                    return at, why
                if start.lower() in _RAW:
                    positions.append(end_of_raw(markup, token.end(), start.lower()))
            elif token.group().startswith(_CDATA):
                positions.append(_end_of_cdata(markup, at))
            self.read += positions[-1] - positions[0]

    def _noted(self, start: bytes, attributes: bytes, counted: Set[bytes]) -> str:
        """Note a start tag that may be none; returns what there is too much of."""
        self.doubted += 1
        if self.doubted > self.limits.max_tags > 0:
            return f"tags: more than {self.limits.max_tags:,}"
        why = self._counted(start, attributes, counted) or self._start(start.lower(), attributes)
        self.foreign.confuse()
        return why

    def _named(self, start: bytes, attributes: bytes) -> str:
        """Note the names of a tag and of its attributes; returns what there is too much of."""
        names, most = _ATTRIBUTE.findall(attributes), self.limits.max_attributes
        self.names.add(start)
        self.names.update(names)
        self.attributes += len(names)
        if 0 < most < self.attributes:
            return f"attributes: more than {most:,} of all tags"
        return f"names: more than {MAX_NAMES:,} of elements and attributes" if len(self.names) > MAX_NAMES else ""

    def _counted(self, start: bytes, attributes: bytes, counted: Set[bytes]) -> str:
        """Count a tag's attributes, and the tag if it is one to be counted; returns what there is too much of."""
        size = len(attributes)
        if start in _ONLY:
            count = _count(attributes)
            self.compared += count * (self.attributes_of_only + count)
            self.attributes_of_only += count
            if self.attributes_of_only > MAX_ATTRIBUTES:
                return f"attributes: more than {MAX_ATTRIBUTES:,} of all tags of {start.lower().decode()}"
        elif size > MAX_ATTRIBUTES or (size > _FEW and self.guessed > _GUESSED):
            count = _count(attributes)
            self.compared += count * count // 2
            if count > MAX_ATTRIBUTES:
                return f"attributes: more than {MAX_ATTRIBUTES:,} of one tag"
            if self.compared > MAX_COMPARED:
                return "attributes: too many of too many tags"
        elif size > _FEW:
            self.guessed += size * size
        if self.counts_names and (why := self._named(start, attributes)):
            return why
        name = start.lower() if counted else b""
        if name not in counted:
            return ""
        if name in _LINKS:
            self.links += 1
            return f"links: more than {self.limits.max_links:,}" if self.links > self.limits.max_links else ""
        self.options += 1
        self.options_here += 1
        self.compared += _OPTION * self.options_here
        if self.options > MAX_OPTIONS:
            return f"options: more than {MAX_OPTIONS:,}"
        return "options: too many in one list" if self.compared > MAX_COMPARED else ""

    def _start(self, name: bytes, attributes: bytes) -> str:
        """Note a start tag; returns what there is too much of."""
        stack = self.open
        is_closed = (self.foreign.possible or name in ROOTS) and self._is_closed(name, attributes)
        if name in _FORMATTING:
            count = self.formatting.get(name, 0)
            if count < 3 or attributes.strip(b" \t\r\n\f/"):  # of equal ones three are reopened
                self.formatting[name] = count + 1
                self.unclosed += 1
            self.loose += 1
            return self._opened(name)
        if name in _CELLS and self._in_table():
            self.formatting.clear()
            self.unclosed = 0
            while stack[-1] in _FORMATTING:
                self._drop(len(stack) - 1)
        self.reopened += self.unclosed
        if self.reopened > MAX_REOPENED:
            return f"formatting: opened again more than {MAX_REOPENED:,} times"
        if is_closed:
            return ""
        if name == b"frameset" or (name == b"col" and b"template" in stack):
            self.foreign.ignore()
        if name in self.passive or name in _CELLS or name in _RAW or name == b"col":
            return self._opened(name) if self.foreign.possible and name not in BREAKOUTS else ""
        if name in _ITEMS and stack and stack[-1] in _ITEMS[name]:
            stack[-1] = name
            return ""
        if name == b"select":
            if not self.selects:  # else it may be within another one, which goes on after it
                self.options_here = 0
            self.selects += 1
        return self._opened(name)

    def _is_closed(self, name: bytes, attributes: bytes) -> bool:
        """Tell foreign content of a start tag, and whether a slash surely closes it."""
        has_slash = attributes.endswith(b"/") and _ATTRIBUTE.sub(b"a", attributes).endswith(b"/")
        was_sure = self.foreign.sure
        self.foreign.start(name, has_slash, self.selects > 0)
        return has_slash and (name in ROOTS or (was_sure and self.foreign.sure))  # the slash is no part of a value

    def _opened(self, name: bytes) -> str:
        """Note an open element. Formatting that is never closed is common, and less deep than it seems."""
        self.open.append(name)
        deep = len(self.open) > MAX_DEPTH + min(self.loose, MAX_DEPTH) or self.lingering > MAX_LINGERING
        return f"depth: more than {MAX_DEPTH:,} elements in each other" if deep else ""

    def _in_table(self) -> bool:
        """Whether a cell begins a cell here: what was open in the one before is closed then."""
        for name in reversed(self.open):
            if name in _FENCES:
                return name == b"table"
        return False

    def _end(self, name: bytes) -> None:
        stack = self.open
        is_last = bool(stack) and stack[-1] == name
        if self.foreign.possible:
            self.foreign.end(name, is_last)
        if is_last:
            self.selects -= name == b"select"
            self._drop(len(stack) - 1)
        elif (index := self._find(name)) is None:
            return
        elif name in ROOTS or name not in _BLOCKS:
            self._drop(index)
        else:
            before = self.loose
            while len(stack) > index:
                self._drop(len(stack) - 1)
            self.lingering += before - self.loose if name not in _FORGETTING else 0
        if name in _FORMATTING and self.formatting.get(name):
            self.formatting[name] -= 1
            self.unclosed -= 1

    def _find(self, name: bytes) -> int | None:
        """Where an element is open, and is not the last; None where its end has no effect. Formatting hides nothing."""
        fences = _FENCES_OF_TABLES if name in _FENCES_OF_TABLES or name == b"table" else _FENCES
        near = 0
        for index in range(len(self.open) - 1, -1, -1):
            inner = self.open[index]
            if inner == name:
                return index
            near += inner not in _FORMATTING
            if near >= _NEAR or (inner in fences and name not in ROOTS):
                return None
        return None

    def _drop(self, index: int) -> None:
        self.loose -= self.open[index] in _FORMATTING
        del self.open[index]


def _count(attributes: bytes) -> int:
    return len(_ATTRIBUTE.findall(attributes))


def _end_of_cdata(markup: bytes, position: int) -> int:
    end = markup.find(b"]]>", position + len(_CDATA))
    return end + 3 if end >= 0 else len(markup)
