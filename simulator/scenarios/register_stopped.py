"""Register stopped: the register stands still while voltage is there and current flows.

From the onset every interval's energy is zero; three in ten run again now and then (six-hour spells, 5 to 20 % of the time).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Registration, spell_draw

SPELL_H = 6


@dataclass(frozen=True)
class RegisterStopped(Case):
    runs_share: float
    """Share of the six-hour spells in which the register runs after all."""
    salt: int

    scenario = "register_stopped"
    abnormality = "register_stopped"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.mean_kw > 0.15 and not place.meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        runs_share = chance.between(0.05, 0.2) if chance.happens(0.3) else 0.0
        return cls(place, start_s, None, runs_share, chance.salt())

    @property
    def severity(self) -> float:
        return 1 - self.runs_share

    @property
    def story(self) -> str:
        return f"the register stands still {1 - self.runs_share:.0%} of the time"

    def register(self, registration: Registration, hours: Hours, active: Active) -> None:
        spell = hours.spell(self.start_s, SPELL_H)
        runs = (spell_draw(spell, self.salt) < self.runs_share) & (spell > 0)
        registration.energy_kwh[:, active & ~runs] = 0.0
