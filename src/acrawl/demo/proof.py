"""Compare what a crawl brought home, and what it asked for, with the manifest of the site.

::

    python proof.py MANIFEST FOLDER LOG

compares a manifest, written before the crawl, with the folder that the crawl wrote (``images.jsonl`` and the files it
lists) and with the server's log. It prints a table, the differences, and ``PROOF: ok`` or ``PROOF: FAILED``; it ends
with 0 or 1. It needs nothing but the standard library and shares no code with the crawler whose work it checks: every
file is read and hashed here.

``--more N`` tolerates N further requests, for a crawl that was killed and resumed: what was under way then is asked for
again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pathlib
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

#: Differences of one kind that are printed.
SHOWN = 10
#: The crawler's own records, which are no part of the result.
RECORDS = ".acrawl"
#: What a line of images.jsonl must have.
FIELDS = {"url": str, "path": str, "sha256": str, "bytes": int, "type": str, "pages": list}
#: Names that mean the same type.
TYPES = {"image/vnd.microsoft.icon": "image/x-icon", "image/jpg": "image/jpeg", "image/x-ms-bmp": "image/bmp"}


class Check(NamedTuple):
    """One line of the table: what was looked at, how many were expected and found, and everything that differs."""

    name: str
    expected: int
    found: int
    differences: list[str]

    @property
    def ok(self) -> bool:
        """Nothing differs."""
        return self.expected == self.found and not self.differences


class Stored(NamedTuple):
    """A file of the folder: its path below it, which file on disk that is, and the hash of its bytes."""

    path: str
    inode: tuple[int, int]
    sha256: str


def prove(
    manifest: str | os.PathLike[str], folder: str | os.PathLike[str], log: str | os.PathLike[str], more: int = 0
) -> list[Check]:
    """Make all checks. A file that is missing or cannot be read is a difference, never an exception."""
    expected: dict[str, Any] = json.loads(pathlib.Path(manifest).read_text(encoding="utf-8"))
    root = pathlib.Path(folder)
    lines, listing = _listing(root)
    stored = list(_stored(root))
    asked, answers, malformed = _asked(pathlib.Path(log))
    listing.differences.extend(malformed)
    return [
        listing,
        _found(expected, lines),
        *_files(expected, lines, root, stored),
        *_facts(expected, lines),
        *_storage(expected, lines, stored),
        *_requests(expected, asked, answers, more),
    ]


def _listing(root: pathlib.Path) -> tuple[dict[str, dict[str, Any]], Check]:
    """Read images.jsonl, by URL."""
    lines: dict[str, dict[str, Any]] = {}
    wrong: list[str] = []
    try:
        text = (root / "images.jsonl").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:  # told as a difference; nothing is found then
        return {}, Check("images.jsonl can be read", 1, 0, [str(error)])
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):  # other line breaks may stand in texts
        try:
            entry = json.loads(line)
            url = entry["url"]
            if not all(isinstance(entry[key], kind) for key, kind in FIELDS.items()):
                raise TypeError("a field of another type")
        except (ValueError, KeyError, TypeError) as error:  # told as a difference; the other lines are still read
            wrong.append(f"line {number}: {error!r}")
            continue
        if url in lines:
            wrong.append(f"line {number}: {url} is listed twice")
        lines[url] = entry
    return lines, Check("images.jsonl can be read", 1, 1, wrong)


def _stored(root: pathlib.Path) -> Iterator[Stored]:
    """Read every file of the folder, each file on disk once, but for what lies at its top and the crawler's records."""
    hashes: dict[tuple[int, int], str] = {}
    for place, folders, names in os.walk(root):
        if pathlib.Path(place) == root:
            folders[:] = [name for name in folders if name != RECORDS]
            names[:] = [name for name in names if not name.endswith((".jsonl", ".html"))]
        for name in names:
            path = pathlib.Path(place, name)
            relative = path.relative_to(root).as_posix()
            try:
                facts = path.stat()
                inode = facts.st_dev, facts.st_ino
                if inode not in hashes:
                    hashes[inode] = hashlib.sha256(path.read_bytes()).hexdigest()
            except OSError as error:  # a file that cannot be read is none that belongs here: told as a stray one
                yield Stored(relative, (0, 0), f"unreadable ({error})")
                continue
            if not _is_lock(relative, facts.st_size):
                yield Stored(relative, inode, hashes[inode])


