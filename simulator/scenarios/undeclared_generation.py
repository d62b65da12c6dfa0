"""Undeclared generation: a rooftop plant behind the meter that nobody told the utility of.

2 to 8 kWp, Beta(2, 1.5) between them (hard: 2 to 4), in the sun as all plants of the area, with clouds of its own (12
%). Plants up to 4 kWp feed one phase, larger ones all phases of the connection. What the house does not use comes back
through the meter as export that the archive knows nothing of. It stays to the feed's end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows

PERFORMANCE = 0.82
ONE_PHASE_KWP = 4.0


@dataclass(frozen=True)
class UndeclaredGeneration(Case):
    kwp: float
    phase: int

    scenario = "undeclared_generation"
    abnormality = "reverse_energy"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and 0.15 < place.mean_kw < 1.5 and not place.meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        return cls(place, start_s, None, chance.severity(2.0, 8.0), chance.one_of(place.meter.phases or 1))

    @property
    def severity(self) -> float:
        return self.kwp / 8

    @property
    def story(self) -> str:
        return f"{self.kwp:.1f} kWp on the roof that nobody declared"

    def generate(self, generation_kw: Rows, hours: Hours, active: Active) -> None:
        clouds = np.clip(1 + 0.12 * hours.rng.standard_normal(len(hours)), 0.3, 1.15)
        output_kw = np.where(active, self.kwp * PERFORMANCE * hours.sunshine * clouds, 0.0)
        if self.kwp <= ONE_PHASE_KWP:
            generation_kw[self.phase] += output_kw
        else:
            generation_kw += output_kw / len(generation_kw)
