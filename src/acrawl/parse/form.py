"""The forms of a page: which controls a form has, and what it would send (HTML standard, "Form submission")."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, Generic, TypeVar

from acrawl.parse import encoding as encodings
from acrawl.parse.document import Document
from acrawl.parse.formdata import MULTIPART, NO_FILE, PLAIN, URLENCODED, Entry, encoding_name, output_encoding

Value = TypeVar("Value")

_SPACE = "\t\n\f\r "
_PARTS_OF_TABLES = frozenset(("table", "tbody", "thead", "tfoot", "tr"))
_CONTROLS = "input,button,select,textarea"
_DIRECTIONS = ("ltr", "rtl", "auto")
_ENCTYPES = frozenset((URLENCODED, MULTIPART, PLAIN))
#: Buttons that send the form, by tag: their types, and what a type that is none stands for.
_SENDS = frozenset(("submit", "image"))
_BUTTONS = frozenset(("submit", "image", "reset", "button"))
#: Inputs with a text of one line, and what is directed by ``dir``.
_TEXTS = frozenset(("text", "search", "tel", "url", "email", "password"))
_DIRECTED = _TEXTS | {"hidden", "submit", "textarea"}
_TYPES = _BUTTONS | _TEXTS | frozenset(("hidden", "checkbox", "radio", "file", "date", "month", "week", "time"))
_TYPES |= frozenset(("datetime-local", "number", "range", "color"))
_NUMBER = re.compile(r"-?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?")
_DATE, _TIME = r"\d{4,}-\d\d-\d\d", r"\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?"


def forms(document: Document) -> list[Form]:
    """Return the forms in document order."""
    return [Form(document, node) for node in document.root.css("form")]


class Form:
    """A ``form`` element. ``node`` is lexbor's."""

    def __init__(self, document: Document, node: Any) -> None:
        self.node = node
        self.attributes: dict[str, str] = _attributes(node)
        self._document = document

    @cached_property
    def controls(self) -> list[Any]:
        """The elements that this form owns, in document order: those in it, and those that name it (``form=``)."""
        root = self._document.root
        inside = {control.mem_id for control in self._inside()}
        name = self.attributes.get("id", "")
        namesake = (
            next((node for node in root.css("form[id]") if node.attributes["id"] == name), None) if name else None
        )
        is_named = namesake is not None and namesake.mem_id == self.node.mem_id
        found = []
        for control in root.css(_CONTROLS):
            attributes = control.attributes
            if (is_named and attributes["form"] == name) if "form" in attributes else control.mem_id in inside:
                found.append(control)
        return found

    def buttons(self) -> list[Any]:
        """The buttons that send the form, and are not disabled."""
        return [each for each in self.controls if _type(each) in _SENDS and self._takes_part(each)]

    def _inside(self) -> Iterator[Any]:
        """Give the controls that the parser gave to this form.

        A form that begins between the rows of a table is empty in the tree; the parser remembers it for the controls
        that follow. How long is not in the tree: up to the end of the table or the next form, as pages do it.
        """
        node, parent = self.node, self.node.parent
        if node.first_child is None and parent is not None and parent.tag in _PARTS_OF_TABLES:
            while parent is not None and parent.tag != "table":
                parent = parent.parent
            begun = False
            for each in parent.css(f"form,{_CONTROLS}") if parent is not None else ():
                if each.tag == "form":
                    if begun:
                        return
                    begun = each.mem_id == node.mem_id
                elif begun:
                    yield each
            return
        nearest = _Inherited(lambda outer, around: outer.mem_id if outer.tag == "form" else around, 0)
        yield from (each for each in node.css(_CONTROLS) if nearest(each.parent) == node.mem_id)

    @cached_property
    def _openness(self) -> _Inherited[str]:
        return _Inherited(_bars, "open")

    @cached_property
    def _directed(self) -> _Inherited[str]:
        return _Inherited(_directs, "ltr")

    def _takes_part(self, control: Any) -> bool:
        """Whether it is neither disabled, nor in a fieldset that is, nor among suggestions."""
        return "disabled" not in control.attributes and self._openness(control.parent) == "open"

    @property
    def encoding(self) -> str:
        """The codec it is sent in: the first of ``accept-charset`` that is one, else that of the document."""
        for label in self.attributes.get("accept-charset", "").split():
            if (codec := encodings.lookup(label)) is not None:
                return output_encoding(codec)
        return output_encoding(self._document.encoding)

    def method(self, button: Any = None) -> str:
        """GET or POST; the button, if any, has the first word, here as in the next two."""
        return "POST" if self._said("method", button).lower() == "post" else "GET"

    def enctype(self, button: Any = None) -> str:
        """How a POST is encoded."""
        said = self._said("enctype", button).lower()
        return said if said in _ENCTYPES else URLENCODED

    def action(self, button: Any = None) -> str:
        """Where it is sent to: absolute where the page gives a URL, else as it is written."""
        said = self._said("action", button).strip(_SPACE)
        return (self._document.join(said) or said) if said else self._document.url

    def _said(self, name: str, button: Any) -> str:
        own = _attributes(button).get(f"form{name}") if button is not None else None
        return self.attributes.get(name, "") if own is None else own

    def entries(self, button: Any = None, codec: str = "") -> list[Entry]:
        """What it sends when the button is clicked (HTML standard, "constructing the entry list")."""
        chosen = {_name(radio): radio.mem_id for radio in self.controls if _type(radio) == "radio" and _checked(radio)}
        found: list[Entry] = []
        charset = encoding_name(codec or self.encoding)
        for control in self.controls:
            kind = _type(control)
            if kind in _BUTTONS and (button is None or control.mem_id != button.mem_id):
                continue
            if kind == "radio" and chosen.get(_name(control)) != control.mem_id:
                continue
            if (kind == "checkbox" and not _checked(control)) or not self._takes_part(control):
                continue
            own = list(_entries(control, kind, charset))
            found += own
            direction = control.attributes.get("dirname")
            if direction and own and kind in _DIRECTED:
                found.append((direction, self._direction(control, str(own[0][1]))))
        return found

    def _direction(self, control: Any, value: str) -> str:
        """The direction of a control's text: ``ltr`` or ``rtl``."""
        own = (control.attributes.get("dir") or "").lower()
        said = own if own in _DIRECTIONS else "ltr" if _type(control) == "tel" else self._directed(control.parent)
        if said != "auto":
            return said
        strong = (kind for kind in map(unicodedata.bidirectional, value) if kind in ("L", "R", "AL"))
        return "ltr" if next(strong, "L") == "L" else "rtl"


