"""The links that a response's headers name: ``Link`` (RFC 8288), ``Refresh``, ``Location``, ``Content-Location``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote

from acrawl.parse import refresh

_TARGET = re.compile(r"[\s,]*+<([^>]*+)>")
#: A value may be a token or a quoted string; that of a name without "=" is empty (RFC 8288, 3).
_PARAMETER = re.compile(
    r"""\s*+;\s*+([^\s=;,"]*+)\s*+(?:=\s*+(?:"((?:[^"\\]++|\\.)*+)"?|([^\s;,"]*+)))?""",
    re.DOTALL,
)
_REST = re.compile(r'(?:[^,"]++|"(?:[^"\\]++|\\.)*+"?)*+', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
#: Of ``title*``: encoding and text (RFC 8187, 3.2).
_EXTENDED = re.compile(r"(utf-8|iso-8859-1)'[^']*+'(.*)", re.IGNORECASE | re.DOTALL)
#: Bytes of a header that are no UTF-8, kept as surrogates; text with them could not travel.
_BYTES = re.compile("[\ud800-\udfff]")
_NAMES = {
    "link": "Link",
    "refresh": "Refresh",
    "location": "Location",
    "content-location": "Content-Location",
}


class HeaderLink(NamedTuple):
    """A link of a header: the header's name, the reference as written, and the parameters by lower-case name."""

    header: str
    reference: str
    parameters: dict[str, str]


def of_headers(headers: Iterable[tuple[str, str]]) -> list[HeaderLink]:
    """Return the links of a response's headers, in order. Never raises."""
    found: list[HeaderLink] = []
    for header, value in headers:
        name = _NAMES.get(header.lower())
        if name is None:
            continue
        text = value if value.isascii() else _BYTES.sub(_escaped, value)
        if name == "Link":
            found += [HeaderLink(name, reference, parameters) for reference, parameters in parse(text)]
        elif name == "Refresh":
            target = refresh.parse(text)
            if target is not None and target[1] is not None:
                found.append(HeaderLink(name, target[1], {}))
        elif text.strip():
            found.append(HeaderLink(name, text.strip(), {}))
    return found


def _escaped(byte: re.Match[str]) -> str:
    """A byte as browsers put it into a URL."""
    return f"%{ord(byte[0]) & 0xFF:02X}"


def parse(value: str) -> list[tuple[str, dict[str, str]]]:
    """Return target and parameters of each link in a ``Link`` header, by the algorithm of RFC 8288, appendix B.2.

    The first parameter of a name counts; ``title*`` stands under ``title`` in its place. What cannot be read ends the
    list. Never raises; takes time in proportion to the length.
    """
    found: list[tuple[str, dict[str, str]]] = []
    target = _TARGET.match(value)
    while target is not None:
        parameters: dict[str, str] = {}
        position = target.end()
        while (parameter := _PARAMETER.match(value, position)) is not None:
            position = parameter.end()
            name, quoted, token = parameter.groups()
            if name:
                text = _ESCAPED.sub(r"\1", quoted) if quoted is not None else token or ""
                parameters.setdefault(name.lower(), text)
        extended = _EXTENDED.match(parameters.pop("title*", ""))
        if extended is not None:
            parameters["title"] = unquote(extended[2], extended[1])
        found.append((target[1].strip(), parameters))
        rest = _REST.match(value, position)
        target = _TARGET.match(value, rest.end() if rest else position)
    return found
