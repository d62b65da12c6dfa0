"""New Year absence: people from elsewhere go home for Chinese New Year, and what they work at stands still.

In town 10 to 35 % of an area's homes are left from 2 to 9 days before New Year's Day until 5 to 16 days after it, about the Lantern Festival.
Which shops, works and building sites close, and when, is drawn with the customer (`simulator.world.class_loads`): 2 to 10 days before
until 4 to 17 days after it. 6 to 18 % of the use without heating is left. From afar it is a wave of stopped registers and bypasses.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from metering.times import DAY_S
from simulator.hours import Active, Hours, Rows
from simulator.life.event import (
    CLASS_WORDS,
    Customer,
    FeedDays,
    LifeEvent,
    Range,
    between,
    new_salt,
    percent,
    spread,
    what_stays_on_kw,
)
from simulator.world.class_loads import CLASS_LOADS

HOMES_LEAVE: Range = (0.10, 0.35)
BEFORE_DAYS: Range = (2, 9)
AFTER_DAYS: Range = (5, 16)
LEAVES: Range = (0.06, 0.18)


@dataclass(frozen=True)
class NewYearAbsence(LifeEvent):
    left_kw: float
    salt: int

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
    def of_home(cls, customer: Customer, new_year: date, feed: FeedDays, rng: np.random.Generator) -> NewYearAbsence:
        before, after = round(between(rng, BEFORE_DAYS)), round(between(rng, AFTER_DAYS))
        return cls._around(customer, new_year, (before, 10), (after, 17), feed, rng)

    @classmethod
    def of_business(
        cls, customer: Customer, new_year: date, feed: FeedDays, rng: np.random.Generator
    ) -> NewYearAbsence:
        """Of one that closes; the days are whole ones."""
        before, after = customer.closed_at_new_year
        return cls._around(customer, new_year, (before, 0), (after, 0), feed, rng)

    @classmethod
    def _around(
        cls,
        customer: Customer,
        new_year: date,
        before: tuple[int, int],
        after: tuple[int, int],
        feed: FeedDays,
        rng: np.random.Generator,
    ) -> NewYearAbsence:
        """`before` and `after` are days from New Year's Day and the hour."""
        start_s = feed.calendar.day_start(new_year - timedelta(days=before[0])) + 3600 * before[1]
        end_s = feed.calendar.day_start(new_year + timedelta(days=after[0])) + 3600 * after[1]
        return cls(customer.row, start_s, end_s, between(rng, LEAVES) * customer.base_kw, new_salt(rng))

    @property
    def story(self) -> str:
        days = (0 if self.end_s is None else self.end_s - self.start_s) / DAY_S
        return f"away or closed over New Year for {days:.0f} days, {self.left_kw:.2f} kW is left"

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        left_kw = what_stays_on_kw(self.left_kw, hours, self.start_s, self.salt)
        demand_kw[active] = np.minimum(demand_kw, left_kw)[active]