class _Inherited(Generic[Value]):
    """What elements pass on to those in them; each is asked once, however many are in it."""

    def __init__(self, passes_on: Callable[[Any, Value], Value], start: Value) -> None:
        self._passes_on = passes_on
        self._start = start
        self._known: dict[int, Value] = {}

    def __call__(self, node: Any) -> Value:
        """What is passed on to the children of a node."""
        path: list[Any] = []
        while node is not None and node.mem_id not in self._known:
            path.append(node)
            node = node.parent
        value = self._start if node is None else self._known[node.mem_id]
        while path:
            inner = path.pop()
            value = self._known[inner.mem_id] = self._passes_on(inner, value)
        return value


def _bars(node: Any, around: str) -> str:
    """Whether what is in an element takes part: ``open``, ``closed``, or ``legend``: its first legend alone does."""
    if node.tag == "datalist":
        return "closed"
    if around == "legend":
        return "open" if node.tag == "legend" and _is_first(node) else "closed"
    if node.tag == "fieldset" and around == "open" and "disabled" in node.attributes:
        return "legend"
    return around


def _is_first(legend: Any) -> bool:
    before = legend.prev
    while before is not None:
        if before.tag == "legend":
            return False
        before = before.prev
    return True


def _directs(node: Any, around: str) -> str:
    said = (node.attributes.get("dir") or "").lower() if node.is_element_node else ""
    return said if said in _DIRECTIONS else around


