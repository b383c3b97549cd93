#!/usr/bin/env python3
"""A large file over a bad line: `acrawl run` downloads it from a server on loopback that cuts the connection.

  tools/big_file.py [--size BYTES] [--workers N] [--send-files]

The download is cut three times, at a quarter, a half and three quarters of the file: by a reset, by an orderly end in
the middle, and by SIGKILL of the worker that downloads. Before each cut the server waits until the worker has read what
is on its way, so that its count tells what the worker lets go, and not what the system keeps in buffers. It makes the
bytes as it sends them; no two MiB of them are alike, so that a part in a wrong place shows.

Prints what each connection asked for and got, the bytes sent in all, the workers' peak memory, and the digests. Ends
with 0 when the file is whole, hardly anything was sent twice, and no worker took 100 MB. With --send-files the one
worker does not see the master's disk: it keeps its part to itself, so it is not killed but cut a third time by a reset,
and sends the file in the end.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

MIB = 1 << 20
#: What a worker may take, and what it may have in hand, and not on disk, when a cut comes.
MOST_MEMORY = 100e6
MOST_IN_HAND = 4 * MIB
DEADLINE = 600
TAG = '"large-1"'
SPIDER = """
from acrawl import Request, Spider

class Large(Spider):
    def start(self):
        yield Request(self.url, save=True)
"""
_BLOCK = os.urandom(MIB)


def block(number):
    """The MiB with this number."""
    return number.to_bytes(8, "big") + _BLOCK[8:]


def digest(size):
    """The SHA-256 of the whole file."""
    whole = hashlib.sha256()
    for number in range(-(-size // MIB)):
        whole.update(block(number)[: size - number * MIB])
    return whole.hexdigest()


class Server:
    """Serves the file with ranges. ``cuts``: an offset each, a name, and what happens there.

    ``on_disk`` says how much of it the worker has written.
    """

    def __init__(self, size, cuts, on_disk):
        self.size = size
        self._on_disk = on_disk
        self.log = []
        self.sent = 0
        self._cuts = list(cuts)

    async def __call__(self, reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                await self._answer((await reader.readuntil(b"\r\n\r\n")).decode(), writer)
        writer.close()

    async def _answer(self, head, writer):
        if head.startswith("GET /robots.txt"):
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return
        found = re.search(r"^Range: bytes=(\d+)-\r$", head, re.MULTILINE)
        start = int(found[1]) if found and f"If-Range: {TAG}\r\n" in head else 0
        lines = ["HTTP/1.1 206 Partial Content" if found else "HTTP/1.1 200 OK", f"Content-Length: {self.size - start}"]
        lines += [f"ETag: {TAG}", "Content-Type: application/octet-stream"]
        if found:
            lines.append(f"Content-Range: bytes {start}-{self.size - 1}/{self.size}")
        writer.write("\r\n".join([*lines, "\r\n"]).encode())
        entry = {"from": start, "sent": 0, "end": "whole"}
        self.log.append(entry)
        await self._send(writer, start, entry)

    async def _send(self, writer, at, entry):
        while at < self.size:
            if self._cuts and at >= self._cuts[0][0]:
                _, entry["end"], cut = self._cuts.pop(0)
                while self._on_disk() < at - MOST_IN_HAND:  # noqa: ASYNC110 - a file tells nobody
                    await asyncio.sleep(0.01)
                await cut(writer)
                raise ConnectionResetError
            piece = block(at // MIB)[at % MIB : self.size - at // MIB * MIB]
            writer.write(piece)
            at += len(piece)
            entry["sent"] += len(piece)
            self.sent += len(piece)
            await writer.drain()


async def reset(writer):
    """End the connection with RST."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def half_close(writer):
    """Send the end of the connection in the middle of the file, and wait for the other side to see it."""
    writer.write_eof()
    await asyncio.sleep(1.0)


class Watch:
    """Looks at the worker processes of a crawl, the children of ``parent``: their peak memory, and which downloads."""

    def __init__(self):
        self.parent = os.getpid()
        self.peaks = {}

    def look(self):
        """Note the peaks so far."""
        for pid in self._workers():
            if found := re.search(r"^VmHWM:\s+(\d+) kB", _read(f"/proc/{pid}/status"), re.MULTILINE):
                self.peaks[pid] = int(found[1]) * 1024

    async def kill(self, _):
        """Kill the worker that holds the unfinished file."""
        self.look()
        (worker,) = [pid for pid in self._workers() if any("/partial/" in path for path in _open_files(pid))]
        os.kill(worker, signal.SIGKILL)
        await asyncio.sleep(0.2)

    def _workers(self):
        return [int(pid) for pid in _read(f"/proc/{self.parent}/task/{self.parent}/children").split()]


def _read(path):
    try:
        return pathlib.Path(path).read_text(encoding="utf-8")
    except OSError:  # the process has ended
        return ""


def _size(path):
    try:
        return path.stat().st_size
    except OSError:  # renamed meanwhile
        return 0


