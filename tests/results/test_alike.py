"""Which images look alike, found without comparing each with each."""

from __future__ import annotations

import random
from array import array

import pytest

from acrawl.results.imaging.alike import firsts


def compared(hashes, near):
    """The same by comparing each with each."""
    found = []
    for at, value in enumerate(hashes):
        found.append(next((i for i in range(at) if (hashes[i] ^ value).bit_count() <= near), -1))
    return found


def varied(chance, count, *, origins, plain=0):
    """Hashes that are variations of few; ``plain`` bits are the same in all of them."""
    roots = [chance.getrandbits(64 - plain) for _ in range(origins)]
    hashes = []
    for _ in range(count):
        value = chance.choice(roots)
        for _ in range(chance.randrange(12)):
            value ^= 1 << chance.randrange(64 - plain)
        hashes.append(value)
    return array("Q", hashes)


@pytest.mark.parametrize("near", [1, 2, 4, 8])
@pytest.mark.parametrize(("origins", "plain"), [(1, 0), (30, 0), (600, 0), (400, 44)])
def test_they_are_those_that_comparing_all_would_find(near, origins, plain):
    hashes = varied(random.Random(near * origins), 900, origins=origins, plain=plain)
    assert list(firsts(hashes, near)) == compared(hashes, near)


def test_equal_ones_lead_to_the_first_of_all():
    assert list(firsts(array("Q", [5, 1 << 63, 5, 1 << 63, 4, 5]), 1)) == [-1, -1, 0, 1, 0, 0]
    assert list(firsts(array("Q"), 4)) == []


def test_the_work_does_not_grow_with_the_square_of_the_images(monkeypatch):
    from acrawl.results.imaging import alike

    pairs = 0
    compare = alike._Search._compare

    def counted(search, places):
        nonlocal pairs
        pairs += len(places) * (len(places) - 1) // 2
        compare(search, places)

    monkeypatch.setattr(alike._Search, "_compare", counted)
    count = 20_000
    firsts(varied(random.Random(1), count, origins=count), 4)
    assert pairs < count * 100, "each with each would be 200 million"
