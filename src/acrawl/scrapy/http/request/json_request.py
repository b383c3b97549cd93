"""Requests that send JSON: see `acrawl.forms`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import acrawl.forms as core
from acrawl.request import Callback
from acrawl.scrapy.http.request import Request


class JsonRequest:
    """See `acrawl.forms.JsonRequest`; it makes a `Request`, and has no instances."""

    def __new__(  # type: ignore[misc]
        cls,
        url: str,
        callback: Callback | str | None = None,
        method: str | None = None,
        *,
        data: Any = None,
        dumps_kwargs: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> Request:
        """Make the request; ``fields`` are those of `Request`, and their ``body`` goes before ``data``."""
        if fields.get("body") is None and data is not None:
            fields["body"] = json.dumps(data, **{"sort_keys": True, **(dumps_kwargs or {})})
            method = method or "POST"
        made = core.JsonRequest(url, method=method)
        return Request.of(made).completed(callback=callback, **fields)
