"""Power reversed: one phase's current runs backwards through the meter, after a wiring fault or on purpose.

That phase's current is negative and its element counts backwards: a three-phase meter's total loses it twice, a
single-phase meter counts it all to export. Phase uniform; nine in ten last to the feed's end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.scenarios.case import Active, Case, Hours, Place, Registration, sometimes_ends


@dataclass(frozen=True)
class PowerReversed(Case):
    phase: int

    abnormality = "power_reversed"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.mean_kw > 0.2 and not place.meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, feed_end_s: int, rng: np.random.Generator) -> Self:
        phase = int(rng.integers(place.meter.phases or 1))
        return cls(place, start_s, sometimes_ends(start_s, feed_end_s, 0.1, rng), phase)

    def register(self, registration: Registration, hours: Hours, active: Active) -> None:  # noqa: ARG002 - without chance
        registration.current_a[self.phase, active] *= -1
        registration.power_kw[self.phase, active] *= -1
        registration.energy_kwh[self.phase, active] *= -1
