"""An export that is killed at every point there is leaves nothing torn, and another one brings every item once."""

import pathlib
import subprocess
import sys

import pytest

SCRIPT = pathlib.Path(__file__).with_name("exported.py")


@pytest.mark.process
@pytest.mark.parametrize("spec", ["items.jsonl", "items.csv.gz", "{batch}.json", "items.sqlite"])
def test_wherever_an_export_is_killed_nothing_torn_has_its_name(tmp_path, spec):
    finished = subprocess.run(
        [sys.executable, SCRIPT, tmp_path, spec], capture_output=True, text=True, timeout=300, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert int(finished.stdout) >= 40, "that many points there are in the shortest of them"
