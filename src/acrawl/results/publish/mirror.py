"""A browsable copy of what a crawl saved: every file under a readable name, references leading from one to the other.

The bytes as they came stay in ``ROOT/.objects``. A file that names nothing, or nothing that had to be changed, is a
hard link to them; of the others a changed copy is written, whole or not at all. Names are given before anything is
written, and what a name should hold follows from them alone: made again, after a crash or a later crawl, the copy is
the same, and only what differs is written.
"""

from __future__ import annotations

import contextlib
import html
import os
import pathlib
import posixpath
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

from acrawl.errors import CrawlFailed
from acrawl.outcome import FileFact
from acrawl.parse.document import Document
from acrawl.parse.linked import HTML, Use, kind_of, rewritten
from acrawl.results.catalog import Catalog
from acrawl.results.files.objects import Objects, object_name
from acrawl.results.files.syncing import Syncer
from acrawl.results.listing import SavedFile
from acrawl.results.publish.images import replacing
from acrawl.results.publish.register import Register
from acrawl.spelling import EXACT, Spelling

#: Longer documents are copied as they are.
LARGEST = 32 << 20
#: What our index is known by: a file of the user's of the same name is never overwritten.
MARK = b'<meta name="generator" content="acrawl mirror">'
_BATCH = 500
#: Files, and bytes of them, that are written and then synced together.
_TOGETHER = 256
_TOGETHER_BYTES = 64 << 20
_HEAD = 512
_MOST_FOLDERS = 50_000
#: What is no place on a disk: a scheme, other than that of files; URLs are read without line breaks and tabs.
_SCHEME = re.compile(r"(?!file:)[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_BREAKS = str.maketrans("", "", "\t\n\r")
_CONTROLS = "".join(map(chr, range(33)))
#: In the place of a reference that led nowhere at home, and would lead into the reader's own files.
_NOWHERE = "about:invalid"


def write_mirror(
    catalog: Catalog, starts: Sequence[str], redirects: Iterable[tuple[str, str]], spelling: Spelling = EXACT
) -> pathlib.Path | None:
    """Make the copy in the catalog's folder; returns its index, None where an ``index.html`` is the user's own.

    ``redirects`` are pairs of a URL and where it leads; ``spelling`` is the crawl's: a reference to another spelling of
    what was saved leads to it. Blocks. Raises `CrawlFailed`; it may then be called again.
    """
    with contextlib.closing(Register(catalog.root, spelling)) as register:
        register.add_redirects(redirects)
        for files in _batches(catalog):
            register.add([_fact(file, catalog.root) for file in files])
        register.gather_spellings()
        with contextlib.closing(_Writer(catalog.root)) as writer:
            for files in _batches(catalog):
                for file in files:
                    _copy(file, register, writer)
            writer.flush()
        return _write_index(register, starts)


def _batches(catalog: Catalog) -> Iterator[list[SavedFile]]:
    """Everything that was saved, in the order of URLs; a part of it is in memory."""
    after = ""
    while files := catalog.saved(after, _BATCH):
        after = files[-1].url
        yield files


def _fact(file: SavedFile, root: pathlib.Path) -> FileFact:
    """What a file is called by: of one without a type, its looks decide."""
    media_type = file.type
    if not media_type and kind_of("", _bytes(root, file.sha256, _HEAD)) == HTML:
        media_type = "text/html"
    return FileFact(file.url, file.sha256, file.size, media_type)


def _bytes(root: pathlib.Path, sha256: str, most: int = -1) -> bytes:
    try:
        with open(object_name(os.fspath(root), sha256), "rb") as file:
            return file.read(most)
    except OSError as error:  # somebody has taken it away: there is nothing to copy
        raise CrawlFailed(f"a saved file is gone: {error}; crawl anew with --fresh") from None


def _copy(file: SavedFile, register: Register, writer: _Writer) -> None:
    path, first = register.entry(file.url)
    if first != file.url:
        return  # another URL's file serves this one
    root = register.root
    head = _bytes(root, file.sha256, _HEAD) if not file.type else b""
    kind = kind_of(file.type, head)
    if kind and file.size <= LARGEST:
        body = _bytes(root, file.sha256)
        document = Document(body, file.url, f"{file.type}; charset={file.charset}" if file.charset else file.type)
        changed = rewritten(document, kind, _Way(document, path, register).to)
        if changed != body:
            writer.write(path, changed)
            return
    writer.link(path, file.sha256)


class _Way:
    """From one file of the copy to the others."""

    def __init__(self, document: Document, path: str, register: Register) -> None:
        self._join = document.joiner
        self._own_base = document.base == document.url
        self._folder = path.split("/")[:-1]
        self._path_of = register.path_of

    def to(self, reference: str, use: Use, _tag: str) -> str | None:
        """What a reference becomes; None where it stays as it is."""
        if reference[:1] == "#" and self._own_base:
            return None
        url = self._join(reference)
        if url is None:
            return None if _SCHEME.match(reference.translate(_BREAKS).lstrip(_CONTROLS)) else _NOWHERE
        _, hash_, fragment = reference.partition("#")
        path = None if use is Use.ORIGIN else self._path_of(url)
        if path is None:
            new = url
        else:
            new = self._relative(path)
            if use in (Use.PAGE, Use.FRAME) and "?" in url and path.endswith((".html", ".htm", ".xhtml")):
                new += "?" + url.partition("?")[2]  # scripts may look at it; the file is found without
        new += hash_ + fragment
        return new if new != reference else None

    def _relative(self, path: str) -> str:
        *folder, name = path.split("/")
        shared = len(posixpath.commonprefix([folder, self._folder]))
        up = [".."] * (len(self._folder) - shared)
        return quote("/".join([*up, *folder[shared:], name]))


class _Writer:
    """Puts files under their names: written beside, synced in groups, and renamed."""

    def __init__(self, root: pathlib.Path) -> None:
        self._root = os.fspath(root)
        self._objects = Objects(root)
        self._syncer = Syncer("acrawl-sync-copy")
        self._pending: list[tuple[int, str, str]] = []
        self._size = 0
        self._folders: set[str] = set()

    def write(self, path: str, data: bytes) -> None:
        """Have these bytes under the name. Nothing happens where they are there already."""
        with _told(path):
            target = self._target(path)
            if _holds(target, data):
                return
            temporary = self._objects.temporary()
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            self._pending.append((descriptor, temporary, target))
            with open(descriptor, "wb", closefd=False) as file:
                file.write(data)
            self._size += len(data)
            if len(self._pending) >= _TOGETHER or self._size >= _TOGETHER_BYTES:
                self.flush()

    def link(self, path: str, sha256: str) -> None:
        """Have the object under the name, as a link where the filesystem has them. As `write`."""
        source = object_name(self._root, sha256)
        with _told(path):
            target = self._target(path)
            if _is_same(source, target):
                return
            temporary = self._objects.temporary()
            try:
                try:
                    os.link(source, temporary)
                except FileNotFoundError:
                    raise
                except OSError:  # no links here, or no more of them: a copy serves as well
                    shutil.copyfile(source, temporary)
                os.replace(temporary, target)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary)

    def flush(self) -> None:
        """Have everything that was written durable and under its name."""
        pending, self._pending, self._size = self._pending, [], 0
        try:
            synced = self._syncer.sync([descriptor for descriptor, _, _ in pending])
            for (_, temporary, target), refusal in zip(pending, synced, strict=True):
                with _told(target):
                    if refusal is not None:
                        raise refusal
                    os.replace(temporary, target)
        finally:
            for descriptor, _, _ in pending:
                os.close(descriptor)

    def close(self) -> None:
        """Forget what is not under its name yet."""
        for descriptor, _, _ in self._pending:
            os.close(descriptor)
        self._pending.clear()
        self._syncer.close()
        self._objects.close()

    def _target(self, path: str) -> str:
        """Where a name is on the disk, its folders made. Raises `CrawlFailed` for one that leads out of the copy."""
        folder = path.rpartition("/")[0]
        if folder not in self._folders:
            if len(self._folders) >= _MOST_FOLDERS:
                self._folders.clear()
            place = self._root
            for part in folder.split("/"):
                place = f"{place}{os.sep}{part}"
                if os.path.islink(place):
                    raise CrawlFailed(f"{place} is a symbolic link, and nothing is written through it; move it away")
            os.makedirs(place, exist_ok=True)
            self._folders.add(folder)
        return f"{self._root}{os.sep}{path}"


