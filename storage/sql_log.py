"""The log's way through SQL: partitions and their epochs, state pages, and the checkpoint in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any

import sqlalchemy as sa

from metering.errors import StoreError
from metering.points import Point
from metering.ports import AreaDayRow, Checkpoint, PartitionChange, PartitionMark, Role
from storage.database import Database
from storage.rows import POINTS_IN_BATCH, alert_row, finding_row, points_bytes
from storage.sql_notifications import put_announcements
from storage.tables import (
    ALERT,
    AREA_DAY,
    COUNTER,
    FINDING,
    LOG_PARTITION,
    LOG_TOPIC,
    POINT_OUTBOX,
    STATE_PAGE,
)

#: The layout of a page's bytes. Raise it when stages can no longer read what was saved before.
PAGE_SCHEMA = 1
#: SQLite limits how much one statement names.
AREAS_AT_ONCE = 500


class PartitionLog:
    """Saves checkpoints. Thread-safe.

    Counters are saved as totals, not as increments: a commit whose answer was lost may be repeated with more in it,
    and the totals come out right either way. The totals a partition began its epoch with are kept here.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._totals: dict[tuple[Role, int], tuple[int, dict[str, int]]] = {}
        self._lock = Lock()
        newer = ALERT.c.revision > database.insert(ALERT).excluded.revision
        self._upserts = {t: database.upsert(t) for t in (STATE_PAGE, FINDING, AREA_DAY, COUNTER)}
        self._upserts[ALERT] = database.upsert(ALERT, unless=newer)

    def fix_partitions(self, topic: str, partitions: int) -> None:
        with self._database.writing() as connection:
            row = {"topic": topic, "partitions": partitions}
            connection.execute(self._database.insert(LOG_TOPIC).values(row).on_conflict_do_nothing())
            stored = _partitions(connection, topic)
        if stored != partitions:
            raise StoreError(
                f"topic {topic} has {partitions} partitions, but this store was begun with {stored}: areas would change "
                f"their partition. Give the topic {stored} partitions again, or begin with an empty store"
            )

    def partitions(self, topic: str) -> int | None:
        with self._database.reading() as connection:
            return _partitions(connection, topic)

    def begin(self, role: Role, partition: int, owner: str) -> PartitionMark:
        table = LOG_PARTITION
        first = {"role": role, "partition": partition, "epoch": 1, "owner": owner, "next_offset": 0, "clock_s": 0}
        taken = (
            self._database.insert(table)
            .values(first)
            .on_conflict_do_update(
                index_elements=list(table.primary_key.columns), set_={"epoch": table.c.epoch + 1, "owner": owner}
            )
            .returning(table)
        )
        with self._lock:
            with self._database.writing() as connection:
                row = connection.execute(taken).mappings().one()
                totals = _totals(connection, role, partition)
            self._totals[role, partition] = (row["epoch"], totals)
        return _mark(row)

    def marks(self, role: Role) -> list[PartitionMark]:
        query = sa.select(LOG_PARTITION).where(LOG_PARTITION.c.role == role).order_by(LOG_PARTITION.c.partition)
        with self._database.reading() as connection:
            return [_mark(row) for row in connection.execute(query).mappings()]

    def save(self, checkpoint: Checkpoint) -> frozenset[int]:
        """One transaction; the partitions that another owner has taken are left out whole and returned."""
        role = checkpoint.role
        if not checkpoint.partitions:
            return frozenset()
        with self._lock:
            with self._database.writing() as connection:
                # Always in the same order, so that two workers never wait for each other.
                held = [
                    p for p in sorted(checkpoint.partitions) if _advance(connection, role, p, checkpoint.partitions[p])
                ]
                totals = {p: self._raised(connection, role, p, checkpoint.partitions[p]) for p in held}
                self._write(connection, role, [checkpoint.partitions[p] for p in held], totals)
            for p in held:
                self._totals[role, p] = (checkpoint.partitions[p].epoch, totals[p])
        return frozenset(checkpoint.partitions) - frozenset(held)

    def _raised(self, connection: sa.Connection, role: Role, partition: int, change: PartitionChange) -> dict[str, int]:
        epoch, before = self._totals.get((role, partition), (None, {}))
        if epoch != change.epoch:
            before = _totals(connection, role, partition)
        return before | {name: before.get(name, 0) + by for name, by in change.counters.items()}

    def _write(
        self, connection: sa.Connection, role: Role, changes: list[PartitionChange], totals: dict[int, dict[str, int]]
    ) -> None:
        pages = [
            {"transformer_area": area, "page": page, "page_schema": PAGE_SCHEMA, "page_bytes": bytes(content)}
            for change in changes
            for (area, page), content in sorted(change.pages.items())
        ]
        alerts = [alert_row(change.alerts[k]) for change in changes for k in sorted(change.alerts)]
        findings = [finding_row(change.findings[k]) for change in changes for k in sorted(change.findings)]
        days = [area_day_row(row) for change in changes for row in change.area_days]
        counters = [
            {"role": role, "partition": partition, "name": name, "total": total}
            for partition, of_partition in totals.items()
            for name, total in of_partition.items()
        ]
        for table, rows in (
            (STATE_PAGE, pages),
            (ALERT, alerts),
            (FINDING, findings),
            (AREA_DAY, days),
            (COUNTER, counters),
        ):
            if rows:
                connection.execute(self._upserts[table], rows)
        put_announcements(self._database, connection, [a for change in changes for a in change.announcements])
        put_points(connection, [point for change in changes for point in change.points])

    def load_pages(self, transformer_area: str) -> dict[str, bytes]:
        query = (
            sa.select(STATE_PAGE).where(STATE_PAGE.c.transformer_area == transformer_area).order_by(STATE_PAGE.c.page)
        )
        with self._database.reading() as connection:
            return pages_of(connection.execute(query).mappings())

    def pages_named(self, page: str, transformer_areas: Sequence[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for first in range(0, len(transformer_areas), AREAS_AT_ONCE):
            areas = transformer_areas[first : first + AREAS_AT_ONCE]
            query = sa.select(STATE_PAGE).where(STATE_PAGE.c.transformer_area.in_(areas), STATE_PAGE.c.page == page)
            with self._database.reading() as connection:
                for row in connection.execute(query.order_by(STATE_PAGE.c.transformer_area)).mappings():
                    found[row["transformer_area"]] = pages_of([row])[page]
        return found

    def reset_area(self, transformer_area: str) -> int:
        with self._database.writing() as connection:
            removed = connection.execute(sa.delete(STATE_PAGE).where(STATE_PAGE.c.transformer_area == transformer_area))
            return removed.rowcount

    def counters(self) -> dict[str, int]:
        query = (
            sa.select(COUNTER.c.name, sa.func.sum(COUNTER.c.total)).group_by(COUNTER.c.name).order_by(COUNTER.c.name)
        )
        with self._database.reading() as connection:
            return {name: int(total) for name, total in connection.execute(query)}


def area_day_row(row: AreaDayRow) -> dict[str, Any]:
    return {
        "day_ordinal": row.day_ordinal,
        "transformer_area": row.transformer_area,
        "partition": row.partition,
        "payload": bytes(row.payload),
    }


def pages_of(rows: Any) -> dict[str, bytes]:
    """Pages by name; `StoreError` where a newer program wrote one."""
    pages: dict[str, bytes] = {}
    for row in rows:
        if row["page_schema"] > PAGE_SCHEMA:
            raise StoreError(
                f"page {row['page']} was written by a newer Meterwatch (page schema {row['page_schema']}, this program "
                f"reads {PAGE_SCHEMA}): install that version, or forget the area's state with `meterwatch state reset`"
            )
        pages[row["page"]] = bytes(row["page_bytes"])
    return pages


def put_points(connection: sa.Connection, points: Sequence[Point]) -> None:
    """Put points into the outbox in their order, in batches that a delivery can hold in memory."""
    rows = [{"payload": points_bytes(points[i : i + POINTS_IN_BATCH])} for i in range(0, len(points), POINTS_IN_BATCH)]
    # One by one: a bulk insert does not promise that numbers follow the order of its rows.
    for row in rows:
        connection.execute(sa.insert(POINT_OUTBOX), row)


def _advance(connection: sa.Connection, role: Role, partition: int, change: PartitionChange) -> bool:
    """Move the partition's mark on; False where its epoch is stale."""
    table = LOG_PARTITION
    moved = connection.execute(
        sa.update(table)
        .where(table.c.role == role, table.c.partition == partition, table.c.epoch == change.epoch)
        .values(next_offset=change.next_offset, clock_s=change.clock_s)
    )
    return moved.rowcount == 1


def _partitions(connection: sa.Connection, topic: str) -> int | None:
    query = sa.select(LOG_TOPIC.c.partitions).where(LOG_TOPIC.c.topic == topic)
    return connection.execute(query).scalar_one_or_none()


def _totals(connection: sa.Connection, role: Role, partition: int) -> dict[str, int]:
    query = sa.select(COUNTER.c.name, COUNTER.c.total).where(COUNTER.c.role == role, COUNTER.c.partition == partition)
    return {row.name: row.total for row in connection.execute(query)}


def _mark(row: Any) -> PartitionMark:
    return PartitionMark(row["role"], row["partition"], row["epoch"], row["next_offset"], row["clock_s"])
