"""Use cases: the inspector arrives at the service point, or leaves it without a finding."""

from __future__ import annotations

from inspection import lifecycle
from metering.inspection import InspectionTask
from metering.ports import StateStore
from operations.move_task import Encode, move_task


def start_visit(
    store: StateStore, task_id: str, expected_version: int, *, actor: str, now_s: int, encode: Encode
) -> InspectionTask:
    """The inspector is on site. Raises `IllegalMove`, `StaleVersion`; see `operations.move_task`."""
    return move_task(
        store, task_id, expected_version, lambda task: lifecycle.start_visit(task, actor=actor, at_s=now_s), encode
    )


def leave_site(
    store: StateStore, task_id: str, expected_version: int, *, actor: str, reason: str, now_s: int, encode: Encode
) -> InspectionTask:
    """The visit ended without a finding; `reason` says why. Raises `IllegalMove`, `StaleVersion`."""
    return move_task(
        store,
        task_id,
        expected_version,
        lambda task: lifecycle.leave_site(task, actor=actor, at_s=now_s, reason=reason),
        encode,
    )
