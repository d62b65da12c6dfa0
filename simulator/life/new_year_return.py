"""New Year return: villages fill up for Chinese New Year.

In 70 % of a village's homes children and grandchildren come from town, 2 to 14 days before New Year's Day until 5 to 18 days
after it; the use is then 120 to 180 % of the usual. From afar it is private resale and an overloaded transformer; when they leave
it is a wave of bypasses.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from simulator.hours import Active, Hours, Rows
from simulator.life.event import FeedDays, LifeEvent, Range, between, percent, spread

HOMES_FILL = 0.7
BEFORE_DAYS: Range = (2, 14)
AFTER_DAYS: Range = (5, 18)
LEVEL: Range = (1.2, 1.8)


@dataclass(frozen=True)
class NewYearReturn(LifeEvent):
    level: float

    kind = "new_year_return"
    often = f"each New Year {percent(HOMES_FILL)} of a village's homes"
    who = "homes in villages"
    changes = (
        f"{percent(LEVEL)} of the use, from {spread(BEFORE_DAYS, 'days')} before New Year's Day "
        f"until {spread(AFTER_DAYS, 'days')} after it"
    )
    resembles = "private resale, transformer overload; bypasses when they leave"
    lifts_ceiling = True

    @classmethod
    def around(cls, row: int, new_year: date, feed: FeedDays, rng: np.random.Generator) -> NewYearReturn:
        arrives = new_year - timedelta(days=round(between(rng, BEFORE_DAYS)))
        leaves = new_year + timedelta(days=round(between(rng, AFTER_DAYS)))
        start_s, end_s = feed.calendar.day_start(arrives), feed.calendar.day_start(leaves)
        return cls(row, start_s + 17 * 3600, end_s + 10 * 3600, between(rng, LEVEL))

    @property
    def story(self) -> str:
        return f"the family comes for New Year: {self.level:.0%} of the use"

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:  # noqa: ARG002 - at any hour
        demand_kw[active] *= self.level
