"""Backup and restore of the state store: one zip of Parquet tables, the same for SQLite and PostgreSQL.

A backup is one consistent view, taken while workers go on; a store may be restored from a backup of the other kind of
database. The time-series store is not in it: InfluxDB has its own backup, and a DuckDB file is copied after its owner ended.
"""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from metering.errors import StoreError
from storage import schema
from storage.database import Database
from storage.migrate import upgrade
from storage.tables import HEARTBEAT, LEASE, METADATA

FORMAT = 1
CONTENTS = "contents.json"
ROWS_AT_A_TIME = 2000
#: Leases and heartbeats go by the clock of a database and by owners that are no more.
NOT_KEPT = frozenset({LEASE.name, HEARTBEAT.name})


@dataclass(frozen=True, slots=True)
class BackupContents:
    """What a backup holds: its schema revision, and the rows and SHA-256 of every table."""

    revision: str
    rows: Mapping[str, int]
    sha256: Mapping[str, str]

    @property
    def total_rows(self) -> int:
        return sum(self.rows.values())


def backup(url: str, path: Path) -> BackupContents:
    """Write the store at `url` to the file `path`; it appears there whole or not at all.

    Raises `StoreError` where the file exists already or the store's schema is not this program's.
    """
    if path.exists():
        raise StoreError(f"{path} exists already: give the backup a new name")
    if not path.parent.is_dir():
        raise StoreError(f"folder {path.parent} does not exist; create it first")
    database = Database(url)
    try:
        schema.prepare(database, create=False)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".backup-") as folder:
            unfinished = Path(folder) / "backup.zip"
            contents = _write_zip(database, unfinished, Path(folder))
            unfinished.replace(path)
        return contents
    finally:
        database.close()


def restore(url: str, path: Path, *, replace: bool = False) -> BackupContents:
    """Fill the store at `url` from the backup at `path`, in one transaction.

    A store that holds anything is refused unless `replace`; then what it held is gone. Raises `StoreError` where the
    backup is damaged or of another schema. Stop the workers first: they would go on with what they hold in memory.
    """
    with _unpacked(path) as (contents, folder):
        database = Database(url)
        try:
            with database.writing() as connection:
                _make_room(database, connection, replace=replace)
                for table in _kept_tables():
                    for rows in _read_table(folder, table):
                        connection.execute(sa.insert(table), rows)
                    _number_on(database, connection, table)
        finally:
            database.close()
    return contents


def look_into(path: Path) -> BackupContents:
    """What the backup at `path` holds, after its checksums were compared."""
    with _unpacked(path) as (contents, _):
        return contents


def _kept_tables() -> list[sa.Table]:
    return [table for table in METADATA.sorted_tables if table.name not in NOT_KEPT]


def _write_zip(database: Database, unfinished: Path, folder: Path) -> BackupContents:
    rows: dict[str, int] = {}
    sha256: dict[str, str] = {}
    # Parquet is compressed already.
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_STORED, allowZip64=True) as archive, database.reading() as view:
        for table in _kept_tables():
            part = folder / f"{table.name}.parquet"
            name = str(table.name)
            rows[name] = _write_table(view, table, part)
            sha256[name] = _sha256(part)
            archive.write(part, part.name)
            part.unlink()
        revision = schema.NEWEST_REVISION
        contents = {"format": FORMAT, "revision": revision, "rows": rows, "sha256": sha256}
        archive.writestr(CONTENTS, orjson.dumps(contents, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))
    return BackupContents(revision, rows, sha256)


def _write_table(view: sa.Connection, table: sa.Table, part: Path) -> int:
    layout = pa.schema([(column.name, _arrow_type(column.type)) for column in table.columns])
    count = 0
    found = view.execution_options(yield_per=ROWS_AT_A_TIME).execute(
        sa.select(table).order_by(*table.primary_key.columns)
    )
    with pq.ParquetWriter(part, layout, compression="zstd") as writer:
        for rows in found.mappings().partitions():
            batch = {c.name: [_packed(c, row[c.name]) for row in rows] for c in table.columns}
            writer.write_table(pa.table(batch, layout))
            count += len(rows)
    return count


