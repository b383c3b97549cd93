"""Requests that send a form: see `acrawl.forms`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import acrawl.forms as core
from acrawl.request import Callback
from acrawl.response import Response
from acrawl.scrapy.http.request import Request


class FormRequest:
    """See `acrawl.forms.FormRequest`; it makes a `Request`, and has no instances."""

    def __new__(  # type: ignore[misc]
        cls,
        url: str,
        callback: Callback | str | None = None,
        method: str | None = None,
        *,
        formdata: core.FormData | None = None,
        encoding: str = "utf-8",
        **fields: Any,
    ) -> Request:
        """Make the request; ``fields`` are those of `Request`."""
        if not formdata:
            return Request(url, callback, method or "GET", encoding=encoding, **fields)
        made = core.FormRequest(url, method=method, formdata=formdata, encoding=encoding)
        return Request.of(made).completed(callback=callback, **fields)

    @classmethod
    def from_response(  # noqa: PLR0913, PLR0917 - Scrapy's arguments, in its order
        cls,
        response: Response,
        formname: str | None = None,
        formid: str | None = None,
        formnumber: int = 0,
        formdata: core.FormData | None = None,
        clickdata: Mapping[str, Any] | None = None,
        dont_click: bool = False,
        formxpath: str | None = None,
        formcss: str | None = None,
        **fields: Any,
    ) -> Request:
        """See `acrawl.forms.FormRequest.from_response`; ``fields`` are those of `Request`."""
        form = {name: fields.pop(name) for name in ("url", "method", "encoding") if name in fields}
        made = core.FormRequest.from_response(
            response, formname, formid, formnumber, formdata, clickdata, dont_click, formxpath, formcss, **form
        )
        return Request.of(made).completed(**fields)
