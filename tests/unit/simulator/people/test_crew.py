"""Visits keep to capacity and calendar: working days, holidays, hazards on any day, and a few days from assignment on."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest

from metering.errors import SettingsError
from simulator.people.capacity import delay_s, visits_per_day
from simulator.people.crew import EVERY_DAY, Crew, Roster
from tests.unit.simulator.people.small_department import MONDAY, archive, task

CALENDAR = archive(1).calendar
FRIDAY, SATURDAY, SUNDAY = (MONDAY + timedelta(days=n) for n in (4, 5, 6))


def crew(per_week: float = 20, roster: Roster | None = None, holidays: frozenset[date] = frozenset()) -> Crew:
    return Crew(CALENDAR, holidays, per_week / 7, Roster() if roster is None else roster)


@pytest.mark.parametrize("wrong", ["20", "20/month", "-3/week", "twenty/week", ""])
def test_a_capacity_says_what_to_write(wrong: str) -> None:
    with pytest.raises(SettingsError, match="20/week"):
        visits_per_day(wrong)


@pytest.mark.parametrize("wrong", ["7", "7w", "d", ""])
def test_a_delay_says_what_to_write(wrong: str) -> None:
    with pytest.raises(SettingsError, match="12h or 7d"):
        delay_s(wrong)


def test_a_week_has_its_capacity_and_only_on_working_days() -> None:
    diary, ranked = crew(), [task(n) for n in range(100)]
    taken = [len(diary.take(ranked, MONDAY + timedelta(days=n))) for n in range(14)]
    assert taken == [4, 4, 4, 4, 4, 0, 0] * 2


def test_a_holiday_has_no_visits_and_its_capacity_is_lost() -> None:
    diary = crew(holidays=frozenset({MONDAY}))
    assert [len(diary.take([task(n) for n in range(100)], MONDAY + timedelta(days=n))) for n in range(3)] == [0, 4, 4]


def test_a_perfect_department_works_every_day() -> None:
    diary, ranked = crew(21, EVERY_DAY), [task(n) for n in range(100)]
    assert [len(diary.take(ranked, MONDAY + timedelta(days=n))) for n in range(7)] == [3] * 7


def test_unused_capacity_adds_up_to_a_week_and_no_more() -> None:
    diary = crew()
    for number in range(21):
        assert diary.take([], MONDAY + timedelta(days=number)) == []
    assert len(diary.take([task(n) for n in range(100)], MONDAY + timedelta(days=21))) == 24


def test_hazards_come_first_and_use_up_later_visits_even_on_a_sunday() -> None:
    diary = crew()
    hazards = [task(n, hazard=True) for n in range(30)]
    assert len(diary.take(hazards, SUNDAY)) == 20, "no more than a week's visits in advance"
    week = [len(diary.take([task(n) for n in range(100)], SUNDAY + timedelta(days=1 + n))) for n in range(7)]
    assert sum(week) == 0, "they were next week's"


def test_a_hazard_is_visited_on_the_day_and_the_rest_some_working_days_later() -> None:
    diary = crew()
    assert diary.day_of_visit(task(0, hazard=True), SATURDAY, 3) == SATURDAY
    assert diary.day_of_visit(task(0), FRIDAY, 0) == FRIDAY
    assert diary.day_of_visit(task(0), FRIDAY, 1) == FRIDAY + timedelta(days=3)
    assert diary.day_of_visit(task(0), MONDAY, 3) == MONDAY + timedelta(days=3)


def test_a_full_day_sends_the_visit_to_the_next_working_day() -> None:
    diary = crew()
    for _ in range(4):
        diary.book(FRIDAY)
    assert diary.day_of_visit(task(0), FRIDAY, 0) == FRIDAY + timedelta(days=3)


def test_visits_begin_at_nine_and_crews_work_side_by_side_on_long_days() -> None:
    diary = crew(1000, EVERY_DAY)
    local = [CALENDAR.local(diary.book(MONDAY)) for _ in range(40)]
    assert {(t.date(), 9 <= t.hour < 17) for t in local} == {(MONDAY, True)}
    assert max(Counter(local).values()) == 3
