"""The exception for an answer that no callback wants."""

from __future__ import annotations

from acrawl.errors import IgnoreRequest
from acrawl.scrapy.http import Response


class HttpError(IgnoreRequest):
    """The ``response`` has a status that was not asked for."""

    def __init__(self, response: Response, *arguments: object) -> None:
        super().__init__(*arguments)
        self.response = response
