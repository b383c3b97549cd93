"""A table of a PostgreSQL server: one row an item, known by its id, so exact.

A batch is one transaction: COPY into a temporary table, then INSERT ... ON CONFLICT from there. A connection that is
lost is made again and the batch repeated, also when nobody knows whether its COMMIT arrived. psycopg speaks to the
server: a feed blocks anyway, and libpq finds credentials in ``PGPASSWORD``, ``~/.pgpass`` or a service as its users
expect. COPY in text form lets the server read each value for the type that its column really has.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from acrawl.errors import CrawlFailed, EnvironmentProblem, UsageError
from acrawl.results.base import Row, Unfit
from acrawl.results.feeds.patience import Patience
from acrawl.results.feeds.pgtypes import literal, type_of, using, widened
from acrawl.results.feeds.table import KEY, Columns, Placed, place, quoted
from acrawl.settings.masks import MASK

log = logging.getLogger(__name__)
_T = TypeVar("_T")

#: A server that vanished is noticed within about a minute. What the URL says goes before.
_DEFAULTS = {
    "application_name": "acrawl",
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
    "client_encoding": "utf8",
}
#: A table that somebody else keeps locked is waited for as a server that is away; dates become text as ISO 8601.
_SESSION = "SET lock_timeout = '60s'; SET datestyle = 'ISO'"
#: Names that no column can have, and the length of a name in bytes.
_RESERVED = (KEY, "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid")
_NAME_LIMIT = 63
_BATCH = "pg_temp.acrawl_batch"
_COLUMNS = (
    "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
    " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
)
_LOST = (psycopg.OperationalError, psycopg.InterfaceError)
#: What one item's values can bring about; the others can still be written.
_ITEMS_FAULT = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded, ValueError)


class Address:
    """Where the table is. Its ``name`` and what it says of errors have no password in them."""

    def __init__(self, url: str, table: str) -> None:
        """``table`` may be ``schema.table``. Raises `UsageError` for a URL that libpq does not understand."""
        try:
            parts = conninfo_to_dict(url)
        except psycopg.ProgrammingError as error:  # nothing has begun; the text may quote what should not be shown
            raise UsageError(
                f"-o postgresql://...: libpq does not understand it: {_line(error, _secret(url))}"
            ) from None
        self._password = str(parts.get("password") or "")
        self.conninfo = make_conninfo(url, **{key: value for key, value in _DEFAULTS.items() if key not in parts})
        self.table = ".".join(map(quoted, table.split(".", 1)))
        user, host, port = (parts.get(key) for key in ("user", "host", "port"))
        at = f"{user}@" if user else ""
        self.name = f"postgresql://{at}{host or ''}{f':{port}' if port else ''}/{parts.get('dbname') or ''}#{table}"

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Raises `psycopg.Error`."""
        connection = psycopg.connect(self.conninfo)
        try:
            connection.execute(_SESSION)
            connection.commit()
        except BaseException:
            connection.close()
            raise
        return connection

    def line(self, error: BaseException) -> str:
        """What an error says, in one line."""
        return _line(error, self._password)


