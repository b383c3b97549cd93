"""Killed at any point and resumed: every item once in the feed, every digest stored once under one name."""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys

import pytest

from acrawl.results.catalog import Catalog
from acrawl.results.files.template import DEFAULT
from results.drained import CONTENTS, IMAGES
from results.helpers import objects, png, readable, temporaries

SCRIPT = pathlib.Path(__file__).with_name("drained.py")


def drained(folder, fatal, template=DEFAULT):
    return subprocess.run(
        [sys.executable, SCRIPT, folder, str(fatal), template], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    """How many points a run without a death passes."""
    finished = drained(tmp_path_factory.mktemp("whole"), 0)
    assert finished.returncode == 0, finished.stderr
    return int(finished.stdout)


@pytest.mark.process
@pytest.mark.parametrize("template", [DEFAULT, "{type}/{n:03}", "{name:1}"])
@pytest.mark.parametrize("seed", [random.randrange(1 << 32) if "CI" not in os.environ else 1])
def test_whatever_is_killed_everything_arrives_exactly_once(memory, points, template, seed):
    # Given a drain that is killed five times, each time a few points after it went on
    chance = random.Random(seed)
    kills = 0
    for _ in range(5):
        killed = drained(memory, chance.randint(1, points // 4), template)
        assert killed.returncode in (-signal.SIGKILL, 0), killed.stderr
        kills += killed.returncode != 0
    assert kills >= 3
    # When it may live
    finished = drained(memory, 0, template)
    assert finished.returncode == 0, finished.stderr
    # Then every item and every file is in the feed exactly once and in order
    lines = [json.loads(line) for line in (memory / "items.jsonl").read_bytes().splitlines()]
    assert [line["n"] for line in lines[::2]] == list(range(IMAGES))
    assert [line["url"].rpartition("?")[2] for line in lines[1::2]] == list(map(str, range(IMAGES)))
    # and every content is stored once, under one readable name that has its bytes
    files = readable(memory / "files")
    assert sorted(files.values()) == sorted(png(n) for n in range(CONTENTS))
    assert len(objects(memory / "files")) == CONTENTS
    assert {line["path"] for line in lines[1::2]} == set(files)
    assert temporaries(memory / "files") == []
    # and the catalog says the same
    catalog = Catalog(memory / "results.db", memory / "files")
    totals = catalog.totals()
    assert (totals.files, totals.objects, totals.failed_items) == (IMAGES, CONTENTS, IMAGES)
    assert sorted(item.reason for item in catalog.failed()) == sorted(f"Product.n: {n}" for n in range(IMAGES))
    assert all(files[image.path] and image.path in files for image in catalog.images())
    _, pages = catalog.pages_of("https://e.org/A.png?0", 1)
    assert pages == IMAGES
    catalog.close()
