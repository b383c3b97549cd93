"""Requests that send a form, or JSON. They are plain requests once they are made, and travel like any other."""

from __future__ import annotations

import codecs
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from acrawl.parse import encoding as encodings
from acrawl.parse.form import Form, forms
from acrawl.parse.formdata import MULTIPART, NO_FILE, URLENCODED, Entry, File, encoded, output_encoding, urlencoded
from acrawl.request import Callback, Request
from acrawl.response import Response

#: A field's value: text or a number; a file as ``(name, bytes)``, ``(name, bytes, type)`` or a path.
Value = str | bytes | int | float | pathlib.Path | tuple[str, bytes] | tuple[str, bytes, str]
#: Fields by name, or as pairs. A list of values stands for several; None leaves the field out.
FormData = Mapping[str, Value | Sequence[Value] | None] | Iterable[tuple[str, Value | Sequence[Value] | None]]

_QUERY = frozenset(("GET", "HEAD"))
_encode = msgspec.json.Encoder().encode


class FormRequest:
    """Makes the `Request` that a form sends: ``FormRequest(url, formdata={...})``; `from_response` for a page's form.

    It is POST, unless ``method`` says otherwise; with GET the data take the place of the URL's query. A file among the
    data, or ``is_multipart``, makes it ``multipart/form-data``. Values are sent in ``encoding``, and as numeric
    references what that does not have. Other arguments are those of `Request`. A path is read here, which blocks; what
    a request may hold in all is half of ``queues.max_message``. Raises `RequestError` for what is no URL, ValueError
    and OSError for data that cannot be sent.
    """

    def __new__(  # type: ignore[misc]  # it makes requests, and has no instances
        cls,
        url: str,
        callback: Callback | str | None = None,
        method: str | None = None,
        *,
        formdata: FormData | None = None,
        is_multipart: bool = False,
        encoding: str = "utf-8",
        **fields: Any,
    ) -> Request:
        """Make the request."""
        codec = _codec(encoding)
        entries = [entry for own in _fields(formdata, codec).values() for entry in own]
        method = (method or ("POST" if formdata else "GET")).upper()
        enctype = MULTIPART if is_multipart else URLENCODED
        return _request(url, callback, method, entries, enctype, codec, fields)

    @classmethod
    def from_response(  # noqa: PLR0913, PLR0917 - the signature that spiders know from Scrapy
        cls,
        response: Response,
        formname: str | None = None,
        formid: str | None = None,
        formnumber: int = 0,
        formdata: FormData | None = None,
        clickdata: Mapping[str, Any] | None = None,
        dont_click: bool = False,
        formxpath: str | None = None,
        formcss: str | None = None,
        **fields: Any,
    ) -> Request:
        """Make the request that a form of a page sends when its button is clicked.

        The form is that of this name, or id, or around what ``formxpath`` or ``formcss`` selects; else the one of this
        number. ``formdata`` replaces and adds fields. The first button is clicked; another one is named by its
        attributes (``clickdata={"name": "save"}``) or by its number among the controls (``{"nr": 3}``), and with
        ``dont_click`` none is. ``url``, ``method`` and ``encoding`` replace what the form says. Raises ValueError where
        there is no such form or button, IndexError for a number that no form has.
        """
        form = _form(response, formname, formid, formnumber, formxpath, formcss)
        button = None if dont_click else _button(form, clickdata)
        codec = _codec(fields.pop("encoding", None) or form.encoding)
        given = _fields(formdata, codec)
        entries: list[Entry] = []
        replaced = set()
        for name, value in form.entries(button, codec):
            if name not in given:
                entries.append((name, value))
            elif name not in replaced:
                replaced.add(name)
                entries += given[name]
        entries += [entry for name, own in given.items() if name not in replaced for entry in own]
        method = "POST" if (fields.pop("method", None) or form.method(button)).upper() == "POST" else "GET"
        url = fields.pop("url", None)
        if url is not None:
            url = response.urljoin(url) or url
        else:  # a GET has the query that the form makes, be it an empty one
            url = form.action(button) if method == "POST" else _without_query(form.action(button))
        fields = {"referrer": response.url, "depth": response.request.depth + 1, **fields}
        return _request(url, fields.pop("callback", None), method, entries, form.enctype(button), codec, fields)


