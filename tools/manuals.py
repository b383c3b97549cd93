#!/usr/bin/env python3
"""Manuals as their packages install them, served by nginx on loopback: every page and image of them is to be found.

  tools/manuals.py [name...]        of MANUALS; those that are installed by default

What there is to find is told by a walk over the files that shares no code with acrawl (lxml, urllib): pages that `a`,
`area` and frames lead to from the first one; images by `img`, and those that links, frames, CSS, `object` and icons
name. Then `acrawl images` crawls the site with two workers. Ends with 0 when nothing is missing.
"""

import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import time
from urllib.parse import unquote, urljoin, urlsplit

from lxml import html
from real_site import DEADLINE, Nginx, images

MANUALS = {
    "gimp-help": "/usr/share/gimp/2.0/help/en",
    "libstdc++": "/usr/share/doc/gcc-12-base/libstdc++",
    "python": "/usr/share/doc/python3.11/html",
    "postgresql": "/usr/share/doc/postgresql-doc-15/html",
}
PAGES = (".html", ".htm")
IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".svg", ".ico", ".webp", ".bmp")
CSS = re.compile(r"""url\(\s*['"]?([^'")]+)|@import\s+['"]([^'"]+)""", re.IGNORECASE)
#: What it names are fonts, also where they are SVG.
FONT_FACE = re.compile(r"@font-face\s*{[^}]*}", re.IGNORECASE)


class Walk:
    """What can be reached from the first page of a folder; paths are relative to it and decoded."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.pages, self.by_img, self.images = {"index.html"}, set(), set()
        self._sheets = set()
        waiting = ["index.html"]
        while waiting:
            found = self._read(waiting.pop()) - self.pages
            self.pages |= found
            waiting += found
        self.images |= self.by_img

    def _read(self, page):
        data = (self.root / page).read_bytes()
        if not data.strip():
            return set()
        document = html.document_fromstring(data, parser=html.HTMLParser(encoding="utf-8", huge_tree=True))
        pages = set()
        for element in document.iter("*"):
            tag, get = element.tag, element.get
            target = self._file(page, get("href"))
            if tag in ("iframe", "frame", "embed"):
                target = self._file(page, get("src"))
            if tag in ("a", "area", "iframe", "frame") and target.endswith(PAGES):
                pages.add(target)
            if tag in ("a", "link", "iframe", "frame", "embed"):
                self._add(target)
            if tag == "img":
                self._add(self._file(page, get("src")), self.by_img)
            self._add(self._file(page, get("data") if tag == "object" else get("background") or get("poster")))
            self._styles(page, (element.text or "") if tag == "style" else get("style") or "")
        return pages

    def _add(self, file, images=None):
        if file.endswith(IMAGES):
            (self.images if images is None else images).add(file)
        elif file.endswith(".css") and file not in self._sheets:
            self._sheets.add(file)
            self._styles(file, (self.root / file).read_text(errors="replace"))

    def _styles(self, base, text):
        for first, second in CSS.findall(FONT_FACE.sub("", text)):
            self._add(self._file(base, first or second))

    def _file(self, base, reference):
        """The file that a reference means; empty where there is none."""
        parts = urlsplit(urljoin(f"http://here/{base}", (reference or "").strip())) if reference else None
        if parts is None or parts.netloc != "here":
            return ""
        path = os.path.normpath(unquote(parts.path)).lstrip("/")
        path = f"{path}/index.html".removeprefix("./") if (self.root / path).is_dir() else path
        return path if (self.root / path).is_file() else ""


def crawled(name, root, folder):
    """Crawl it; returns the pages that were fetched and the images that were kept."""
    site = Nginx(folder, "", root)
    try:
        code = images(site, folder / "out", "--workers", 2).wait(DEADLINE)
    finally:
        site.stop()
    if code:
        raise SystemExit(f"{name}: exit code {code}")
    log = [line.rstrip("\n").split("\t") for line in site.log.open()]
    fetched = {unquote(path.partition("?")[0]).lstrip("/") or "index.html" for status, path in log if status == "200"}
    listed = (json.loads(line)["url"] for line in (folder / "out" / "images.jsonl").open())
    return fetched, {unquote(url[len(site.base) :].partition("?")[0]) for url in listed}


def main():
    failed = False
    for name in sys.argv[1:] or [name for name, root in MANUALS.items() if pathlib.Path(root).is_dir()]:
        root, folder = MANUALS[name], pathlib.Path(tempfile.mkdtemp(prefix="acrawl-manual-"))
        there, began = Walk(root), time.monotonic()
        fetched, kept = crawled(name, root, folder)
        missing = {"pages": there.pages - fetched, "images": there.images - kept}
        print(
            f"{name:12} {len(there.pages & fetched)} of {len(there.pages)} pages, "
            f"{len(there.by_img & kept)} of {len(there.by_img)} images by img, "
            f"{len(there.images & kept)} of {len(there.images)} in all; "
            f"{len(kept - there.images)} more; {time.monotonic() - began:.1f} s"
        )
        for what, names in missing.items():
            if names:
                print(f"  {what} missing: {len(names)}, as {sorted(names)[:5]}")
        failed = failed or any(missing.values())
        shutil.rmtree(folder)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
