"""The short form of `make results-chaos`: all kinds of results at once, kill -9 at random moments, a further visit."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

FIRE = pathlib.Path(__file__).parent.parent.parent / "tools" / "results_under_fire.py"


@pytest.mark.process
@pytest.mark.timeout(150)
def test_crawls_under_fire_lose_and_double_nothing_in_any_output():
    options = ["--rounds=1", "--visits=2", "--kills=4", "--outages=1", "--pages=60", "--pause=0.5", "--seconds=60"]
    done = subprocess.run([sys.executable, FIRE, *options], capture_output=True, text=True, timeout=140, check=False)
    print(done.stdout)  # the seed, which repeats it
    assert done.returncode == 0, done.stdout + done.stderr
