"""Guests: a family comes to stay for 3 to 10 days.

80 times in a year at 100 homes; the use is then 125 to 180 % of the usual. From afar it is private resale; when they leave it is
the onset of a bypass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.hours import Active, Hours, Rows
from simulator.life.event import Customer, FeedDays, LifeEvent, Range, between, by_class, percent, spread

LASTS_DAYS: Range = (3, 10)
LEVEL: Range = (1.25, 1.8)


@dataclass(frozen=True)
class Guests(LifeEvent):
    level: float

    kind = "guests"
    per_year = by_class(residential=0.8)
    changes = f"{percent(LEVEL)} of the use for {spread(LASTS_DAYS, 'days')}"
    resembles = "private resale; a bypass when they leave"
    longest_days = LASTS_DAYS[1]
    lifts_ceiling = True

    @classmethod
    def draw(cls, customer: Customer, when: float, feed: FeedDays, rng: np.random.Generator) -> tuple[LifeEvent, ...]:
        return (
            cls(customer.row, feed.at(when, 15), feed.at(when + between(rng, LASTS_DAYS), 12), between(rng, LEVEL)),
        )

    @property
    def story(self) -> str:
        return f"guests: {self.level:.0%} of the use"

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:  # noqa: ARG002 - at any hour
        demand_kw[active] *= self.level
