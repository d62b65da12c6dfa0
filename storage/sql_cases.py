"""Alerts, inspection tasks, their audit trail and findings in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import sqlalchemy as sa

from metering.alert import Alert, AlertState
from metering.errors import StaleVersion
from metering.handling import AlertHandling
from metering.inspection import AuditEntry, InspectionTask, TaskState
from metering.messages import Finding
from storage.audit_chain import chained_row
from storage.database import Database
from storage.rows import (
    alert_of,
    audit_entry_of,
    finding_of,
    handling_of,
    stale_handling,
    stale_version,
    task_of,
    task_row,
)
from storage.sql_alert_list import tasks_naming
from storage.tables import (
    ALERT,
    ALERT_HANDLING,
    AUDIT_ENTRY,
    FINDING,
    INSPECTION_TASK,
    INSPECTION_TASK_ALERT,
    RELAY_OUTBOX,
)

OVER = (TaskState.CLOSED.value, TaskState.WITHDRAWN.value)


def alerts(database: Database, *, only_open: bool, transformer_area: str | None) -> list[Alert]:
    query = sa.select(ALERT).order_by(ALERT.c.raised_at_s, ALERT.c.alert_id)
    if only_open:
        query = query.where(ALERT.c.state == AlertState.RAISED.value)
    if transformer_area is not None:
        query = query.where(ALERT.c.transformer_area == transformer_area)
    with database.reading() as connection:
        return [alert_of(row) for row in connection.execute(query).mappings()]


def alert(database: Database, alert_id: str) -> Alert | None:
    with database.reading() as connection:
        row = connection.execute(sa.select(ALERT).where(ALERT.c.alert_id == alert_id)).mappings().one_or_none()
    return None if row is None else alert_of(row)


def handling(database: Database, alert_id: str) -> AlertHandling:
    with database.reading() as connection:
        return _handling(connection, alert_id)


def _handling(connection: sa.Connection, alert_id: str) -> AlertHandling:
    query = sa.select(ALERT_HANDLING).where(ALERT_HANDLING.c.alert_id == alert_id)
    row = connection.execute(query).mappings().one_or_none()
    return AlertHandling(alert_id) if row is None else handling_of(row)


def handle_alert(
    database: Database,
    handled: AlertHandling,
    expected_version: int,
    audit: AuditEntry,
    transformer_area: str,
    relay: bytes,
) -> None:
    with database.writing() as connection:
        if not _save_handling(database, connection, handled, expected_version):
            stored = _handling(connection, handled.alert_id).version
            raise stale_handling(handled.alert_id, expected_version, stored)
        append_audit(connection, [audit])
        connection.execute(sa.insert(RELAY_OUTBOX), {"transformer_area": transformer_area, "payload": bytes(relay)})


def _save_handling(
    database: Database, connection: sa.Connection, handled: AlertHandling, expected_version: int
) -> bool:
    table = ALERT_HANDLING
    if expected_version == 0:
        new = database.insert(table).values(asdict(handled)).on_conflict_do_nothing().returning(table.c.alert_id)
        return connection.execute(new).one_or_none() is not None
    moved = (
        sa.update(table)
        .where(table.c.alert_id == handled.alert_id, table.c.version == expected_version)
        .values(asdict(handled))
    )
    return connection.execute(moved).rowcount == 1


def tasks_of_alert(database: Database, alert_id: str) -> list[InspectionTask]:
    with database.reading() as connection:
        return tasks_naming(connection, [alert_id]).get(alert_id, [])


def tasks(database: Database, *, only_open: bool) -> list[InspectionTask]:
    table = INSPECTION_TASK
    query = sa.select(table).order_by(table.c.opened_at_s, table.c.priority, table.c.task_id)
    if only_open:
        query = query.where(table.c.state.not_in(OVER))
    with database.reading() as connection:
        return [task_of(row) for row in connection.execute(query).mappings()]


def task(database: Database, task_id: str) -> InspectionTask | None:
    query = sa.select(INSPECTION_TASK).where(INSPECTION_TASK.c.task_id == task_id)
    with database.reading() as connection:
        row = connection.execute(query).mappings().one_or_none()
    return None if row is None else task_of(row)


def move_task(
    database: Database, moved: InspectionTask, expected_version: int, audit: AuditEntry, relay: Sequence[bytes]
) -> None:
    with database.writing() as connection:
        if expected_version == 0:
            if not _insert_new(database, connection, moved):
                raise _stale(connection, moved.task_id, expected_version)
        elif not _update_if(database, connection, moved, expected_version):
            raise _stale(connection, moved.task_id, expected_version)
        append_audit(connection, [audit])
        for payload in relay:
            row = {"transformer_area": moved.transformer_area, "payload": bytes(payload)}
            connection.execute(sa.insert(RELAY_OUTBOX), row)


def record_decisions(
    database: Database,
    audit: Sequence[AuditEntry],
    relay: Sequence[tuple[str, bytes]],
    moved: Sequence[tuple[InspectionTask, int]],
) -> None:
    with database.writing() as connection:
        for task_now, expected_version in moved:
            if not _update_if(database, connection, task_now, expected_version):
                raise _stale(connection, task_now.task_id, expected_version)
        append_audit(connection, audit)
        for transformer_area, payload in relay:
            row = {"transformer_area": transformer_area, "payload": bytes(payload)}
            connection.execute(sa.insert(RELAY_OUTBOX), row)


def append_alone(database: Database, audit: AuditEntry) -> None:
    with database.writing() as connection:
        append_audit(connection, [audit])


def open_tasks(database: Database, connection: sa.Connection, opened: Sequence[InspectionTask]) -> frozenset[str]:
    """Insert new tasks (version 1), move known ones on by one version. Returns the ids of new ones that were there
    already: those stay as people left them. Raises `StaleVersion` where a known one was moved meanwhile."""
    already_there = set()
    for opening in opened:
        if opening.version == 1:
            if not _insert_new(database, connection, opening):
                already_there.add(opening.task_id)
        elif not _update_if(database, connection, opening, opening.version - 1):
            raise _stale(connection, opening.task_id, opening.version - 1)
    return frozenset(already_there)


def append_audit(connection: sa.Connection, entries: Sequence[AuditEntry]) -> None:
    """Append lines to their subjects' trails. The key (subject, sequence) refuses a second line at the same place."""
    for entry in entries:
        last = (
            connection.execute(
                sa.select(AUDIT_ENTRY.c.sequence, AUDIT_ENTRY.c.entry_hash)
                .where(AUDIT_ENTRY.c.subject_id == entry.subject_id)
                .order_by(AUDIT_ENTRY.c.sequence.desc())
                .limit(1)
            )
            .mappings()
            .one_or_none()
        )
        connection.execute(sa.insert(AUDIT_ENTRY), chained_row(dict(last) if last else None, entry))


