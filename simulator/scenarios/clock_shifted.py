"""Clock shifted: the meter's clock was set hours ahead, so that what was drawn in dear hours is recorded in cheaper ones.

Everything the meter reports runs 3 to 9 hours late (uniform; hard: 1 to 3 hours), voltage and power factor with it; no energy is lost. Only where the
tariff knows hours, so not for households. The meter reports a clock fault with probability 0.4 (hard: 0.2); two in ten have the clock put
right again after two to six weeks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from metering.messages import MeterEvent
from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows


@dataclass(frozen=True)
class ClockShifted(Case):
    late_h: float
    fault: MeterEvent | None = None

    scenario = "clock_shifted"
    abnormality = "clock_error"
    remembers = True

    @classmethod
    def suits(cls, place: Place) -> bool:
        by_hours = place.meter.customer_class not in (None, "residential")
        return place.row >= 0 and by_hours and place.mean_kw > 0.2 and not place.meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        late_h = round(4 * (chance.between(1, 3) if chance.hard else chance.between(3, 9))) / 4
        fault = chance.event(place, start_s, "clock_fault", 0.4)
        return cls(place, start_s, chance.end_s(start_s, 0.2), late_h, fault)

    @property
    def severity(self) -> float:
        return min(self.late_h / 9, 1.0)

    @property
    def story(self) -> str:
        return f"the meter's clock runs {self.late_h:.2g} h ahead, so its curve is {self.late_h:.2g} h late"

    def report(self, reported: Mapping[str, Rows], hours: Hours, active: Active) -> None:
        intervals = max(round(self.late_h / hours.interval_h), 1)
        report_late(reported, hours, np.full(len(hours), float(intervals)), active)

    def events(self) -> tuple[MeterEvent, ...]:
        return () if self.fault is None else (self.fault,)


def report_late(reported: Mapping[str, Rows], hours: Hours, late: Rows, where: Active) -> None:
    """Report everything `late` intervals late, (intervals,); a fraction of an interval is shared by two of them."""
    whole = np.floor(late).astype(np.int64)
    fraction = late - whole
    for column in hours.before:
        now = reported[column].copy()
        earlier = (1 - fraction) * hours.earlier(column, now, whole)
        earlier += fraction * hours.earlier(column, now, whole + 1)
        digits = 1 if column.startswith("voltage") else 4 if column.endswith("kwh") else 3
        reported[column][where] = np.round(earlier, digits)[where]
    reported["register_step_kwh"][where] = reported["energy_kwh"][where]
