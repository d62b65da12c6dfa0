"""Party: a wedding, a birthday, a hundred days of a child: one evening with ovens, heaters, lamps and music.

50 times in a year at 100 homes, from 16 to 19 h on for 4 to 9 hours. 1.5 to 4 kW more, no more than 50 % of the contract, and 70 to 130 % of that from
half hour to half hour. From afar it is over-capacity, or a spike of a register that runs away.
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
    new_salt,
    spread,
)

BEGINS_H: Range = (16, 19)
LASTS_H: Range = (4, 9)
MORE_KW: Range = (1.5, 4)
CONTRACT_SHARE = 0.5
WAVERS: Range = (0.7, 1.3)


@dataclass(frozen=True)
class Party(LifeEvent):
    more_kw: float
    salt: int

    kind = "party"
    per_year = by_class(residential=0.5)
    changes = f"{spread(MORE_KW, 'kW')} more on one evening for {spread(LASTS_H, 'hours')}"
    resembles = "over-capacity, a register that runs away"
    longest_days = 1.0
    lifts_ceiling = True

    @classmethod
    def suits(cls, customer: Customer) -> bool:
        return customer.contracted_kw > 0

    @classmethod
    def draw(cls, customer: Customer, when: float, feed: FeedDays, rng: np.random.Generator) -> tuple[LifeEvent, ...]:
        start_s = feed.at(when, round(4 * between(rng, BEGINS_H)) / 4)
        lasts_h = round(4 * between(rng, LASTS_H)) / 4
        more_kw = min(between(rng, MORE_KW), CONTRACT_SHARE * customer.contracted_kw)
        return (cls(customer.row, start_s, start_s + round(lasts_h * 3600), round(more_kw, 2), new_salt(rng)),)

    @property
    def story(self) -> str:
        return f"a party with {self.more_kw:.1f} kW more"

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        low, high = WAVERS
        wavers = low + (high - low) * half_hour_draw(hours, self.start_s, self.salt)
        demand_kw[active] += (self.more_kw * wavers)[active]
