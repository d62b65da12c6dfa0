"""Retrofit: lamps, fridges, motors or insulation of today's kind; for good.

In a year 4 of 100 homes, 5 of 100 shops, 3 of 100 works and 3 of 100 public buildings. 60 to 90 % of the use is left, reached within 1 to 30
days (uniform in the logarithm), lamp by lamp. From afar it is a partial bypass, built at once or step by step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.hours import Active, Hours, Rows
from simulator.life.event import Customer, FeedDays, LifeEvent, Range, between, by_class, mostly_short, percent, spread

LEAVES: Range = (0.6, 0.9)
TAKES_DAYS: Range = (1, 30)


@dataclass(frozen=True)
class Retrofit(LifeEvent):
    leaves: float
    takes_days: float

    kind = "retrofit"
    per_year = by_class(residential=0.04, commercial=0.05, industrial=0.03, public=0.03)
    changes = f"{percent(LEAVES)} of the use is left, within {spread(TAKES_DAYS, 'days')}, for good"
    resembles = "a partial bypass, at once or ramped"

    @classmethod
    def draw(cls, customer: Customer, when: float, feed: FeedDays, rng: np.random.Generator) -> tuple[LifeEvent, ...]:
        return (cls(customer.row, feed.at(when), None, between(rng, LEAVES), mostly_short(rng, TAKES_DAYS)),)

    @property
    def story(self) -> str:
        return f"{self.leaves:.0%} of the use is left after {self.takes_days:.0f} days of changing lamps and machines"

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        saved = (1 - self.leaves) * hours.ramp(self.start_s, self.takes_days)
        demand_kw[active] *= (1 - saved)[active]
