"""A CSS query, split: what lexbor selects, and what is taken from it; or nothing that lexbor can do."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, SelectolaxError

#: What a query gives: elements, their direct text, all text in them, values of an attribute, or what parsel says.
ELEMENTS, TEXT, DEEP_TEXT, ATTRIBUTE, FOREIGN = range(5)

_PSEUDO = re.compile(r"::(?:text|attr\(\s*([a-zA-Z_][\w-]*)\s*\))\s*\Z")
_COMBINATOR = re.compile(r"[>+~]\s*\Z")
_DESCENDANT = re.compile(r"(?:\A|\s)\s*\*?\s*\Z")
_FIRST = re.compile(r"\s*([^\s>+~]+)\s*[\s>+~]\s*[^\s>+~]")
_ESCAPES = re.compile(r"\\.|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'", re.DOTALL)
_GROUP = re.compile(r"\([^()\[\]]*\)|\[[^()\[\]]*\]")
_ODD = re.compile(r"::|/\*|[()\[\]\"'|\\]")
_CHILD = re.compile(r"([^\s>+~,]+)\s*>\s*([^\s>+~,]+)")
_TYPE = re.compile(r"[a-zA-Z][a-zA-Z0-9]*")
_ROW_GROUPS = frozenset(("tbody", "thead", "tfoot"))
#: A tree to try queries on: whether lexbor knows one does not depend on the page.
_PROBE = LexborHTMLParser(b"<p>")
_IN_TABLE = _ROW_GROUPS | {"caption", "colgroup"}


class Plan(NamedTuple):
    """How a query is answered. ``css`` is what lexbor selects, ``attribute`` what is taken from it.

    ``heads`` are the first compounds of those members of the list that have combinators: from an inner element, lexbor
    finds them outside of it too. ``siblings``: some combinator is ``+`` or ``~``.
    """

    kind: int
    css: str
    attribute: str = ""
    heads: tuple[str, ...] = ()
    siblings: bool = False


@functools.lru_cache(2048)
def plan(query: str) -> Plan:
    """Return the plan of a query. A malformed one is parsel's, as all that lexbor does not know."""
    match = _PSEUDO.search(query)
    css, name = (query, None) if match is None else (query[: match.start()], match[1])
    masked = _masked(css)
    if _ODD.search(masked) or (match and "," in masked) or _needs_rows(masked):
        return Plan(FOREIGN, query)
    kind = ELEMENTS
    if match is not None:
        kind, css = _of_pseudo(css, name)
        masked = _masked(css)
    members = masked.split(",")
    starts = [0]
    for member in members:
        starts.append(starts[-1] + len(member) + 1)
    found = [(start, _FIRST.match(member)) for start, member in zip(starts, members, strict=False)]
    heads = tuple(css[start + first.start(1) : start + first.end(1)] for start, first in found if first)
    try:
        for each in (css if css or kind != DEEP_TEXT else "*", *heads):
            _PROBE.css(each)
    except (SelectolaxError, UnicodeEncodeError):  # parsel selects, or says what is wrong
        return Plan(FOREIGN, query)
    return Plan(kind, css, name or "", heads, "+" in masked or "~" in masked)


def _of_pseudo(css: str, name: str | None) -> tuple[int, str]:
    """Return kind and query for what stands before ``::text`` or ``::attr(name)``."""
    deep = _DESCENDANT.search(css)
    if _COMBINATOR.search(css):
        css, deep = css + "*", None
    elif deep and _COMBINATOR.search(css[: deep.start()]):
        deep = None
    if not deep:
        return (TEXT, css) if name is None else (ATTRIBUTE, f"{css}[{name}]")
    scope = css[: deep.start()].rstrip()
    if name is None:
        return DEEP_TEXT, scope
    inner = f"[{name}]"
    return ATTRIBUTE, f"{scope}{inner},{scope} {inner}" if scope else inner


def _masked(css: str) -> str:
    """Return a query of the same length with an underscore for each character in brackets, quotes and escapes."""
    css = _ESCAPES.sub(_blank, css)
    while (blank := _GROUP.sub(_blank, css)) != css:
        css = blank
    return css


def _blank(match: re.Match[str]) -> str:
    return "_" * len(match[0])


def _needs_rows(masked: str) -> bool:
    """Whether it asks for the children of a ``table`` as they are written, without the ``tbody`` that HTML adds."""
    if ">" not in masked:
        return False
    for outer, inner in _CHILD.findall(masked):
        parent, child = (match[0].lower() if (match := _TYPE.match(compound)) else "" for compound in (outer, inner))
        if (child == "tr" and parent not in _ROW_GROUPS) or (parent == "table" and child not in _IN_TABLE):
            return True
    return False
