"""What the figures of changed hours say of days that are easy to judge by eye."""

from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.day.blocks import DayBlocks
from tests.unit.detectors.days import HOMES, Change, Day, days, homes, live, row

ONSET = 30


def _after(change: Change, count: int = 45, *, trusted: bool = False) -> list[dict[str, float]]:
    """Home 0's figures of every day; `change` alters it from the thirtieth day on."""

    def from_then_on(day: Day) -> None:
        if day.number >= ONSET:
            change(day)

    blocks = DayBlocks(homes())
    told = list(days(count, from_then_on))
    said = live(blocks, told[:ONSET]) + live(blocks, told[ONSET:], trusted=[trusted] + [True] * HOMES)
    return [row(figures, 0) for figures in said]


def test_a_bypass_by_day_is_found_in_the_hours_in_which_it_is_on() -> None:
    def bypass(day: Day) -> None:
        day.kwh[9:15, 0] *= 0.2

    said = _after(bypass)
    assert abs(said[ONSET - 1]["lowest_block"]) < 0.1
    assert said[-1]["lowest_block_h"] == 9
    assert math.exp(said[-1]["lowest_block"]) == pytest.approx(0.25, abs=0.05)
    assert said[-1]["lowest_beside_day"] < -1
    assert abs(said[-1]["highest_block"]) < 0.1
    assert said[-1]["highest_beside_day"] < 0.3
    assert said[-1]["night_fall_cusum"] < 3


def test_what_is_added_in_some_hours_raises_the_highest_block() -> None:
    def stalls(day: Day) -> None:
        day.kwh[18:23, 0] += 4.0

    said = _after(stalls)
    assert said[-1]["highest_block"] > 1.2
    assert said[-1]["highest_beside_day"] > 0.3
    assert abs(said[-1]["lowest_block"]) < 0.1
    assert said[-1]["peak_change"] > 1.2


def test_nights_that_fall_are_added_up_and_the_day_is_not_asked() -> None:
    def night(day: Day) -> None:
        if day.number % 5:
            day.kwh[[23, 0, 1, 2, 3, 4], 0] *= 0.4
        day.kwh[6:20, 0] *= 1.2

    said = _after(night)
    assert said[ONSET - 1]["night_fall_cusum"] < 3
    assert said[-1]["night_fall_cusum"] > 12
    assert said[-1]["night_rise_cusum"] == 0


def test_nights_that_rise_are_added_up() -> None:
    def night(day: Day) -> None:
        day.kwh[[23, 0, 1, 2, 3, 4], 0] *= 3

    assert _after(night)[-1]["night_rise_cusum"] > 20


def test_exactly_nothing_is_counted_and_a_little_is_not() -> None:
    def nothing(day: Day) -> None:
        day.kwh[4:10, 0] = 0.0

    def a_little(day: Day) -> None:
        day.kwh[4:10, 0] = 0.001

    assert _after(nothing)[-1]["nothing_share"] == pytest.approx(0.25, abs=0.01)
    assert _after(a_little)[-1]["nothing_share"] == 0


def test_what_is_learnt_for_two_months_is_still_seen() -> None:
    """Even trusted all the while: a slow case must not have become usual before it is noticed."""

    def bypass(day: Day) -> None:
        day.kwh[9:15, 0] *= 0.2

    assert _after(bypass, count=ONSET + 60, trusted=True)[-1]["lowest_block"] < -0.6


def test_what_the_whole_class_does_is_no_block() -> None:
    def cooling(day: Day) -> None:
        if day.number >= ONSET:
            day.kwh[12:18] *= 2.0

    figures = live(DayBlocks(homes()), days(40, cooling))[-1]
    assert (np.abs(figures["highest_block"][:HOMES]) < 0.15).all()


def test_a_night_with_gaps_is_not_judged() -> None:
    def gaps(day: Day) -> None:
        day.kwh[[23, 0, 1], 0] = np.nan
        day.kwh[[2, 3, 4], 0] = 0.0

    assert _after(gaps)[-1]["night_fall_cusum"] < 3
