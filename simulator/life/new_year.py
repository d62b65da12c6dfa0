"""Chinese New Year: when it is, and who leaves, closes and comes home around it.

An area with farms in it is a village, any other is town. In town homes are left, in villages they fill up; shops, works and building
sites close in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from simulator.life.event import Customer, FeedDays, LifeEvent, between
from simulator.life.new_year_absence import HOMES_LEAVE, NewYearAbsence
from simulator.life.new_year_return import HOMES_FILL, NewYearReturn
from simulator.world.days import new_year
from simulator.world.world import Customers

__all__ = ["draw_new_year", "new_year", "new_years_around"]

AROUND_DAYS = 40
#: The most of an area's homes that an exodus empties or fills.
MOST_HOMES = 0.8


def new_years_around(feed: FeedDays) -> tuple[date, ...]:
    """Those whose leaving or returning may touch the feed."""
    first, last = feed.day(-AROUND_DAYS), feed.day(feed.days + AROUND_DAYS)
    found = (new_year(year) for year in range(first.year, last.year + 1))
    return tuple(day for day in found if day is not None and first <= day <= last)


def draw_new_year(
    customers: Customers, festivals: Sequence[date], feed: FeedDays, rng: np.random.Generator, exodus: float = 1.0
) -> list[LifeEvent]:
    """Who is away, closed or visited around each New Year's Day of `festivals`; `exodus` times as many homes as usual, up to 0.8."""
    village = any(meter.customer_class == "agricultural" for meter in customers.meters)
    closing = np.flatnonzero(customers.load.closed_before > 0)
    homes = np.flatnonzero([meter.customer_class == "residential" for meter in customers.meters])
    events: list[LifeEvent] = []
    for day in festivals:
        events += [NewYearAbsence.of_business(Customer.at(customers, int(row)), day, feed, rng) for row in closing]
        draws = rng.random(len(homes))
        if village:
            events += [
                NewYearReturn.around(int(row), day, feed, rng)
                for row in homes[draws < min(exodus * HOMES_FILL, MOST_HOMES)]
            ]
        else:
            leaving = min(exodus * between(rng, HOMES_LEAVE), MOST_HOMES)
            events += [
                NewYearAbsence.of_home(Customer.at(customers, int(row)), day, feed, rng)
                for row in homes[draws < leaving]
            ]
    return events
