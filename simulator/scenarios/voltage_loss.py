"""Voltage loss: one phase of a three-phase meter sees less than 78 % of its voltage while its current flows on.

A blown voltage fuse or a loosened link: the element of that phase measures the remaining voltage only, so its energy falls
in proportion. What remains is 0 to 70 % of the voltage (uniform); a quarter of the cases come and go (three-hour spells, there
for 40 to 80 % of the time). One in ten ends by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Registration, spell_draw

SPELL_H = 3


@dataclass(frozen=True)
class VoltageLoss(Case):
    phase: int
    remaining: float
    present_share: float
    salt: int

    scenario = "voltage_loss"
    abnormality = "voltage_loss"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.meter.phases == 3 and place.mean_kw > 0.3

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        phase, remaining = chance.one_of(3), chance.between(0.0, 0.7)
        present_share = chance.between(0.4, 0.8) if chance.happens(0.25) else 1.0
        return cls(place, start_s, chance.end_s(start_s), phase, remaining, present_share, chance.salt())

    @property
    def severity(self) -> float:
        return (1 - self.remaining) * self.present_share

    @property
    def story(self) -> str:
        return f"{self.remaining:.0%} of the voltage of phase {'abc'[self.phase]} is left, {self.present_share:.0%} of the time"

    def register(self, registration: Registration, hours: Hours, active: Active) -> None:
        spell = hours.spell(self.start_s, SPELL_H)
        # the first spell is always there: the case begins where the truth says so
        lost = active & ((spell_draw(spell, self.salt) < self.present_share) | (spell == 0))
        noise_v = np.abs(hours.rng.normal(0, 0.3, len(hours)))
        registration.voltage_v[self.phase, lost] *= self.remaining
        for rows in (registration.power_kw, registration.reactive_kvar, registration.energy_kwh):
            rows[self.phase, lost] *= self.remaining
        registration.voltage_v[self.phase, lost] += noise_v[lost]
