"""Spikes: now and then an interval arrives with an absurd energy that no appliance drew.

Two to six intervals a week (uniform; hard: one to two), the first at the onset, show 8 to 40 times the customer's mean (log-uniform),
but at most 8 times the contract, so that no check of the possible stops them. A bit that tipped over on the way: the register
does not move by it, voltage and current tell the truth. One in ten ends by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows, spell_draw

LEAST, MOST = 8.0, 40.0
MOST_CONTRACTS = 8.0


@dataclass(frozen=True)
class Spikes(Case):
    per_week: float
    salt: int

    scenario = "spikes"
    abnormality = "spike"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.mean_kw > 0.15 and place.meter.contracted_kw is not None

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        per_week = chance.between(1, 2) if chance.hard else chance.between(2, 6)
        return cls(place, start_s, chance.end_s(start_s), per_week, chance.salt())

    @property
    def severity(self) -> float:
        return self.per_week / 12

    @property
    def story(self) -> str:
        return f"{self.per_week:.1f} intervals a week show {LEAST:.0f} to {MOST:.0f} times the mean"

    def report(self, reported: Mapping[str, Rows], hours: Hours, active: Active) -> None:
        interval = hours.spell(self.start_s, hours.interval_h)
        hit = active & ((spell_draw(interval, self.salt) < self.per_week / (7 * hours.per_day)) | (interval == 0))
        times = LEAST * (MOST / LEAST) ** spell_draw(interval, self.salt + 1)
        contracted_kw = self.place.meter.contracted_kw or self.place.mean_kw
        spike_kw = np.minimum(times * self.place.mean_kw, MOST_CONTRACTS * contracted_kw)
        reported["energy_kwh"][hit] = np.round(spike_kw * hours.interval_h, 4)[hit]
