"""One database behind the state store: its engine, its transactions, and what its errors mean to a caller."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.pool import ConnectionPoolEntry

from metering.errors import StoreError, StoreUnavailable

SQLITE_BUSY_TIMEOUT_S = 10
#: A worker that was frozen inside a transaction must not hold its partition for ever: PostgreSQL ends its session.
POSTGRES_OPTIONS = "-c idle_in_transaction_session_timeout=8000 -c lock_timeout=10000"
#: SQLite binds at most 32,766 values in one statement; PostgreSQL 65,535.
MAX_VALUES_IN_LIST = 10_000

_SQLITE_TRANSIENT = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_PROTOCOL")
#: SQLSTATE classes worth another try: connection, rollback (deadlock), resources, operator intervention, lock wait, idle.
_POSTGRES_TRANSIENT = ("08", "40", "53", "57", "55P03", "25P03")
#: What PostgreSQL says before a session exists, when it carries no SQLSTATE and would say the same again.
_POSTGRES_REFUSALS = ("authentication failed", "does not exist", "no pg_hba.conf entry", "no password supplied")

Row = Mapping[str, Any]


class Database:
    """An engine for one URL with the two kinds of transaction that the store needs.

    Raises `StoreError` for a URL that cannot work. Connections are made on first use.
    """

    def __init__(self, url: str) -> None:
        try:
            self.url = sa.make_url(url)
        except sa.exc.ArgumentError as error:
            raise StoreError(
                f"database URL {url!r} cannot be read: give sqlite:///path/to/file.db or "
                "postgresql+psycopg://user:password@host:5432/name"
            ) from error
        self.shown_url = self.url.render_as_string(hide_password=True)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            self.engine = self._sqlite_engine()
        elif self.url.get_backend_name() == "postgresql":
            self.engine = self._postgres_engine()
        else:
            raise StoreError(f"database {self.shown_url}: only sqlite:/// and postgresql+psycopg:// are supported")

    @property
    def sqlite_path(self) -> Path | None:
        """The SQLite file, None for a server."""
        return Path(str(self.url.database)) if self.is_sqlite else None

    def _sqlite_engine(self) -> sa.Engine:
        if self.url.database in (None, "", ":memory:"):
            raise StoreError("a SQLite store needs a file: give sqlite:///path/to/file.db")
        folder = Path(str(self.url.database)).parent
        if not folder.is_dir():
            raise StoreError(f"{self.shown_url}: folder {folder} does not exist; create it first")
        engine = sa.create_engine(
            self.url,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_S, "check_same_thread": False},
            json_serializer=_json_text,
            json_deserializer=orjson.loads,
        )
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _postgres_engine(self) -> sa.Engine:
        url = self.url if self.url.drivername != "postgresql" else self.url.set(drivername="postgresql+psycopg")
        return sa.create_engine(
            url,
            pool_pre_ping=True,
            pool_timeout=10,
            connect_args={"connect_timeout": 5, "options": POSTGRES_OPTIONS, "application_name": "meterwatch"},
            json_serializer=_json_text,
            json_deserializer=orjson.loads,
        )

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One consistent view: a snapshot on SQLite, REPEATABLE READ on PostgreSQL."""
        with self.translated_errors(), self.engine.connect() as plain:
            connection = plain
            if not self.is_sqlite:
                connection = plain.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction, committed at the end of the block, rolled back by any exception."""
        with self.translated_errors(), self.engine.connect() as plain:
            connection = plain.execution_options(meterwatch_writes=True)
            with connection.begin():
                yield connection

    @contextmanager
    def translated_errors(self) -> Iterator[None]:
        """Turn the driver's errors into `StoreUnavailable` (try again) or `StoreError` (would fail again)."""
        try:
            yield
        except sa.exc.DBAPIError as error:
            if worth_another_try(error):
                raise StoreUnavailable(
                    f"database {self.shown_url} cannot be reached just now: {_first_line(error)}"
                ) from error
            raise StoreError(f"database {self.shown_url} refuses: {_first_line(error)}") from error
        except (sa.exc.TimeoutError, sa.exc.DisconnectionError) as error:
            raise StoreUnavailable(
                f"database {self.shown_url} gave no connection in time: {_first_line(error)}"
            ) from error
        except sa.exc.SQLAlchemyError as error:
            raise StoreError(f"database {self.shown_url}: {_first_line(error)}") from error

    def insert(self, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
        """An INSERT that knows ON CONFLICT in the database's own dialect."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def upsert(
        self, table: sa.Table, *, unless: sa.ColumnElement[bool] | None = None
    ) -> sqlite.Insert | postgresql.Insert:
        """INSERT, or replace every column outside the key. `unless`: rows of the table for which the old one stays."""
        statement = self.insert(table)
        key = list(table.primary_key.columns)
        replaced = {c.name: statement.excluded[c.name] for c in table.columns if not c.primary_key}
        return statement.on_conflict_do_update(
            index_elements=key, set_=replaced, where=None if unless is None else sa.not_(unless)
        )

    def now_s(self) -> sa.ColumnElement[float]:
        """Epoch seconds by the database's own clock, so that every worker goes by the same one."""
        if self.is_sqlite:
            return sa.literal_column("(julianday('now') - 2440587.5) * 86400.0", sa.Double())
        return sa.cast(sa.func.extract("epoch", sa.func.clock_timestamp()), sa.Double())

    def close(self) -> None:
        self.engine.dispose()


def worth_another_try(error: sa.exc.DBAPIError) -> bool:
    """Whether the same statement may succeed later: the server is away, busy or full."""
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        return str(getattr(cause, "sqlite_errorname", "")).startswith(_SQLITE_TRANSIENT)
    state = getattr(cause, "sqlstate", None)
    if state:
        return str(state).startswith(_POSTGRES_TRANSIENT)
    if error.connection_invalidated:
        return True
    refused = any(words in str(cause) for words in _POSTGRES_REFUSALS)
    return isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError) and not refused


def in_slices(rows: Sequence[Any], size: int = MAX_VALUES_IN_LIST) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _first_line(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return (str(cause).strip().splitlines() or [type(cause).__name__])[0]


def _json_text(value: object) -> str:
    return orjson.dumps(value).decode()


def _prepare_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    # The driver must not open transactions by itself: `_begin_sqlite` says which kind.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: sa.Connection) -> None:
    # A transaction that begins by reading cannot wait for the write lock later: ask for it at once.
    writes = connection.get_execution_options().get("meterwatch_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN DEFERRED")
