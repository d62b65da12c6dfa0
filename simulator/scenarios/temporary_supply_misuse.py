"""Temporary supply misuse: the building work is done, and its temporary connection runs a permanent business.

From the onset a shop (40 %), restaurant (20 %), guesthouse (20 %) or a three-shift workshop (20 %) draws instead of the
building site, of which 5 % stays. The peak is 35 to 90 % of the contract (hard: to 53 %), Beta(2, 1.5) between them;
days differ by 15 %, hours of a day by 20 %, its hours shift by up to 1 h. All of it is metered, at the tariff of a
building site, to the feed's end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.scenarios.added_load import day_level, on_top, peak_of, shape, wandering
from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows

BUSINESSES = ("shop", "shop", "restaurant", "hotel", "three_shift")
SAID = {"shop": "a shop", "restaurant": "a restaurant", "hotel": "a guesthouse", "three_shift": "a workshop"}
SITE_STAYS = 0.05


@dataclass(frozen=True)
class TemporarySupplyMisuse(Case):
    habit: str
    peak_kw: float
    later_h: float
    salt: int

    scenario = "temporary_supply_misuse"
    abnormality = "temporary_supply_misuse"

    @classmethod
    def suits(cls, place: Place) -> bool:
        temporary = place.row >= 0 and place.meter.customer_class == "temporary"
        return temporary and place.meter.contracted_kw is not None

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        habit = BUSINESSES[chance.one_of(len(BUSINESSES))]
        peak_kw = chance.severity(0.35, 0.9) * (place.meter.contracted_kw or 0.0)
        return cls(place, start_s, None, habit, peak_kw, chance.between(-1, 1), chance.salt())

    @property
    def severity(self) -> float:
        return min(self.peak_kw / (self.place.meter.contracted_kw or self.peak_kw), 1.0)

    @property
    def story(self) -> str:
        return f"{SAID[self.habit]} of up to {self.peak_kw:.1f} kW on a building site's temporary supply"

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        noise = wandering(hours, self.salt + 2, 0.2) * (1 + 0.04 * hours.rng.standard_normal(len(hours)))
        level_kw = self.peak_kw / peak_of(self.habit)
        business_kw = level_kw * shape(self.habit, hours, self.later_h) * day_level(hours, self.salt, 0.15) * noise
        contracted_kw = self.place.meter.contracted_kw or np.inf
        demand_kw[active] = on_top(SITE_STAYS * demand_kw, business_kw, contracted_kw)[active]
