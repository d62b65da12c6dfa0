"""Inspection tasks, to be read: they are moved at the desk."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from desk.api.access import CallerOf, PartsOf, scoped
from desk.api.paging import ROWS, CursorText, Limit, sliced
from desk.api.problems import Refused
from desk.api.schemas import TaskDetail, TaskList, TaskOut
from metering.errors import NotFound
from metering.inspection import TaskState

router = APIRouter(prefix="/tasks", tags=["tasks"])


@router.get("", response_model=TaskList, summary="A page of inspection tasks", **scoped("tasks:read"))
def list_tasks(
    parts: PartsOf,
    caller: CallerOf,
    state: Annotated[tuple[TaskState, ...], Query(description="may be given several times")] = (),
    open_only: Annotated[bool, Query(description="leave out what is closed or withdrawn")] = False,
    area: Annotated[str, Query(max_length=100, description="transformer area")] = "",
    assignee: Annotated[str, Query(max_length=60, description="needs `alerts:handle`")] = "",
    limit: Limit = ROWS,
    cursor: CursorText = "",
) -> TaskList:
    """By the time they were opened, then priority."""
    if assignee and not caller.sees_names:
        raise Refused("not-allowed", "to look for a person needs alerts:handle", needs="alerts:handle")
    found = [
        task
        for task in parts.records.store.tasks(only_open=open_only)
        if (not state or task.state in state)
        and area in ("", task.transformer_area)
        and assignee in ("", task.assignee)
    ]
    rows, onwards, back = sliced(found, cursor, limit, sort="opened", key=lambda task: task.task_id)
    return TaskList(
        tasks=tuple(TaskOut.of(task, names=caller.sees_names) for task in rows),
        next=onwards,
        previous=back,
        count=len(found),
        count_is_more=False,
    )


@router.get("/{task_id}", response_model=TaskDetail, summary="One task with its history", **scoped("tasks:read"))
def one_task(task_id: str, parts: PartsOf, caller: CallerOf) -> TaskDetail:
    """Where the task stands and every move of it."""
    task = parts.records.store.task(task_id)
    if task is None:
        raise NotFound(f"there is no task {task_id}")
    return TaskDetail.of_all(task, tuple(parts.records.store.audit(task_id)), names=caller.sees_names)
