"""The life of an alert as people see it, as one pure function of the alert, what people did with it, and its tasks.

    suspected -> raised -> acknowledged -> in_inspection -> cleared | confirmed | withdrawn

The machine moves an alert by evidence, people by an act, a task or their word that it is no problem, inspections by a finding. `MOVES` is every step that
one of them can make at a time; a relapse re-opens whatever had ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from metering.alert import Alert, AlertState
from metering.handling import AlertHandling, ShownState
from metering.inspection import InspectionTask, TaskState

Mover = Literal["the machine", "a person", "an inspection", "an inspection, or a person", "the machine, or a person"]
_INSPECTION_OR_PERSON: Mover = "an inspection, or a person"

#: A task in one of these states means that somebody is at it on site, or on the way.
WORKED_ON = frozenset({TaskState.ASSIGNED, TaskState.ON_SITE, TaskState.FOUND})

_ENDED = {
    AlertState.CLEARED: ShownState.CLEARED,
    AlertState.CONFIRMED: ShownState.CONFIRMED,
    AlertState.WITHDRAWN: ShownState.WITHDRAWN,
}

_S = ShownState
#: (from, to) -> (who moves it, by what).
MOVES: Mapping[tuple[ShownState, ShownState], tuple[Mover, str]] = {
    (_S.SUSPECTED, _S.RAISED): ("the machine", "the condition held as long as the catalogue asks"),
    (_S.RAISED, _S.ACKNOWLEDGED): ("a person", "acknowledges"),
    (_S.RAISED, _S.IN_INSPECTION): ("a person", "assigns a task that names the alert"),
    (_S.ACKNOWLEDGED, _S.IN_INSPECTION): ("a person", "assigns a task that names the alert"),
    (_S.IN_INSPECTION, _S.RAISED): ("a person", "ends the task, and nobody had acknowledged"),
    (_S.IN_INSPECTION, _S.ACKNOWLEDGED): ("a person", "ends the task"),
    (_S.RAISED, _S.CLEARED): ("the machine", "the condition was gone as long as the catalogue asks"),
    (_S.ACKNOWLEDGED, _S.CLEARED): ("the machine", "the condition was gone as long as the catalogue asks"),
    (_S.IN_INSPECTION, _S.CLEARED): ("the machine", "the condition was gone as long as the catalogue asks"),
    (_S.RAISED, _S.CONFIRMED): ("an inspection", "finds it"),
    (_S.ACKNOWLEDGED, _S.CONFIRMED): ("an inspection", "finds it"),
    (_S.IN_INSPECTION, _S.CONFIRMED): ("an inspection", "finds it"),
    (_S.RAISED, _S.WITHDRAWN): (_INSPECTION_OR_PERSON, "finds nothing, or says that it is no problem"),
    (_S.ACKNOWLEDGED, _S.WITHDRAWN): (_INSPECTION_OR_PERSON, "finds nothing, or says that it is no problem"),
    (_S.IN_INSPECTION, _S.WITHDRAWN): (_INSPECTION_OR_PERSON, "finds nothing, or says that it is no problem"),
    (_S.CLEARED, _S.RAISED): ("the machine", "a relapse: it asks for a new acknowledgement"),
    (_S.CONFIRMED, _S.RAISED): ("the machine", "a relapse after the confirmed case was over"),
    (_S.WITHDRAWN, _S.RAISED): (
        "the machine, or a person", "a relapse after the condition had been gone, or takes back that it is no problem",
    ),
    (_S.WITHDRAWN, _S.ACKNOWLEDGED): ("a person", "takes back that it is no problem, and somebody had acknowledged"),
    (_S.WITHDRAWN, _S.CLEARED): ("a person", "takes back that it is no problem, and the condition is gone"),
    (_S.WITHDRAWN, _S.CONFIRMED): ("an inspection", "finds it after all"),
    (_S.CLEARED, _S.IN_INSPECTION): ("the machine", "a relapse while its task is worked on"),
    (_S.CONFIRMED, _S.IN_INSPECTION): ("the machine", "a relapse while its task is worked on"),
    (_S.WITHDRAWN, _S.IN_INSPECTION): ("the machine", "a relapse while its task is worked on"),
}  # fmt: skip


def shown_state(alert: Alert | None, handling: AlertHandling | None, tasks: Sequence[InspectionTask]) -> ShownState:
    """Where the alert stands. `alert` is None while its condition holds but not yet for long enough; `tasks` name the alert."""
    if alert is None:
        return ShownState.SUSPECTED
    if not alert.is_open:
        return _ENDED[alert.state]
    if any(task.state in WORKED_ON for task in tasks):
        return ShownState.IN_INSPECTION
    if handling is not None and handling.acknowledges(alert):
        return ShownState.ACKNOWLEDGED
    return ShownState.RAISED


def reachable(state: ShownState) -> tuple[ShownState, ...]:
    """Where an alert can go from `state` by one step.

    >>> [state.value for state in reachable(ShownState.SUSPECTED)]
    ['raised']
    """
    return tuple(to for source, to in MOVES if source is state)


def life_table() -> str:
    """`MOVES` as the table in `docs/alerts.md`."""
    rows = [f"| {source} | {to} | {who} | {what} |" for (source, to), (who, what) in MOVES.items()]
    return "\n".join(["| from | to | who moves it | by what |", "| --- | --- | --- | --- |", *rows])
