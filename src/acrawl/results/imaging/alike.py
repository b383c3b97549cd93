"""Which images look alike: hashes of 64 bits of which few differ, found without comparing each with each. Pure.

Two hashes that differ in at most ``near`` bits are equal in one of ``near + 1`` bands of bits, since not every band can
hold a difference. So only those are compared that share a band; where many share one (plain margins make crowds), they
are divided once more by bands of the bits that are left. What is still a crowd then looks alike for the most part, and
each finds the one it looks like among the first of them.
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Sequence

BITS = 64
#: So many are rather compared with each other than divided further.
_FEW = 64
#: Of those that share two bands only so many are compared with, the first ones: whoever makes a million images that all
#: share bands and do not look alike shall not keep us for ever.
_MOST = 5000


def firsts(hashes: array[int], near: int) -> array[int]:
    """For each hash the place of the first one before it that differs from it in at most ``near`` bits, or -1.

    Takes some 100 bytes for each hash while it works.
    """
    search = _Search(hashes, near)
    distinct, equals = search.fold_equal()
    search.divide(distinct, range(BITS), again=True)
    first = search.first
    for place, equal in equals:
        first[place] = first[equal] if first[equal] >= 0 else equal
    return first


class _Search:
    def __init__(self, hashes: array[int], near: int) -> None:
        self.first = array("q", [-1]) * len(hashes)
        self._hashes = hashes
        self._near = near

    def fold_equal(self) -> tuple[list[int], list[tuple[int, int]]]:
        """The first place of each distinct hash, in order; and pairs of every other place with that one."""
        distinct: list[int] = []
        equals: list[tuple[int, int]] = []
        value = self._hashes.__getitem__
        for _, group in itertools.groupby(sorted(range(len(self._hashes)), key=value), value):
            head, *others = group
            distinct.append(head)
            equals.extend((place, head) for place in others)
        distinct.sort()
        return distinct, equals

    def divide(self, places: list[int], bits: Sequence[int], *, again: bool) -> None:
        """Compare those that share a band of these bits; crowds are divided ``again``. The other bits are equal."""
        for band in _bands(bits, self._near + 1):
            mask = sum(1 << bit for bit in band)
            rest = [bit for bit in bits if bit not in band]

            def part(place: int, mask: int = mask) -> int:
                return self._hashes[place] & mask

            for _, group in itertools.groupby(sorted(places, key=part), part):
                crowd = list(group)  # in the order of places: sorting keeps it
                if len(crowd) > _FEW and again:
                    self.divide(crowd, rest, again=False)
                elif len(crowd) > 1:
                    self._compare(crowd)

    def _compare(self, places: list[int]) -> None:
        first, near = self.first, self._near
        values = [self._hashes[place] for place in places]
        for at in range(1, len(places)):
            place, value = places[at], values[at]
            known = first[place]
            for before in range(min(at, _MOST)):
                other = places[before]
                if 0 <= known <= other:
                    break
                if (values[before] ^ value).bit_count() <= near:
                    first[place] = other
                    break


def _bands(bits: Sequence[int], count: int) -> list[frozenset[int]]:
    """Divide bits among so many bands, neighbours apart: what is plain in an image is plain around it, too."""
    return [frozenset(bits[start::count]) for start in range(count)]
