"""Voltage loss: one phase of a three-phase meter sees less than 78 % of its voltage while its current flows on.

A blown voltage fuse or a loosened link: the element of that phase measures the remaining voltage only, so its energy falls
in proportion. What remains is 0 to 70 % of the voltage (uniform); a quarter of the cases come and go by the hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.scenarios.case import Active, Case, Hours, Place, Registration, sometimes_ends, spell_draw


@dataclass(frozen=True)
class VoltageLoss(Case):
    phase: int
    remaining: float
    present_share: float
    salt: int

    abnormality = "voltage_loss"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.meter.phases == 3 and place.mean_kw > 0.3

    @classmethod
    def draw(cls, place: Place, start_s: int, feed_end_s: int, rng: np.random.Generator) -> Self:
        phase, remaining = int(rng.integers(3)), float(rng.uniform(0.0, 0.7))
        comes_and_goes, share = rng.random() < 0.25, rng.uniform(0.4, 0.8)
        end_s = sometimes_ends(start_s, feed_end_s, 0.1, rng)
        return cls(
            place, start_s, end_s, phase, remaining, float(share) if comes_and_goes else 1.0, int(rng.integers(2**31))
        )

    def register(self, registration: Registration, hours: Hours, active: Active) -> None:
        spell = (hours.start_s - self.start_s) // (3 * 3600)
        # the first spell is always there: the case begins where the truth says so
        lost = active & ((spell_draw(np.maximum(spell, 0), self.salt) < self.present_share) | (spell == 0))
        registration.voltage_v[self.phase, lost] *= self.remaining
        registration.power_kw[self.phase, lost] *= self.remaining
        registration.energy_kwh[self.phase, lost] *= self.remaining
        registration.voltage_v[self.phase, lost] += np.abs(hours.rng.normal(0, 0.3, int(lost.sum())))
