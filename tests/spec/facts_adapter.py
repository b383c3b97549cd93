"""Answers questions about URLs, srcset, refresh, encodings and robots.txt through acrawl's own functions.

One JSON object a line comes in on standard input, ``{"id", "kind", "in"}``; one goes out, ``{"id", "out"}``, or
``{"id", "err"}`` for an exception. Bytes travel as base64. So tables of cases kept elsewhere can be run against acrawl.
"""

import base64
import json
import sys

from acrawl import url
from acrawl.parse import encoding, refresh, robots, srcset


def answer(kind, given):
    match kind:
        case "robots":
            product = given["ua"].partition("/")[0]
            return robots.parse(base64.b64decode(given["robots"]), product).allowed(given["url"])
        case "url":
            return url.join(given["base"], given["href"]) if given["base"] else url.canonical(given["href"])
        case "srcset":
            return srcset.candidates(given["srcset"])
        case "refresh":
            return refresh.parse(given["content"])
        case "encoding":
            return encoding.declared(base64.b64decode(given["bytes"])) or "windows-1252"
    raise ValueError(f"no such kind: {kind}")


def main():
    for line in sys.stdin:
        question = json.loads(line)
        try:
            reply = {"out": answer(question["kind"], question["in"])}
        except Exception as error:  # noqa: BLE001 - the reply says so, and the next question is answered
            reply = {"err": f"{type(error).__name__}: {error}"}
        print(json.dumps({"id": question["id"], **reply}))


if __name__ == "__main__":
    main()
