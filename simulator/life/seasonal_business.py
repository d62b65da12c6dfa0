"""Seasonal business: open for half of the year, every year: guests and tours in summer, or sweets and heaters in winter.

4 of 100 shops. 70 % of them open around 15 April and close around 10 October, the others open around 20 October and close around 20 March,
each up to 21 days earlier or later. The last 5 days of a season run down; 4 to 10 % of the use is left until the next. From afar it is
a bypass or a stopped register in autumn, over-capacity in spring.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

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
    what_stays_on_kw,
)

SUMMER = 0.7
SUMMER_OPENS, SUMMER_CLOSES = (4, 15), (10, 10)
WINTER_OPENS, WINTER_CLOSES = (10, 20), (3, 20)
EARLIER_OR_LATER_DAYS = 21
RUNS_DOWN_DAYS = 5.0
LEAVES: Range = (0.04, 0.1)


@dataclass(frozen=True)
class SeasonalBusiness(LifeEvent):
    """One closed season, from the first day of running down."""

    left_kw: float
    salt: int

    kind = "seasonal_business"
    standing = by_class(commercial=0.04)
    changes = f"{percent(LEAVES)} of the use is left for half of each year"
    resembles = "a bypass or a stopped register in autumn, over-capacity in spring"
    conflicts = True
    empties = True

    @classmethod
    def draw_standing(cls, customer: Customer, feed: FeedDays, rng: np.random.Generator) -> tuple[LifeEvent, ...]:
        opens, closes = (SUMMER_OPENS, SUMMER_CLOSES) if rng.random() < SUMMER else (WINTER_OPENS, WINTER_CLOSES)
        left_kw, salt = between(rng, LEAVES) * customer.base_kw, new_salt(rng)
        shifts = rng.integers(-EARLIER_OR_LATER_DAYS, EARLIER_OR_LATER_DAYS + 1, 2)
        return tuple(
            cls(customer.row, feed.calendar.day_start(closed), feed.calendar.day_start(opened), left_kw, salt)
            for closed, opened in _closed_seasons(feed, closes, opens, int(shifts[0]), int(shifts[1]))
        )

    @property
    def story(self) -> str:
        return f"closed until the next season, {self.left_kw:.2f} kW is left"

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        gone = hours.ramp(self.start_s, RUNS_DOWN_DAYS)
        left_kw = np.minimum(demand_kw, what_stays_on_kw(self.left_kw, hours, self.start_s, self.salt))
        demand_kw[active] = (demand_kw + gone * (left_kw - demand_kw))[active]


def _closed_seasons(
    feed: FeedDays, closes: tuple[int, int], opens: tuple[int, int], closes_later: int, opens_later: int
) -> Iterator[tuple[date, date]]:
    """(closes, opens again) of all closed seasons around the feed."""
    for year in range(feed.first_day.year - 1, feed.day(feed.days).year + 1):
        closed = date(year, *closes)
        opened = date(year, *opens) if opens > closes else date(year + 1, *opens)
        yield closed + timedelta(days=closes_later), opened + timedelta(days=opens_later)
