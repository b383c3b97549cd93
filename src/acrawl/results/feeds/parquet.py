"""A Parquet file, which is written as a whole: until then, parts that are whole themselves lie beside it.

::

    items.parquet              what others read: replaced at once when the crawl ends or pauses
    .items.parquet.parts/      1.parquet, 2.parquet ...: one for each batch since then

Parts are numbered on through all of a crawl, and the mark is the number of the last that counts. The file knows up to
which part it holds all (``acrawl.parts`` in its metadata); those are removed. So a crawl that goes on takes the file as
the first of its parts, and nothing is stored twice. What a part has in types that differ from the others' is widened
when the file is made (`acrawl.results.feeds.arrow`), so a new field never stops a crawl.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from acrawl.errors import EnvironmentProblem
from acrawl.results.base import Row, Unfit
from acrawl.results.feeds.arrow import fitted, joined, table_of
from acrawl.results.feeds.file import failing, lock
from acrawl.results.feeds.table import Columns, Placed, place

log = logging.getLogger(__name__)

#: Rows, and bytes in memory, of a row group of the published file; rows that are read at once.
ROW_GROUP, GROUP_BYTES, _READ = 1 << 16, 1 << 26, 1000
#: The metadata that counts parts.
_PARTS = b"acrawl.parts"


class ParquetFeed:
    """See `acrawl.results.base.Feed`. Exact: parts beyond the mark are removed when a crawl resumes."""

    def __init__(
        self, path: pathlib.Path, folder: pathlib.Path, lock: int, held: int, last: int, fields: Sequence[str] = ()
    ) -> None:
        """``held`` is the last part that the file holds, ``last`` the last that counts."""
        self.name = str(path)
        self._path = path
        self._folder = folder
        self._lock = lock
        self._held = held
        self._last = last
        self._columns = Columns()
        self._columns.choose(fields)
        self._tables: list[pa.Table] = []

    def write(self, rows: Sequence[Row]) -> list[Unfit]:
        """See `acrawl.results.base.Feed.write`."""
        placed, unfit = place(rows, self._columns)
        if not placed:
            return unfit
        met = self._columns.chosen or [field for item in placed for field in item.fields]
        names = {field: self._columns.of[field] for field in met}
        try:
            self._tables.append(table_of([item.fields for item in placed], names))
        except ValueError:  # find out which; the others are written
            return unfit + self._one_by_one(placed, names)
        return unfit

    def commit(self) -> dict[str, int]:
        """See `acrawl.results.base.Feed.commit`."""
        if self._tables:
            with failing(self.name):
                schema = joined(table.schema for table in self._tables)
                whole = pa.concat_tables([fitted(table, schema) for table in self._tables])
                _write(_part(self._folder, self._last + 1), self._folder / "part.tmp", whole.schema, [whole])
            self._last += 1
            self._tables = []
        return {self.name: self._last}

    def finish(self) -> None:
        """Publish one file with everything. See `acrawl.results.base.Feed.finish`."""
        if self._held == self._last:
            return
        parts = [_part(self._folder, number) for number in range(self._held + 1, self._last + 1)]
        sources = [self._path, *parts] if self._path.exists() else parts
        with failing(self.name):
            schema = self._joined(sources).with_metadata({_PARTS: str(self._last).encode()})
            _write(self._path, self._folder / "whole.tmp", schema, _groups(sources, schema))
            self._held = self._last
            for part in parts:
                part.unlink()

    def close(self) -> None:
        """Let go of the folder of parts, which goes when none is left. Idempotent."""
        if self._lock < 0:
            return
        if self._held == self._last:
            with contextlib.suppress(OSError):  # somebody put something there: it stays
                os.unlink(self._folder / "lock")
                os.rmdir(self._folder)
        os.close(self._lock)
        self._lock = -1

    def _one_by_one(self, placed: Sequence[Placed], names: Mapping[str, str]) -> list[Unfit]:
        unfit: list[Unfit] = []
        for item in placed:
            try:
                self._tables.append(table_of([item.fields], names))
            except ValueError as error:  # handed back and recorded as failed
                unfit.append((item.place, f"Parquet cannot hold it: {error}"))
        return unfit

    def _joined(self, sources: Sequence[pathlib.Path]) -> pa.Schema:
        """Return the schema of all, and say what was made of columns that differ. One is in memory at a time."""
        kinds: dict[str, dict[str, None]] = {}
        first: set[str] = set()

        def schemas() -> Iterator[pa.Schema]:
            for source in sources:
                found = pq.read_schema(source)
                first.update(() if kinds else found.names)
                for field in found:
                    kinds.setdefault(field.name, {})[str(field.type)] = None
                yield found

        schema = joined(schemas())
        if late := [name for name in schema.names if name not in first]:
            log.info("%s: columns that came later, and are null in the rows before: %s", self.name, ", ".join(late))
        for field in schema:
            kinds[field.name].pop("null", None)
            if len(kinds[field.name]) > 1:
                what = ", ".join(kinds[field.name])
                log.warning("%s: column %s has values of %s: all are %s", self.name, field.name, what, field.type)
        return schema


def opened(path: pathlib.Path, marks: Mapping[str, int], fields: Sequence[str] = (), *, overwrite: bool) -> ParquetFeed:
    """Go on with, or begin, a file; ``path`` is the whole one. Raises `EnvironmentProblem`, OSError.

    Without a mark a file that exists is added to, unless ``overwrite``.
    """
    mark = marks.get(str(path))
    if mark is not None or not overwrite:
        _parts_held(path)  # refuses what is no Parquet file before anything is made
    folder = path.with_name(f".{path.name}.parts")
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        lock(descriptor, str(path))
        if mark is None:
            held = last = _begin(path, folder, overwrite=overwrite)
        else:
            held, last = _go_on(path, folder, mark), mark
        return ParquetFeed(path, folder, descriptor, held, last, fields)
    except BaseException:
        os.close(descriptor)
        raise


def _begin(path: pathlib.Path, folder: pathlib.Path, *, overwrite: bool) -> int:
    parts = _numbers(folder)
    if overwrite:
        for number in parts:
            _part(folder, number).unlink()
        path.unlink(missing_ok=True)
        return 0
    held = _parts_held(path)
    if any(number > held for number in parts):
        raise EnvironmentProblem(
            f"-o {path}: parts of a crawl that did not end lie in {folder}: resume that crawl, "
            "name another file, or take --fresh to begin anew without them"
        )
    _remove(folder, parts)
    return held


def _go_on(path: pathlib.Path, folder: pathlib.Path, mark: int) -> int:
    """Remove what does not count, or is in the file; returns the last part that the file holds."""
    held, parts = _parts_held(path), _numbers(folder)
    missing = set(range(held + 1, mark + 1)) - parts
    if missing or held > mark:
        what = f"part {min(missing)} of {mark} is missing" if missing else f"has {held} parts, not {mark}"
        raise EnvironmentProblem(
            f"-o {path}: {what}, but it was delivered: put the file and {folder} back, "
            "or begin anew with --fresh to crawl all of it again"
        )
    _remove(folder, {number for number in parts if number <= held or number > mark})
    return held


def _parts_held(path: pathlib.Path) -> int:
    """Return up to which part a file holds all; 0 for none and for somebody else's."""
    try:
        metadata = pq.read_schema(path).metadata or {}
    except FileNotFoundError:  # it is made at the end
        return 0
    except pa.ArrowException as error:  # nothing has begun
        raise EnvironmentProblem(f"-o {path}: is no Parquet file ({error}); name another file") from None
    return int(metadata.get(_PARTS, b"0"))


