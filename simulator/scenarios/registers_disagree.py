"""Registers disagree: the register moves by more or less than the sum of the intervals.

Seven in ten: the register moves by 3 to 40 % less (two in three of them) or more than the intervals, which are right: a counter that
slips, a wrong constant. Three in ten: the intervals are 5 to 50 % too small and the register is right: a curve that was tampered with
between the meter and the master station. Both Beta(2, 1.5) between the bounds (hard: a third of the way up).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.scenarios.altered import show_energy
from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows


@dataclass(frozen=True)
class RegistersDisagree(Case):
    register_factor: float
    interval_factor: float

    scenario = "registers_disagree"
    abnormality = "sum_check"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.mean_kw > 0.15 and not place.meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        end_s = chance.end_s(start_s)
        if chance.happens(0.3):
            return cls(place, start_s, end_s, 1.0, 1 - chance.severity(0.05, 0.5))
        share = chance.severity(0.03, 0.4)
        return cls(place, start_s, end_s, 1 - share if chance.happens(2 / 3) else 1 + share, 1.0)

    @property
    def severity(self) -> float:
        return 2 * abs(self.register_factor - self.interval_factor)

    @property
    def story(self) -> str:
        if self.interval_factor != 1:
            return f"the intervals show {self.interval_factor:.0%} of what the register counts"
        return f"the register moves by {self.register_factor:.0%} of the intervals' sum"

    def report(self, reported: Mapping[str, Rows], hours: Hours, active: Active) -> None:
        # the slip is not quite the same in every interval
        slip = 1 + 0.01 * hours.rng.standard_normal(len(hours))
        counted_kwh = np.round(reported["register_step_kwh"] * self.register_factor * slip, 4)
        if self.interval_factor != 1:
            counted_kwh = reported["register_step_kwh"].copy()
            show_energy(self.place.meter, reported, reported["energy_kwh"] * self.interval_factor * slip, active)
        reported["register_step_kwh"][active] = counted_kwh[active]
