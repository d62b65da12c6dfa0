"""Electric vehicle: a home gets one and charges it on some evenings and nights; for good.

In a year 3 of 100 homes without a vehicle whose contract carries a charger: 60 % of the contract, between 3.3 and 7 kW. It charges on 50 % of the days, from
N(21, 1.5) h on for 1.5 to 5 hours. From afar it is over-capacity, or a workshop on a household's tariff.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.hours import Active, Hours, Rows, spell_draw
from simulator.life.event import Customer, FeedDays, LifeEvent, Range, by_class, new_salt, percent, spread

CHARGER_KW: Range = (3.3, 7.0)
CONTRACT_SHARE = 0.6
CHARGES_ON = 0.5
BEGINS_H, BEGINS_SPREAD_H = 21.0, 1.5
LASTS_H: Range = (1.5, 5)


@dataclass(frozen=True)
class ElectricVehicle(LifeEvent):
    charger_kw: float
    salt: int

    kind = "electric_vehicle"
    per_year = by_class(residential=0.03)
    who = f"without a charger, whose contract carries a charger of {CHARGER_KW[0]:g} kW"
    changes = f"{spread(CHARGER_KW, 'kW')} more in the late evening on {percent(CHARGES_ON)} of the days, for {spread(LASTS_H, 'hours')}"
    resembles = "over-capacity, a business on a household's tariff"
    lifts_ceiling = True

    @classmethod
    def suits(cls, customer: Customer) -> bool:
        return not customer.charges and CONTRACT_SHARE * customer.contracted_kw > CHARGER_KW[0]

    @classmethod
    def draw(cls, customer: Customer, when: float, feed: FeedDays, rng: np.random.Generator) -> tuple[LifeEvent, ...]:
        charger_kw = min(CHARGER_KW[1], CONTRACT_SHARE * customer.contracted_kw)
        return (cls(customer.row, feed.at(when), None, round(charger_kw, 1), new_salt(rng)),)

    @property
    def story(self) -> str:
        return f"a vehicle charges with {self.charger_kw:g} kW on some evenings"

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        # a charge may run past midnight, so days turn at noon
        evening = hours.local_day(12)
        into_h = (hours.local_hour - 12) % 24 - hours.interval_h / 2
        charges = spell_draw(evening, self.salt) < CHARGES_ON
        normal = _normal(spell_draw(evening, self.salt + 1), spell_draw(evening, self.salt + 2))
        begins_h = BEGINS_H - 12 + BEGINS_SPREAD_H * normal
        lasts_h = LASTS_H[0] + (LASTS_H[1] - LASTS_H[0]) * spell_draw(evening, self.salt + 3)
        covered_h = np.minimum(into_h + hours.interval_h, begins_h + lasts_h) - np.maximum(into_h, begins_h)
        share = np.clip(covered_h / hours.interval_h, 0, 1)
        demand_kw[active] += np.where(charges, self.charger_kw * share, 0.0)[active]


def _normal(first: Rows, second: Rows) -> Rows:
    """Standard normal numbers of two uniform ones (Box and Muller)."""
    return np.asarray(np.sqrt(-2 * np.log1p(-first)) * np.cos(2 * np.pi * second))
