"""The day reversed (attack 6 of Jokar et al. 2016): yesterday's curve in the opposite order, evening peak in the small hours.

The energy of a day stays the same, a day late; what was drawn in dear hours is shown in cheap ones. Currents as in `altered`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from simulator.scenarios.altered import AlteredReadings
from simulator.scenarios.case import Chance, Hours, Place, Rows


@dataclass(frozen=True)
class DayReversed(AlteredReadings):
    scenario = "day_reversed"
    remembers = True

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        return cls(place, start_s, chance.end_s(start_s), cls.is_clever(chance))

    @property
    def severity(self) -> float:
        return 0.3

    @property
    def story(self) -> str:
        return f"{self.what_is_altered}: yesterday's curve is reported in reverse order"

    def altered_kwh(self, energy_kwh: Rows, hours: Hours) -> Rows:
        # today's first interval shows the one just before midnight, and so on backwards
        return hours.earlier("energy_kwh", energy_kwh, 2 * hours.since_midnight() + 1)
