"""Neutral by earth: part of a single-phase customer's current returns past the meter, by an earth rod, a pipe or another neutral.

Four in five have swapped line and neutral at the meter: its element then sits in the neutral and measures only what comes back through it,
while the other circuit shows the whole current. One in five has not: the neutral circuit shows less and nothing is lost, but the
difference is there. The share that returns otherwise is 30 to 95 % (Beta(2, 1.5) between them; hard: up to 52 %), a tenth more or less from
half-day to half-day as the soil is wet or dry; a rod carries 25 A at most. A quarter is out of sight. One in ten ends by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.scenarios.altered import scale_currents, show_energy
from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows, spell_draw

SOIL_H = 12
ROD_A = 25.0


@dataclass(frozen=True)
class NeutralByEarth(Case):
    share: float
    salt: int
    swapped: bool = True
    out_of_sight: bool = False

    scenario = "neutral_by_earth"
    abnormality = "neutral_line_difference"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.meter.phases == 1 and place.mean_kw > 0.25 and not place.meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        share, swapped = chance.severity(0.3, 0.95), chance.happens(0.8)
        return cls(place, start_s, chance.end_s(start_s), share, chance.salt(), swapped, chance.happens(0.25))

    @property
    def severity(self) -> float:
        return self.share if self.swapped else 0.2

    @property
    def hidden(self) -> bool:
        return self.out_of_sight

    @property
    def story(self) -> str:
        measured = (
            "line and neutral are swapped, the meter measures the rest" if self.swapped else "the meter measures all"
        )
        return f"{self.share:.0%} of the current returns by earth; {measured}"

    def report(self, reported: Mapping[str, Rows], hours: Hours, active: Active) -> None:
        soil = 1 + 0.2 * (spell_draw(hours.spell(self.start_s, SOIL_H), self.salt) - 0.5)
        wobble = 1 + 0.03 * hours.rng.standard_normal(len(hours))
        share = np.clip(self.share * soil * wobble, 0, 1)
        line_a = np.abs(reported["current_a"])
        left = 1 - np.minimum(share, np.divide(ROD_A, line_a, out=np.ones(len(hours)), where=line_a > ROD_A))
        meter = self.place.meter
        if self.swapped:
            show_energy(meter, reported, reported["energy_kwh"] * left, active)
        scale_currents(meter, reported, left, active, ("current_a" if self.swapped else "neutral_current_a",))
