"""New Year absence: people from elsewhere go home for Chinese New Year, and what they work at stands still.

In town 10 to 35 % of an area's homes are left from 2 to 9 days before New Year's Day until 5 to 16 days after it, about the Lantern Festival.
Which shops, works and building sites close, and when, is drawn with the customer (`simulator.customers`): 2 to 10 days before
until 4 to 17 days after it. 6 to 18 % of a workday's use is left. From afar it is a wave of stopped registers and bypasses.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from metering.times import DAY_S
from simulator.customers import CLASS_LOADS
from simulator.hours import Active, Hours, Rows
from simulator.life.event import CLASS_WORDS, Customer, FeedDays, LifeEvent, Range, between, percent, spread
from simulator.life.habits import Habit

HOMES_LEAVE: Range = (0.10, 0.35)
BEFORE_DAYS: Range = (2, 9)
AFTER_DAYS: Range = (5, 16)
LEAVES: Range = (0.06, 0.18)


@dataclass(frozen=True)
class NewYearAbsence(LifeEvent):
    leaves: float
    share: float
    """Of the demand that it would have: a business that closes has a holiday's demand already."""

    kind = "new_year_absence"
    often = f"each New Year {percent(HOMES_LEAVE)} of the homes in town, " + ", ".join(
        f"{percent(of_class.closes_at_new_year)} of the {CLASS_WORDS[each]}"
        for each, of_class in CLASS_LOADS.items()
        if of_class.closes_at_new_year > 0
    )
    who = "homes in town, shops, works, building sites"
    changes = (
        f"{percent(LEAVES)} of the use is left; at homes from {spread(BEFORE_DAYS, 'days')} before New Year's Day "
        f"until {spread(AFTER_DAYS, 'days')} after it, at works for one to four weeks"
    )
    resembles = "a wave of stopped registers and bypasses"

    @classmethod
    def of_home(cls, row: int, new_year: date, feed: FeedDays, rng: np.random.Generator) -> NewYearAbsence:
        leaves_on = new_year - timedelta(days=round(between(rng, BEFORE_DAYS)))
        returns_on = new_year + timedelta(days=round(between(rng, AFTER_DAYS)))
        start_s = feed.calendar.day_start(leaves_on) + 10 * 3600
        leaves = between(rng, LEAVES)
        return cls(row, start_s, feed.calendar.day_start(returns_on) + 17 * 3600, leaves, leaves)

    @classmethod
    def of_business(
        cls, customer: Customer, new_year: date, feed: FeedDays, rng: np.random.Generator
    ) -> NewYearAbsence:
        """Of one that closes; the days are whole ones."""
        before, after = (timedelta(days=days) for days in customer.closed_at_new_year)
        start_s, end_s = feed.calendar.day_start(new_year - before), feed.calendar.day_start(new_year + after)
        leaves = between(rng, LEAVES)
        return cls(customer.row, start_s, end_s, leaves, min(1.0, leaves / Habit(customer.habit).on_holidays))

    @property
    def story(self) -> str:
        days = (0 if self.end_s is None else self.end_s - self.start_s) / DAY_S
        return f"away or closed over New Year for {days:.0f} days, {self.leaves:.0%} of the use is left"

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:  # noqa: ARG002 - at any hour
        demand_kw[active] *= self.share
