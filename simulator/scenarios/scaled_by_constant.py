"""Scaled by a constant (attack 1 of Jokar et al. 2016): every interval's energy is reported as the same share of itself.

The share is 0.2 to 0.8, 1 less a Beta(2, 1.5) loss between 0.2 and 0.8 (hard: a loss of up to 0.4). Currents as in
`altered`. It lasts to the feed's end in nine of ten cases.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from simulator.scenarios.altered import AlteredReadings
from simulator.scenarios.case import Chance, Hours, Place, Rows


@dataclass(frozen=True)
class ScaledByConstant(AlteredReadings):
    share: float

    scenario = "scaled_by_constant"

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        share = 1 - chance.severity(0.2, 0.8)
        return cls(place, start_s, chance.end_s(start_s), cls.is_clever(chance), share)

    @property
    def severity(self) -> float:
        return 1 - self.share

    @property
    def story(self) -> str:
        return f"{self.what_is_altered} reported as {self.share:.0%} of what was measured"

    def altered_kwh(self, energy_kwh: Rows, hours: Hours) -> Rows:  # noqa: ARG002 - the same at any hour
        return energy_kwh * self.share
