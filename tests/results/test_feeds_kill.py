"""Killed at every point there is, twice, and resumed: each form of file has every item once and in order."""

import pathlib
import subprocess
import sys

import pytest

SCRIPT = pathlib.Path(__file__).with_name("killed.py")


@pytest.mark.process
@pytest.mark.parametrize(
    "spec",
    [
        "items.jsonl",
        "items.json",
        "items.csv",
        "items.xml",
        "items.csv.gz",
        "items.json.zst",
        "{batch}.csv",
        "{batch}.xml.gz",
        "items.kept",
        "gathered.csv",
    ],
)
def test_wherever_it_is_killed_a_feed_has_every_item_once(memory, spec):
    finished = subprocess.run(
        [sys.executable, SCRIPT, memory, spec], capture_output=True, text=True, timeout=300, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert int(finished.stdout) >= 25, "that many points there are in the shortest of them"
