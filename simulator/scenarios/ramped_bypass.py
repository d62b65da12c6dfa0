"""Ramped bypass: a cautious customer leads more and more past the meter, so that no day looks unlike the one before.

The share past the meter grows evenly from nothing over 10 to 40 days to 40 to 90 % (Beta(2, 1.5) between them; hard: up to 57 %)
and stays there. A quarter is built out of sight. One in ten ends by itself; nobody opens a cover twice, so no meter says anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows


@dataclass(frozen=True)
class RampedBypass(Case):
    share: float
    days: float
    out_of_sight: bool = False

    scenario = "ramped_bypass"
    abnormality = "bypass"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.mean_kw > 0.25 and not place.meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        share, days = chance.severity(0.4, 0.9), chance.between(10, 40)
        return cls(place, start_s, chance.end_s(start_s), share, days, chance.happens(0.25))

    @property
    def severity(self) -> float:
        return self.share

    @property
    def hidden(self) -> bool:
        return self.out_of_sight

    @property
    def story(self) -> str:
        return f"the share past the meter grows to {self.share:.0%} within {self.days:.0f} days"

    def divert(self, drawn_kw: Rows, past_meter_kw: Rows, hours: Hours, active: Active) -> None:
        wobble = 1 + 0.04 * hours.rng.standard_normal(len(hours))
        share = np.clip(self.share * hours.ramp(self.start_s, self.days) * wobble, 0, 1)
        past_meter_kw[:, active] = (share * drawn_kw)[:, active]
