"""Magnet: a strong magnet on the meter's case saturates its current transformer or brakes its counter.

While the magnet is there the register loses 50 to 100 % (Beta(2, 1.5) between them; hard: 50 to 67 %). Half of the magnets act on the
current transformer, so that the measured current and power fall too; the others on the counter alone. Four in ten stay for good, the others
are put on and taken off in spells of 8 to 96 h (log-uniform, one length per case), there for 30 to 70 % of them, the first among them. The
meter reports the field at each placing with probability 0.5 (hard: 0.25). A fifth are taken off before anybody comes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from metering.messages import MeterEvent
from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Registration, spell_draw


@dataclass(frozen=True)
class Magnet(Case):
    loss: float
    on_transformer: bool
    spell_h: float
    there_share: float
    salt: int
    fields: tuple[MeterEvent, ...] = ()
    taken_off_in_time: bool = False

    scenario = "magnet"
    abnormality = "magnetic_field"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.mean_kw > 0.2 and not place.meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        loss, on_transformer, end_s = chance.severity(0.5, 1.0), chance.happens(0.5), chance.end_s(start_s)
        spell_h = math.exp(chance.between(math.log(8), math.log(96)))
        there_share = 1.0 if chance.happens(0.4) else chance.between(0.3, 0.7)
        salt, in_time = chance.salt(), chance.happens(0.2)
        spells = np.arange(((end_s or chance.feed_end_s) - start_s) // round(spell_h * 3600) + 1)
        there = _there(spells, there_share, salt)
        placings = np.flatnonzero(there & ~np.r_[False, there[:-1]])
        reported = [
            chance.event(place, start_s + int(spell) * round(spell_h * 3600), "magnetic_field", 0.5)
            for spell in placings
        ]
        fields = tuple(event for event in reported if event is not None)
        return cls(place, start_s, end_s, loss, on_transformer, spell_h, there_share, salt, fields, in_time)

    @property
    def severity(self) -> float:
        return self.loss * self.there_share

    @property
    def hidden(self) -> bool:
        return self.taken_off_in_time

    @property
    def story(self) -> str:
        what = "current transformer" if self.on_transformer else "counter"
        when = (
            "for good" if self.there_share == 1 else f"in {self.there_share:.0%} of the spells of {self.spell_h:.0f} h"
        )
        return f"a magnet at the {what} takes {self.loss:.0%} of the register, {when}"

    def register(self, registration: Registration, hours: Hours, active: Active) -> None:
        on = active & _there(hours.spell(self.start_s, self.spell_h), self.there_share, self.salt)
        # it is never put back to quite the same spot
        left = np.clip(1 - self.loss * (1 + 0.05 * hours.rng.standard_normal(len(hours))), 0, 1)
        if self.on_transformer:
            registration.scale(left, slice(None), on)
        else:
            registration.energy_kwh[:, on] *= left[on]

    def events(self) -> tuple[MeterEvent, ...]:
        return self.fields


def _there(spell: NDArray[np.int64], share: float, salt: int) -> Active:
    """In which spells the magnet is on the meter; always in the first."""
    return np.asarray((spell_draw(spell, salt) < share) | (spell == 0))
