"""Communication loss: a meter's readings no longer arrive; it counts on behind a module or a line that fails.

For 3 to 30 days (uniform) nothing comes. In three of ten cases it is patchy: of the four-hour spells 60 to 90 % are
lost. The register moves on, so that what was drawn shows in the difference once readings come again. Nothing is stolen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows, spell_draw

SPELL_H = 4


@dataclass(frozen=True)
class CommunicationLoss(Case):
    lost_share: float
    salt: int

    scenario = "communication_loss"
    abnormality = "reading_failed"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        lost_share = chance.between(0.6, 0.9) if chance.happens(0.3) else 1.0
        return cls(place, start_s, chance.end_s(start_s, 1.0, (3.0, 30.0)), lost_share, chance.salt())

    @property
    def severity(self) -> float:
        return self.lost_share

    @property
    def story(self) -> str:
        return f"{self.lost_share:.0%} of the readings never arrive"

    def report(self, reported: Mapping[str, Rows], hours: Hours, active: Active) -> None:
        spell = hours.spell(self.start_s, SPELL_H)
        lost = active & ((spell_draw(spell, self.salt) < self.lost_share) | (spell == 0))
        for name, values in reported.items():
            if name != "register_step_kwh":
                values[lost] = np.nan
