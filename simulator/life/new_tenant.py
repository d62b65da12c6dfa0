"""New tenant: a household or shop moves out, the place stands empty for 3 to 45 days, and others move in for good.

In a year 6 of 100 homes and 6 of 100 shops. The others use another amount, exp(N(0, 0.5)) of the former within 35 to 280 %, by another of
the class's habits, lived up to 2 hours earlier or later; hour by hour the new habit is 40 to 250 % of the old one. From afar it is a
bypass that began (a lower level that stays), or a shop's load on a household's tariff (another shape).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.hours import Active, Hours, Rows
from simulator.life.event import Customer, FeedDays, LifeEvent, Range, between, by_class, percent, spread
from simulator.life.habits import Habit
from simulator.life.vacancy import Vacancy

EMPTY_DAYS: Range = (3, 45)
LEVEL_SPREAD = 0.5
LEVEL: Range = (0.35, 2.8)
LATER_H = 2
BY_HOUR: Range = (0.4, 2.5)


@dataclass(frozen=True)
class NewTenant(LifeEvent):
    level: float
    old: Habit
    new: Habit
    standby: float
    """The part of the use that follows no habit, per part that does."""

    kind = "new_tenant"
    per_year = by_class(residential=0.06, commercial=0.06)
    changes = f"empty for {spread(EMPTY_DAYS, 'days')}, then {percent(LEVEL)} of the former use, at other hours"
    resembles = "a bypass from a day on, the wrong tariff"
    longest_days = EMPTY_DAYS[1]
    conflicts = True
    lifts_ceiling = True

    @classmethod
    def draw(cls, customer: Customer, when: float, feed: FeedDays, rng: np.random.Generator) -> tuple[LifeEvent, ...]:
        moved_in_s = feed.at(when + between(rng, EMPTY_DAYS), 10)
        old = Habit(customer.habit, customer.shift_h)
        new = Habit(int(rng.choice(old.others())), round(customer.shift_h + between(rng, (-LATER_H, LATER_H)), 2))
        level = float(np.clip(np.exp(rng.normal(0, LEVEL_SPREAD)), *LEVEL))
        standby = customer.standby_kw / max(customer.scale_kw, 0.01)
        empty = Vacancy.spanning(customer, feed.at(when, 11), moved_in_s, rng)
        return empty, cls(customer.row, moved_in_s, None, level, old, new, standby)

    @property
    def story(self) -> str:
        return f"others moved in: {self.level:.0%} of the former use, {self.old.name} became {self.new.name}"

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        ratio = (self.standby + self.new.shape(hours)) / (self.standby + self.old.shape(hours))
        demand_kw[active] *= (self.level * np.clip(ratio, *BY_HOUR))[active]
