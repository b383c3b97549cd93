"""An export that is killed at any point leaves nothing torn, and another one brings every item once."""

import pathlib
import subprocess
import sys

import pytest

SCRIPT = pathlib.Path(__file__).with_name("exported.py")


@pytest.mark.process
@pytest.mark.parametrize(
    ("spec", "step"),
    [("items.jsonl", 2), ("items.csv.gz", 3), ("{batch}.json", 4), ("items.sqlite", 5), ("server", 17)],
)
def test_wherever_an_export_is_killed_nothing_torn_has_its_name(memory, spec, step, postgres):
    spec = postgres.url() if spec == "server" else spec
    finished = subprocess.run(
        [sys.executable, SCRIPT, memory, spec, str(step)], capture_output=True, text=True, timeout=300, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert int(finished.stdout) >= 40 // step, "so many deaths there are in the shortest of them"
