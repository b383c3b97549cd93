"""docs/testing.md says what is so: its blocks run, one after the other."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

import pytest

import acrawl.testing

PAGE = pathlib.Path(__file__).parent.parent.parent / "docs" / "testing.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.process
def test_the_blocks_of_the_page_run_as_printed(tmp_path):
    found = BLOCK.findall(PAGE.read_text())
    saved = {text.split()[1]: text for text in found if text.startswith("# ")}
    for name, text in saved.items():
        (tmp_path / name).write_text(text)
    run = [text for text in found if text not in saved.values()]
    assert len(run) >= 4
    (tmp_path / "page.py").write_text("\n".join(run))
    done = subprocess.run(
        [sys.executable, "page.py"], cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stderr


def test_everything_public_is_listed_and_documented():
    assert acrawl.testing.__all__ == sorted(acrawl.testing.__all__)
    assert [name for name in acrawl.testing.__all__ if not getattr(acrawl.testing, name).__doc__] == []
