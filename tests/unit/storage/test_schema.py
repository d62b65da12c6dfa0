"""The SQL schema comes from packaged migrations, once, and is refused where it is not this program's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from metering.errors import StoreError
from storage import migrate, schema
from storage.database import Database
from storage.sql import SqlStore
from storage.tables import METADATA


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(url_of(tmp_path / "state.db"))


def test_the_migrations_build_the_tables_that_the_code_uses(database: Database) -> None:
    schema.prepare(database, create=True)
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        assert set(sa.inspect(connection).get_table_names()) == {*METADATA.tables, "alembic_version"}


def test_every_migration_can_be_taken_back(database: Database) -> None:
    schema.prepare(database, create=True)
    with database.writing() as connection:
        command.downgrade(migrate.alembic_config(connection), "base")
        assert sa.inspect(connection).get_table_names() == ["alembic_version"]


def test_the_program_knows_its_last_migration() -> None:
    assert ScriptDirectory.from_config(migrate.alembic_config()).get_current_head() == schema.NEWEST_REVISION


def test_preparing_twice_changes_nothing(database: Database) -> None:
    schema.prepare(database, create=True)
    schema.prepare(database, create=True)
    with database.reading() as connection:
        assert schema.stored_revision(connection) == schema.NEWEST_REVISION


def test_without_create_an_empty_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="meterwatch provision"):
        SqlStore(url_of(tmp_path / "state.db"), create=False)


def test_a_newer_schema_is_refused_in_words(database: Database) -> None:
    schema.prepare(database, create=True)
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    for create in (True, False):
        with pytest.raises(StoreError, match="9999"):
            SqlStore(database.url.render_as_string(), create=create)


def test_a_database_of_something_else_is_refused(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(sa.text("CREATE TABLE invoice (id INTEGER PRIMARY KEY)"))
    with pytest.raises(StoreError, match="invoice"):
        SqlStore(database.url.render_as_string())
    with database.reading() as connection:
        assert sa.inspect(connection).get_table_names() == ["invoice"]


def test_a_migration_that_fails_leaves_nothing_behind(database: Database) -> None:
    def prepare_then_fail() -> None:
        with database.writing() as connection:
            migrate.upgrade(connection, database)
            raise RuntimeError("the machine fell")

    with pytest.raises(RuntimeError):
        prepare_then_fail()
    with database.reading() as connection:
        assert sa.inspect(connection).get_table_names() == []


STARTED_TOGETHER = """
import os, sys
import storage.migrate
from storage.sql import SqlStore

children = []
for _ in range(5):
    child = os.fork()
    if child == 0:
        SqlStore(sys.argv[1]).counters()
        os._exit(0)
    children.append(child)
sys.exit(sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0 for child in children))
"""


def test_processes_that_start_together_do_not_race(tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", STARTED_TOGETHER, url_of(tmp_path / "state.db")]
    ended = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert (ended.stderr, ended.returncode) == ("", 0)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("not a url", "sqlite:///"),
        ("sqlite://", "needs a file"),
        ("sqlite:////nowhere/at/all/state.db", "does not exist"),
        ("mysql://somebody@host/name", "only sqlite"),
    ],
)
def test_a_url_that_cannot_work_is_refused_in_words(url: str, words: str) -> None:
    with pytest.raises(StoreError, match=words):
        SqlStore(url)


def test_a_password_is_never_shown() -> None:
    assert "secret" not in Database("postgresql+psycopg://watch:secret@localhost/watch").shown_url
