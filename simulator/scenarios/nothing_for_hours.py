"""Nothing for hours (attack 2 of Jokar et al. 2016): zero is reported for one random span of every local day.

The span lasts at least 4 h and at most 6 to 14 h (one bound per case; hard: 5 to 7 h), uniform from day to day, and lies uniformly
within the day. Outside of it everything is reported. Currents as in `altered`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.scenarios.altered import AlteredReadings
from simulator.scenarios.case import Chance, Hours, Place, Rows, spell_draw

LEAST_H = 4.0


@dataclass(frozen=True)
class NothingForHours(AlteredReadings):
    longest_h: float
    salt: int

    scenario = "nothing_for_hours"

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        longest_h = chance.between(5.0, 7.0) if chance.hard else chance.between(6.0, 14.0)
        return cls(place, start_s, chance.end_s(start_s), cls.is_clever(chance), longest_h, chance.salt())

    @property
    def severity(self) -> float:
        return (LEAST_H + self.longest_h) / 48

    @property
    def story(self) -> str:
        return f"{self.what_is_altered} reported as zero for {LEAST_H:.0f} to {self.longest_h:.0f} h of every day"

    def altered_kwh(self, energy_kwh: Rows, hours: Hours) -> Rows:
        day = hours.local_day()
        lasts_h = LEAST_H + (self.longest_h - LEAST_H) * spell_draw(day, self.salt)
        begins_h = (24 - lasts_h) * spell_draw(day, self.salt + 1)
        silent = (hours.local_hour >= begins_h) & (hours.local_hour < begins_h + lasts_h)
        return np.where(silent, 0.0, energy_kwh)
