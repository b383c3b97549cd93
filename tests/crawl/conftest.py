"""What whole crawls need; `tests/process` and `tests/cli` take it from here."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from crawl.command import DEADLINE, Command, Done
from crawl.site import LiveSite


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
