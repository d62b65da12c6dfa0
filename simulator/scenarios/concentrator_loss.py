"""Concentrator loss: the device that gathers an area's readings is dead, and with it the whole area is silent.

For 1 to 10 days (uniform) no reading of the area arrives, the supply meter's neither. In four of ten cases it restarts
and dies again: of the three-hour spells 50 to 90 % are lost. Registers move on. Truth names the supply meter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows, spell_draw

SPELL_H = 3


@dataclass(frozen=True)
class ConcentratorLoss(Case):
    lost_share: float
    salt: int

    scenario = "concentrator_loss"
    abnormality = "reading_failed"
    of_area = True

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row < 0

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        lost_share = chance.between(0.5, 0.9) if chance.happens(0.4) else 1.0
        return cls(place, start_s, chance.end_s(start_s, 1.0, (1.0, 10.0)), lost_share, chance.salt())

    @property
    def severity(self) -> float:
        return self.lost_share

    @property
    def story(self) -> str:
        return f"{self.lost_share:.0%} of the whole area's readings never arrive"

    def report_area(self, reported: Mapping[str, Rows], hours: Hours, active: Active) -> None:
        spell = hours.spell(self.start_s, SPELL_H)
        lost = active & ((spell_draw(spell, self.salt) < self.lost_share) | (spell == 0))
        for name, values in reported.items():
            if name != "register_step_kwh":
                values[:, lost] = np.nan
