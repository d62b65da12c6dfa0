"""Growth: use rises or falls slowly and stays there: a business finds or loses customers, a child is born or leaves to study.

In a year 5 of 100 homes, 12 of 100 shops, 10 of 100 works and 5 of 100 public buildings. 50 % rise, homes to 110 to 130 % and others to 115 to 145 %
of the use; the others fall, homes to 75 to 90 % and others to 60 to 85 %; within 30 to 120 days, evenly in the logarithm. From afar it
is a ramped bypass, or private resale where it rises.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.hours import Active, Hours, Rows
from simulator.life.event import Customer, FeedDays, LifeEvent, Range, between, by_class, percent, spread

RISES = 0.5
HOME_RISES: Range = (1.1, 1.3)
HOME_FALLS: Range = (0.75, 0.9)
BUSINESS_RISES: Range = (1.15, 1.45)
BUSINESS_FALLS: Range = (0.6, 0.85)
TAKES_DAYS: Range = (30, 120)


@dataclass(frozen=True)
class Growth(LifeEvent):
    level: float
    takes_days: float

    kind = "growth"
    per_year = by_class(residential=0.05, commercial=0.12, industrial=0.10, public=0.05)
    changes = (
        f"homes to {percent(HOME_RISES)} or {percent(HOME_FALLS)}, others to {percent(BUSINESS_RISES)} or "
        f"{percent(BUSINESS_FALLS)} of the use within {spread(TAKES_DAYS, 'days')}, for good"
    )
    resembles = "a ramped bypass; private resale"
    lifts_ceiling = True

    @classmethod
    def draw(cls, customer: Customer, when: float, feed: FeedDays, rng: np.random.Generator) -> tuple[LifeEvent, ...]:
        rises, falls = (HOME_RISES, HOME_FALLS) if customer.at_home else (BUSINESS_RISES, BUSINESS_FALLS)
        level = between(rng, rises if rng.random() < RISES else falls)
        return (cls(customer.row, feed.at(when), None, level, between(rng, TAKES_DAYS)),)

    @property
    def story(self) -> str:
        return (
            f"{'rises' if self.level > 1 else 'falls'} to {self.level:.0%} of the use within {self.takes_days:.0f} days"
        )

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        demand_kw[active] *= np.exp(np.log(self.level) * hours.ramp(self.start_s, self.takes_days))[active]
