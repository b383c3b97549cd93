"""XML as Scrapy has it: ``<items><item><field>text</field></item></items>``; in lists each part is a ``<value>``.

Nothing is an empty element. What XML 1.0 cannot hold (most control characters, 2.2) becomes U+FFFD; what a name cannot
hold (2.3, and the colon) becomes ``_``. It can be read once the crawl has ended or paused.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

from acrawl.errors import EnvironmentProblem
from acrawl.results.base import Row, Unfit
from acrawl.results.feeds.values import one_by_one, plain, text

_SPECIAL = re.compile("[&<>\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
#: A line break of its own would be read as another one (2.11).
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_START = (
    "A-Z_a-z\xc0-\xd6\xd8-\xf6\xf8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d\u2070-\u218f\u2c00-\u2fef\u3001-\ud7ff"
    "\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
#: Compiled where they are used: that takes a while, and most crawls write no XML.
_NOT_IN_NAMES = f"[^{_START}.0-9\xb7\u0300-\u036f\u203f\u2040-]"
_NOT_FIRST = f"^(?![{_START}])"


class XmlItems:
    """See `acrawl.results.feeds.base.Format`. With ``fields``, only these and in this order."""

    def __init__(self, fields: Sequence[str] = ()) -> None:
        self._fields = fields

    def begin(self, file: BinaryIO | None, *, resumed: bool) -> bytes:
        """To a file that is not ours nothing can be added."""
        if file is None:
            return b'<?xml version="1.0" encoding="utf-8"?>\n<items>\n'
        if not resumed:
            raise EnvironmentProblem("there is something in it, and nothing can be added to an XML document")
        return b""

    def encode(self, rows: Sequence[Row]) -> tuple[bytes, list[Unfit]]:
        """See `acrawl.results.feeds.base.Format.encode`."""
        items, unfit = one_by_one(rows, self._item, "XML")
        return "".join(items).encode(), unfit

    def end(self) -> bytes:
        """The end tag."""
        return b"</items>\n"

    def _item(self, value: Any) -> str:
        parts: list[str] = []
        _add(parts.append, "item", plain(value, self._fields))
        return "".join(parts) + "\n"


def _add(add: Callable[[str], None], name: str, value: Any) -> None:
    add(f"<{name}>")
    if isinstance(value, dict):
        for key, inner in value.items():
            _add(add, _name(key), inner)
    elif isinstance(value, list):
        for inner in value:
            _add(add, "value", inner)
    else:
        found = text(value)
        add(_SPECIAL.sub(_escaped, found) if _SPECIAL.search(found) else found)
    add(f"</{name}>")


def _escaped(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[0], "\ufffd")


@functools.lru_cache(1000)
def _name(key: str) -> str:
    return re.sub(_NOT_FIRST, "_", re.sub(_NOT_IN_NAMES, "_", key))
