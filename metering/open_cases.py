"""How much is open and where: what a control room shows, counted where it is kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from metering.alert import Alert, Grade
from metering.handling import HandledAlert
from metering.inspection import InspectionTask, TaskState


@dataclass(frozen=True, slots=True)
class OpenKind:
    """Raised alerts of one abnormality and grade."""

    abnormality: str
    family: str
    grade: Grade
    alerts: int


@dataclass(frozen=True, slots=True)
class OpenCases:
    """What is open in a store.

    `alerts_by_area` counts all raised alerts, `marked_by_area` those of the abnormalities that were asked about; an area without
    any is left out. `gravest` are those by risk, then the longest raised, `newest` the latest. `tasks` are those to do next, with `claims`: by task, the abnormalities of its alerts in their order.
    """

    kinds: tuple[OpenKind, ...]
    alerts_by_area: Mapping[str, int]
    marked_by_area: Mapping[str, int]
    gravest: tuple[HandledAlert, ...]
    newest: tuple[HandledAlert, ...]
    tasks_by_area: Mapping[str, int]
    tasks_by_state: Mapping[TaskState, int]
    tasks_overdue: int
    tasks: tuple[InspectionTask, ...]
    claims: Mapping[str, tuple[str, ...]]


def gravest_first(alert: Alert) -> tuple[float, int, str]:
    return 0.0 if math.isnan(alert.risk) else -alert.risk, alert.raised_at_s, alert.alert_id


def newest_first(alert: Alert) -> tuple[int, str]:
    return -alert.raised_at_s, alert.alert_id


def next_open(task: InspectionTask) -> tuple[bool, float, int, str]:
    """The order in which open tasks are to be done: hazards first, then by risk (unknown: none), by due time, by id."""
    return not task.hazard, 0.0 if math.isnan(task.risk) else -task.risk, task.due_at_s, task.task_id
