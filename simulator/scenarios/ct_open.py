"""CT open: a current transformer's secondary has come loose, and its phase gives the meter no current at all.

One phase in seven of ten cases, two phases in the others (hard: always one). The voltage stays, the load runs on. Half
of the cases touch again now and then: two-hour spells, 5 to 30 % of them with contact. No cover is opened; a fault of
age, not of hands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Registration, spell_draw

SPELL_H = 2


@dataclass(frozen=True)
class CtOpen(Case):
    phases: tuple[int, ...]
    contact_share: float
    """Share of the two-hour spells in which the secondary touches after all."""
    salt: int

    scenario = "ct_open"
    abnormality = "current_loss"

    @classmethod
    def suits(cls, place: Place) -> bool:
        meter = place.meter
        return place.row >= 0 and meter.phases == 3 and meter.ct_ratio is not None and not meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        first, two = chance.one_of(3), chance.happens(0.3) and not chance.hard
        phases = tuple(sorted({first, (first + 1) % 3})) if two else (first,)
        contact_share = chance.between(0.05, 0.3) if chance.happens(0.5) else 0.0
        return cls(place, start_s, None, phases, contact_share, chance.salt())

    @property
    def severity(self) -> float:
        return len(self.phases) / 2 * (1 - self.contact_share)

    @property
    def story(self) -> str:
        names = " and ".join("abc"[p] for p in self.phases)
        return f"the current circuit of phase {names} is open {1 - self.contact_share:.0%} of the time"

    def register(self, registration: Registration, hours: Hours, active: Active) -> None:
        spell = hours.spell(self.start_s, SPELL_H)
        touches = (spell_draw(spell, self.salt) < self.contact_share) & (spell > 0)
        for phase in self.phases:
            registration.scale(0.0, phase, active & ~touches)
