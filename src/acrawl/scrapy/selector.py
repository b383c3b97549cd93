"""Selectors of text and of responses: see `acrawl.parse.selectors`."""

from __future__ import annotations

from typing import Any

import acrawl.parse.selectors as core
import acrawl.response
from acrawl.parse.document import Document
from acrawl.parse.selectors import SelectorList

__all__ = ["Selector", "SelectorList"]


class _IsSelector(type):
    def __instancecheck__(cls, one: object) -> bool:
        return isinstance(one, core.Selector)


class Selector(metaclass=_IsSelector):
    """``Selector(response)`` or ``Selector(text=markup)``: the root of the document."""

    def __new__(  # type: ignore[misc]
        cls,
        response: acrawl.response.Response | None = None,
        text: str | None = None,
        type: str | None = None,  # noqa: A002 - Scrapy's name
        **_: Any,
    ) -> core.Selector:
        """Return acrawl's selector; ``type`` is found out."""
        if response is not None:
            return response.selector
        if not isinstance(text, str):
            raise TypeError(f"Selector(text={text!r:.100}): give text, or a response")
        return Document(text.encode("utf-8", "replace"), "about:blank", "text/html; charset=utf-8").selector
