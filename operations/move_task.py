"""What every move of a task by a person has in common: read, move, save only if nobody was first, put it onto the log."""

from __future__ import annotations

from collections.abc import Callable

from inspection.lifecycle import Moved
from metering.errors import IllegalMove, StaleVersion
from metering.inspection import AuditEntry, InspectionTask
from metering.messages import Decision, Message
from metering.ports import StateStore

Encode = Callable[[Message], bytes]


def move_task(
    store: StateStore, task_id: str, expected_version: int, move: Callable[[InspectionTask], Moved], encode: Encode
) -> InspectionTask:
    """Move the task and relay the decision to its area's log, in one transaction; returns the task as it stands now.

    `IllegalMove` if there is no such task or its state forbids the move; `StaleVersion` if it is no longer the
    `expected_version` that the person saw.
    """
    task = task_as_seen(store, task_id, expected_version)
    moved, audit = move(task)
    store.move_task(moved, expected_version, audit, [encode(decision_of(moved, audit))])
    return moved


def task_as_seen(store: StateStore, task_id: str, expected_version: int) -> InspectionTask:
    """The stored task, if it still is the version that the person saw: a stale page must not read as an illegal move."""
    task = store.task(task_id)
    if task is None:
        raise IllegalMove(f"there is no task {task_id}")
    if task.version != expected_version:
        raise StaleVersion(
            f"task {task_id} was moved by somebody else (version {task.version}, you saw {expected_version}): "
            "read it again, then decide again"
        )
    return task


def decision_of(moved: InspectionTask, audit: AuditEntry) -> Decision:
    """The move as it rides in the area's log; its id is the same however often it is relayed."""
    return Decision(
        decision_id=f"{moved.task_id}.{moved.version}",
        transformer_area=moved.transformer_area,
        decided_at_s=audit.at_s,
        kind=f"task.{audit.move}",
        decided_by=audit.actor,
        subject_id=moved.task_id,
        detail={"from_state": audit.from_state, "to_state": audit.to_state, "reason": audit.reason},
    )
