"""Use case: an inspection task is given to an inspector."""

from __future__ import annotations

from inspection import lifecycle
from metering.inspection import InspectionTask
from metering.ports import StateStore
from operations.move_task import Encode, move_task


def assign_task(
    store: StateStore, task_id: str, expected_version: int, *, assignee: str, actor: str, now_s: int, encode: Encode
) -> InspectionTask:
    """Assign (or re-assign) the task. Raises `IllegalMove`, `StaleVersion`; see `operations.move_task`."""
    return move_task(
        store,
        task_id,
        expected_version,
        lambda task: lifecycle.assign(task, assignee=assignee, actor=actor, at_s=now_s),
        encode,
    )
