"""CT shorted: the current circuit of one phase is short-circuited before the meter, which sees next to nothing of its current.

A link across a current transformer's secondary, or a wire across a direct meter's terminals: 0 to 15 % of the phase's
current is left (uniform), and as much of its energy. Phase uniform. Three in ten put the link in only for some nights
and days: six-hour spells, there for 40 to 80 % of the time. Four in ten open the terminal cover for it; one in ten ends
by itself; one in seven is well hidden.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from metering.messages import MeterEvent
from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Registration, spell_draw

SPELL_H = 6


@dataclass(frozen=True)
class CtShorted(Case):
    phase: int
    remaining: float
    present_share: float
    salt: int
    cover: MeterEvent | None = None
    well_hidden: bool = False

    scenario = "ct_shorted"
    abnormality = "current_loss"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.meter.phases == 3 and place.mean_kw > 0.5 and not place.meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        phase, remaining = chance.one_of(3), chance.between(0.0, 0.15)
        present_share = chance.between(0.4, 0.8) if chance.happens(0.3) else 1.0
        cover = chance.event(place, start_s, "terminal_cover_open", 0.4)
        end_s, hidden = chance.end_s(start_s), chance.happens(1 / 7)
        return cls(place, start_s, end_s, phase, remaining, present_share, chance.salt(), cover, hidden)

    @property
    def severity(self) -> float:
        return (1 - self.remaining) * self.present_share

    @property
    def hidden(self) -> bool:
        return self.well_hidden

    @property
    def story(self) -> str:
        return (
            f"phase {'abc'[self.phase]} gives {self.remaining:.0%} of its current to the meter, "
            f"{self.present_share:.0%} of the time"
        )

    def register(self, registration: Registration, hours: Hours, active: Active) -> None:
        spell = hours.spell(self.start_s, SPELL_H)
        shorted = active & ((spell_draw(spell, self.salt) < self.present_share) | (spell == 0))
        # what gets past a link depends on how well it touches
        wobble = 1 + 0.1 * hours.rng.standard_normal(len(hours))
        registration.scale(np.clip(self.remaining * wobble, 0, 1), self.phase, shorted)

    def events(self) -> tuple[MeterEvent, ...]:
        return () if self.cover is None else (self.cover,)