class PostgresFeed:
    """See `acrawl.results.base.Feed`. Exact: an item that comes again replaces its row. Several crawls may share it."""

    def __init__(
        self,
        address: Address,
        connection: psycopg.Connection[tuple[Any, ...]],
        patience: Patience | None = None,
        fields: Sequence[str] = (),
    ) -> None:
        self.name = address.name
        self._address = address
        self._connection = connection
        self._patience = patience or Patience()
        self._fields = fields
        self._columns = Columns(limit=_NAME_LIMIT, reserved=_RESERVED)
        self._batch: dict[str, str] = {}
        self._pending: list[Sequence[Row]] = []

    def write(self, rows: Sequence[Row]) -> list[Unfit]:
        """See `acrawl.results.base.Feed.write`."""
        unfit = self._patiently(lambda: self._write(rows))
        self._pending.append(rows)
        return unfit

    def commit(self) -> dict[str, int]:
        """See `acrawl.results.base.Feed.commit`. The mark only says that there is such a table."""
        self._patiently(self._commit)
        self._pending.clear()
        return {self.name: 1}

    def finish(self) -> None:
        """Nothing: a table is whole at any time."""

    def close(self) -> None:
        """Let go of the server; what was not committed is undone. Idempotent."""
        self._connection.close()

    # -- a connection that may be lost

    def _patiently(self, action: Callable[[], _T]) -> _T:
        """Do it, again and again on new connections; what was written before is written there too."""
        while True:
            try:
                if self._connection.closed:
                    self._connect()
                result = action()
            except _LOST as error:  # all of it is written again, or stays in the outbox
                self._connection.close()
                log.warning("%s: %s", self.name, self._address.line(error))
                if not self._patience.wait():
                    raise self._failed(error) from error
            except psycopg.Error as error:  # no attempt can help: the items stay in the outbox
                raise self._failed(error) from error
            else:
                self._patience.renew()
                return result

    def _connect(self) -> None:
        self._connection = self._address.connect()
        self._batch = {}
        for rows in self._pending:
            self._write(rows)

    def _commit(self) -> None:
        self._connection.commit()

    def _failed(self, error: Exception) -> CrawlFailed:
        return CrawlFailed(f"the feed {self.name} cannot be written: {self._address.line(error)}; mend it and resume")

    # -- one batch

    def _write(self, rows: Sequence[Row]) -> list[Unfit]:
        self._columns.know(self._types())
        self._columns.choose(self._fields)
        placed, unfit = place(rows, self._columns)
        placed = list({item.id: item for item in placed}.values())
        types = self._grow(placed)
        self._stage({column: types[column] for column in (KEY, *self._columns.of.values()) if column in types})
        try:
            with self._connection.transaction():
                self._insert(placed)
        except _ITEMS_FAULT:  # find out which; the others are written
            return unfit + self._one_by_one(placed)
        return unfit

    def _types(self) -> dict[str, str]:
        return dict(self._execute(_COLUMNS, self._address.table).fetchall())

    def _grow(self, placed: Sequence[Placed]) -> dict[str, str]:
        """Add columns and widen types so that the items fit; returns the types of all columns.

        Another crawl may do the same, so it looks again; once something is altered, the table is locked.
        """
        while True:
            types = self._types()
            changes = self._changes(types, placed)
            if not changes:
                return types
            for change in changes:
                self._execute(f"ALTER TABLE {self._address.table} {change}")

    def _changes(self, have: Mapping[str, str], placed: Sequence[Placed]) -> list[str]:
        changes, new = [], []
        for field, column in self._columns.of.items():
            values = (item.fields.get(field) for item in placed)
            kinds = dict.fromkeys(type_of(value) for value in values if value is not None)
            was, name = have.get(column), quoted(column)
            wanted = reduce(widened, kinds, was) if was else reduce(widened, kinds) if kinds else None
            if was is None and wanted is not None:
                new.append(column)
                changes.append(f"ADD COLUMN IF NOT EXISTS {name} {wanted}")
            elif was is not None and wanted is not None and wanted != was:
                log.warning("%s: column %s was %s, is %s from now on", self.name, column, was, wanted)
                changes.append(f"ALTER COLUMN {name} TYPE {wanted} USING {using(name, was, wanted)}")
        if new and len(have) > 1:
            log.info("%s: new columns, which are NULL in the rows before: %s", self.name, ", ".join(new))
        return changes

    def _stage(self, columns: dict[str, str]) -> None:
        """Make the temporary table for these columns, empty."""
        if columns == self._batch:
            if self._pending:
                self._execute(f"TRUNCATE {_BATCH}")
            return
        self._execute(f"DROP TABLE IF EXISTS {_BATCH}")
        names = ", ".join(map(quoted, columns))
        self._execute(
            f"CREATE TEMPORARY TABLE {_BATCH.partition('.')[2]} ON COMMIT DELETE ROWS"
            f" AS SELECT {names} FROM {self._address.table} WITH NO DATA"
        )
        self._batch = columns

    def _insert(self, placed: Sequence[Placed]) -> None:
        fields = [(field, self._batch[column]) for field, column in self._columns.of.items() if column in self._batch]
        columns = [column for column in self._columns.of.values() if column in self._batch]
        names = ", ".join(map(quoted, (KEY, *columns)))
        with self._connection.cursor() as cursor, cursor.copy(f"COPY {_BATCH}({names}) FROM STDIN") as copy:
            for item in placed:
                copy.write_row([item.id, *[literal(item.fields.get(field), kind) for field, kind in fields]])
        update = ", ".join(f"{quoted(column)} = EXCLUDED.{quoted(column)}" for column in columns)
        self._execute(
            f"INSERT INTO {self._address.table}({names}) SELECT {names} FROM {_BATCH}"
            f" ON CONFLICT({KEY}) DO {f'UPDATE SET {update}' if update else 'NOTHING'}"
        )

    def _one_by_one(self, placed: Iterable[Placed]) -> list[Unfit]:
        unfit: list[Unfit] = []
        for item in placed:
            try:
                with self._connection.transaction():
                    self._insert([item])
                    self._execute(f"TRUNCATE {_BATCH}")
            except _ITEMS_FAULT as error:  # handed back and recorded as failed
                unfit.append((item.place, f"PostgreSQL cannot hold it: {self._address.line(error)}"))
        return unfit

    def _execute(self, statement: str, *values: str) -> psycopg.Cursor[tuple[Any, ...]]:
        return self._connection.execute(statement, values or None)


