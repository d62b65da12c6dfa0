"""Intermittent bypass: a cable past the meter that is put on and taken off again, in spells of hours to days.

A spell lasts 3 to 72 h (log-uniform, one length per case); the bypass is on in 35 to 75 % of the spells, the first one among them, and then
takes 40 to 100 % of the power (Beta(2, 1.5); hard: up to 60 %). Half of them are off when somebody comes to look. One in ten ends by
itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from metering.messages import MeterEvent
from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows, spell_draw


@dataclass(frozen=True)
class IntermittentBypass(Case):
    share: float
    spell_h: float
    on_share: float
    salt: int
    cover: MeterEvent | None = None
    taken_off_in_time: bool = False

    scenario = "intermittent_bypass"
    abnormality = "bypass"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.mean_kw > 0.25 and not place.meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        return cls(
            place,
            start_s,
            chance.end_s(start_s),
            share=chance.severity(0.4, 1.0),
            spell_h=math.exp(chance.between(math.log(3), math.log(72))),
            on_share=chance.between(0.35, 0.75),
            salt=chance.salt(),
            cover=chance.event(place, start_s, "terminal_cover_open", 0.2),
            taken_off_in_time=chance.happens(0.5),
        )

    @property
    def severity(self) -> float:
        return self.share * self.on_share

    @property
    def hidden(self) -> bool:
        return self.taken_off_in_time

    @property
    def story(self) -> str:
        return f"{self.share:.0%} of the power flows past the meter in {self.on_share:.0%} of the spells of {self.spell_h:.0f} h"

    def divert(self, drawn_kw: Rows, past_meter_kw: Rows, hours: Hours, active: Active) -> None:
        spell = hours.spell(self.start_s, self.spell_h)
        # the first spell is always there: the case begins where the truth says so
        on = active & ((spell_draw(spell, self.salt) < self.on_share) | (spell == 0))
        wobble = 1 + 0.04 * hours.rng.standard_normal(len(hours))
        past_meter_kw[:, on] = (np.clip(self.share * wobble, 0, 1) * drawn_kw)[:, on]

    def events(self) -> tuple[MeterEvent, ...]:
        return () if self.cover is None else (self.cover,)
