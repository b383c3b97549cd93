"""The short form of `tools/big_file.py`: a download that is cut three times, once by the death of its worker."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

BIG_FILE = pathlib.Path(__file__).parent.parent.parent / "tools" / "big_file.py"


@pytest.mark.process
@pytest.mark.timeout(120)
@pytest.mark.parametrize("more", [[], ["--send-files"]], ids=["shared-disk", "apart"])
def test_a_large_file_comes_whole_over_a_bad_line(more):
    command = [sys.executable, BIG_FILE, "--size=40000000", *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