def _is_lock(path: str, size: int) -> bool:
    """An empty lock file among the crawler's objects is no result."""
    return size == 0 and path.startswith(".objects/") and path.rpartition("/")[2].startswith("lock")


def _asked(log: pathlib.Path) -> tuple[Counter[str], dict[str, Counter[int]], list[str]]:
    """Count the requests of each URL, and how they were answered."""
    asked: Counter[str] = Counter()
    answers: dict[str, Counter[int]] = {}
    wrong: list[str] = []
    try:
        lines = log.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:  # told as a difference; nothing was asked then
        return asked, answers, [str(error)]
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
            asked[entry["url"]] += 1
            answers.setdefault(entry["url"], Counter())[entry["status"]] += 1
        except (ValueError, KeyError, TypeError) as error:  # told as a difference; the other lines are still read
            wrong.append(f"log line {number}: {error!r}")
    return asked, answers, wrong


def _found(expected: dict[str, Any], lines: dict[str, dict[str, Any]]) -> Check:
    images = expected["images"]
    wrong = [f"missing: {url}" for url in images if url not in lines]
    wrong += [f"not expected: {url}" for url in lines if url not in images]
    return Check("images found", len(images), len(lines), wrong)


def _files(
    expected: dict[str, Any], lines: dict[str, dict[str, Any]], root: pathlib.Path, stored: list[Stored]
) -> Iterator[Check]:
    """Compare the bytes that each line leads to with the manifest's, and the line with both."""
    hashes = {file.path: file.sha256 for file in stored}
    top = root.resolve()
    wrong: list[str] = []
    same = 0
    for url, facts in expected["images"].items():
        entry = lines.get(url)
        if entry is None:
            continue
        path = str(entry["path"])
        target = (root / path).resolve()
        if not target.is_relative_to(top) or pathlib.PurePosixPath(path).is_absolute():
            wrong.append(f"outside of the folder: {path} ({url})")
        elif hashes.get(path) != facts["sha256"]:
            wrong.append(f"{'other bytes' if path in hashes else 'no file'}: {path} ({url})")
        elif (entry["sha256"], entry["bytes"]) != (facts["sha256"], facts["size"]):
            wrong.append(f"the line does not describe its file: {url}")
        else:
            same += 1
    yield Check("images identical, byte for byte", len(expected["images"]), same, wrong)
    escaped = [str(place) for up in ("..", "../..", "../../..") if (place := root / up / "up-and-out.png").exists()]
    yield Check("files outside of the folder", 0, len(escaped), escaped)


def _facts(expected: dict[str, Any], lines: dict[str, dict[str, Any]]) -> Iterator[Check]:
    images = {url: facts for url, facts in expected["images"].items() if url in lines}
    types, sizes, places = [], [], []
    for url, facts in images.items():
        entry = lines[url]
        kind = TYPES.get(entry["type"], entry["type"])
        if kind != facts["type"]:
            types.append(f"{url}: {entry['type']}, not {facts['type']}")
        size = entry.get("width"), entry.get("height")
        if size != (facts["width"], facts["height"]):
            sizes.append(f"{url}: {size}, not {(facts['width'], facts['height'])}")
        seen = {page.get("url") or page.get("page") for page in entry.get("pages", ())}
        named = set(facts["pages"])
        false, unreported = seen - named - set(facts["also"]), named - seen
        total = entry.get("page_count", 0)  # a listing may be cut short if it says so
        if false or (unreported and not len(seen) < total >= len(named)):
            places.append(f"{url}: wrongly {sorted(false)[:2]}, not reported {sorted(unreported)[:2]}")
    count = len(expected["images"])
    yield Check("types right", count, len(images) - len(types), types)
    yield Check("dimensions right", count, len(images) - len(sizes), sizes)
    yield Check("pages right", count, len(images) - len(places), places)


