"""Alerts, tasks, findings and points as the rows and bytes they are stored as. NaN is stored as NULL."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from typing import Any

import orjson
from sqlalchemy import RowMapping

from metering.alert import Alert, AlertState, Reason, Worth
from metering.archive import Meter
from metering.errors import StaleVersion
from metering.handling import AlertHandling
from metering.inspection import AuditEntry, InspectionTask, TaskFinding, TaskState
from metering.messages import Finding
from metering.outside_alert import OutsideAlert
from metering.points import Point

Row = RowMapping | dict[str, Any]
METER_COLUMNS = tuple(f.name for f in fields(Meter))
#: Points in one row of the outbox: what a delivery holds in memory at a time.
POINTS_IN_BATCH = 5000
FINDING_COLUMNS = tuple(f.name for f in fields(Finding))
HANDLING_COLUMNS = tuple(f.name for f in fields(AlertHandling))


def null_if_nan(number: float) -> float | None:
    # SQLite keeps no minus zero: without the sum the same alert would print differently from one store to another.
    return None if math.isnan(number) else float(number) + 0.0


def nan_if_null(number: float | None) -> float:
    return math.nan if number is None else number


def alert_row(alert: Alert) -> dict[str, Any]:
    return {
        "alert_id": alert.alert_id,
        "transformer_area": alert.transformer_area,
        "meter_id": alert.meter_id,
        "service_point": alert.service_point,
        "abnormality": alert.abnormality,
        "family": alert.family,
        "grade": alert.grade,
        "risk": null_if_nan(alert.risk),
        "raised_at_s": alert.raised_at_s,
        "cleared_at_s": alert.cleared_at_s,
        "state": alert.state.value,
        "observed": null_if_nan(alert.observed),
        "expected": null_if_nan(alert.expected),
        "unit": alert.unit,
        "reasons": [[r.detector, r.text, r.against, r.text_zh, r.weight] for r in alert.reasons],
        "since_s": alert.since_s,
        "episodes": alert.episodes,
        "relapses": [list(relapse) for relapse in alert.relapses],
        "missing_kwh": null_if_nan(alert.missing_kwh),
        "unjudged": [[at_s, null_if_nan(expected)] for at_s, expected in alert.unjudged],
        "late_readings": alert.late_readings,
        "revision": alert.revision,
        "worth": None if alert.worth is None else asdict(alert.worth),
        "at_stake_kwh": null_if_nan(alert.energy_at_stake_kwh),
    }


def alert_of(row: Row) -> Alert:
    return Alert(
        alert_id=row["alert_id"],
        transformer_area=row["transformer_area"],
        meter_id=row["meter_id"],
        service_point=row["service_point"],
        abnormality=row["abnormality"],
        family=row["family"],
        grade=row["grade"],
        risk=nan_if_null(row["risk"]),
        raised_at_s=row["raised_at_s"],
        cleared_at_s=row["cleared_at_s"],
        state=AlertState(row["state"]),
        observed=nan_if_null(row["observed"]),
        expected=nan_if_null(row["expected"]),
        unit=row["unit"],
        reasons=tuple(Reason(*told) for told in row["reasons"]),
        since_s=row["since_s"],
        episodes=row["episodes"],
        relapses=tuple((ended_s, again_s) for ended_s, again_s in row["relapses"]),
        missing_kwh=nan_if_null(row["missing_kwh"]),
        unjudged=tuple((at_s, nan_if_null(expected)) for at_s, expected in row["unjudged"]),
        late_readings=row["late_readings"],
        revision=row["revision"],
        worth=None if row["worth"] is None else Worth(**row["worth"]),
    )


def task_row(task: InspectionTask) -> dict[str, Any]:
    found = task.finding
    return {
        "task_id": task.task_id,
        "alert_ids": list(task.alert_ids),
        "service_point": task.service_point,
        "transformer_area": task.transformer_area,
        "state": task.state.value,
        "grade": task.grade,
        "risk": null_if_nan(task.risk),
        "priority": task.priority,
        "opened_at_s": task.opened_at_s,
        "due_at_s": task.due_at_s,
        "hazard": task.hazard,
        "assignee": task.assignee,
        "found_at_s": None if found is None else found.found_at_s,
        "found_confirmed": None if found is None else found.confirmed,
        "found_abnormality": None if found is None else found.abnormality,
        "closed_at_s": task.closed_at_s,
        "version": task.version,
    }


def task_of(row: Row) -> InspectionTask:
    finding = None
    if row["found_at_s"] is not None:
        finding = TaskFinding(row["found_at_s"], row["found_confirmed"], row["found_abnormality"])
    return InspectionTask(
        task_id=row["task_id"],
        alert_ids=tuple(row["alert_ids"]),
        service_point=row["service_point"],
        transformer_area=row["transformer_area"],
        state=TaskState(row["state"]),
        grade=row["grade"],
        risk=nan_if_null(row["risk"]),
        priority=row["priority"],
        opened_at_s=row["opened_at_s"],
        due_at_s=row["due_at_s"],
        hazard=row["hazard"],
        assignee=row["assignee"],
        finding=finding,
        closed_at_s=row["closed_at_s"],
        version=row["version"],
    )


def handling_of(row: Row) -> AlertHandling:
    return AlertHandling(**{name: row[name] for name in HANDLING_COLUMNS})


def finding_row(finding: Finding) -> dict[str, Any]:
    return {name: getattr(finding, name) for name in FINDING_COLUMNS}


def finding_of(row: Row) -> Finding:
    return Finding(**{name: row[name] for name in FINDING_COLUMNS})


def meter_row(ordinal: int, meter: Meter) -> dict[str, Any]:
    return {"ordinal": ordinal, **{name: getattr(meter, name) for name in METER_COLUMNS}}


def meter_of(row: Row) -> Meter:
    return Meter(**{name: row[name] for name in METER_COLUMNS})


def audit_entry_of(row: Row) -> AuditEntry:
    return AuditEntry(
        row["subject_id"], row["at_s"], row["actor"], row["move"], row["from_state"], row["to_state"], row["reason"]
    )


def received_again(known: OutsideAlert, alert: OutsideAlert) -> OutsideAlert:
    """What is kept of an alert that came before: the newer words, until it is resolved."""
    times = known.times_received + alert.times_received
    if known.status == "resolved":
        return replace(known, times_received=times)
    return replace(alert, received_at_s=known.received_at_s, times_received=times, announced=known.announced)


def points_bytes(points: Sequence[Point]) -> bytes:
    """Points as JSON, in their order; a field without a finite value is left out."""
    return orjson.dumps(
        [
            [p.measurement, p.tags, p.time_s, {k: float(v) for k, v in p.fields.items() if math.isfinite(v)}]
            for p in points
        ]
    )


def points_of(payload: bytes) -> tuple[Point, ...]:
    return tuple(
        Point(measurement, tags, time_s, values) for measurement, tags, time_s, values in orjson.loads(payload)
    )


def stale_version(task_id: str, expected_version: int, stored: int | None) -> StaleVersion:
    there = "is not there" if stored is None else f"is at version {stored}"
    return StaleVersion(
        f"task {task_id} {there}, the move expected version {expected_version}: read the task again, then decide again"
    )


def stale_handling(alert_id: str, expected_version: int, stored: int) -> StaleVersion:
    return StaleVersion(
        f"alert {alert_id} was handled by somebody else (version {stored}, expected {expected_version}): read it again, "
        "then decide again"
    )
