"""What a plan gives on lexbor's tree: all of it, or the first of it, which most callers want and which costs less."""

from __future__ import annotations

from typing import Any

from selectolax.lexbor import LexborNode

from acrawl.parse import texts
from acrawl.parse.query import ATTRIBUTE, DEEP_TEXT, ELEMENTS, TEXT, Plan

#: Attributes that libxml2 gives a value where none is written: their name.
BOOLEAN = frozenset(
    (
        *("checked", "compact", "declare", "defer", "disabled", "ismap", "multiple"),
        *("nohref", "noresize", "noshade", "nowrap", "readonly", "selected"),
    )
)
#: What `first` says when only `every` can tell.
UNSURE: Any = object()


def every(node: LexborNode, plan: Plan) -> list[LexborNode] | list[str]:
    """Return the elements, texts or values of a plan below (and including) a node, in document order."""
    kind, css, name = plan[:3]
    if kind == DEEP_TEXT and not css:
        return texts.deep([node])
    found = node.css(css)
    if "," in css:  # lexbor gives an element once for each member of a list that it matches
        found = list({each.mem_id: each for each in found}.values())
    if kind == ELEMENTS:
        return found
    if kind == ATTRIBUTE:
        # lexbor's [href] selects xlink:href as well: not every element has the attribute.
        values = [_value(each, name) for each in found]
        return [given(name, value) for value in values if value is not UNSURE]
    return texts.direct(found) if kind == TEXT else texts.deep(found)


def first(node: LexborNode, plan: Plan) -> Any:
    """Return the first of `every`, None if there is nothing, or `UNSURE`. Looks no further than it must."""
    kind, css, name = plan[:3]
    found = node if kind == DEEP_TEXT and not css else node.css_first(css)
    if found is None or kind == ELEMENTS:
        return found
    if kind == ATTRIBUTE:
        value = _value(found, name)
        return value if value is UNSURE else given(name, value)
    inner = found.traverse(include_text=True) if kind == DEEP_TEXT else found.iter(include_text=True)
    for each in inner:
        if each.is_text_node:
            return each.text_content or ""
        if kind == TEXT and each.is_element_node:
            return UNSURE  # another match may be in it, with a text of its own
    return UNSURE


def _value(node: LexborNode, name: str) -> Any:
    """Return an attribute as lexbor has it, `UNSURE` without one. ``attrs`` is quicker, and blind to case."""
    return node.attrs.get(name, UNSURE) if name.islower() else node.attributes.get(name, UNSURE)


def given(name: str, value: str | None) -> str:
    """The value of an attribute; one of `BOOLEAN` without a value has its name for one, as with libxml2."""
    return value if value is not None else name if name in BOOLEAN else ""
