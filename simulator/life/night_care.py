"""Night care: somebody is ill or old and wakes at night: lamps, an electric blanket, an oxygen concentrator.

In a year 3 of 100 homes, 40 % of them for good (a parent has moved in), the others for 20 to 300 days (uniform in the logarithm). From 22 to
6 h the use is 0.08 to 0.35 kW higher, with pauses in 20 % of the half hours; by day 25 % of that. From afar it is private resale
or a business by night.
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
    half_hour_draw,
    mostly_short,
    new_salt,
    percent,
    spread,
)

LASTS_DAYS: Range = (20, 300)
FOR_GOOD = 0.4
NIGHT_HOURS: Range = (22, 6)
NIGHT_KW: Range = (0.08, 0.35)
PAUSES = 0.2
BY_DAY = 0.25


@dataclass(frozen=True)
class NightCare(LifeEvent):
    night_kw: float
    salt: int

    kind = "night_care"
    per_year = by_class(residential=0.03)
    changes = (
        f"{spread(NIGHT_KW, 'kW')} more by night, {percent(BY_DAY)} of it by day, {percent(FOR_GOOD)} of them for good, "
        f"else for {spread(LASTS_DAYS, 'days')}"
    )
    resembles = "private resale, a business by night"
    longest_days = LASTS_DAYS[1]
    lifts_ceiling = True

    @classmethod
    def draw(cls, customer: Customer, when: float, feed: FeedDays, rng: np.random.Generator) -> tuple[LifeEvent, ...]:
        for_good, lasts = rng.random() < FOR_GOOD, mostly_short(rng, LASTS_DAYS)
        ends_s = None if for_good else feed.at(when + lasts)
        return (cls(customer.row, feed.at(when), ends_s, between(rng, NIGHT_KW), new_salt(rng)),)

    @property
    def story(self) -> str:
        return f"somebody is cared for: {self.night_kw:.2f} kW more by night"

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        by_night = half_hour_draw(hours, self.start_s, self.salt) >= PAUSES
        more_kw = self.night_kw * np.where(hours.between(*NIGHT_HOURS), by_night, BY_DAY)
        demand_kw[active] += more_kw[active]
