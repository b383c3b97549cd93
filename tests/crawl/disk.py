"""A disk of a few megabytes that can be full, read-only, and made larger: a tmpfs in a namespace of its own."""

from __future__ import annotations

import contextlib
import pathlib
import subprocess
from collections.abc import Iterator

import pytest

_HOLD = 'mount -t tmpfs -o size="$1" tmpfs "$2" && echo mounted && exec cat'


class Disk:
    """What lies at ``mount`` for the processes that run ``within``; everybody sees it at ``path``."""

    def __init__(self, mount: pathlib.Path, pid: int) -> None:
        self.mount = mount
        self.path = pathlib.Path(f"/proc/{pid}/root{mount}")
        self.within = ["nsenter", "-t", str(pid), "-U", "-m", "--preserve-credentials"]

    def remount(self, options: str) -> None:
        """Change it: ``size=64m``, ``ro``, ``rw``."""
        command = [*self.within, "mount", "-o", f"remount,{options}", str(self.mount)]
        subprocess.run(command, check=True, capture_output=True)


@contextlib.contextmanager
def small_disk(mount: pathlib.Path, size: str) -> Iterator[Disk]:
    """Mount a disk of so many bytes (``2m``). The test is skipped, and says so, where the kernel lets nobody mount."""
    mount.mkdir()
    with subprocess.Popen(
        ["unshare", "-rm", "sh", "-c", _HOLD, "sh", size, str(mount)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as holder:
        if holder.stdout.readline() != "mounted\n":
            pytest.skip(f"no small disk can be mounted here: unshare -rm: {holder.stderr.read().strip()}")
        yield Disk(mount, holder.pid)
        holder.stdin.close()
