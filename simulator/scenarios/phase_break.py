"""Phase break: the fuse of one phase of a connection is gone; what hung on it stands still.

From the onset the phase's voltage is what the others induce, 0 to 15 V (uniform, and 1 V of noise), its current zero.
The load on it is truly off; 0 to 50 % of it moves to the other two phases, half to each, as people plug over. Seven in
ten get a new fuse after 1 to 20 days. Nothing is stolen: what is drawn is metered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Registration, Rows


@dataclass(frozen=True)
class PhaseBreak(Case):
    phase: int
    induced_v: float
    moved_share: float

    scenario = "phase_break"
    abnormality = "phase_break"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.meter.phases == 3 and place.mean_kw > 0.3 and not place.meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        end_s = chance.end_s(start_s, 0.7, (1.0, 20.0))
        return cls(place, start_s, end_s, chance.one_of(3), chance.between(0, 15), chance.between(0, 0.5))

    @property
    def story(self) -> str:
        return (
            f"the fuse of phase {'abc'[self.phase]} is gone, {self.induced_v:.0f} V are left; "
            f"{self.moved_share:.0%} of its load moved to the other phases"
        )

    def change_phases(self, drawn_kw: Rows, hours: Hours, active: Active) -> None:  # noqa: ARG002 - without chance
        lost_kw = np.where(active, drawn_kw[self.phase], 0.0)
        drawn_kw += self.moved_share / 2 * lost_kw
        drawn_kw[self.phase, active] = 0.0

    def register(self, registration: Registration, hours: Hours, active: Active) -> None:
        noise_v = hours.rng.normal(0, 1.0, len(hours))
        for rows in (
            registration.current_a,
            registration.power_kw,
            registration.reactive_kvar,
            registration.energy_kwh,
        ):
            rows[self.phase, active] = 0.0
        registration.voltage_v[self.phase, active] = np.clip(self.induced_v + noise_v, 0, 15)[active]
