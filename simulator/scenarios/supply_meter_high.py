"""Supply meter high: the area's own meter reads too much, and a loss shows that no line has.

The booked ratio is too large for the current transformers: 4 to 25 % (hard: to 11 %) too much of every current and
energy, Beta(2, 1.5) between them, of all three phases alike. Walking the line finds nothing; comparing the meter with a
clamp does. One in ten is set right by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows
from simulator.scenarios.supply_reading import scale


@dataclass(frozen=True)
class SupplyMeterHigh(Case):
    too_much: float

    scenario = "supply_meter_high"
    abnormality = "high_loss"
    of_area = True

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row < 0

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        return cls(place, start_s, chance.end_s(start_s), chance.severity(0.04, 0.25))

    @property
    def severity(self) -> float:
        return min(self.too_much / 0.25, 1.0)

    @property
    def story(self) -> str:
        return f"the supply meter shows {self.too_much:.0%} too much"

    def report(self, reported: Mapping[str, Rows], hours: Hours, active: Active) -> None:  # noqa: ARG002 - without chance
        scale(reported, 1 + self.too_much, active)
