"""The schema's version: brought up to date at the first opening, refused where it is newer than this program."""

from __future__ import annotations

import sqlalchemy as sa

from metering.errors import StoreError
from storage.database import Database

#: The last of `storage/migrations/versions`; a test holds it there. Known without asking Alembic, which takes half a
#: second to import and is needed once in a database's life.
NEWEST_REVISION = "0009"


def stored_revision(connection: sa.Connection) -> str | None:
    """The revision a database stands at; None before the first migration."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def prepare(database: Database, *, create: bool) -> None:
    """Bring the schema up to date (`create`) or refuse a database whose schema is not this program's.

    Workers that start together wait for each other: one migrates, the others find it done.
    """
    with database.reading() as connection:
        stored = stored_revision(connection)
    if stored == NEWEST_REVISION:
        return
    if not create:
        state = "has no schema yet" if stored is None else f"has schema {stored}, this program needs {NEWEST_REVISION}"
        raise StoreError(f"database {database.shown_url} {state}: run `meterwatch provision` with this version first")
    from storage.migrate import upgrade

    with database.writing() as connection:
        upgrade(connection, database)