def _read_table(folder: Path, table: sa.Table) -> Iterator[list[dict[str, Any]]]:
    json_columns = [c.name for c in table.columns if isinstance(c.type, sa.JSON)]
    with pq.ParquetFile(folder / f"{table.name}.parquet") as part:
        for batch in part.iter_batches(ROWS_AT_A_TIME):
            rows: list[dict[str, Any]] = batch.to_pylist()
            for row in rows:
                row.update({name: orjson.loads(row[name]) for name in json_columns})
            if rows:
                yield rows


def _make_room(database: Database, connection: sa.Connection, *, replace: bool) -> None:
    """Leave an empty store of the newest schema."""
    present = set(sa.inspect(connection).get_table_names())
    if "alembic_version" in present:
        held = [t.name for t in _kept_tables() if t.name in present and _any_row(connection, t)]
        if held and not replace:
            raise StoreError(
                f"{database.shown_url} is not empty (it holds {', '.join(sorted(held)[:4])} ...): restore into an empty "
                "database"
            )
        if schema.stored_revision(connection) == schema.NEWEST_REVISION and not held:
            return
        # The audit trail refuses to be deleted row by row: the whole schema goes and comes again.
        METADATA.drop_all(connection)
        if not database.is_sqlite:
            connection.execute(sa.text("DROP FUNCTION IF EXISTS audit_entry_append_only()"))
        connection.execute(sa.text("DROP TABLE alembic_version"))
    upgrade(connection, database)


def _number_on(database: Database, connection: sa.Connection, table: sa.Table) -> None:
    """PostgreSQL numbers new rows by a sequence that knows nothing of restored ones."""
    key = table.autoincrement_column
    if key is None or database.is_sqlite:
        return
    highest = connection.execute(sa.select(sa.func.max(key))).scalar_one()
    if highest is not None:
        sequence = sa.func.pg_get_serial_sequence(table.name, key.name)
        connection.execute(sa.select(sa.func.setval(sequence, highest)))


def _any_row(connection: sa.Connection, table: sa.Table) -> bool:
    return connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() is not None


@contextmanager
def _unpacked(path: Path) -> Iterator[tuple[BackupContents, Path]]:
    """The backup's contents and a folder with its tables, their checksums compared."""
    try:
        with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory(prefix="meterwatch-restore-") as folder:
            contents = _contents(archive, path)
            for name, expected in contents.sha256.items():
                archive.extract(f"{name}.parquet", folder)
                if _sha256(Path(folder) / f"{name}.parquet") != expected:
                    raise StoreError(f"{path} is damaged: table {name} is not as it was written. Use another backup")
            yield contents, Path(folder)
    except FileNotFoundError as error:
        raise StoreError(f"{path} does not exist") from error
    except zipfile.BadZipFile as error:
        raise StoreError(f"{path} is no backup of Meterwatch, or it is damaged: {error}") from error


def _contents(archive: zipfile.ZipFile, path: Path) -> BackupContents:
    if CONTENTS not in archive.namelist():
        raise StoreError(f"{path} is no backup of Meterwatch: it has no {CONTENTS}")
    told = orjson.loads(archive.read(CONTENTS))
    if told["format"] != FORMAT or told["revision"] != schema.NEWEST_REVISION:
        raise StoreError(
            f"{path} was written by a Meterwatch of schema {told['revision']} (format {told['format']}), this one is "
            f"{schema.NEWEST_REVISION} ({FORMAT}): restore it with that version, then open the store with this one"
        )
    return BackupContents(told["revision"], told["rows"], told["sha256"])


def _sha256(part: Path) -> str:
    with part.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _packed(column: sa.Column[Any], stored: Any) -> Any:
    return orjson.dumps(stored) if isinstance(column.type, sa.JSON) else stored


def _arrow_type(kind: sa.types.TypeEngine[Any]) -> pa.DataType:
    known: tuple[tuple[type[sa.types.TypeEngine[Any]], pa.DataType], ...] = (
        (sa.JSON, pa.binary()),
        (sa.Text, pa.string()),
        (sa.LargeBinary, pa.large_binary()),
        (sa.Boolean, pa.bool_()),
        (sa.Integer, pa.int64()),
        (sa.Double, pa.float64()),
        (sa.Date, pa.date32()),
    )
    for sql_type, arrow_type in known:
        if isinstance(kind, sql_type):
            return arrow_type
    raise StoreError(f"a column of type {kind!r} cannot be backed up: add it to storage/backup.py")
