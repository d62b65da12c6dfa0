"""Days of a calendar: public holidays, what kind of day it is, and how far Chinese New Year lies off."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

import holidays

from simulator.load_profiles import HOLIDAY, WEEKEND, WORKDAY

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
    since = (day - _new_year(day.year)).days
    return since if abs(since) <= LONGEST_BREAK_DAYS else None


@lru_cache(maxsize=64)
def _new_year(year: int) -> date:
    named = holidays.country_holidays("CN", years=year, language="en_US")
    return min(day for day, name in named.items() if "Spring Festival" in name and day.year == year)
