"""Use cases: a task ends, with its finding or withdrawn without a visit."""

from __future__ import annotations

from inspection import lifecycle
from metering.inspection import InspectionTask
from metering.ports import StateStore
from operations.move_task import Encode, move_task


def close_task(
    store: StateStore,
    task_id: str,
    expected_version: int,
    *,
    actor: str,
    now_s: int,
    encode: Encode,
    reason: str = "",
) -> InspectionTask:
    """Close a task that has its finding. Raises `IllegalMove`, `StaleVersion`; see `operations.move_task`."""
    return move_task(
        store,
        task_id,
        expected_version,
        lambda task: lifecycle.close(task, actor=actor, at_s=now_s, reason=reason),
        encode,
    )


def withdraw_task(
    store: StateStore, task_id: str, expected_version: int, *, actor: str, reason: str, now_s: int, encode: Encode
) -> InspectionTask:
    """End a task that needs no visit. Raises `IllegalMove`, `StaleVersion`; see `operations.move_task`."""
    return move_task(
        store,
        task_id,
        expected_version,
        lambda task: lifecycle.withdraw(task, actor=actor, at_s=now_s, reason=reason),
        encode,
    )
