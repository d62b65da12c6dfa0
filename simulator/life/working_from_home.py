"""Working from home: somebody who was out stays in.

In a year 4 of 100 homes, for 30 to 360 days (uniform in the logarithm). On 40 to 100 % of the workdays the use is 0.1 to 0.35 kW higher from
8.5 to 17.5 h, and by another 0.3 to 0.8 kW from 11.5 to 12.5 h for a meal. From afar it is a business on a household's tariff; when it
ends it is a bypass by day.
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
    day_draw,
    mostly_short,
    new_salt,
    percent,
    spread,
)
from simulator.world.load_profiles import WORKDAY

LASTS_DAYS: Range = (30, 360)
AT_HOME_ON: Range = (0.4, 1.0)
DESK_HOURS: Range = (8.5, 17.5)
DESK_KW: Range = (0.1, 0.35)
MEAL_HOURS: Range = (11.5, 12.5)
MEAL_KW: Range = (0.3, 0.8)


@dataclass(frozen=True)
class WorkingFromHome(LifeEvent):
    share_of_days: float
    desk_kw: float
    meal_kw: float
    salt: int

    kind = "working_from_home"
    per_year = by_class(residential=0.04)
    changes = f"{spread(DESK_KW, 'kW')} more on {percent(AT_HOME_ON)} of the workdays, and a meal, for {spread(LASTS_DAYS, 'days')}"
    resembles = "a business on a household's tariff; a bypass by day when it ends"
    longest_days = LASTS_DAYS[1]
    lifts_ceiling = True

    @classmethod
    def draw(cls, customer: Customer, when: float, feed: FeedDays, rng: np.random.Generator) -> tuple[LifeEvent, ...]:
        ends_s = feed.at(when + mostly_short(rng, LASTS_DAYS))
        share_of_days, desk_kw, meal_kw = between(rng, AT_HOME_ON), between(rng, DESK_KW), between(rng, MEAL_KW)
        return (cls(customer.row, feed.at(when), ends_s, share_of_days, desk_kw, meal_kw, new_salt(rng)),)

    @property
    def story(self) -> str:
        return f"works at home on {self.share_of_days:.0%} of the workdays with {self.desk_kw:.2f} kW"

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        if hours.kind_of_day != WORKDAY:
            return
        at_home = day_draw(hours, self.salt) < self.share_of_days
        more_kw = self.desk_kw * hours.between(*DESK_HOURS) + self.meal_kw * hours.between(*MEAL_HOURS)
        demand_kw[active] += np.where(at_home, more_kw, 0.0)[active]
