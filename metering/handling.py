"""What people do with an alert: who answers for it, who has seen it. The alert itself stays the machine's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from metering.alert import Alert, AlertState
from metering.inspection import InspectionTask

#: The lists can be ordered by these; `grade` is the order of risk, the highest first.
AlertOrder = Literal["raised", "risk", "energy", "abnormality", "family", "meter", "area", "state"]


class ShownState(StrEnum):
    """Where an alert stands for people, from what the machine, people and inspections did."""

    SUSPECTED = "suspected"
    RAISED = "raised"
    ACKNOWLEDGED = "acknowledged"
    IN_INSPECTION = "in_inspection"
    CLEARED = "cleared"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class AlertHandling:
    """What people did with one alert. Times are epoch seconds of event time.

    `acknowledged_episode` is the episode of the alert that was acknowledged (0 = none): a relapse is a newer episode and asks
    for a new acknowledgement, while the old one stays here. `version` grows with every act, 0 = nobody did anything yet.
    """

    alert_id: str
    acknowledged_by: str | None = None
    acknowledged_at_s: int | None = None
    acknowledged_episode: int = 0
    owner: str | None = None
    version: int = 0

    def acknowledges(self, alert: Alert) -> bool:
        """Whether somebody has seen what the alert says now."""
        return self.acknowledged_episode >= alert.episodes


@dataclass(frozen=True, slots=True)
class HandledAlert:
    """An alert with what people did about it: their handling and the tasks that name it, the newest task first."""

    alert: Alert
    handling: AlertHandling
    tasks: tuple[InspectionTask, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertQuery:
    """Which alerts, in which order, from where on. An empty field is no filter; all that are given must hold.

    `abnormalities`, `transformer_areas` and `service_points` hold any of theirs; raised in [`since_s`, `until_s`). `search` is part
    of a meter's or service point's number. `after` is (the order's value, alert id) of the row before; `backwards` gives the
    rows before it, in the same order.
    """

    states: tuple[AlertState, ...] = ()
    shown: ShownState | None = None
    abnormalities: tuple[str, ...] | None = None
    family: str = ""
    grade: str = ""
    transformer_areas: tuple[str, ...] | None = None
    service_points: tuple[str, ...] | None = None
    meter_id: str = ""
    owner: str = ""
    acknowledged: bool | None = None
    since_s: int | None = None
    until_s: int | None = None
    search: str = ""
    order: AlertOrder = "raised"
    descending: bool = True
    after: tuple[str | float, str] | None = None
    backwards: bool = False
    limit: int = 50


@dataclass(frozen=True, slots=True)
class AlertPage:
    """One page of alerts. `more` tells of further rows in the direction that was read; `count` is of all that match,
    up to `COUNTED_AT_MOST` + 1, which stands for more than that."""

    rows: tuple[HandledAlert, ...]
    more: bool
    count: int


#: What a list counts: beyond it a person reads "more than".
COUNTED_AT_MOST = 10_000


def order_value(alert: Alert, order: AlertOrder) -> str | float:
    """What a list in this order compares; NaN counts as 0."""
    match order:
        case "raised":
            return alert.raised_at_s
        case "risk":
            return _known(alert.risk)
        case "energy":
            return _known(alert.energy_at_stake_kwh)
        case "abnormality":
            return alert.abnormality
        case "family":
            return alert.family
        case "meter":
            return alert.meter_id or alert.service_point
        case "area":
            return alert.transformer_area
        case "state":
            return alert.state.value


def _known(value: float) -> float:
    return value + 0.0 if value == value else 0.0


def in_order(tasks: Mapping[str, InspectionTask], alert_id: str) -> tuple[InspectionTask, ...]:
    """The tasks that name an alert, the newest first."""
    named = [t for t in tasks.values() if alert_id in t.alert_ids]
    return tuple(sorted(named, key=lambda t: (-t.opened_at_s, t.task_id)))
