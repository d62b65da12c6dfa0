"""Runs the packaged Alembic migrations inside the caller's transaction."""

from __future__ import annotations

import threading
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from metering.errors import StoreError
from storage.database import Database
from storage.schema import stored_revision

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


def upgrade(connection: sa.Connection, database: Database) -> None:
    """Bring the schema up to date. Refuses, with nothing changed, what a newer program or another one has written."""
    if not database.is_sqlite:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_LOCK)))
    stored = stored_revision(connection)
    known = {script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()}
    if stored is not None and stored not in known:
        raise StoreError(
            f"database {database.shown_url} has schema {stored}, which this program does not know: it was written by a "
            "newer Meterwatch. Install that version, or restore a backup into an empty database"
        )
    present = set(sa.inspect(connection).get_table_names()) - {"alembic_version"}
    if stored is None and present:
        raise StoreError(
            f"database {database.shown_url} holds tables of something else ({', '.join(sorted(present)[:3])} ...): "
            "give Meterwatch a database of its own"
        )
    with _ONE_AT_A_TIME:
        command.upgrade(alembic_config(connection), "head")
