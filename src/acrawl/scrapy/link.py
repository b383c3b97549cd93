"""A link, as link extractors give it."""

from __future__ import annotations

import acrawl.parse.links as core


class Link(core.Link, frozen=False):  # type: ignore[misc]  # msgspec allows it
    """See `acrawl.parse.links.Link`; its fields may be set, by ``process_links`` for example."""
