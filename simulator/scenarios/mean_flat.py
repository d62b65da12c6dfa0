"""The mean, flat (attack 5 of Jokar et al. 2016): yesterday's mean in every interval, so that use looks the same at all hours.

No energy is lost over the days; the dear hours become cheap ones. A meter can know yesterday only, so the mean is that of the local
day before. Currents as in `altered`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from simulator.scenarios.altered import AlteredReadings, mean_of_yesterday_kwh
from simulator.scenarios.case import Chance, Hours, Place, Rows


@dataclass(frozen=True)
class MeanFlat(AlteredReadings):
    scenario = "mean_flat"
    remembers = True

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        return cls(place, start_s, chance.end_s(start_s), cls.is_clever(chance))

    @property
    def severity(self) -> float:
        return 0.3

    @property
    def story(self) -> str:
        return f"{self.what_is_altered} of every interval replaced by yesterday's mean"

    def altered_kwh(self, energy_kwh: Rows, hours: Hours) -> Rows:
        return mean_of_yesterday_kwh(energy_kwh, hours)
