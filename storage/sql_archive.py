"""The archive as rows: saved whole, loaded whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Any, TypeVar

import sqlalchemy as sa

from metering.archive import Archive, DownstreamPrice, Outage, TariffPrice, WorkOrder
from metering.errors import ArchiveError
from storage.database import Database, in_slices
from storage.rows import meter_of, meter_row
from storage.tables import (
    ARCHIVE_DOWNSTREAM_PRICE,
    ARCHIVE_HOLIDAY,
    ARCHIVE_METER,
    ARCHIVE_OUTAGE,
    ARCHIVE_TARIFF,
    ARCHIVE_WORK,
    FEED_SETTING,
)

ARCHIVE_TABLES = (
    ARCHIVE_METER,
    ARCHIVE_OUTAGE,
    ARCHIVE_WORK,
    ARCHIVE_TARIFF,
    ARCHIVE_DOWNSTREAM_PRICE,
    ARCHIVE_HOLIDAY,
    FEED_SETTING,
)
#: Any constant: workers that save the archive at the same moment do it one after the other.
ADVISORY_LOCK = 0x41726368

Entry = TypeVar("Entry", Outage, WorkOrder, TariffPrice, DownstreamPrice)


def save_archive(database: Database, archive: Archive) -> None:
    """Replace the stored archive by this one, in one transaction."""
    with database.writing() as connection:
        if not database.is_sqlite:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_LOCK)))
        for table in ARCHIVE_TABLES:
            connection.execute(sa.delete(table))
        _insert(connection, ARCHIVE_METER, (meter_row(i, meter) for i, meter in enumerate(archive.meters)))
        _insert(connection, ARCHIVE_OUTAGE, _numbered(archive.outages))
        _insert(connection, ARCHIVE_WORK, _numbered(archive.works))
        _insert(connection, ARCHIVE_TARIFF, _numbered(archive.tariffs))
        _insert(connection, ARCHIVE_DOWNSTREAM_PRICE, _numbered(archive.downstream_prices))
        _insert(connection, ARCHIVE_HOLIDAY, ({"day": day} for day in sorted(archive.holidays)))
        settings = {
            "name": archive.name,
            "interval_minutes": str(archive.interval_minutes),
            "timezone": archive.timezone,
            "licence": archive.licence,
        }
        _insert(connection, FEED_SETTING, ({"name": k, "setting": v} for k, v in settings.items()))


def load_archive(database: Database) -> Archive:
    """The stored archive; `ArchiveError` where none was saved yet."""
    with database.reading() as connection:
        settings = {row.name: row.setting for row in connection.execute(sa.select(FEED_SETTING))}
        if not settings:
            raise ArchiveError(
                f"no archive in {database.shown_url}: load the meters first with `meterwatch provision --archive FEED`"
            )
        meters = connection.execute(sa.select(ARCHIVE_METER).order_by(ARCHIVE_METER.c.ordinal)).mappings()
        return Archive(
            name=settings["name"],
            interval_minutes=int(settings["interval_minutes"]),
            timezone=settings["timezone"],
            licence=settings["licence"],
            meters=tuple(meter_of(row) for row in meters),
            holidays=frozenset(connection.execute(sa.select(ARCHIVE_HOLIDAY.c.day)).scalars()),
            outages=tuple(_loaded(connection, ARCHIVE_OUTAGE, Outage)),
            works=tuple(_loaded(connection, ARCHIVE_WORK, WorkOrder)),
            tariffs=tuple(_loaded(connection, ARCHIVE_TARIFF, TariffPrice)),
            downstream_prices=tuple(_loaded(connection, ARCHIVE_DOWNSTREAM_PRICE, DownstreamPrice)),
        )


def _numbered(entries: Iterable[Outage | WorkOrder | TariffPrice | DownstreamPrice]) -> Iterable[dict[str, Any]]:
    return ({"ordinal": i, **asdict(entry)} for i, entry in enumerate(entries))


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterable[dict[str, Any]]) -> None:
    for chunk in in_slices(list(rows)):
        connection.execute(sa.insert(table), list(chunk))


def _loaded(connection: sa.Connection, table: sa.Table, kind: type[Entry]) -> list[Entry]:
    names = [f.name for f in fields(kind)]
    rows = connection.execute(sa.select(table).order_by(table.c.ordinal)).mappings()
    return [kind(**{name: row[name] for name in names}) for row in rows]