def _entries(control: Any, kind: str, charset: str) -> Iterator[Entry]:
    name = _name(control)
    if kind == "image":
        prefix = f"{name}." if name else ""
        yield f"{prefix}x", "0"
        yield f"{prefix}y", "0"
        return
    if not name:
        return
    attributes = _attributes(control)
    if kind == "select":
        yield from ((name, value) for value in _chosen(control, attributes))
        return
    if kind in ("checkbox", "radio"):
        yield name, attributes.get("value", "on")
    elif kind == "file":
        yield name, NO_FILE
    elif kind == "hidden" and name.lower() == "_charset_":
        yield name, charset
    else:
        yield name, control.text() if kind == "textarea" else _sanitized(kind, attributes)


def _attributes(node: Any) -> dict[str, str]:
    return {name: value or "" for name, value in node.attributes.items()}


def _name(control: Any) -> str:
    return control.attributes.get("name") or ""


def _checked(control: Any) -> bool:
    return "checked" in control.attributes


def _type(control: Any) -> str:
    """The kind of a control: the type of an input or a button, else its tag."""
    tag = control.tag
    if tag not in ("input", "button"):
        return str(tag)
    kind = (control.attributes.get("type") or "").lower()
    if tag == "button":
        return kind if kind in ("reset", "button") else "submit"
    return kind if kind in _TYPES else "text"


def _chosen(select: Any, attributes: dict[str, str]) -> list[str]:
    """The values of the options that are selected: one at the most where the list is not a multiple one."""
    options = [(option, _is_off(option)) for option in select.css("option")]
    found = [(option, off) for option, off in options if "selected" in option.attributes]
    if "multiple" not in attributes:
        size = attributes.get("size", "").strip(_SPACE)
        if not found and (not size.isdecimal() or int(size[:9]) <= 1):
            found = [pair for pair in options if not pair[1]][:1]
        found = found[-1:]
    return [_option_value(option) for option, off in found if not off]


def _is_off(option: Any) -> bool:
    group = option.parent
    in_group = group is not None and group.tag == "optgroup" and "disabled" in group.attributes
    return in_group or "disabled" in option.attributes


def _option_value(option: Any) -> str:
    value = option.attributes.get("value", option)
    return " ".join(option.text().split()) if value is option else value or ""


def _sanitized(kind: str, attributes: dict[str, str]) -> str:
    """The value of an input as browsers hold it ("value sanitization algorithm")."""
    value = attributes.get("value", "")
    if kind in ("hidden", "submit"):
        return value
    value = value.replace("\n", "").replace("\r", "")
    if kind in ("url", "email"):
        value = value.strip(_SPACE)
        return ",".join(part.strip(_SPACE) for part in value.split(",")) if "multiple" in attributes else value
    clean = _CLEAN.get(kind)
    return clean(value, attributes) if clean else value


def _matching(pattern: str) -> Callable[[str, dict[str, str]], str]:
    matches = re.compile(pattern).fullmatch
    return lambda value, _: value if matches(value) else ""


def _color(value: str, _: dict[str, str]) -> str:
    return value.lower() if re.fullmatch(r"#[0-9a-fA-F]{6}", value) else "#000000"


def _range(value: str, attributes: dict[str, str]) -> str:
    """The value, or the middle of the range where there is none."""
    low, high = _number(attributes.get("min"), 0.0), _number(attributes.get("max"), 100.0)
    middle = low + (high - low) / 2 if high >= low else low
    number = _number(value, middle)
    inside = max(low, min(number, high)) if high >= low else low
    return value if _NUMBER.fullmatch(value) and inside == number else f"{inside:.10g}"


def _number(text: str | None, default: float) -> float:
    number = float(text) if text and _NUMBER.fullmatch(text) else default
    return number if math.isfinite(number) else default


_CLEAN: dict[str, Callable[[str, dict[str, str]], str]] = {
    "date": _matching(_DATE),
    "month": _matching(r"\d{4,}-\d\d"),
    "week": _matching(r"\d{4,}-W\d\d"),
    "time": _matching(_TIME),
    "datetime-local": lambda value, _: value.replace(" ", "T") if re.fullmatch(f"{_DATE}[T ]{_TIME}", value) else "",
    "number": _matching(_NUMBER.pattern),
    "color": _color,
    "range": _range,
}
