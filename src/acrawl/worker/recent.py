"""The links a worker has reported lately: a site's navigation crosses the wire once, not once a page.

A link enters only when its report is acknowledged, so that a link whose report was lost is found again elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable


class RecentLinks:
    """A set of at most ``2 * size`` URLs; the oldest generation is dropped whole, a URL met again stays."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._young: set[str] = set()
        self._old: set[str] = set()

    def __contains__(self, url: str) -> bool:
        if url in self._young:
            return True
        if url in self._old:
            self._young.add(url)
            return True
        return False

    def update(self, urls: Iterable[str]) -> None:
        """Remember links whose report was acknowledged."""
        self._young.update(urls)
        if len(self._young) >= self._size:
            self._old, self._young = self._young, set()

    def clear(self) -> None:
        """Forget all: a report was refused, or the frontier is another one now."""
        self._young.clear()
        self._old.clear()
