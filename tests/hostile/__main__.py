"""The hostile server as a process: says when it is up, and its facts for each line it is sent; ends with its input."""

from __future__ import annotations

import asyncio
import json
import pathlib
import sys

from hostile.behaviours import BEHAVIOURS
from hostile.bodies import make_bombs
from hostile.certificates import Certificates
from hostile.server import Hostile


async def main(folder: str) -> None:
    make_bombs()  # takes seconds, in which nobody is answered
    certificates = Certificates(pathlib.Path(folder))
    async with Hostile(BEHAVIOURS.values(), certificates.context) as server:
        print("up", flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(server.facts()), flush=True)


asyncio.run(main(sys.argv[1]))
