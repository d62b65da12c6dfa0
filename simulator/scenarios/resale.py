"""Resale: a customer passes electricity on to others; the one meter shows what all of them draw.

Neighbours (40 %): two to five households of 0.3 kW each in the mean, lumpy by the hour. Stalls (30 %): three to eight
lit and heated ones of 0.6 kW, or what the contract allows, from 17:30 to 22:30, each there on 85 % of the days. A
charging point (30 %): 60 % of the contract while a vehicle charges, in 20 to 60 % of the two-hour slots from 8 to 24 h.
How many: Beta(2, 1.5) (hard: the small third). Total below the contract; one in ten ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.scenarios.added_load import on_top, shape
from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows, spell_draw
from simulator.world.load_profiles import RESIDENTIAL_HABITS

KINDS = ("neighbours",) * 4 + ("stalls",) * 3 + ("charging",) * 3
HOUSEHOLD_KW, STALL_KW, SLOT_H = 0.3, 0.6, 2


@dataclass(frozen=True)
class Resale(Case):
    kind: str
    size: float
    """0..1: how many it supplies, or how busy the charging point is."""
    salt: int

    scenario = "resale"
    abnormality = "resale"

    @classmethod
    def suits(cls, place: Place) -> bool:
        meter = place.meter
        sells = place.row >= 0 and meter.customer_class in ("residential", "commercial") and not meter.has_generation
        return sells and meter.contracted_kw is not None and 2.5 < meter.contracted_kw - 1.5 * place.mean_kw < 25

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        kind = KINDS[chance.one_of(len(KINDS))]
        return cls(place, start_s, chance.end_s(start_s), kind, chance.severity(0.0, 1.0), chance.salt())

    @property
    def units(self) -> int:
        return (
            1
            if self.kind == "charging"
            else round(2 + 3 * self.size if self.kind == "neighbours" else 3 + 5 * self.size)
        )

    @property
    def severity(self) -> float:
        return 0.2 + 0.8 * self.size

    @property
    def story(self) -> str:
        if self.kind == "charging":
            return f"a public charging point, taken {0.2 + 0.4 * self.size:.0%} of the time from 8 to 24 h"
        return f"supplies {self.units} {'households next door' if self.kind == 'neighbours' else 'stalls'}"

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        contracted_kw = self.place.meter.contracted_kw or np.inf
        added_kw = {"neighbours": self._households_kw, "stalls": self._stalls_kw, "charging": self._charging_kw}[
            self.kind
        ](hours)
        noise = 1 + 0.05 * hours.rng.standard_normal(len(hours))
        demand_kw[active] = on_top(demand_kw, np.clip(added_kw * noise, 0, None), contracted_kw)[active]

    def _households_kw(self, hours: Hours) -> Rows:
        lumps = [0.3 + 1.4 * spell_draw(hours.spell(0, 1), self.salt + n) for n in range(self.units)]
        shapes = [shape(RESIDENTIAL_HABITS[(self.salt + n) % 4], hours, n % 3 - 1) for n in range(self.units)]
        return np.asarray(HOUSEHOLD_KW * np.sum(np.multiply(lumps, shapes), axis=0))

    def _stalls_kw(self, hours: Hours) -> Rows:
        there = sum((spell_draw(hours.local_day(), self.salt + n) < 0.85).astype(float) for n in range(self.units))
        free_kw = (self.place.meter.contracted_kw or 0.0) - 1.5 * self.place.mean_kw
        return np.asarray(min(STALL_KW, free_kw / self.units) * there * hours.between(17.5, 22.5))

    def _charging_kw(self, hours: Hours) -> Rows:
        taken = spell_draw(hours.spell(0, SLOT_H), self.salt) < 0.2 + 0.4 * self.size
        return np.asarray(0.6 * (self.place.meter.contracted_kw or 0.0) * (taken & hours.between(8, 24)))