def _open_files(pid):
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            yield os.readlink(entry)


def serving(server):
    """Run the server in a thread of its own; returns its address."""
    ready, address = threading.Event(), []

    async def main():
        running = await asyncio.start_server(server, "127.0.0.1", 0)
        address.append(f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}/large.bin")
        ready.set()
        await running.serve_forever()

    threading.Thread(target=asyncio.run, args=(main(),), daemon=True).start()
    ready.wait()
    return address[0]


def crawl(folder, options, url, watch):
    """Run the crawl to its end, watched; returns its exit code and seconds."""
    (folder / "large.py").write_text(SPIDER, encoding="utf-8")
    began = time.monotonic()
    with contextlib.ExitStack() as stack:

        def start(*words, **environment):
            command = [sys.executable, "-m", "acrawl", *words]
            process = stack.enter_context(subprocess.Popen(command, cwd=folder, env=os.environ | environment))
            stack.callback(process.kill)
            return process

        settings = {"fetch.max_file": 2 * options.size, "retry.times": 1, "queues.grace_seconds": 0.5}
        pairs = [word for key, value in settings.items() for word in ("-s", f"{key}={value}")]
        workers = ["0", "--listen", "127.0.0.1:0"] if options.send_files else [str(options.workers)]
        files = ["-o", "items.jsonl", "--files", "files", "--job", "job"]
        master = start("run", "large.py", "-a", f"url={url}", *files, *pairs, "--workers", *workers)
        if options.send_files:
            while not (folder / "job" / "join.json").exists():
                if master.poll() is not None or time.monotonic() - began > DEADLINE:  # it says itself what is wrong
                    return master.poll(), time.monotonic() - began
                time.sleep(0.1)
            (folder / "tmp").mkdir()
            start("work", "--join", "job/join.json", "--send-files", "large.py", TMPDIR=str(folder / "tmp"))
        else:
            watch.parent = master.pid
        while master.poll() is None and time.monotonic() - began < DEADLINE:
            watch.look()
            time.sleep(0.1)
        return master.poll(), time.monotonic() - began


def parsed(arguments):
    """The options."""
    parser = argparse.ArgumentParser(prog="tools/big_file.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=2_000_000_000, help="bytes")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--send-files", action="store_true", help="one worker that does not see the master's disk")
    return parser.parse_args(arguments)


def verdict(options, server, watch, facts):
    """Print the table; returns whether all is as it should be."""
    for number, entry in enumerate(server.log, 1):
        print(f"connection {number}: from {entry['from']:>13,}, {entry['sent']:>13,} bytes sent, then {entry['end']}")
    again, peak = server.sent - options.size, max(watch.peaks.values())
    print(f"{'bytes':22}{options.size:>14,}")
    print(f"{'bytes sent in all':22}{server.sent:>14,}  ({again:,} twice)")
    print(f"{'peak memory (MB)':22}{peak / 1e6:>14.1f}  (of {len(watch.peaks)} processes)")
    for what, fact in facts.items():
        print(f"{what:22}{fact:>14.1f}" if isinstance(fact, float) else f"{what:22}{fact:>14}")
    return (
        facts["exit code"] == facts["left over"] == 0
        and facts["SHA-256"] == facts["in the feed"] == facts["as it was"]
        and len(server.log) == 4
        and again <= 3 * (MOST_IN_HAND + MIB)
        and peak < MOST_MEMORY
    )


def main(arguments=None):
    """Run it and print a table. Returns the exit code."""
    options = parsed(arguments)
    folder, watch = pathlib.Path(tempfile.mkdtemp(prefix="acrawl-big-file-")), Watch()
    if shutil.disk_usage(folder).free < 3 * options.size:
        print(f"FAILED: {folder} has no room for it")
        return 1
    cuts = [("reset", reset), ("end", half_close), ("reset", reset)]
    if not options.send_files:
        cuts[2] = ("SIGKILL of the worker", watch.kill)
    cuts = [(options.size // 4 * number, *cut) for number, cut in enumerate(cuts, 1)]
    server = Server(options.size, cuts, lambda: max(map(_size, folder.rglob("partial/*")), default=0))
    try:
        code, seconds = crawl(folder, options, serving(server), watch)
        (item,) = [json.loads(line) for line in (folder / "items.jsonl").read_text(encoding="utf-8").splitlines()]
        (path,) = [path for path in (folder / "files").rglob("*") if path.is_file() and ".objects" not in path.parts]
        with path.open("rb") as file:
            came = hashlib.file_digest(file, "sha256").hexdigest()
        left = len(list(folder.rglob("partial/*")))
    finally:
        shutil.rmtree(folder)
    facts = {"seconds": seconds, "exit code": code, "left over": left}
    facts |= {"SHA-256": came, "in the feed": item["sha256"], "as it was": digest(options.size)}
    good = verdict(options, server, watch, facts)
    print("ok: cut three times, whole, and nothing fetched twice" if good else "FAILED")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
