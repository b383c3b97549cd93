"""What whole crawls need; `tests/process` and `tests/cli` take it from here."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from acrawl.cli import main
from crawl.command import DEADLINE, Command, Done
from crawl.site import LiveSite

Typed = Callable[..., Done]


@pytest.fixture
def live() -> Iterator[LiveSite]:
    """An empty site in its own thread."""
    with LiveSite() as site:
        yield site


@pytest.fixture
def start(tmp_path: pathlib.Path) -> Iterator[Callable[..., Command]]:
    """Start ``acrawl ARGUMENTS`` in the test's folder; what still runs at the end of the test is killed."""
    with contextlib.ExitStack() as stack:

        def begin(*arguments: object, cwd: pathlib.Path = tmp_path, **more: Any) -> Command:
            command = Command(*arguments, cwd=cwd, **more)
            stack.callback(command.close)
            return command

        yield begin


@pytest.fixture
def acrawl(start: Callable[..., Command]) -> Callable[..., Done]:
    """Run ``acrawl ARGUMENTS`` to its end."""

    def run(*arguments: object, deadline: float = DEADLINE, **more: object) -> Done:
        return start(*arguments, **more).end(deadline)

    return run


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
