"""Why nobody is told of an alert just now: small stages, asked in order; the first that has a reason stops it.

A stage never changes an alert: what is stopped stays open, is shown with its reason, and is asked again until the reason is gone.
Hazards are stopped only by what is their own consequence, and by a silence that says it means hazards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from alerts.consequences import CAUSES
from alerts.life import AlertBank
from metering.alert import Alert
from metering.announcement import Stopped
from metering.archive import Area
from metering.catalogue import CATALOGUE
from metering.times import DAY_S

#: An alert of the area -> the families of its meters' alerts that it does not explain: whoever opens a cover in the dark is said.
AREA_FAULTS = {"area_outage": frozenset({"theft"})}
#: So many returns within a day are one thing that comes and goes, not news each time.
FLAPS = 3
#: An alert that came and went has settled when it stayed as it is for so long.
SETTLED_AFTER_S = DAY_S


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known around an area's alerts at `at_s`. `work_on` and `silence_of` name what covers an alert, None = nothing."""

    at_s: int
    area: Area
    bank: AlertBank
    work_on: Callable[[Alert], str | None]
    silence_of: Callable[[Alert], str | None]

    def open_at(self, code: str, row: int) -> bool:
        return bool(self.bank.is_open(code)[row])

    def open_of_area(self, code: str) -> bool:
        return bool(np.count_nonzero(self.bank.is_open(code) & self.area.is_supply))


def electrical(alert: Alert, around: Circumstances) -> Stopped | None:
    """Another open condition of the same meter explains it: a meter that lacks a phase registers less."""
    row = around.area.row_of.get(alert.meter_id or "")
    if row is None:
        return None
    for name in CATALOGUE[alert.abnormality].suppressed_by:
        cause = CAUSES.get(name)
        if cause is not None and not cause.of_area:
            open_now = next((code for code in cause.codes if around.open_at(code, row)), None)
            if open_now is not None and open_now != alert.abnormality:
                return Stopped("electrical", name, open_now)
    return None


def area_fault(alert: Alert, around: Circumstances) -> Stopped | None:
    """The area has an alert of its own that explains what its meters show."""
    if alert.meter_id is None or _is_hazard(alert):
        return None
    for code, not_explained in AREA_FAULTS.items():
        if alert.family not in not_explained and around.open_of_area(code):
            return Stopped("area", code)
    return None


def planned_work(alert: Alert, around: Circumstances) -> Stopped | None:
    """A work order covers the meter now: what a person was allowed to do."""
    work = None if _is_hazard(alert) else around.work_on(alert)
    return None if work is None else Stopped("planned_work", "work_order", work)


def silence(alert: Alert, around: Circumstances) -> Stopped | None:
    """A person silenced it, with a reason and an end."""
    silenced = around.silence_of(alert)
    return None if silenced is None else Stopped("silence", "silenced", silenced)


def flapping(alert: Alert, around: Circumstances) -> Stopped | None:
    """It has come back so often within a day that its coming and going is the news, once."""
    returns = sum(again_s > around.at_s - DAY_S for _, again_s in alert.relapses)
    return Stopped("flapping", "comes_and_goes", str(returns)) if returns >= FLAPS else None


#: In this order; what stands first is the reason that is told.
STAGES: tuple[Callable[[Alert, Circumstances], Stopped | None], ...] = (
    electrical,
    area_fault,
    planned_work,
    silence,
    flapping,
)


def why_stopped(alert: Alert, around: Circumstances) -> Stopped | None:
    """The first stage's reason, None where the alert is to be said."""
    return next((stopped for stage in STAGES if (stopped := stage(alert, around)) is not None), None)


def _is_hazard(alert: Alert) -> bool:
    return CATALOGUE[alert.abnormality].lane == "hazard"
