"""High loss: somebody taps a line segment where no meter is; only the area's balance shows it.

The tap takes 6 to 20 % of the area's mean load on one phase or all three, as a household or workshop would, more by night.
The truth names the supply meter; nothing changes at any customer's meter but a little voltage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.network import PHASE_COUNT
from simulator.scenarios.case import Active, Case, Hours, Place, Rows


@dataclass(frozen=True)
class HighLoss(Case):
    tap_kw: float
    segment: int
    phases: tuple[int, ...]
    night_share: float
    """How much more it takes at night than by day, as a share of its mean."""

    abnormality = "high_loss"
    of_area = True

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row < 0

    @classmethod
    def draw(cls, place: Place, start_s: int, feed_end_s: int, rng: np.random.Generator) -> Self:  # noqa: ARG003 - it lasts
        tap_kw = place.mean_kw * float(rng.uniform(0.06, 0.20))
        one_phase, phase = rng.random() < 0.6, int(rng.integers(PHASE_COUNT))
        return cls(
            place,
            start_s,
            None,
            tap_kw=tap_kw,
            segment=int(rng.integers(place.network.segments)),
            phases=(phase,) if one_phase and tap_kw < 12 else tuple(range(PHASE_COUNT)),
            night_share=float(rng.uniform(0.0, 0.6)),
        )

    def tap(self, tapped_kw: Rows, hours: Hours, active: Active) -> None:
        daily = 1 + self.night_share * np.cos(2 * np.pi * (hours.local_hour - 1.0) / 24)
        noise = np.exp(0.25 * hours.rng.standard_normal(len(daily)) - 0.03)
        taken_kw = np.where(active, self.tap_kw * daily * noise, 0.0) / len(self.phases)
        for phase in self.phases:
            tapped_kw[self.segment * PHASE_COUNT + phase] += taken_kw
