"""A crew's list of the day: the tasks it can visit today, by rank, and how many are left for another day, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from metering.alert import Alert
from metering.inspection import InspectionTask, TaskState

_AT_HAND = (TaskState.ON_SITE, TaskState.ASSIGNED)
_VISITED = frozenset({TaskState.FOUND, TaskState.CLOSED, TaskState.WITHDRAWN})


@dataclass(frozen=True, slots=True)
class MorningList:
    """`visits` in their order; `left_out` are (reason, count) of tasks that are open and not on the list."""

    visits: tuple[InspectionTask, ...]
    left_out: tuple[tuple[str, int], ...]


def morning_list(tasks: Sequence[InspectionTask], visits_per_day: int, at_s: int) -> MorningList:
    """Hazards are always on the list, first; then work at hand; of the rest, by risk, what the crew has room for today."""
    open_now = sorted((t for t in tasks if t.state not in _VISITED), key=_order)
    hazards = [t for t in open_now if t.hazard]
    others = [t for t in open_now if not t.hazard]
    room = max(visits_per_day - len(hazards), 0)
    chosen = [*hazards, *others[:room]]
    left = others[room:]
    overdue = sum(t.due_at_s <= at_s for t in left)
    left_out = (("no_room_although_due", overdue), ("no_room", len(left) - overdue))
    return MorningList(tuple(chosen), tuple((why, n) for why, n in left_out if n))


def _order(task: InspectionTask) -> tuple[bool, bool, float, int, str]:
    return (not task.hazard, task.state not in _AT_HAND, -task.risk, task.due_at_s, task.task_id)


def kind_of(task: InspectionTask, alerts: Mapping[str, Alert]) -> str:
    """The catalogue code that a task is mainly about: its riskiest alert's; "" where it has none that is known."""
    own = [alerts[alert_id] for alert_id in task.alert_ids if alert_id in alerts]
    return max(own, key=lambda a: (a.risk, -a.raised_at_s)).abnormality if own else ""
