"""Register falls: the register is wound back for some hours, again and again.

A reversed connection or a winding device, in spells of one to six hours (one length per case), in 8 to 25 % of them (hard: up to 14 %), the
first among them: the register then falls by 0.5 to 2 times the customer's mean power, and an interval's energy, which cannot be negative, is
reported as nothing. Voltage and current tell the truth. In between the register runs on, so that the bill does not fall to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows, spell_draw


@dataclass(frozen=True)
class RegisterFalls(Case):
    spell_h: float
    back_share: float
    back_kw: float
    salt: int

    scenario = "register_falls"
    abnormality = "register_falls"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.mean_kw > 0.15 and not place.meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        spell_h, back_share = chance.between(1.0, 6.0), chance.severity(0.08, 0.25)
        back_kw = chance.between(0.5, 2.0) * place.mean_kw
        return cls(place, start_s, chance.end_s(start_s), spell_h, back_share, back_kw, chance.salt())

    @property
    def severity(self) -> float:
        return min(self.back_share * (1 + self.back_kw / self.place.mean_kw), 1.0)

    @property
    def story(self) -> str:
        return f"the register is wound back at {self.back_kw:.1f} kW in {self.back_share:.0%} of the spells of {self.spell_h:.1f} h"

    def report(self, reported: Mapping[str, Rows], hours: Hours, active: Active) -> None:
        spell = hours.spell(self.start_s, self.spell_h)
        back = active & ((spell_draw(spell, self.salt) < self.back_share) | (spell == 0))
        back_kwh = self.back_kw * hours.interval_h * (1 + 0.05 * hours.rng.standard_normal(len(hours)))
        reported["energy_kwh"][back] = 0.0
        reported["register_step_kwh"][back] = -np.round(back_kwh, 4)[back]
