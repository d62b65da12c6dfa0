"""Low power factor: a works' or a shop's compensation fails, and its motors' reactive power comes from the network.

The power factor falls to 0.5 to 0.75 (hard: 0.67 to 0.75), Beta(2, 1.5) between them, in one to four steps as one
capacitor bank after the other blows its fuse, over 0 to 10 days. It wanders by 3 % of its tangent. One in four gets new
banks after two to six weeks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows


@dataclass(frozen=True)
class LowPowerFactor(Case):
    power_factor: float
    banks: int
    fails_within_days: float

    scenario = "low_power_factor"
    abnormality = "low_power_factor"

    @classmethod
    def suits(cls, place: Place) -> bool:
        by_motors = place.meter.customer_class in ("commercial", "industrial", "agricultural")
        return place.row >= 0 and by_motors and place.mean_kw > 1.0 and not place.meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        power_factor = 0.75 - chance.severity(0.0, 0.25)
        end_s = chance.end_s(start_s, 0.25)
        return cls(place, start_s, end_s, power_factor, 1 + chance.one_of(4), chance.between(0, 10))

    @property
    def tangent(self) -> float:
        """Reactive over active power once all banks are gone."""
        return float(np.sqrt(1 / self.power_factor**2 - 1))

    @property
    def severity(self) -> float:
        return min((0.9 - self.power_factor) / 0.4, 1.0)

    @property
    def story(self) -> str:
        steps = "at once" if self.banks == 1 else f"in {self.banks} steps within {self.fails_within_days:.0f} days"
        return f"the compensation fails {steps}: power factor {self.power_factor:.2f}"

    def change_lag(self, lag: Rows, hours: Hours, active: Active) -> None:
        # the first bank fails at the onset, the last one when the days are over
        gone = np.floor(hours.ramp(self.start_s, self.fails_within_days) * (self.banks - 1) + 1) / self.banks
        wandering = self.tangent * (1 + 0.03 * hours.rng.standard_normal(lag.shape))
        lag[:, active] += (np.maximum(wandering - lag, 0.0) * gone)[:, active]
