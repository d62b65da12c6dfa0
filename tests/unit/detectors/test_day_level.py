"""What the level's figures say of days that are easy to judge by eye."""

from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.day.level import DayLevel, DayLevelParams
from metering.errors import SettingsError
from tests.unit.detectors.days import HOMES, Day, days, homes, live, row


def test_a_bypass_of_half_is_a_fall_of_half() -> None:
    def bypass(day: Day) -> None:
        if day.number >= 30:
            day.kwh[:, 0] *= 0.5

    said = live(DayLevel(homes()), days(45, bypass, noise=0.02))
    whole_kwh = 0.8 * 9.9
    before, tapped, other = row(said[29], 0), row(said[44], 0), row(said[44], 1)
    assert abs(before["log_level"]) < 0.05
    assert math.exp(tapped["log_level"]) == pytest.approx(0.55, abs=0.05)
    assert tapped["fall_cusum"] > 15
    assert tapped["rise_cusum"] == 0
    assert tapped["fall_kwh"] == pytest.approx(0.5 * whole_kwh, rel=0.15)
    assert tapped["log_usual"] == pytest.approx(math.log(whole_kwh), abs=0.15)
    assert abs(other["log_level"]) < 0.05
    assert other["fall_cusum"] < 3


def test_the_first_day_of_a_fall_is_seen_at_once_and_believed_after_three() -> None:
    def bypass(day: Day) -> None:
        if day.number >= 30:
            day.kwh[:, 0] *= 0.5

    said = live(DayLevel(homes()), days(34, bypass, noise=0.02))
    first, third = row(said[30], 0), row(said[32], 0)
    assert first["log_today"] == pytest.approx(-0.66, abs=0.05)
    assert first["lowest_3d"] == first["log_today"]
    assert first["highest_3d"] > -0.1
    assert third["highest_3d"] < -0.55


def test_what_moves_the_whole_class_moves_no_meter() -> None:
    def frost(day: Day) -> None:
        if day.number >= 30:
            day.kwh *= 1.6

    figures = live(DayLevel(homes()), days(40, frost))[-1]
    assert (figures["class_movement"][:HOMES] > 0.3).all()
    assert (np.abs(figures["log_level"][:HOMES]) < 0.1).all()
    assert (figures["rise_cusum"][:HOMES] < 5).all()


def test_use_that_comes_back_is_regained_and_use_that_ends_subsides() -> None:
    def away_and_back(day: Day) -> None:
        if 20 <= day.number < 32:
            day.kwh[:, 0] *= 0.3
            day.kwh[:, 1] *= 3.0

    said = live(DayLevel(homes()), days(40, away_and_back))
    assert row(said[31], 0)["regained"] < 0.1
    assert row(said[39], 0)["regained"] > 0.6
    assert row(said[31], 1)["subsided"] < 0.1
    assert row(said[39], 1)["subsided"] > 0.6


def test_a_slow_ramp_is_seen_by_the_longer_memory() -> None:
    """A quarter is lost over ninety days, slowly enough never to be suspected: the usual level follows, the longstanding one less."""

    def ramp(day: Day) -> None:
        if day.number >= 30:
            day.kwh[:, 0] *= 1 - 0.25 * (day.number - 30) / 90

    level = DayLevel(homes())
    figures = row(live(level, days(120, ramp))[-1], 0)
    assert not level.suspected().any()
    assert figures["slow_level"] < figures["log_level"] - 0.04
    assert figures["slow_level"] < -0.15


def test_suspected_days_are_not_learnt_even_when_they_are_trusted() -> None:
    def bypass(day: Day) -> None:
        if day.number >= 30:
            day.kwh[:, 0] *= 0.3

    level = DayLevel(homes())
    said = live(level, days(120, bypass))
    assert level.suspected().tolist() == [True] + [False] * HOMES
    learnt = next(n for n, figures in enumerate(said) if figures["fall_cusum"][0] > 15)
    later, at_the_end = row(said[learnt + 1], 0)["log_usual"], row(said[-1], 0)["log_usual"]
    assert at_the_end == pytest.approx(later, abs=1e-3)


def test_a_case_that_ends_is_no_longer_suspected_within_weeks() -> None:
    """The CUSUM is bounded: sixty days of nothing are forgotten as fast as twenty."""

    def bypass(day: Day) -> None:
        if 30 <= day.number < 90:
            day.kwh[:, 0] *= 0.1

    level = DayLevel(homes())
    told = list(days(160, bypass))
    said = live(level, told[:90])
    assert said[-1]["fall_cusum"][0] == 60
    live(level, told[90:])
    assert not level.suspected().any()


def test_a_parameter_out_of_range_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match=r"DayLevelParams\.recent_rate"):
        DayLevelParams(recent_rate=2.0)