@contextlib.contextmanager
def _told(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:  # the saved bytes are whole; the copy can be made again
        raise CrawlFailed(f"{path} cannot be written: {error.strerror or error}; make room and resume") from error


def _holds(target: str, data: bytes) -> bool:
    try:
        if os.path.islink(target) or os.stat(target).st_size != len(data):
            return False
        with open(target, "rb") as file:
            return file.read() == data
    except FileNotFoundError:
        return False


def _is_same(source: str, target: str) -> bool:
    """Whether the name is the object's already: by a link, or by a copy where there are no links."""
    try:
        here = os.lstat(target)
    except FileNotFoundError:
        return False
    there = os.stat(source)
    if (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino):
        return True
    if os.path.islink(target) or here.st_size != there.st_size or here.st_nlink > 1:
        return False
    with open(source, "rb") as one, open(target, "rb") as other:
        while (piece := one.read(1 << 20)) == other.read(1 << 20):
            if not piece:
                return True
    return False


def _write_index(register: Register, starts: Sequence[str]) -> pathlib.Path | None:
    """A page that leads to where the crawl began: at once where that is one page."""
    index = register.root / "index.html"
    if os.path.lexists(index):
        try:
            with open(index, "rb") as file:
                if MARK not in file.read(1000):
                    return None
        except OSError:  # a folder, or not to be read: somebody else's
            return None
    places = [(url, register.path_of(url)) for url in starts]
    here = [quote(path) for _, path in places if path is not None]
    lines = [
        f'<li><a href="{html.escape(quote(path) if path else url)}">{html.escape(url)}</a>'
        + ("" if path else " (not in this copy)")
        for url, path in places
    ]
    at_once = f'<meta http-equiv="refresh" content="0; url={here[0]}">\n' if len(places) == len(here) == 1 else ""
    with replacing(index) as out:
        out.write(
            f'<!doctype html>\n<meta charset="utf-8">\n{MARK.decode()}\n{at_once}<title>Copy</title>\n<ul>\n'.encode()
            + "\n".join(lines).encode("utf-8", "replace")
            + b"\n</ul>\n"
        )
    return index