def opened(
    address: Address,
    marks: Mapping[str, int],
    fields: Sequence[str],
    patience: Patience,
    *,
    overwrite: bool = False,
) -> PostgresFeed:
    """Connect, and make the table where it is missing. Rows that are there stay, whatever crawl they are of.

    Where they might be expected to go, by ``overwrite``, a warning says so. Raises `EnvironmentProblem` for a server
    that does not answer, a password or right that is missing, a table that is none of items, and one that was there
    and is gone.
    """
    try:
        connection = address.connect()
    except psycopg.Error as error:  # nothing has begun
        raise EnvironmentProblem(f"-o {address.name}: {address.line(error)}") from None
    with contextlib.ExitStack() as failed:
        failed.callback(connection.close)
        marked = address.name in marks
        if _prepare(address, connection, marked=marked) and overwrite and not marked:
            log.warning("-o %s: rows of earlier crawls stay: TRUNCATE the table if they should go", address.name)
        feed = PostgresFeed(address, connection, patience, fields)
        failed.pop_all()
        return feed


def _prepare(address: Address, connection: psycopg.Connection[tuple[Any, ...]], *, marked: bool) -> bool:
    """Make the table, or see whether it can be used; returns whether there are rows in it."""
    table, name = address.table, address.name
    try:
        (found,) = connection.execute("SELECT to_regclass(%s)", (table,)).fetchone() or (None,)
        if found is None:
            if marked:
                raise EnvironmentProblem(
                    f"-o {name}: the table is gone, but items were delivered to it: put it back, "
                    "or begin anew with --fresh to crawl all of it again"
                )
            connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({KEY} text PRIMARY KEY)")
        connection.execute(
            f"EXPLAIN INSERT INTO {table}({KEY}) VALUES('') ON CONFLICT({KEY}) DO UPDATE SET {KEY} = EXCLUDED.{KEY}"
        )
        connection.execute("CREATE TEMPORARY TABLE acrawl_probe(n integer) ON COMMIT DROP")
        filled = connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None
        connection.commit()
    except (psycopg.errors.UndefinedColumn, psycopg.errors.InvalidColumnReference) as error:  # nothing has begun
        raise EnvironmentProblem(
            f"-o {name}: there is a table that is none of items ({KEY} text PRIMARY KEY is missing: "
            f"{address.line(error)}); name another one behind #"
        ) from None
    except psycopg.Error as error:  # nothing has begun
        raise EnvironmentProblem(f"-o {name}: the table cannot be written: {address.line(error)}") from None
    return filled


def _line(error: BaseException, password: str) -> str:
    text = "; ".join(line.strip() for line in str(error).splitlines() if line.strip())
    return text.replace(password, MASK) if password else text


def _secret(url: str) -> str:
    """What may be a password in a URL that cannot be read."""
    return url.partition("://")[2].rpartition("@")[0].partition(":")[2]