def _numbers(folder: pathlib.Path) -> set[int]:
    return {int(path.stem) for path in folder.glob("*.parquet") if path.stem.isdecimal()}


def _part(folder: pathlib.Path, number: int) -> pathlib.Path:
    return folder / f"{number}.parquet"


def _remove(folder: pathlib.Path, numbers: set[int]) -> None:
    for number in numbers:
        _part(folder, number).unlink()
    for temporary in folder.glob("*.tmp"):
        temporary.unlink()


def _write(path: pathlib.Path, temporary: pathlib.Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    """Write a file that is there as a whole and durably, or not at all."""
    with open(temporary, "wb") as file:
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for table in tables:
                writer.write_table(table, row_group_size=ROW_GROUP)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _groups(sources: Sequence[pathlib.Path], schema: pa.Schema) -> Iterator[pa.Table]:
    """Return the rows of all sources in their order, in tables of the size of a row group."""
    waiting: list[pa.Table] = []
    rows = size = 0
    for source in sources:
        with pq.ParquetFile(source) as file:
            for batch in file.iter_batches(_READ):
                waiting.append(fitted(pa.Table.from_batches([batch]), schema))
                rows += batch.num_rows
                size += waiting[-1].nbytes
                if rows >= ROW_GROUP or size >= GROUP_BYTES:
                    yield pa.concat_tables(waiting)
                    waiting, rows, size = [], 0, 0
    if waiting:
        yield pa.concat_tables(waiting)