def audit(database: Database, subject_id: str) -> list[AuditEntry]:
    query = sa.select(AUDIT_ENTRY).where(AUDIT_ENTRY.c.subject_id == subject_id).order_by(AUDIT_ENTRY.c.sequence)
    with database.reading() as connection:
        return [audit_entry_of(row) for row in connection.execute(query).mappings()]


def broken_audit_trails(database: Database) -> list[str]:
    """Subjects whose trail was changed after it was written: a hash that does not follow from its line or its place."""
    query = sa.select(AUDIT_ENTRY).order_by(AUDIT_ENTRY.c.subject_id, AUDIT_ENTRY.c.sequence)
    broken: dict[str, None] = {}
    last: dict[str, object] | None = None
    with database.reading() as connection:
        for row in connection.execution_options(yield_per=1000).execute(query).mappings():
            follows = last if last is not None and last["subject_id"] == row["subject_id"] else None
            if dict(row) != chained_row(follows, audit_entry_of(row)):
                broken[row["subject_id"]] = None
            last = dict(row)
    return list(broken)


def findings(database: Database, *, from_s: int, to_s: int) -> list[Finding]:
    query = (
        sa.select(FINDING)
        .where(FINDING.c.found_at_s >= from_s, FINDING.c.found_at_s < to_s)
        .order_by(FINDING.c.found_at_s, FINDING.c.finding_id)
    )
    with database.reading() as connection:
        return [finding_of(row) for row in connection.execute(query).mappings()]


def _insert_new(database: Database, connection: sa.Connection, opened: InspectionTask) -> bool:
    table = INSPECTION_TASK
    statement = database.insert(table).values(task_row(opened)).on_conflict_do_nothing().returning(table.c.task_id)
    if connection.execute(statement).one_or_none() is None:
        return False
    _name_alerts(database, connection, opened)
    return True


def _name_alerts(database: Database, connection: sa.Connection, task: InspectionTask) -> None:
    """A task names its alerts for good: it only ever takes more in."""
    rows = [{"alert_id": alert_id, "task_id": task.task_id} for alert_id in dict.fromkeys(task.alert_ids)]
    if rows:
        connection.execute(database.insert(INSPECTION_TASK_ALERT).on_conflict_do_nothing(), rows)


def _update_if(database: Database, connection: sa.Connection, moved: InspectionTask, expected_version: int) -> bool:
    table = INSPECTION_TASK
    statement = (
        sa.update(table)
        .where(table.c.task_id == moved.task_id, table.c.version == expected_version)
        .values(task_row(moved))
    )
    if connection.execute(statement).rowcount != 1:
        return False
    _name_alerts(database, connection, moved)
    return True


def _stale(connection: sa.Connection, task_id: str, expected_version: int) -> StaleVersion:
    query = sa.select(INSPECTION_TASK.c.version).where(INSPECTION_TASK.c.task_id == task_id)
    stored = connection.execute(query).scalar_one_or_none()
    return stale_version(task_id, expected_version, stored)
