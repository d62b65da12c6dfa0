"""The mean scaled at random (attack 4 of Jokar et al. 2016): yesterday's mean, times a share drawn anew for every interval.

The share is uniform between 0.1 and 0.8 (hard: between 0.5 and 1). Nothing of today's curve is left, neither its peaks nor its night.
A meter can know yesterday only, so the mean is that of the local day before. Currents as in `altered`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from simulator.scenarios.altered import AlteredReadings, mean_of_yesterday_kwh
from simulator.scenarios.case import Chance, Hours, Place, Rows, spell_draw


@dataclass(frozen=True)
class MeanScaledAtRandom(AlteredReadings):
    least: float
    most: float
    salt: int

    scenario = "mean_scaled_at_random"
    remembers = True

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        least, most = (0.5, 1.0) if chance.hard else (0.1, 0.8)
        return cls(place, start_s, chance.end_s(start_s), cls.is_clever(chance), least, most, chance.salt())

    @property
    def severity(self) -> float:
        return 1 - (self.least + self.most) / 2

    @property
    def story(self) -> str:
        return f"{self.what_is_altered} replaced by yesterday's mean times a number between {self.least:.1f} and {self.most:.1f}"

    def altered_kwh(self, energy_kwh: Rows, hours: Hours) -> Rows:
        interval = hours.spell(self.start_s, hours.interval_h)
        share = self.least + (self.most - self.least) * spell_draw(interval, self.salt)
        return share * mean_of_yesterday_kwh(energy_kwh, hours)