def _storage(expected: dict[str, Any], lines: dict[str, dict[str, Any]], stored: list[Stored]) -> Iterator[Check]:
    wanted = {facts["sha256"] for facts in expected["images"].values()}
    refused = set(expected["refused_sha256"])
    copies: dict[str, dict[tuple[int, int], str]] = {}
    for file in stored:
        copies.setdefault(file.sha256, {})[file.inode] = file.path
    doubled = [
        f"stored {len(files)} times: {', '.join(sorted(files.values())[:3])}"
        for sha256, files in copies.items()
        if sha256 in wanted and len(files) > 1
    ]
    yield Check("distinct images, each stored once", len(wanted), len(wanted & copies.keys()), doubled)
    listed = [entry["sha256"] for entry in lines.values()]
    yield Check("duplicates", expected["counts"]["duplicates"], len(listed) - len(set(listed)), [])
    stray = [file.path for file in stored if file.sha256 not in wanted and file.sha256 not in refused]
    yield Check("files that belong to nothing", 0, len(stray), stray)
    bad = [file.path for file in stored if file.sha256 in refused - wanted]
    yield Check("files that must not be there", 0, len(bad), bad)
    arrived = [url for url in expected["redirects"].values() if url in lines]
    lost = sorted(set(expected["redirects"].values()) - set(arrived))
    yield Check("images that had moved", len(expected["redirects"]), len(arrived), lost)


def _requests(
    expected: dict[str, Any], asked: Counter[str], answers: dict[str, Counter[int]], more: int
) -> Iterator[Check]:
    def check(name: str, urls: Iterable[str], wanted: bool = True) -> Check:
        urls = list(urls)
        wrong = [url for url in urls if (url in asked) is not wanted]
        return Check(name, len(urls) if wanted else 0, sum(url in asked for url in urls), wrong)

    yield check("pages fetched", expected["pages"])
    yield check("stylesheets fetched", expected["stylesheets"])
    yield check("asked for though robots.txt forbids it", expected["forbidden"], wanted=False)
    yield check("asked for though it is no image or page", expected["never"], wanted=False)
    for reason in sorted(set(expected["errors"].values())):
        yield _errors(reason, [url for url, why in expected["errors"].items() if why == reason], asked, answers)
    spans = expected["requests"]
    strange = sorted(asked.keys() - spans.keys())
    yield Check("asked for and not there", 0, len(strange), strange)
    rare = [f"{asked[url]} of {span[0]}: {url}" for url, span in spans.items() if asked[url] < span[0]]
    often = [f"{asked[url]}, not {span[1]}: {url}" for url, span in spans.items() if asked[url] > span[1]]
    yield Check("asked for too seldom", 0, len(rare), rare)
    beyond = sum(max(0, asked[url] - span[1]) for url, span in spans.items())
    tolerated = min(beyond, more)
    yield Check("asked for again without need", tolerated, beyond, often if beyond > more else [])


def _errors(reason: str, urls: list[str], asked: Counter[str], answers: dict[str, Counter[int]]) -> Check:
    """Every one of these was asked for, and got the answer that its name says."""
    status = int(reason[5:]) if reason.startswith("http-") else None
    wrong = [url for url in urls if status is not None and url in asked and set(answers[url]) != {status}]
    wrong += [f"never asked for: {url}" for url in urls if url not in asked]
    return Check(f"errors: {reason}", len(urls), len(urls) - len(wrong), wrong)


def table(checks: list[Check]) -> str:
    """Render the checks for people, the differences below them."""
    width = max(len(check.name) for check in checks)
    rows = [f"{'':{width}}  expected     found"]
    rows += [f"{c.name:{width}}  {c.expected:8}  {c.found:8}  {'ok' if c.ok else 'DIFFERS'}" for c in checks]
    failed = [check for check in checks if not check.ok]
    for check in failed:
        rows += ["", f"{check.name}:", *(f"  {difference}" for difference in check.differences[:SHOWN])]
        if len(check.differences) > SHOWN:
            rows.append(f"  and {len(check.differences) - SHOWN} more")
    verdict = f"PROOF: FAILED ({len(failed)} of {len(checks)} checks differ)" if failed else "PROOF: ok"
    return "\n".join([*rows, "", verdict, ""])


def main(arguments: list[str] | None = None) -> int:
    """Check and print. Returns 0 when nothing differs, else 1."""
    parser = argparse.ArgumentParser(prog="proof", description="Compare a crawl's folder with the site's manifest.")
    parser.add_argument("manifest", help="written by the server before the crawl")
    parser.add_argument("folder", help="what the crawl wrote")
    parser.add_argument("log", help="the server's log")
    parser.add_argument("--more", type=int, default=0, help="further requests to tolerate after a kill")
    options = parser.parse_args(arguments)
    try:
        checks = prove(options.manifest, options.folder, options.log, options.more)
    except (OSError, ValueError, KeyError) as error:  # no manifest, no proof
        sys.stdout.write(f"the manifest cannot be read: {error!r}\n\nPROOF: FAILED\n")
        return 1
    sys.stdout.write(table(checks))
    return 0 if all(check.ok for check in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
