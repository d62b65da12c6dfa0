"""Vacancy: nobody lives there, or a home is between two households.

In a year 6 of 100 homes fall empty, for 20 to 240 days (uniform in the logarithm); 2 of 100 are empty throughout. 3 to 13 % of the use is
left: a fridge, a router, frost protection. From afar it is a bypass or a register that stopped: the use falls to next to nothing
within a day and stays there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.hours import Active, Hours, Rows
from simulator.life.event import Customer, FeedDays, LifeEvent, Range, between, by_class, mostly_short, percent, spread

LEAVES: Range = (0.03, 0.13)
LASTS_DAYS: Range = (20, 240)


@dataclass(frozen=True)
class Vacancy(LifeEvent):
    leaves: float

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
        ends = when + mostly_short(rng, LASTS_DAYS)
        return (cls(customer.row, feed.at(when), feed.at(ends), between(rng, LEAVES)),)

    @property
    def story(self) -> str:
        return f"nobody is there, {self.leaves:.0%} of the use is left"

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:  # noqa: ARG002 - at any hour
        demand_kw[active] *= self.leaves
