"""Shift change: works go from one shift to two or three, or back.

In a year 15 of 100 works; 50 % go back after 60 to 200 days. The machines draw by day what they drew: the new shape is laid over the old one at
the same height, 8 to 1000 % of the use of an hour. From afar it is the wrong tariff, private resale or over-capacity; back again
it is a bypass by night.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.hours import Active, Hours, Rows
from simulator.life.event import Customer, FeedDays, LifeEvent, Range, between, by_class, percent, spread
from simulator.life.habits import Habit

BACK = 0.5
LASTS_DAYS: Range = (60, 200)
BY_HOUR: Range = (0.08, 10.0)


@dataclass(frozen=True)
class ShiftChange(LifeEvent):
    old: Habit
    new: Habit

    kind = "shift_change"
    per_year = by_class(industrial=0.15)
    changes = f"the evening and night fill or empty; {percent(BACK)} go back after {spread(LASTS_DAYS, 'days')}"
    resembles = "the wrong tariff, over-capacity; a bypass by night"
    longest_days = LASTS_DAYS[1]
    lifts_ceiling = True

    @classmethod
    def draw(cls, customer: Customer, when: float, feed: FeedDays, rng: np.random.Generator) -> tuple[LifeEvent, ...]:
        old = Habit(customer.habit, customer.shift_h)
        new = Habit(int(rng.choice(old.others())), customer.shift_h)
        back, lasts = rng.random() < BACK, between(rng, LASTS_DAYS)
        return (cls(customer.row, feed.at(when, 6), feed.at(when + lasts, 6) if back else None, old, new),)

    @property
    def story(self) -> str:
        return f"{self.old.name} became {self.new.name}"

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        ratio = (self.new.shape(hours) / self.new.highest) / (self.old.shape(hours) / self.old.highest)
        demand_kw[active] *= np.clip(ratio, *BY_HOUR)[active]
