"""The servers as processes of ours: each in its own folder, on a free port, ended with the test."""

from __future__ import annotations

import contextlib
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

#: Seconds until a server has to be there.
_DEADLINE = 20.0


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


@contextlib.contextmanager
def nginx(folder: pathlib.Path, config: str, port: int) -> Iterator[str]:
    """Run nginx with ``config`` and the prefix ``folder``; gives its origin. Fails with what it said otherwise.

    It is one process in the foreground: nothing of the system's own nginx is read, written or started.
    """
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    assert program, "nginx is missing: tools/test_deps.sh installs it"
    (folder / "nginx.conf").write_text(config)
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            [program, "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
    with _ended(process):
        end = time.monotonic() + _DEADLINE
        while not _listens(port):
            assert process.poll() is None, (folder / "said").read_text()
            assert time.monotonic() < end, "nginx does not listen"
            threading.Event().wait(0.02)
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def httpbin(folder: pathlib.Path) -> Iterator[str]:
    """Run httpbin behind gunicorn; gives its origin. What they import and warn of stays in their process."""
    said = folder / "said"
    options = ("--bind", "127.0.0.1:0", "--worker-class", "gthread", "--threads", "16", "--graceful-timeout", "1")
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *options, "httpbin:app"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    with _ended(process):
        end = time.monotonic() + _DEADLINE
        while not (found := re.search(r"Listening at: (http://127\.0\.0\.1:\d+)", said.read_text())):
            assert process.poll() is None, said.read_text()
            assert time.monotonic() < end, f"gunicorn does not listen:\n{said.read_text()}"
            threading.Event().wait(0.05)
        yield found[1]


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
