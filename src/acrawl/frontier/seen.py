"""A bounded memory of recently seen fingerprints, in front of the seen table.

Links of a site's navigation are most of all duplicates; they never reach the disk.
"""

from __future__ import annotations

from collections.abc import Iterable


class Recent:
    """A set of at most ``2 * size`` keys; the oldest generation is dropped whole, a key met again stays."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._young: set[bytes] = set()
        self._old: set[bytes] = set()

    def __contains__(self, key: bytes) -> bool:
        if key in self._young:
            return True
        if key in self._old:
            self._young.add(key)
            return True
        return False

    def update(self, keys: Iterable[bytes]) -> None:
        """Remember keys that are surely in the table."""
        self._young.update(keys)
        if len(self._young) >= self._size:
            self._old, self._young = self._young, set()
