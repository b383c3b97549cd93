"""CSV (RFC 4180): a header, commas, CRLF, UTF-8. The columns are the first items' fields as they come, or a setting's.

Nothing is an empty cell, true and false are those words, lists and dicts are JSON text, ``bytes`` base64, dates ISO
8601. No cell is altered: what a spreadsheet may take for a formula (``=1+1``) stays what the page said.

Where there are too many fields, or too many come too late, a last column `OTHERS` has those without one of their own,
as a JSON object. Whoever reads such a header goes on in the same way.
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from acrawl.errors import EnvironmentProblem
from acrawl.results.base import Row, Unfit
from acrawl.results.feeds.table import MAX_COLUMNS
from acrawl.results.feeds.values import one_by_one, plain, text

log = logging.getLogger(__name__)

#: The column of the fields that have none, and the name of a field that can only be in it.
OTHERS = "_more_fields"
#: Bytes that are rewritten at once.
_PART = 1 << 20


class CsvTable:
    """See `acrawl.results.feeds.base.Table`. With ``fields``, only these, in this order, and never more.

    If `OTHERS` is the last of them, it has the others.
    """

    def __init__(self, fields: Sequence[str] = ()) -> None:
        self._set(fields)
        self._chosen = bool(fields)
        self._gathers = False
        self._fixed = False
        self._headed = False
        self._left_out: set[str] = set()
        self.outgrown = False

    @property
    def columns(self) -> int:
        """See `acrawl.results.feeds.base.Table.columns`."""
        return len(self._fields)

    @property
    def full(self) -> bool:
        """See `acrawl.results.feeds.base.Table.full`."""
        return self._fields[-1:] == [OTHERS]

    def fix(self) -> None:
        """See `acrawl.results.feeds.base.Table.fix`."""
        self._fixed = True

    def gather(self) -> None:
        """See `acrawl.results.feeds.base.Table.gather`."""
        self._gathers = True

    def begin(self, file: BinaryIO | None, *, resumed: bool) -> bytes:
        """The header that is there holds, whoever wrote it. A line that somebody left open is closed."""
        if file is None:
            return b""
        try:
            there = _header(file)
        except ValueError as error:
            raise EnvironmentProblem(f"cannot be read as CSV in UTF-8: {error}") from None
        if self._chosen and there != self._fields:
            raise EnvironmentProblem(
                f"its columns are {', '.join(there)}, and not those of feeds.fields; write to another file"
            )
        self._set(there)
        self._headed = True
        file.seek(-1, io.SEEK_END)
        return b"" if resumed or file.read(1) == b"\n" else b"\n"

    def encode(self, rows: Sequence[Row]) -> tuple[bytes, list[Unfit]]:
        """See `acrawl.results.feeds.base.Format.encode`. An item without fields has no place in a table."""
        items, unfit = one_by_one(rows, self._item, "CSV")
        self.outgrown = False
        for cells, _ in items:
            if not (cells.keys() <= self._known or self.full):
                self._meet([field for field in cells if field not in self._known])
        if not items:
            return b"", unfit
        head = b"" if self._headed else self.end()
        self._headed = True
        records = [[cells.get(field, "") for field in self._fields] for cells, _ in items]
        if self.full:
            for record, (cells, values) in zip(records, items, strict=True):
                record[-1] = "" if cells.keys() <= self._known else self._others(values)
        return head + _lines(records), unfit

    def end(self) -> bytes:
        """The header, if there has been no item but it is known all the same."""
        return b"" if self._headed or not self._fields else _lines([self._fields])

    def columns_of(self, file: BinaryIO) -> int:
        """See `acrawl.results.feeds.base.Table.columns_of`."""
        return len(_header(file))

    def rewritten(self, file: BinaryIO) -> Iterator[bytes]:
        """See `acrawl.results.feeds.base.Table.rewritten`. Cells are not read: empty ones are added to each record."""
        records = _records(file)
        missing = b"," * (len(self._fields) - len(_cells(next(records))))
        part = [_lines([self._fields])]
        size = 0
        for record in records:
            part.append(record.rstrip(b"\r\n") + missing + b"\r\n")
            size += len(record)
            if size >= _PART:
                yield b"".join(part)
                part, size = [], 0
        yield b"".join(part)

    def _set(self, fields: Sequence[str]) -> None:
        self._fields = list(fields)
        self._known = frozenset(fields) - {OTHERS}

    def _meet(self, new: list[str]) -> None:
        """Make columns of new fields, or say that they are left out."""
        if not (self._fixed and self._headed):
            room = MAX_COLUMNS - len(self._fields)
            if self._gathers or OTHERS in new or len(new) > room:
                own = [] if self._gathers else [field for field in new if field != OTHERS]
                new = [*own[: max(0, room - 1)], OTHERS]
            self._set(self._fields + new)
            self.outgrown = self._headed
        elif not self._left_out.issuperset(new):
            self._left_out.update(new)
            log.warning(
                "CSV: fields that came after the header was written are left out: %s; name all in feeds.fields",
                ", ".join(sorted(self._left_out)),
            )

    def _item(self, value: Any) -> tuple[dict[str, str], dict[str, Any]]:
        """The cells of an item, and its values."""
        found = plain(value, self._fields if self._chosen and not self.full else ())
        if not isinstance(found, dict):
            raise TypeError(f"a row needs fields, and this is a {type(found).__name__}")
        if not found and not self._chosen:
            raise ValueError("a row needs fields, and it has none")
        return {_utf8(field): _utf8(text(cell)) for field, cell in found.items()}, found

    def _others(self, values: Mapping[str, Any]) -> str:
        return text({field: value for field, value in values.items() if field not in self._known})


def _utf8(value: str) -> str:
    """Raise UnicodeEncodeError for a lone surrogate here, where it harms one item only."""
    if not value.isascii():
        value.encode()
    return value


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def _records(file: BinaryIO) -> Iterator[bytes]:
    """The records of a file with their line breaks; a line break between quotes (RFC 4180, 2.6) ends none."""
    record: list[bytes] = []
    quotes = 0
    for line in file:
        record.append(line)
        quotes += line.count(b'"')
        if quotes % 2 == 0:
            yield b"".join(record)
            record, quotes = [], 0
    if record:
        yield b"".join(record)


def _header(file: BinaryIO) -> list[str]:
    file.seek(0)
    found = _cells(next(_records(file)))
    file.seek(0)
    return found


def _cells(record: bytes) -> list[str]:
    try:
        return next(csv.reader([record.decode("utf-8-sig")]))
    except csv.Error as error:
        raise ValueError(error) from None  # the caller says which file it is
