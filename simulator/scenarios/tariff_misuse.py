"""Tariff misuse: a shop, restaurant, guesthouse or workshop runs on a household's tariff.

From the onset the business's load comes on top of the household's, all of it metered. Shop 40 %, restaurant 25 %,
guesthouse 15 %, workshop 20 %. Its peak is 35 to 90 % (hard: to 53 %) of what the contract leaves free, Beta(2, 1.5)
between them; days differ by 20 %, hours of a day by 25 %, its hours shift by up to 1.5 h, one day in twenty-five it is
shut. One in ten gives up by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.scenarios.added_load import day_level, on_top, peak_of, shape, wandering
from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows, spell_draw

BUSINESSES = ("shop",) * 8 + ("restaurant",) * 5 + ("hotel",) * 3 + ("one_shift",) * 4
SAID = {"shop": "a shop", "restaurant": "a restaurant", "hotel": "a guesthouse", "one_shift": "a workshop"}


@dataclass(frozen=True)
class TariffMisuse(Case):
    habit: str
    peak_kw: float
    later_h: float
    salt: int

    scenario = "tariff_misuse"
    abnormality = "tariff_misuse"

    @classmethod
    def suits(cls, place: Place) -> bool:
        contracted_kw = place.meter.contracted_kw
        household = place.row >= 0 and place.meter.customer_class == "residential" and not place.meter.has_generation
        return household and contracted_kw is not None and contracted_kw - 1.5 * place.mean_kw > 2.5

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        habit = BUSINESSES[chance.one_of(len(BUSINESSES))]
        free_kw = (place.meter.contracted_kw or 0.0) - 1.5 * place.mean_kw
        peak_kw = chance.severity(0.35, 0.9) * free_kw
        return cls(place, start_s, chance.end_s(start_s), habit, peak_kw, chance.between(-1.5, 1.5), chance.salt())

    @property
    def severity(self) -> float:
        return min(self.peak_kw / (self.place.meter.contracted_kw or self.peak_kw), 1.0)

    @property
    def story(self) -> str:
        return f"{SAID[self.habit]} of up to {self.peak_kw:.1f} kW on a household's tariff"

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        noise = wandering(hours, self.salt + 2, 0.25) * (1 + 0.05 * hours.rng.standard_normal(len(hours)))
        runs = np.where(spell_draw(hours.local_day(), self.salt + 1) < 0.04, 0.15, 1.0)
        level_kw = self.peak_kw / peak_of(self.habit)
        added_kw = level_kw * shape(self.habit, hours, self.later_h) * day_level(hours, self.salt) * runs * noise
        demand_kw[active] = on_top(demand_kw, added_kw, self.place.meter.contracted_kw or np.inf)[active]
