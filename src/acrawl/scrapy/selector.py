"""Selectors of text and of responses: see `acrawl.parse.selectors`."""

from __future__ import annotations

from typing import Any

import acrawl.parse.selectors as core
import acrawl.response
from acrawl.parse.selectors import SelectorList

__all__ = ["Selector", "SelectorList"]


class _IsSelector(type):
    def __instancecheck__(cls, one: object) -> bool:
        return isinstance(one, core.Selector)


class Selector(metaclass=_IsSelector):
    """``Selector(response)``, ``Selector(text=markup)`` or ``Selector(root=element)``: makes acrawl's selector."""

    def __new__(  # type: ignore[misc]
        cls,
        response: acrawl.response.Response | None = None,
        text: str | None = None,
        type: str | None = None,  # noqa: A002 - Scrapy's name
        root: Any = None,
        **options: Any,
    ) -> core.Selector:
        """Return it; without a ``type`` that is found out. Raises ValueError for nothing to select from."""
        if response is not None and text is None:
            if type in {None, response.selector.type}:
                return response.selector
            text = response.text
        if text is not None:
            return core.Selector(text, type, **options)
        if root is None:
            raise ValueError("Selector() needs a response, text or root")
        return core.Selector(type=type, root=root, **options)
