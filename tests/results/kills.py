"""Kills of a drain into one feed, at one point after the other."""

from __future__ import annotations

import pathlib
import random
import signal
import subprocess
import sys

from results.fed import ITEMS, item

__all__ = ["ITEMS", "item", "killed_again_and_again"]

SCRIPT = pathlib.Path(__file__).with_name("fed.py")


def killed_again_and_again(folder: pathlib.Path, spec: str, *, seed: int | None = None, most: int = 12) -> int:
    """Drain into ``spec``, killed again and again a few points after it went on; returns how often.

    At last it may live; then it is started once more, when all has been delivered.
    """
    seed = random.randrange(1 << 32) if seed is None else seed
    chance = random.Random(seed)
    kills = 0
    for _ in range(most):
        ended = _drained(folder, chance.randint(1, 60), spec)
        assert ended.returncode in (-signal.SIGKILL, 0), f"seed {seed}: {ended.stderr}"
        kills += ended.returncode != 0
    assert kills >= 3, f"seed {seed}"
    for _ in range(2):
        ended = _drained(folder, 0, spec)
        assert ended.returncode == 0, f"seed {seed}: {ended.stderr}"
    return kills


def _drained(folder: pathlib.Path, fatal: int, spec: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPT, folder, str(fatal), spec]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
