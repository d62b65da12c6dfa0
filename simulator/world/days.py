"""Days of a calendar: public holidays, what kind of day it is, and how far Chinese New Year lies off."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

import holidays

from simulator.world.load_profiles import HOLIDAY, WEEKEND, WORKDAY

#: Nobody closes for longer before or after Chinese New Year.
LONGEST_BREAK_DAYS = 30


def public_holidays(country: str, first_day: date, days: int) -> frozenset[date]:
    """Days off of a country, or of a part of one such as 'AU-VIC', that fall into the feed."""
    last_day = first_day + timedelta(days=days)
    state, _, part = country.partition("-")
    years = range(first_day.year, last_day.year + 1)
    days_off = holidays.country_holidays(state, subdiv=part or None, years=years)
    return frozenset(d for d in days_off if first_day <= d <= last_day)


def kind_of_day(day: date, days_off: frozenset[date]) -> int:
    if day in days_off:
        return HOLIDAY
    return WEEKEND if day.weekday() >= 5 else WORKDAY


def days_from_new_year(day: date) -> int | None:
    """Days since the nearest Chinese New Year, negative before it; None where it is far off.

    >>> days_from_new_year(date(2026, 2, 20)), days_from_new_year(date(2026, 2, 10)), days_from_new_year(date(2026, 7, 1))
    (3, -7, None)
    """
    festival = new_year(day.year)
    if festival is None:
        return None
    since = (day - festival).days
    return since if abs(since) <= LONGEST_BREAK_DAYS else None


@lru_cache(maxsize=256)
def new_year(year: int) -> date | None:
    """Chinese New Year's Day of a year; None where the lunar calendar of `holidays` does not reach.

    >>> new_year(2026), new_year(2027)
    (datetime.date(2026, 2, 17), datetime.date(2027, 2, 6))
    """
    named = holidays.country_holidays("CN", years=year, observed=False, language="en_US")
    # the eve and the days off that are moved to or from the festival bear other names or lie elsewhere
    earliest, latest = date(year, 1, 21), date(year, 2, 21)
    days = [d for d, name in named.items() if "Spring Festival" in name and earliest <= d <= latest]
    return min(days, default=None)
