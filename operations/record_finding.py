"""Use case: what an inspection found is recorded on the task and put onto the area's log, where the alerts learn of it."""

from __future__ import annotations

from inspection import lifecycle
from metering.archive import Archive, Meter
from metering.errors import IllegalMove
from metering.identity import identity
from metering.inspection import InspectionTask
from metering.messages import Finding
from metering.ports import StateStore
from operations.move_task import Encode, decision_of, task_as_seen


def record_finding(
    store: StateStore,
    archive: Archive,
    task_id: str,
    expected_version: int,
    *,
    confirmed: bool,
    abnormality: str | None,
    note: str,
    actor: str,
    now_s: int,
    encode: Encode,
) -> InspectionTask:
    """Record the finding, and relay it with the decision in the same transaction; returns the task as it stands now.

    Raises `IllegalMove` (not on site, no name, no note, no such abnormality) and `StaleVersion` (somebody was first).
    """
    task = task_as_seen(store, task_id, expected_version)
    moved, audit = lifecycle.record_finding(
        task, confirmed=confirmed, abnormality=abnormality, note=note, actor=actor, at_s=now_s
    )
    meter = meter_of_task(archive, task, now_s)
    if meter is None:
        raise IllegalMove(
            f"the archive knows no meter at service point {task.service_point} of area {task.transformer_area}: "
            "bring the archive up to date, then record the finding"
        )
    finding = Finding(
        finding_id=identity("finding", task.task_id, moved.version),
        transformer_area=task.transformer_area,
        meter_id=meter.meter_id,
        found_at_s=now_s,
        confirmed=confirmed,
        abnormality=abnormality,
        found_by=audit.actor,
        note=audit.reason,
    )
    store.move_task(moved, expected_version, audit, [encode(finding), encode(decision_of(moved, audit))])
    return moved


def meter_of_task(archive: Archive, task: InspectionTask, at_s: int) -> Meter | None:
    """The meter in service at the task's service point at `at_s`, else the last one there; None if there is none.

    A task about a whole area stands at the service point of its supply meter.
    """
    area = archive.areas.get(task.transformer_area)
    there = [m for m in area.meters if m.service_point == task.service_point] if area is not None else []
    return next((m for m in there if m.valid_at(at_s)), there[-1] if there else None)
