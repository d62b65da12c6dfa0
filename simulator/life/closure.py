"""Closure: a shop or works shuts, for weeks or for good.

In a year 8 of 100 shops and 4 of 100 works, 30 % of them for good, the others for 7 to 60 days; 1 of 100 stands closed throughout. 3 to 12 %
of the use is left: an alarm, frost protection, a fridge. From afar it is a bypass, a stopped register, or a current transformer
shorted on all phases.
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
    new_salt,
    percent,
    spread,
    what_stays_on_kw,
)

FOR_GOOD = 0.3
LASTS_DAYS: Range = (7, 60)
LEAVES: Range = (0.03, 0.12)


@dataclass(frozen=True)
class Closure(LifeEvent):
    left_kw: float
    salt: int

    kind = "closure"
    per_year = by_class(commercial=0.08, industrial=0.04)
    standing = by_class(commercial=0.01, industrial=0.01)
    changes = f"{percent(LEAVES)} of the use is left, {percent(FOR_GOOD)} of them for good, else for {spread(LASTS_DAYS, 'days')}"
    resembles = "a bypass, a stopped register, a shorted current transformer"
    longest_days = LASTS_DAYS[1]
    conflicts = True
    empties = True

    @classmethod
    def draw(cls, customer: Customer, when: float, feed: FeedDays, rng: np.random.Generator) -> tuple[LifeEvent, ...]:
        for_good, lasts = rng.random() < FOR_GOOD, between(rng, LASTS_DAYS)
        ends_s = None if for_good else feed.at(when + lasts, 8)
        left_kw = between(rng, LEAVES) * customer.base_kw
        return (cls(customer.row, feed.at(when, 20), ends_s, left_kw, new_salt(rng)),)

    @property
    def story(self) -> str:
        return f"closed {'for good' if self.end_s is None else 'for a while'}, {self.left_kw:.2f} kW is left"

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        left_kw = what_stays_on_kw(self.left_kw, hours, self.start_s, self.salt)
        demand_kw[active] = np.minimum(demand_kw, left_kw)[active]
