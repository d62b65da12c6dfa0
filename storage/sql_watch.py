"""The watcher watched, in SQL: heartbeats, what waits in the outboxes, and where the rules of the watch stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from metering.announcement import Announcement
from metering.inspection import AuditEntry
from metering.watch import Heartbeat, Outbox, Pulse, Waiting, WatchStanding
from storage.clock import DatabaseNow
from storage.database import Database
from storage.sql_cases import append_audit
from storage.sql_notifications import put_announcements
from storage.tables import HEARTBEAT, NOTIFICATION, POINT_OUTBOX, RELAY_OUTBOX, WATCH_STANDING
from storage.watch_rows import pulse_content, pulse_of, standing_of, standing_row


def beat(database: Database, pulse: Pulse) -> None:
    content = pulse_content(pulse)
    saved = (
        database.insert(HEARTBEAT)
        .values(owner=pulse.owner, beat_at_s=DatabaseNow(), pulse=content)
        .on_conflict_do_update(index_elements=[HEARTBEAT.c.owner], set_={"beat_at_s": DatabaseNow(), "pulse": content})
    )
    with database.writing() as connection:
        connection.execute(saved)


def end_beats(database: Database, owners: Iterable[str]) -> None:
    with database.writing() as connection:
        connection.execute(sa.delete(HEARTBEAT).where(HEARTBEAT.c.owner.in_(sorted(owners))))


def heartbeats(database: Database) -> list[Heartbeat]:
    query = sa.select(HEARTBEAT.c.pulse, (DatabaseNow() - HEARTBEAT.c.beat_at_s).label("age_s"))
    with database.reading() as connection:
        rows = connection.execute(query.order_by(HEARTBEAT.c.owner)).all()
    return [Heartbeat(pulse_of(row.pulse), max(0.0, row.age_s)) for row in rows]


def outboxes(database: Database) -> list[Waiting]:
    with database.reading() as connection:
        return [
            _numbered(connection, "points", POINT_OUTBOX, POINT_OUTBOX.c.batch_id),
            _numbered(connection, "relay", RELAY_OUTBOX, RELAY_OUTBOX.c.relay_id),
            _notifications(connection),
        ]


def _numbered(connection: sa.Connection, outbox: Outbox, table: sa.Table, number: sa.Column[int]) -> Waiting:
    entries = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
    oldest = connection.execute(
        sa.select(number, (DatabaseNow() - table.c.put_at_s).label("age_s")).order_by(number).limit(1)
    ).one_or_none()
    if oldest is None:
        return Waiting(outbox, 0)
    return Waiting(outbox, entries, str(oldest[0]), None if oldest.age_s is None else max(0.0, oldest.age_s))


def _notifications(connection: sa.Connection) -> Waiting:
    table = NOTIFICATION
    waits = table.c.state == "waiting"
    entries = connection.execute(sa.select(sa.func.count()).select_from(table).where(waits)).scalar_one()
    oldest = connection.execute(
        sa.select(table.c.notification_id).where(waits).order_by(table.c.made_at_s, table.c.notification_id).limit(1)
    ).scalar_one_or_none()
    return Waiting("notifications", entries, oldest or "")


def standings(database: Database) -> list[WatchStanding]:
    query = sa.select(WATCH_STANDING).order_by(WATCH_STANDING.c.rule, WATCH_STANDING.c.subject)
    with database.reading() as connection:
        return [standing_of(row) for row in connection.execute(query).mappings()]


def save(
    database: Database,
    stands: Sequence[WatchStanding],
    audit: Sequence[AuditEntry],
    announcements: Sequence[Announcement],
) -> None:
    with database.writing() as connection:
        if stands:
            connection.execute(database.upsert(WATCH_STANDING), [standing_row(each) for each in stands])
        append_audit(connection, audit)
        put_announcements(database, connection, announcements)


def forget(database: Database, keys: Iterable[tuple[str, str]]) -> None:
    with database.writing() as connection:
        for rule, subject in sorted(keys):
            connection.execute(
                sa.delete(WATCH_STANDING).where(WATCH_STANDING.c.rule == rule, WATCH_STANDING.c.subject == subject)
            )
