"""The process that decodes images: ``python -m acrawl.results.imaging.child MAKING``.

Frames, each with its length in four bytes before it, come on standard input: a job. To each it answers with its
findings in a frame, and the bytes of the parts behind. What takes too long ends it, as its own alarm says, and so does
the end of its input: no image outlives the worker that wanted it decoded.
"""

from __future__ import annotations

import contextlib
import math
import os
import resource
import signal
import sys
from typing import BinaryIO

import msgspec

from acrawl.results.imaging.decoding import examined
from acrawl.results.imaging.making import Findings, Job, Making

#: Bytes that this process may need besides those for pixels, and for each pixel: a picture, a copy of it turned and in
#: other colours, and what an encoder holds.
_BESIDES, _PER_PIXEL = 512 << 20, 20


def main(making: Making, jobs: BinaryIO, answers: BinaryIO) -> None:
    """Answer jobs until there are no more."""
    limit = _BESIDES + _PER_PIXEL * making.max_pixels
    _bound_memory(limit)
    while len(head := jobs.read(4)) == 4:
        job = msgspec.msgpack.decode(jobs.read(int.from_bytes(head, "big")), type=Job)
        signal.alarm(math.ceil(making.timeout))
        try:
            findings, parts = examined(job, making)
        except MemoryError:  # the image is kept as it came, and this process goes on
            findings, parts = Findings(note=f"not decoded: it needs more memory than {limit >> 20} MiB"), []
        signal.alarm(0)  # how long the answer takes is the reader's affair
        frame = msgspec.msgpack.encode(findings)
        answers.write(len(frame).to_bytes(4, "big") + frame)
        for part in parts:
            answers.write(part)
        answers.flush()


def _bound_memory(limit: int) -> None:
    """Let no image take more."""
    with contextlib.suppress(OSError, ValueError):  # where the system knows no such limit there is none
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (limit if most < 0 else min(limit, most), most))


if __name__ == "__main__":
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints does not spoil the answers
    main(msgspec.json.decode(sys.argv[1], type=Making), sys.stdin.buffer, out)
