"""Workers and masters that are killed while images are made smaller: each has its thumbnail once, under its name."""

from __future__ import annotations

import collections
import hashlib
import os
import pathlib
import signal

import pytest
from PIL import Image

from acrawl.errors import EXIT_OK
from crawl.command import gone, records, until
from crawl.site import LiveSite
from results.helpers import objects, temporaries
from results.pictures import encoded, photo

pytestmark = pytest.mark.process

IMAGES = 16
CONTENTS = 12
OPTIONS = (
    "--thumbs", "40x40", "--thumbs", "big=120x120", "--convert", "webp", "-s", "queues.grace_seconds=0.3",
    "-s", "frontier.max_lost=99",
)  # fmt: skip


def furnish(site: LiveSite) -> None:
    for n in range(IMAGES):
        site.add(f"/{n}.jpg", encoded(photo(n % CONTENTS, (300, 200))), "image/jpeg")
    site.add("/", "".join(f'<img src="/{n}.jpg">' for n in range(IMAGES)))
    site.delay = 0.1


def whole(pictures: pathlib.Path, site: LiveSite) -> None:
    """Every image is listed once with all that was made of it, each digest is stored once, and nothing is left over."""
    lines = records(pictures / "images.jsonl")
    assert collections.Counter(line["url"] for line in lines) == {site.url(f"/{n}.jpg"): 1 for n in range(IMAGES)}
    stored, names = set(), set()
    for line in lines:
        assert line.keys().isdisjoint({"broken", "note"})
        made = {f"thumbs/{name}": one for name, one in line["thumbs"].items()} | {"converted": line["converted"]}
        assert made.keys() == {"thumbs/40x40", "thumbs/big", "converted"}
        for folder, one in made.items():
            assert one["path"] == f"{folder}/{line['path']}.{'webp' if folder == 'converted' else 'jpg'}"
            assert hashlib.sha256((pictures / one["path"]).read_bytes()).hexdigest() == one["sha256"]
            with Image.open(pictures / one["path"]) as image:
                image.load()
                assert image.width == {"thumbs/40x40": 40, "thumbs/big": 120, "converted": 300}[folder]
        stored |= {line["sha256"], *(one["sha256"] for one in made.values())}
        names |= {line["path"], *(one["path"] for one in made.values())}
    assert len(stored) == 4 * CONTENTS
    assert objects(pictures) == sorted(stored)
    files = {path.relative_to(pictures).as_posix() for path in pictures.rglob("*") if path.is_file()}
    ours = {"images.jsonl", "index.html"}
    assert {name for name in files if not name.startswith((".objects/", ".acrawl/"))} == names | ours
    assert temporaries(pictures) == []


def decoders(worker: int) -> list[int]:
    """The processes of a worker that decode images."""
    return [
        int(entry.name)
        for entry in pathlib.Path("/proc").iterdir()
        if entry.name.isdecimal() and _parent(entry) == worker
    ]


def _parent(entry: pathlib.Path) -> int:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def test_workers_and_a_master_that_are_killed_cost_no_image_its_thumbnail(live, start, acrawl, tmp_path):
    furnish(live)
    command = ("images", live.url(), "-o", "pictures", "--workers", 2, *OPTIONS)
    master = start(*command)
    for requests in (4, 8):
        live.wait_for(requests)
        os.kill(master.children()[0], signal.SIGKILL)
    until(lambda: any(map(decoders, master.children())))
    left = [pid for worker in master.children() for pid in (worker, *decoders(worker))]
    master.kill()
    master.end(10)
    until(lambda: all(map(gone, left)))
    done = acrawl(*command)
    assert done.code == EXIT_OK, done.err
    whole(tmp_path / "pictures", live)


def test_a_worker_that_sends_its_files_and_is_killed_costs_no_image_its_thumbnail(live, start, tmp_path):
    furnish(live)
    (tmp_path / "tmp").mkdir()
    master = start("images", live.url(), "-o", "pictures", "--workers", 0, "--listen", "127.0.0.1:0", *OPTIONS)
    join = tmp_path / "pictures" / ".acrawl" / "join.json"
    until(join.exists)
    work = "work", "--join", join, "--send-files", "acrawl.spiders.images:Images"
    for requests in (5, 10):
        worker = start(*work, env={"TMPDIR": str(tmp_path / "tmp")})
        live.wait_for(requests)
        worker.kill()
        worker.end(10)
    worker = start(*work, env={"TMPDIR": str(tmp_path / "tmp")})
    assert master.end().code == EXIT_OK
    assert worker.end().code == EXIT_OK
    whole(tmp_path / "pictures", live)
    assert list((tmp_path / "tmp").rglob("*")) == []


def test_a_decoder_that_is_killed_costs_at_most_the_image_it_was_at(live, start, tmp_path):
    furnish(live)
    master = start("images", live.url(), "-o", "pictures", "--workers", 1, *OPTIONS)
    killed = set()
    until(lambda: killed_one(master, killed) >= 3 or not master.alive)
    assert killed
    assert master.end().code == EXIT_OK
    lines = records(tmp_path / "pictures" / "images.jsonl")
    notes = [line["note"] for line in lines if "note" in line]
    assert len({line["sha256"] for line in lines if "note" in line}) <= len(killed)
    assert all("SIGKILL" in note for note in notes)
    assert len(lines) == IMAGES
    assert all(len(line["thumbs"]) == 2 for line in lines if "note" not in line)


def killed_one(master, killed):
    """Kill one decoder more, if there is one; returns how many have been killed."""
    new = [pid for worker in master.children() for pid in decoders(worker) if pid not in killed]
    if new:
        os.kill(new[0], signal.SIGKILL)
        killed.add(new[0])
    return len(killed)
