"""High loss: somebody taps a line segment where no meter is; only the area's balance shows it.

The tap takes 6 to 20 % of the area's mean load (hard: 6 to 11 %) on one phase or all three, as a household or workshop would,
up to 60 % more by night. The truth names the supply meter; nothing changes at any customer's meter but a little voltage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows
from simulator.world.network import PHASE_COUNT


@dataclass(frozen=True)
class HighLoss(Case):
    share: float
    segment: int
    phases: tuple[int, ...]
    night_share: float
    """How much more it takes at night than by day, as a share of its mean."""

    scenario = "line_tap"
    abnormality = "high_loss"
    of_area = True

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row < 0

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        share = chance.severity(0.06, 0.20)
        one_phase = chance.happens(0.6) and share * place.mean_kw < 12
        phases = (chance.one_of(PHASE_COUNT),) if one_phase else tuple(range(PHASE_COUNT))
        return cls(place, start_s, None, share, chance.one_of(place.network.segments), phases, chance.between(0.0, 0.6))

    @property
    def tap_kw(self) -> float:
        return self.share * self.place.mean_kw

    @property
    def severity(self) -> float:
        return min(self.share / 0.2, 1.0)

    @property
    def story(self) -> str:
        where = "phase " + "".join("abc"[p] for p in self.phases)
        return f"{self.tap_kw:.1f} kW tapped without a meter on segment {self.segment + 1}, {where}"

    def tap(self, tapped_kw: Rows, hours: Hours, active: Active) -> None:
        daily = 1 + self.night_share * np.cos(2 * np.pi * (hours.local_hour - 1.0) / 24)
        noise = np.exp(0.25 * hours.rng.standard_normal(len(daily)) - 0.03)
        taken_kw = np.where(active, self.tap_kw * daily * noise, 0.0) / len(self.phases)
        for phase in self.phases:
            tapped_kw[self.segment * PHASE_COUNT + phase] += taken_kw
