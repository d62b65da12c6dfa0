"""An inspection task: people's work at one service point; the audit trail of its moves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from metering.alert import Grade


class TaskState(StrEnum):
    """open -> assigned -> on_site -> found -> closed; a withdrawn alert withdraws an untouched task."""

    OPEN = "open"
    ASSIGNED = "assigned"
    ON_SITE = "on_site"
    FOUND = "found"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class TaskFinding:
    found_at_s: int
    confirmed: bool
    abnormality: str | None


@dataclass(frozen=True, slots=True)
class InspectionTask:
    """`priority` counts from 1 within the day it was opened; times are epoch seconds of event time.

    `version` makes every move conditional: a move that names an older version is refused (`StaleVersion`).
    """

    task_id: str
    alert_ids: tuple[str, ...]
    service_point: str
    transformer_area: str
    state: TaskState
    grade: Grade
    risk: float
    priority: int
    opened_at_s: int
    due_at_s: int
    hazard: bool = False
    assignee: str | None = None
    finding: TaskFinding | None = None
    closed_at_s: int | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit trail: who moved what, from where to where, when and why."""

    subject_id: str
    at_s: int
    actor: str
    move: str
    from_state: str
    to_state: str
    reason: str = ""
