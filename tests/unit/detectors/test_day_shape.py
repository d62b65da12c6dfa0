"""What the shape's figures say of days that are easy to judge by eye."""

from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.day.shape import DayShape
from tests.unit.detectors.days import HOMES, Change, Day, Figures, days, homes, live, row

ONSET = 30


def _after(change: Change, count: int = 40, noise: float = 0.05) -> list[dict[str, float]]:
    """Home 0's figures of every day; `change` alters it from the thirtieth day on, from when on it is not trusted."""

    def from_then_on(day: Day) -> None:
        if day.number >= ONSET:
            change(day)

    return [row(figures, 0) for figures in _distrusted_later(from_then_on, count, noise)]


def _distrusted_later(change: Change, count: int, noise: float = 0.05) -> list[Figures]:
    shape = DayShape(homes())
    told = list(days(count, change, noise=noise))
    said = live(shape, told[:ONSET])
    return said + live(shape, told[ONSET:], trusted=[False] + [True] * HOMES)


def test_a_quiet_life_is_like_itself() -> None:
    figures = row(live(DayShape(homes()), days(40))[-1], 0)
    assert figures["likeness"] > 0.99
    assert figures["lag_h"] == 0
    assert figures["lag_gain"] == 0
    for figure in ("night_shift", "night_level", "daytime_level", "steps_change", "spread_change", "weekend_change"):
        assert abs(figures[figure]) < 0.1, figure
    assert figures["unused_share"] == figures["unused_block"] == 0
    assert figures["repeated_share"] < 0.3


@pytest.mark.parametrize("hours", [3, -2, 9])
def test_a_shifted_clock_is_a_lag_of_its_hours(hours: int) -> None:
    def shifted(day: Day) -> None:
        day.kwh[:, 0] = np.roll(day.kwh[:, 0], hours)

    figures = _after(shifted)[-1]
    assert figures["lag_h"] == hours
    assert figures["lag_gain"] > 0.5
    assert figures["likeness"] < 0.6


def test_a_reversed_day_is_like_the_usual_one_in_reverse_and_its_first_day_exactly_like_yesterday() -> None:
    memory: list[np.ndarray] = []

    def reversed_day(day: Day) -> None:
        own = day.kwh[:, 0].copy()
        if day.number >= ONSET:
            day.kwh[:, 0] = memory[-1][::-1]
        memory.append(own)

    said = [row(figures, 0) for figures in _distrusted_later(reversed_day, 45)]
    assert said[ONSET - 1]["reversed_yesterday"] < 0.1
    assert said[ONSET]["reversed_yesterday"] > 0.8
    assert said[-1]["likeness_reversed"] > 0.5
    assert said[ONSET - 1]["likeness_reversed"] < -0.5


def test_yesterdays_mean_all_day_is_flat_and_has_no_shape() -> None:
    yesterday: list[float] = []

    def flat(day: Day) -> None:
        own = float(day.kwh[:, 0].mean())
        if day.number >= ONSET:
            day.kwh[:, 0] = yesterday[-1]
        yesterday.append(own)

    said = [row(figures, 0) for figures in _distrusted_later(flat, 40)]
    assert said[ONSET]["mean_of_yesterday"] == pytest.approx(1.0)
    assert said[-1]["flat_share"] > 0.95
    assert said[-1]["flat_change"] > 0.8
    assert said[-1]["spread_change"] < -1


def test_random_shares_of_a_mean_have_no_continuity() -> None:
    rng = np.random.default_rng(5)

    def drawn(day: Day) -> None:
        day.kwh[:, 0] = rng.uniform(0.1, 0.8, 24) * day.kwh[:, 0].mean()

    said = _after(drawn)
    assert said[ONSET - 1]["continuity"] > 0.4
    assert said[-1]["continuity"] < 0.2
    assert said[-1]["continuity_change"] < -0.4


def test_a_night_bypass_lowers_the_night_only() -> None:
    def bypass(day: Day) -> None:
        day.kwh[[22, 23, 0, 1, 2, 3, 4], 0] *= 0.3

    figures = _after(bypass)[-1]
    assert math.exp(figures["night_level"]) == pytest.approx(0.37, abs=0.08)
    assert abs(figures["daytime_level"]) < 0.1
    assert figures["night_shift"] < -0.8


def test_nothing_for_hours_is_missed_where_there_usually_is_some() -> None:
    def nothing(day: Day) -> None:
        start = 1 + 5 * day.number % 17
        day.kwh[start : start + 6, 0] = 0.0

    said = _after(nothing)
    assert said[ONSET - 1]["unused_share"] == 0
    assert said[-1]["unused_share"] == pytest.approx(0.25, abs=0.03)
    assert said[-1]["unused_change"] == pytest.approx(0.25, abs=0.08)


def test_the_same_hours_of_nothing_every_day_are_a_block() -> None:
    def nothing(day: Day) -> None:
        day.kwh[18:22, 0] = 0.0

    assert _after(nothing)[-1]["unused_block"] > 0.9


def test_more_steps_between_intervals_are_a_change_of_steps() -> None:
    def jagged(day: Day) -> None:
        day.step_kwh[:, 0] *= 3

    assert _after(jagged)[-1]["steps_change"] == pytest.approx(math.log(0.65 / 0.25), abs=0.1)


def test_a_curve_that_is_played_again_is_repeated() -> None:
    recorded: list[np.ndarray] = []

    def again(day: Day) -> None:
        recorded.append(day.kwh[:, 0].copy())
        day.kwh[:, 0] = recorded[0]

    said = _after(again)
    assert said[ONSET - 1]["repeated_share"] < 0.3
    assert said[-1]["repeated_share"] > 0.9
    assert said[-1]["repeated_change"] > 0.6


def test_a_weekend_that_became_a_working_day() -> None:
    def shop(day: Day) -> None:
        if day.number % 7 >= 5 and (day.number < ONSET):
            day.kwh[:, 0] *= 0.2

    said = _distrusted_later(shop, 55)
    assert abs(row(said[ONSET - 1], 0)["weekend_change"]) < 0.2
    assert row(said[-1], 0)["weekend_change"] > 0.8
    assert (np.abs(said[-1]["weekend_change"][1:HOMES]) < 0.1).all()
