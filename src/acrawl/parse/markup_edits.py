"""Where markup names other files and pages: each place can be handed another reference, and nothing else changes.

The tags are read one after the other as the HTML standard's tokenizer does (13.2.5), without a tree: what is not
touched stays byte for byte as its author wrote it. Every regular expression here is linear.
"""

from __future__ import annotations

import enum
import html
import html.entities
import re
from collections.abc import Callable

from acrawl.parse import refresh
from acrawl.parse.extensions import IMAGES, extension
from acrawl.parse.style_edits import Edit, applied, style_edits


class Use(enum.Enum):
    """What a reference is for."""

    PAGE = "page"
    """Somebody may go there: links, refreshes."""
    FRAME = "frame"
    """A page that is shown within this one."""
    PART = "part"
    """The page is not complete without it: images, styles, scripts, fonts, media."""
    MENTION = "mention"
    """Named, and neither gone to nor shown: citations, feeds."""
    ORIGIN = "origin"
    """Of use at its own site only: forms, canonical URLs."""
    BASE = "base"
    """What the others are relative to."""


#: Takes a reference as the page means it, what it is for, and the element's name; returns what is to be written in its
#: place; None leaves it.
Replace = Callable[[str, Use, str], str | None]

_W = r"\t\n\f\r "
_ATTRIBUTE_SOURCE = rf"""[^{_W}/>][^{_W}/>=]*+(?:[{_W}]*+=[{_W}]*+(?:"[^"]*+"?|'[^']*+'?|[^{_W}>]*+))?+"""
_TOKEN = re.compile(
    rf"<(?:!--(?:-?>|.*?--!?>|.*)|(?:[!?]|/(?![a-zA-Z]))[^>]*+>?|/([a-zA-Z][^{_W}/>]*+)[^>]*+>?"
    rf"|([a-zA-Z][^{_W}/>]*+)((?:[{_W}/]++|{_ATTRIBUTE_SOURCE})*+)>?)",
    re.DOTALL,
)
#: Text, and tags that name nothing and change nothing: most of a page, passed over at once.
_IDLE = re.compile(
    rf"(?:[^<]++|</(?!(?i:svg|math)[{_W}/>])[a-zA-Z][^>]*+>"
    rf"|<(?!(?i:script|style|textarea|title|xmp|iframe|noembed|noframes|plaintext|svg|math|head|html)[{_W}/>])"
    r'[a-zA-Z][a-zA-Z0-9]*+(?: (?:class|id)="[^"]*+")*+>)*+'
)
_ATTRIBUTE = re.compile(rf"""([^{_W}/>][^{_W}/>=]*+)(?:[{_W}]*+=[{_W}]*+(?:"([^"]*+)"?|'([^']*+)'?|([^{_W}>]*+)))?+""")
_MATTERS = re.compile(r"href|src|style|action|data|background|poster|cite|http-equiv|longdesc", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#[0-9]{1,8};?|#[xX][0-9a-fA-F]{1,8};?|([a-zA-Z][a-zA-Z0-9]{0,40})(;?))(?=(=?))")
_XML_STYLE = re.compile(r"""<\?xml-stylesheet\b[^>]*?\bhref=(?:"([^">]*)"|'([^'>]*)')""")
_RAW = frozenset(["script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"])
#: What a ``meta`` stands behind, the nearest with the highest number.
_INNER = {"!doctype": 1, "html": 2, "head": 3}
_FOREIGN = frozenset(("svg", "math"))
_FOREIGN_PARTS = frozenset(("image", "use", "feimage"))
_GAP = re.compile(rf"[{_W},]*+")
_WORD = re.compile(rf"[^{_W}]++")
_DESCRIPTORS = re.compile(r"(?:[^,(]++|\([^)]*+\)?)*+,?")
#: ``srcdoc`` may hold a page that has a ``srcdoc``.
_DEEPEST = 4

_PART_RELATIONS = frozenset(
    (
        *("stylesheet", "icon", "apple-touch-icon", "apple-touch-icon-precomposed", "apple-touch-startup-image"),
        *("mask-icon", "fluid-icon", "manifest", "preload", "modulepreload", "prefetch"),
    )
)
_PAGE_RELATIONS = frozenset(("next", "prev", "alternate"))
_ORIGIN_RELATIONS = frozenset(("canonical", "preconnect", "dns-prefetch"))
_HTML = frozenset(("", "text/html", "application/xhtml+xml"))
_POLICIES = frozenset(("content-security-policy", "content-security-policy-report-only"))
#: What a browser refuses to load from a disk, if the page asks for it.
_OF_ORIGIN = frozenset(("integrity", "crossorigin"))
_ATTRIBUTES = {
    ("a", "href"): Use.PAGE, ("a", "xlink:href"): Use.PAGE, ("area", "href"): Use.PAGE,
    ("iframe", "src"): Use.FRAME, ("frame", "src"): Use.FRAME, ("base", "href"): Use.BASE,
    ("form", "action"): Use.ORIGIN, ("button", "formaction"): Use.ORIGIN, ("input", "formaction"): Use.ORIGIN,
    ("img", "src"): Use.PART, ("source", "src"): Use.PART, ("video", "src"): Use.PART, ("video", "poster"): Use.PART,
    ("audio", "src"): Use.PART, ("track", "src"): Use.PART, ("embed", "src"): Use.PART, ("object", "data"): Use.PART,
    ("input", "src"): Use.PART, ("bgsound", "src"): Use.PART, ("script", "src"): Use.PART,
    ("script", "href"): Use.PART, ("script", "xlink:href"): Use.PART,
    **{(tag, name): Use.PART for tag in _FOREIGN_PARTS for name in ("href", "xlink:href")},
    ("img", "longdesc"): Use.MENTION, ("blockquote", "cite"): Use.MENTION, ("q", "cite"): Use.MENTION,
    ("ins", "cite"): Use.MENTION, ("del", "cite"): Use.MENTION,
}  # fmt: skip
_SRCSETS = frozenset(("srcset", "imagesrcset", "data-srcset", "data-lazy-srcset"))
_LAZY = frozenset(
    (
        *("data-src", "data-original", "data-lazy", "data-lazy-src", "data-full-src", "data-bg"),
        "data-background-image",
    )
)


class Markup:
    """One document's text and its edits, once `read`. ``decode`` turns a piece of the text into what it means.

    ``head`` is where the inner of the head begins, as far as tags say so: where a ``meta`` may be put.
    """

    def __init__(self, text: str, decode: Callable[[str], str], replace: Replace, *, xml: bool = False) -> None:
        self.edits: list[Edit] = []
        self.head = 0
        self._text = text
        self._decode = decode
        self._replace = replace
        self._xml = xml
        self._above = ""
        self._foreign = 0
        self._depth = 0

    def read(self) -> Markup:
        """Go over the text and ask for each reference, in order. Never raises."""
        text, position = self._text, 0
        while True:
            idle = _IDLE.match(text, position)
            token = _TOKEN.search(text, idle.end() if idle else position)
            if token is None:
                return self
            position = token.end()
            end, name, attributes = token.groups()
            if name is None:
                if end is not None and self._foreign and end.lower() in _FOREIGN:
                    self._foreign -= 1
                elif end is None:
                    self._declaration(token)
                continue
            tag = name.lower()
            if attributes and _MATTERS.search(attributes) is not None:
                self._element(tag, token.start(3), token.end(3))
            if tag in _RAW:
                if not ((self._xml or self._foreign) and attributes.endswith("/")):
                    position = self._raw(tag, position)
            elif tag in _FOREIGN:
                self._foreign += not attributes.endswith("/")
            elif _INNER.get(tag, 0) > _INNER.get(self._above, 0):
                self.head, self._above = position, tag
            elif tag == "plaintext":
                return self

    def _declaration(self, token: re.Match[str]) -> None:
        if not self._above and token[0][:9].lower() == "<!doctype":
            self.head, self._above = token.end(), "!doctype"
        elif self._xml and (found := _XML_STYLE.match(self._text, *token.span())):
            group = 1 if found[1] is not None else 2
            self._reference(found[group], Use.PART, "link", found.span(group), quoted=True)

    def _raw(self, tag: str, position: int) -> int:
        """Pass over text in which no tags are; read a style sheet."""
        end = re.compile(rf"</{tag}(?=[{_W}/>])", re.IGNORECASE).search(self._text, position)
        stop = end.start() if end else len(self._text)
        if tag == "style":
            decode, replace = self._decode, self._replace
            for start, last, new in style_edits(
                self._text[position:stop], lambda found: replace(decode(found), Use.PART, "style")
            ):
                self.edits.append((position + start, position + last, new))
        return stop

    # -- one element

    def _element(self, tag: str, start: int, end: int) -> None:
        found: dict[str, tuple[str, tuple[int, int], bool]] = {}
        removable: list[tuple[int, int]] = []
        for attribute in _ATTRIBUTE.finditer(self._text, start, end):
            name = attribute[1].lower()
            group = next((n for n in (2, 3, 4) if attribute[n] is not None), 0)
            if name in found:
                continue  # of several, the first one counts
            value = _unescaped(self._decode(attribute[group])) if group else ""
            found[name] = (value, attribute.span(group) if group else (0, 0), group in (2, 3))
            if name in _OF_ORIGIN:
                removable.append(attribute.span())
        before = len(self.edits)
        local = False
        for name, (value, span, quoted) in found.items():
            if span[1] > span[0]:
                local |= self._attribute(tag, name, value, span, found, quoted=quoted)
        if local:
            self.edits += [(first, last, "") for first, last in removable]
            self.edits[before:] = sorted(self.edits[before:])

    def _attribute(
        self,
        tag: str,
        name: str,
        value: str,
        span: tuple[int, int],
        found: dict[str, tuple[str, tuple[int, int], bool]],
        *,
        quoted: bool,
    ) -> bool:
        """Handle one attribute; True when it names a part of the page that is here now."""
        if name in _SRCSETS:
            self._whole(value, _candidates(value, self._asking(Use.PART, tag)), span, quoted=quoted)
        elif name == "style":
            self._whole(value, style_edits(value, self._asking(Use.PART, tag)), span, quoted=quoted)
        elif tag == "meta":
            self._meta(name, value, span, found, quoted=quoted)
        elif name == "srcdoc" and tag == "iframe":
            self._inner(value, span, quoted=quoted)
        elif name in _LAZY and "(" in value:
            self._whole(value, style_edits(value, self._asking(Use.PART, tag)), span, quoted=quoted)
        else:
            use = self._use(tag, name, value, found)
            if use is not None:
                return self._reference(value, use, tag, span, quoted=quoted)
        return False

    def _use(self, tag: str, name: str, value: str, found: dict[str, tuple[str, tuple[int, int], bool]]) -> Use | None:
        if tag == "link" and name == "href":
            return _of_link(found)
        if name == "background" or (name in _LAZY and _is_lazy(tag, value)):
            return Use.PART
        return _ATTRIBUTES.get((tag, name))

    def _meta(
        self,
        name: str,
        value: str,
        span: tuple[int, int],
        found: dict[str, tuple[str, tuple[int, int], bool]],
        *,
        quoted: bool,
    ) -> None:
        directive = found["http-equiv"][0].strip().lower() if "http-equiv" in found else ""
        if name == "http-equiv" and directive in _POLICIES:
            self._put(f"x-{directive}-of-the-origin", span, quoted=quoted)
        elif name == "content" and directive == "refresh":
            target = refresh.parse(value)
            if target is not None and target[1] and target[1] in value:
                new = self._replace(target[1], Use.PAGE, "meta")
                if new is not None:
                    head, _, tail = value.rpartition(target[1])
                    self._put(f"{head}{new}{tail}", span, quoted=quoted)

    def _inner(self, value: str, span: tuple[int, int], *, quoted: bool) -> None:
        if self._depth < _DEEPEST:
            inner = Markup(value, str, self._replace)
            inner._depth = self._depth + 1
            self._whole(value, inner.read().edits, span, quoted=quoted)

    def _asking(self, use: Use, tag: str) -> Callable[[str], str | None]:
        return lambda reference: self._replace(reference, use, tag)

    def _reference(self, value: str, use: Use, tag: str, span: tuple[int, int], *, quoted: bool) -> bool:
        reference = value.strip("\t\n\f\r ")
        if not reference or (reference[0] == "#" and tag in _FOREIGN_PARTS):
            return False
        new = self._replace(reference, use, tag)
        if new is None:
            return False
        self._put(new, span, quoted=quoted)
        return use is Use.PART and not new.startswith(("http://", "https://"))

    def _whole(self, value: str, edits: list[Edit], span: tuple[int, int], *, quoted: bool) -> None:
        if edits:
            self._put(applied(value, edits), span, quoted=quoted)

    def _put(self, new: str, span: tuple[int, int], *, quoted: bool) -> None:
        escaped = new.replace("&", "&amp;").replace('"', "&quot;").replace("'", "&#39;").replace("<", "&lt;")
        self.edits.append((*span, escaped if quoted else f'"{escaped}"'))


def _of_link(found: dict[str, tuple[str, tuple[int, int], bool]]) -> Use:
    relations = set(found["rel"][0].lower().split()) if "rel" in found else set()
    if not relations.isdisjoint(_PART_RELATIONS):
        return Use.PART
    if not relations.isdisjoint(_ORIGIN_RELATIONS):
        return Use.ORIGIN
    kind = found["type"][0].partition(";")[0].strip().lower() if "type" in found else ""
    return Use.PAGE if not relations.isdisjoint(_PAGE_RELATIONS) and kind in _HTML else Use.MENTION


def _is_lazy(tag: str, value: str) -> bool:
    """Whether the value is a reference that a script will put in: flags and titles have the same names."""
    if " " in value.strip() or value[:1] in ("{", "["):
        return False
    return extension(value) in IMAGES or (tag in ("img", "source") and "/" in value)


def _candidates(value: str, replace: Callable[[str], str | None]) -> list[Edit]:
    """The edits of a ``srcset`` (HTML standard, 4.8.4.3.10)."""
    edits: list[Edit] = []
    position = 0
    while True:
        gap = _GAP.match(value, position)
        word = _WORD.match(value, gap.end() if gap else position)
        if word is None:
            return edits
        reference = word[0].rstrip(",")
        new = replace(reference) if reference and reference[:5].lower() != "data:" else None
        if new is not None:
            edits.append((word.start(), word.start() + len(reference), new.replace(",", "%2C").replace(" ", "%20")))
        position = word.end()
        if not word[0].endswith(","):
            rest = _DESCRIPTORS.match(value, position)
            position = rest.end() if rest else len(value)


def _unescaped(value: str) -> str:
    """Character references as attributes have them: ``&copy=1`` is none (HTML standard, 13.2.5.73)."""
    return _ENTITY.sub(_entity, value) if "&" in value else value


def _entity(match: re.Match[str]) -> str:
    name, closed, equals = match[1], match[2], match[3]
    if name is None:
        return html.unescape(match[0])
    if equals and not closed:
        return match[0]
    return html.entities.html5.get(name + closed, match[0])
