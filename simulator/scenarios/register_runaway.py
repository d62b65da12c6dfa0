"""Register runs away: the register counts a multiple of the power that the meter itself shows.

A pulse counted several times or a broken counter: 2 to 8 times the energy (Beta(2, 1.5) between them; hard: up to 4 times). Three in ten
run away for good, the others in spells of two to twelve hours (one length per case), in 25 to 75 % of them, the first among them. Voltage,
current and power stay true, so the customer pays for what was never drawn. One in ten ends by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Registration, spell_draw


@dataclass(frozen=True)
class RegisterRunaway(Case):
    factor: float
    spell_h: float
    present_share: float
    salt: int

    scenario = "register_runaway"
    abnormality = "register_runaway"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.mean_kw > 0.15 and not place.meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        factor, spell_h = chance.severity(2.0, 8.0), chance.between(2.0, 12.0)
        present_share = 1.0 if chance.happens(0.3) else chance.between(0.25, 0.75)
        return cls(place, start_s, chance.end_s(start_s), factor, spell_h, present_share, chance.salt())

    @property
    def severity(self) -> float:
        return min((self.factor - 1) * self.present_share / 7, 1.0)

    @property
    def story(self) -> str:
        when = (
            "all the time" if self.present_share == 1 else f"in {self.present_share:.0%} of {self.spell_h:.0f} h spells"
        )
        return f"the register counts {self.factor:.1f} times what flows, {when}"

    def register(self, registration: Registration, hours: Hours, active: Active) -> None:
        spell = hours.spell(self.start_s, self.spell_h)
        away = active & ((spell_draw(spell, self.salt) < self.present_share) | (spell == 0))
        registration.energy_kwh[:, away] *= self.factor
