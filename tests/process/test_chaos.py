"""The short form of `make chaos`: kill -9 at random moments, and nothing is lost, doubled or impolite."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

CHAOS = pathlib.Path(__file__).parent.parent.parent / "tools" / "chaos.py"


@pytest.mark.process
@pytest.mark.timeout(150)
def test_a_crawl_under_fire_loses_nothing_and_stays_polite():
    options = ["--rounds=6", "--pages=1500", "--hosts=24", "--delay=0.12", "--pause=0.8", "--seconds=120"]
    done = subprocess.run([sys.executable, CHAOS, *options], capture_output=True, text=True, timeout=140, check=False)
    print(done.stdout)  # the seed, which repeats it
    assert done.returncode == 0, done.stdout + done.stderr
