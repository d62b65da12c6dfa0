"""Holiday absence: a household is away for a weekend, on a trip, or over a long holiday.

Over a run of at least 3 days off (weekends counted in) 15 % of the homes are left, up to 3 days before it at 10 h, until up to 4 days after it at
17 h. Besides, 100 homes are left 200 times in a year: 70 % weekends, from Friday 18 h to Sunday 20 h, the others trips of 2 to 14 days
from 8 h on. 8 to 20 % of the use is left. From afar it is a register that stops and runs again, or an intermittent bypass.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

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
    new_salt,
    percent,
    spread,
    what_stays_on_kw,
)

AT_HOLIDAYS = 0.15
LONG_HOLIDAY_DAYS = 3
LEAVES_EARLIER_DAYS, RETURNS_LATER_DAYS = 3, 4
WEEKEND = 0.7
TRIP_DAYS: Range = (2, 14)
LEAVES: Range = (0.08, 0.2)


@dataclass(frozen=True)
class HolidayAbsence(LifeEvent):
    left_kw: float
    salt: int

    kind = "holiday_absence"
    per_year = by_class(residential=2.0)
    often = f"besides {percent(AT_HOLIDAYS)} over each long holiday"
    changes = f"{percent(LEAVES)} of the use is left: weekends, trips of {spread(TRIP_DAYS, 'days')}, long holidays"
    resembles = "a stopped register, an intermittent bypass"
    longest_days = TRIP_DAYS[1]

    @classmethod
    def draw(cls, customer: Customer, when: float, feed: FeedDays, rng: np.random.Generator) -> tuple[LifeEvent, ...]:
        weekend, lasts = rng.random() < WEEKEND, between(rng, TRIP_DAYS)
        left_kw, salt = between(rng, LEAVES) * customer.base_kw, new_salt(rng)
        if weekend:
            friday = int(np.floor(when)) - (feed.day(when).weekday() - 4)
            return (cls(customer.row, feed.at(friday, 18), feed.at(friday + 2, 20), left_kw, salt),)
        start_s = feed.at(when, 8)
        return (cls(customer.row, start_s, start_s + round(lasts * 24) * DAY_S // 24, left_kw, salt),)

    @classmethod
    def over(
        cls, customer: Customer, holiday: tuple[date, date], feed: FeedDays, rng: np.random.Generator
    ) -> HolidayAbsence:
        """Away over a long holiday, given by its first and last day."""
        leaves_on = holiday[0] - timedelta(days=int(rng.integers(0, LEAVES_EARLIER_DAYS + 1)))
        returns_on = holiday[1] + timedelta(days=int(rng.integers(0, RETURNS_LATER_DAYS + 1)))
        start_s, end_s = feed.calendar.day_start(leaves_on), feed.calendar.day_start(returns_on)
        left_kw = between(rng, LEAVES) * customer.base_kw
        return cls(customer.row, start_s + 10 * 3600, end_s + 17 * 3600, left_kw, new_salt(rng))

    @property
    def story(self) -> str:
        days = (0 if self.end_s is None else self.end_s - self.start_s) / DAY_S
        return f"away for {days:.0f} days, {self.left_kw:.2f} kW is left"

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        left_kw = what_stays_on_kw(self.left_kw, hours, self.start_s, self.salt)
        demand_kw[active] = np.minimum(demand_kw, left_kw)[active]


def long_holidays(days_off: Collection[date]) -> list[tuple[date, date]]:
    """First and last day of each run of at least three days off, weekends counted in.

    >>> long_holidays({date(2026, 10, 1), date(2026, 10, 2), date(2026, 10, 5), date(2026, 12, 25)})
    [(datetime.date(2026, 10, 1), datetime.date(2026, 10, 5))]
    """
    runs: list[tuple[date, date]] = []
    for day in sorted(days_off):
        if runs and (day - runs[-1][1]).days <= LONG_HOLIDAY_DAYS:
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return [(first, last) for first, last in runs if (last - first).days >= LONG_HOLIDAY_DAYS - 1]
