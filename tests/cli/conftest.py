"""The fixtures of whole crawls, and the verbs typed in this process."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable

import pytest

from acrawl.cli import main
from crawl.command import Done
from crawl.conftest import acrawl, live, start

__all__ = ["acrawl", "live", "start"]

Typed = Callable[..., Done]


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> Typed:
    """Type ``acrawl ARGUMENTS`` in the test's folder (or ``cwd``), without a new process: for verbs that only ask."""

    def run(*arguments: object, cwd: str | os.PathLike[str] = tmp_path) -> Done:
        monkeypatch.chdir(cwd)
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Done(int(end.value.code or 0), said.out, said.err)

    return run
