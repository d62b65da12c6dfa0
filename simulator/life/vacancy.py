"""Vacancy: nobody lives there, or a home is between two households.

In a year 6 of 100 homes fall empty, for 20 to 240 days (uniform in the logarithm); 2 of 100 are empty throughout. 3 to 13 % of the use
without heating is left: a fridge and a router that go on and off. From afar it is a bypass or a register that stopped: the use falls to next to nothing
within a day and stays there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.hours import Active, Hours, Rows
from simulator.life.event import (
    Customer,
    FeedDays,
    LifeEvent,
    Range,
    between,
    by_class,
    mostly_short,
    new_salt,
    percent,
    spread,
    what_stays_on_kw,
)

LEAVES: Range = (0.03, 0.13)
LASTS_DAYS: Range = (20, 240)


@dataclass(frozen=True)
class Vacancy(LifeEvent):
    left_kw: float
    salt: int

    kind = "vacancy"
    per_year = by_class(residential=0.06)
    standing = by_class(residential=0.02)
    changes = f"{percent(LEAVES)} of the use is left for {spread(LASTS_DAYS, 'days')}"
    resembles = "a bypass, a stopped register"
    longest_days = LASTS_DAYS[1]
    conflicts = True
    empties = True

    @classmethod
    def draw(cls, customer: Customer, when: float, feed: FeedDays, rng: np.random.Generator) -> tuple[LifeEvent, ...]:
        ends_s = feed.at(when + mostly_short(rng, LASTS_DAYS), 17)
        return (cls.spanning(customer, feed.at(when, 11), ends_s, rng),)

    @classmethod
    def spanning(cls, customer: Customer, start_s: int, end_s: int, rng: np.random.Generator) -> Vacancy:
        return cls(customer.row, start_s, end_s, between(rng, LEAVES) * customer.base_kw, new_salt(rng))

    @property
    def story(self) -> str:
        return f"nobody is there, {self.left_kw:.2f} kW is left"

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        left_kw = what_stays_on_kw(self.left_kw, hours, self.start_s, self.salt)
        demand_kw[active] = np.minimum(demand_kw, left_kw)[active]
