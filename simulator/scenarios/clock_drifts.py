"""Clock drifts: a worn quartz or battery lets the meter's clock run ahead, some minutes a day, until somebody sets it.

It gains 2 to 8 minutes a day (uniform) up to 40 to 120 minutes (Beta(2, 1.5) between them; hard: up to 67), where the daily setting holds it.
Everything the meter reports runs as late, in fractions of an interval; no energy is lost. The meter reports a clock fault with
probability 0.3 (hard: 0.15); three in ten are set right after two to six weeks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from metering.messages import MeterEvent
from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows
from simulator.scenarios.clock_shifted import report_late


@dataclass(frozen=True)
class ClockDrifts(Case):
    minutes_per_day: float
    most_minutes: float
    fault: MeterEvent | None = None

    scenario = "clock_drifts"
    abnormality = "clock_error"
    remembers = True

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.mean_kw > 0.2

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        minutes_per_day, most_minutes = chance.between(2, 8), chance.severity(40, 120)
        fault = chance.event(place, start_s, "clock_fault", 0.3)
        return cls(place, start_s, chance.end_s(start_s, 0.3), minutes_per_day, most_minutes, fault)

    @property
    def severity(self) -> float:
        return 0.5 * self.most_minutes / 120

    @property
    def story(self) -> str:
        return f"the meter's clock gains {self.minutes_per_day:.1f} minutes a day, up to {self.most_minutes:.0f}"

    def report(self, reported: Mapping[str, Rows], hours: Hours, active: Active) -> None:
        ahead = hours.ramp(self.start_s, self.most_minutes / self.minutes_per_day) * self.most_minutes
        report_late(reported, hours, ahead / (60 * hours.interval_h), active)

    def events(self) -> tuple[MeterEvent, ...]:
        return () if self.fault is None else (self.fault,)
