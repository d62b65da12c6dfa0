"""Chinese New Year: when it is, and who leaves, closes and comes home around it.

An area with farms in it is a village, any other is town. In town homes are left, in villages they fill up; shops, works and building
sites close in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache

import holidays
import numpy as np

from simulator.life.event import Customer, FeedDays, LifeEvent, between
from simulator.life.new_year_absence import HOMES_LEAVE, NewYearAbsence
from simulator.life.new_year_return import HOMES_FILL, NewYearReturn
from simulator.world import Customers

AROUND_DAYS = 40
#: The new moon between 21 January and 21 February.
EARLIEST, LATEST = (1, 21), (2, 21)


@lru_cache(maxsize=256)
def new_year(year: int) -> date | None:
    """The first day of the lunar year that begins in `year`; None where the calendar does not reach.

    >>> new_year(2026), new_year(2027)
    (datetime.date(2026, 2, 17), datetime.date(2027, 2, 6))
    """
    named = holidays.country_holidays("CN", years=year, observed=False, language="en_US")
    # the eve and days off moved to or from the festival bear other names or lie elsewhere
    days = [
        d
        for d, name in named.items()
        if "Spring Festival" in name and date(year, *EARLIEST) <= d <= date(year, *LATEST)
    ]
    return min(days, default=None)


def new_years_around(feed: FeedDays) -> tuple[date, ...]:
    """Those whose leaving or returning may touch the feed."""
    first, last = feed.day(-AROUND_DAYS), feed.day(feed.days + AROUND_DAYS)
    found = (new_year(year) for year in range(first.year, last.year + 1))
    return tuple(day for day in found if day is not None and first <= day <= last)


def draw_new_year(
    customers: Customers, festivals: Sequence[date], feed: FeedDays, rng: np.random.Generator
) -> list[LifeEvent]:
    """Who is away, closed or visited around each New Year's Day of `festivals`."""
    village = any(meter.customer_class == "agricultural" for meter in customers.meters)
    closing = np.flatnonzero(customers.load.closed_before > 0)
    homes = np.flatnonzero([meter.customer_class == "residential" for meter in customers.meters])
    events: list[LifeEvent] = []
    for day in festivals:
        events += [NewYearAbsence.of_business(Customer.at(customers, int(row)), day, feed, rng) for row in closing]
        draws = rng.random(len(homes))
        if village:
            events += [NewYearReturn.around(int(row), day, feed, rng) for row in homes[draws < HOMES_FILL]]
        else:
            leaving = between(rng, HOMES_LEAVE)
            events += [
                NewYearAbsence.of_home(Customer.at(customers, int(row)), day, feed, rng)
                for row in homes[draws < leaving]
            ]
    return events
