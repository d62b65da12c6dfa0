"""The schema's version: brought up to date at the first opening, refused where it is newer than this program."""

from __future__ import annotations

import threading
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from metering.errors import StoreError
from storage.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"
#: Any constant will do, as long as every worker names the same one.
ADVISORY_LOCK = 0x4D657465
#: Alembic keeps the migration it runs in module globals: one at a time within a process.
_ONE_AT_A_TIME = threading.Lock()


def alembic_config(connection: sa.Connection | None = None) -> Config:
    """Alembic's configuration, made in code so that it works from an installed package."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def newest_revision() -> str:
    """The revision that this program works with."""
    newest = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if newest is None:
        raise StoreError(f"no migration under {MIGRATIONS}: the installation is incomplete, install meterwatch again")
    return newest


def stored_revision(connection: sa.Connection) -> str | None:
    """The revision a database stands at; None before the first migration."""
    return MigrationContext.configure(connection).get_current_revision()


def prepare(database: Database, *, create: bool) -> None:
    """Bring the schema up to date (`create`) or refuse a database whose schema is not this program's.

    Workers that start together wait for each other: one migrates, the others find it done.
    """
    newest = newest_revision()
    with database.reading() as connection:
        stored = stored_revision(connection)
    if stored == newest:
        return
    if not create:
        state = "has no schema yet" if stored is None else f"has schema {stored}, this program needs {newest}"
        raise StoreError(f"database {database.shown_url} {state}: run `meterwatch provision` with this version first")
    with _ONE_AT_A_TIME, database.writing() as connection:
        migrate(connection, database)


def migrate(connection: sa.Connection, database: Database) -> None:
    """Upgrade within the caller's writing transaction."""
    if not database.is_sqlite:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_LOCK)))
    stored = stored_revision(connection)
    known = {script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()}
    if stored is not None and stored not in known:
        raise StoreError(
            f"database {database.shown_url} has schema {stored}, which this program does not know: it was written by a "
            "newer Meterwatch. Install that version, or restore a backup into an empty database"
        )
    if stored is None and (present := sa.inspect(connection).get_table_names()):
        raise StoreError(
            f"database {database.shown_url} holds tables of something else ({', '.join(sorted(present)[:3])} ...): "
            "give Meterwatch a database of its own"
        )
    command.upgrade(alembic_config(connection), "head")
