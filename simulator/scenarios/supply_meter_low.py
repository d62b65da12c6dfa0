"""Supply meter low: the area's own meter reads too little, and its customers seem to draw more than the transformer gives.

A wrong ratio or burdened current transformers take 5 to 35 % (hard: to 15 %) of every current and energy, Beta(2, 1.5)
between them, of all three phases alike. The line loss falls by as much and mostly below zero. No customer's meter is
wrong. One in ten is set right by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows
from simulator.scenarios.supply_reading import scale


@dataclass(frozen=True)
class SupplyMeterLow(Case):
    missing: float

    scenario = "supply_meter_low"
    abnormality = "negative_loss"
    of_area = True

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row < 0

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        return cls(place, start_s, chance.end_s(start_s), chance.severity(0.05, 0.35))

    @property
    def severity(self) -> float:
        return min(self.missing / 0.35, 1.0)

    @property
    def story(self) -> str:
        return f"the supply meter shows {self.missing:.0%} too little"

    def report(self, reported: Mapping[str, Rows], hours: Hours, active: Active) -> None:  # noqa: ARG002 - without chance
        scale(reported, 1 - self.missing, active)
