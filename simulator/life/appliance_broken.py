"""Appliance broken: a fridge, heater or compressor runs on and on, until somebody notices and replaces it.

In a year 3 of 100 homes, 4 of 100 shops and 4 of 100 works. Over 20 to 60 days it takes more and more, up to 0.15 to 0.5 kW at homes and 5 to 20 % of
the contract elsewhere; 1 to 30 days later it is replaced and the use falls back at once. From afar that is the onset of a bypass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metering.times import DAY_S
from simulator.hours import Active, Hours, Rows
from simulator.life.event import (
    Customer,
    FeedDays,
    LifeEvent,
    Range,
    between,
    by_class,
    half_hour_draw,
    new_salt,
    percent,
    spread,
)

RISES_DAYS: Range = (20, 60)
UNNOTICED_DAYS: Range = (1, 30)
HOME_KW: Range = (0.15, 0.5)
CONTRACT_SHARE: Range = (0.05, 0.2)


@dataclass(frozen=True)
class ApplianceBroken(LifeEvent):
    more_kw: float
    rises_days: float
    salt: int

    kind = "appliance_broken"
    per_year = by_class(residential=0.03, commercial=0.04, industrial=0.04)
    who = "with a contract"
    changes = (
        f"rises for {spread(RISES_DAYS, 'days')} by {spread(HOME_KW, 'kW')} at home, else by {percent(CONTRACT_SHARE)} "
        f"of the contract, and falls back within {spread(UNNOTICED_DAYS, 'days')} more"
    )
    resembles = "a bypass from the day of the repair"
    longest_days = RISES_DAYS[1] + UNNOTICED_DAYS[1]
    lifts_ceiling = True

    @classmethod
    def suits(cls, customer: Customer) -> bool:
        return customer.contracted_kw > 0

    @classmethod
    def draw(cls, customer: Customer, when: float, feed: FeedDays, rng: np.random.Generator) -> tuple[LifeEvent, ...]:
        rises, unnoticed = between(rng, RISES_DAYS), between(rng, UNNOTICED_DAYS)
        more_kw = between(rng, HOME_KW)
        if not customer.at_home:
            more_kw = between(rng, CONTRACT_SHARE) * customer.contracted_kw
        ends_s = feed.at(when + rises + unnoticed, 14)
        return (cls(customer.row, feed.at(when), ends_s, round(more_kw, 3), rises, new_salt(rng)),)

    @property
    def story(self) -> str:
        days = (0 if self.end_s is None else self.end_s - self.start_s) / DAY_S
        return f"an appliance runs on with up to {self.more_kw:.2f} kW and is replaced after {days:.0f} days"

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        runs = 0.8 + 0.4 * half_hour_draw(hours, self.start_s, self.salt)
        demand_kw[active] += (self.more_kw * hours.ramp(self.start_s, self.rises_days) * runs)[active]