class JsonRequest:
    """Makes a `Request` whose body is JSON: ``JsonRequest(url, data={...})``. POST, unless ``method`` says otherwise.

    Without ``data`` it is a GET that asks for JSON. Other arguments are those of `Request`. Raises `RequestError` for
    what is no URL, TypeError for data that JSON cannot hold.
    """

    def __new__(  # type: ignore[misc]  # it makes requests, and has no instances
        cls,
        url: str,
        callback: Callback | str | None = None,
        method: str | None = None,
        *,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> Request:
        """Make the request."""
        if data is not None:
            fields["body"] = _encode(data)
        usual = {"Content-Type": "application/json", "Accept": "application/json, text/javascript, */*; q=0.01"}
        method = (method or ("POST" if data is not None else "GET")).upper()
        return Request(url, callback, method, _with(headers, usual), **fields)


def _request(
    url: str,
    callback: Callback | str | None,
    method: str,
    entries: list[Entry],
    enctype: str,
    codec: str,
    fields: dict[str, Any],
) -> Request:
    if method in _QUERY:
        if any(isinstance(value, File) and value.name for _, value in entries):
            raise ValueError(f"a form with a file is sent by POST, and this one by {method} to {url}")
        if entries:
            url = f"{_without_query(url)}?{urlencoded(entries, codec)}"
        return Request(url, callback, method, encoding=codec, **fields)
    if any(isinstance(value, File) and value.name for _, value in entries):
        enctype = MULTIPART
    body, content_type = encoded(entries, enctype, codec)
    headers = _with(fields.pop("headers", None), {"Content-Type": content_type})
    return Request(url, callback, method, headers, body, encoding=codec, **fields)


def _without_query(url: str) -> str:
    return url.partition("#")[0].partition("?")[0]


def _with(headers: Mapping[str, str] | None, usual: Mapping[str, str]) -> dict[str, str]:
    """Headers, and the usual ones that are not among them."""
    given = dict(headers or {})
    names = {name.lower() for name in given}
    return {name: value for name, value in usual.items() if name.lower() not in names} | given


def _codec(encoding: str) -> str:
    """The Python codec for an encoding by any of its names. Raises ValueError for what is none."""
    try:
        return output_encoding(encodings.lookup(encoding) or codecs.lookup(encoding).name)
    except LookupError:
        raise ValueError(f"encoding={encoding!r}: there is no such encoding") from None


def _fields(formdata: FormData | None, codec: str) -> dict[str, list[Entry]]:
    """The entries of each field, in the order in which the fields come first."""
    found: dict[str, list[Entry]] = {}
    pairs = formdata.items() if isinstance(formdata, Mapping) else formdata or ()
    try:
        for name, value in pairs:
            values: list[Any] = [value] if _is_one(value) else list(value)  # type: ignore[arg-type]
            field = str(_value(name, codec))
            own = [(field, _value(one, codec)) for one in values if one is not None]
            found.setdefault(field, []).extend(own)
    except (TypeError, ValueError):
        raise ValueError(f"formdata={formdata!r:.200}: give a dict, or a list of (name, value)") from None
    return found


def _is_one(value: Any) -> bool:
    return isinstance(value, str | bytes | int | float | pathlib.Path | File) or value is None or _is_file(value)


def _is_file(value: Any) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) in {2, 3}
        and isinstance(value[0], str)
        and isinstance(value[1], bytes)
        and all(isinstance(kind, str) for kind in value[2:])
    )


def _value(value: Any, codec: str) -> str | File:
    if isinstance(value, str | File):
        return value
    if isinstance(value, bytes):
        return value.decode(codec)
    if isinstance(value, pathlib.Path):
        import mimetypes  # for those who upload files

        return File(value.name, value.read_bytes(), mimetypes.guess_type(value.name)[0] or NO_FILE.type)
    return File(*value) if _is_file(value) else str(value)


def _form(
    response: Response, name: str | None, identity: str | None, number: int, xpath: str | None, css: str | None
) -> Form:
    found = forms(response.document)
    if not found:
        raise ValueError(f"there is no form in {response.url}")
    for attribute, wanted in (("name", name), ("id", identity)):
        for form in found:
            if wanted is not None and form.attributes.get(attribute) == wanted:
                return form
    if xpath is not None or css is not None:
        selected = response.css(css) if css is not None else response.xpath(xpath or "")
        around = _around(selected[0].root, found) if selected else None
        if around is None:
            raise ValueError(f"{css if css is not None else xpath!r} selects nothing in a form of {response.url}")
        return around
    try:
        return found[number]
    except IndexError:
        raise IndexError(f"there is no form {number} in {response.url}: it has {len(found)}") from None


def _around(node: Any, found: list[Form]) -> Form | None:
    """The form that a node is, or is in. XPath selects in a tree of its own: there a form is known by its rank."""
    if hasattr(node, "mem_id"):
        while node is not None and node.tag != "form":
            node = node.parent
        return next((form for form in found if node is not None and form.node.mem_id == node.mem_id), None)
    if not hasattr(node, "iterancestors"):
        return None
    outer = node if node.tag == "form" else next(node.iterancestors("form"), None)
    if outer is None:
        return None
    ranked = list(outer.getroottree().iter("form"))
    alike = [form for form in found if form.attributes == dict(outer.attrib.items())]
    if len(ranked) == len(found):
        return found[ranked.index(outer)]
    return alike[0] if len(alike) == 1 else None


def _button(form: Form, clickdata: Mapping[str, Any] | None) -> Any:
    """The button to click; None where the form has none."""
    buttons = form.buttons()
    if not clickdata or not buttons:
        return buttons[0] if buttons else None
    number = clickdata.get("nr")
    if isinstance(number, int) and -len(form.controls) <= number < len(form.controls):
        return form.controls[number]
    matching = [
        control
        for control in form.controls
        if all(control.attributes.get(name) == str(value) for name, value in clickdata.items())
    ]
    if len(matching) != 1:
        count = "several controls match" if matching else "no control matches"
        raise ValueError(f"clickdata={dict(clickdata)!r}: {count}")
    return matching[0]
