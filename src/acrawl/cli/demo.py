"""The demonstration: a bundled site, a master, three workers, and the proof that nothing is missing."""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Iterator

import click

from acrawl.cli.crawl import IMAGES, make_plan
from acrawl.cli.launch import crawl
from acrawl.errors import EXIT_FAILED, CrawlFailed, FolderProblem

WORKERS = 3
#: In a folder that a demo has made: the manifest and the server's log.
MARK = pathlib.Path(".acrawl", "demo")


@click.command()
@click.option(
    "-o", "--files", "folder", type=click.Path(path_type=pathlib.Path), default=pathlib.Path("demo-pictures"),
    show_default=True, help="The folder for the images; what an earlier demo left there is removed.",
)  # fmt: skip
@click.option("--workers", type=click.IntRange(1, 64), default=WORKERS, show_default=True, help="Worker processes.")
@click.option("-q", "--quiet", is_flag=True, help="Show the proof only.")
def demo(folder: pathlib.Path, workers: int, quiet: bool) -> int:
    """Crawl a bundled gallery site with real worker processes, and prove that every image was found.

    The site (some 560 pages and 2,200 images: every way to name an image, duplicates, redirects, slow and broken ones,
    a robots.txt) is generated and served on this machine only. At the end a program that shares no code with acrawl
    compares the folder with a manifest that was written before the crawl began.
    """
    _empty(folder)
    manifest, log = folder / MARK / "manifest.json", folder / MARK / "access.jsonl"
    with _served(manifest, log) as url:
        click.echo(f"serving the demo site at {url}", err=True)
        plan = make_plan(
            IMAGES,
            {"urls": url, "hosts": "any"},
            files=folder,
            publish="gallery",
            workers=workers,
            # The demo's second host is a port of this machine, and it is our own site: no need to hold back.
            pairs=("fetch.allow_private=true", "politeness.concurrency=16"),
            quiet=quiet,
        )
        code = crawl(plan)
        if code:
            return code
        proof = subprocess.run([sys.executable, "-m", "acrawl.demo.proof", manifest, folder, log], check=False)  # noqa: S603
    if proof.returncode:
        return EXIT_FAILED
    click.echo(f"look at them: {(folder / 'index.html').resolve().as_uri()}")
    return 0


def _empty(folder: pathlib.Path) -> None:
    """Make the folder anew. Only one that a demo has made is removed."""
    try:
        if folder.exists() and any(folder.iterdir()):
            if not (folder / MARK).is_dir():
                raise FolderProblem(f"{folder} holds something that no demo has made; give another folder with -o")
            shutil.rmtree(folder)
        (folder / MARK).mkdir(parents=True)
    except OSError as error:
        raise FolderProblem(f"{folder}: cannot be used: {error.strerror}") from None


@contextlib.contextmanager
def _served(manifest: pathlib.Path, log: pathlib.Path) -> Iterator[str]:
    """Serve the demo site by a process of its own; gives its URL."""
    command = [
        sys.executable,
        "-m",
        "acrawl.demo.server",
        "--until-eof",
        "--manifest",
        str(manifest),
        "--log",
        str(log),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        assert server.stdout is not None
        ready = server.stdout.readline().split()
        if len(ready) != 2:
            raise CrawlFailed("the demo site could not be served; its message stands above")
        yield ready[1]
        server.communicate()  # closes its standard input, which ends it, and waits
