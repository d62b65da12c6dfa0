"""What a register says beside its intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.day.registers import DayRegisters
from tests.unit.detectors.days import HOMES, Change, Day, Figures, days, homes, live, row

ONSET = 30


class Counting:
    """Registers that count what is measured, from `start` on; `slips` and `alters` act from the onset on."""

    def __init__(self, start: float = 5000.0, slips: float = 1.0, alters: Change | None = None) -> None:
        self.register_kwh = np.full(HOMES + 1, start)
        self.slips, self.alters = slips, alters

    def __call__(self, day: Day) -> None:
        step = day.kwh.sum(axis=0)
        if day.number >= ONSET:
            step[0] *= self.slips
        self.register_kwh = self.register_kwh + step
        day.register_kwh[:] = self.register_kwh
        if day.number >= ONSET and self.alters is not None:
            self.alters(day)


def _live(counting: Counting, count: int = 45) -> list[Figures]:
    registers = DayRegisters(homes())
    told = list(days(count, counting))
    return live(registers, told[:ONSET]) + live(registers, told[ONSET:], trusted=[False] + [True] * HOMES)


def test_registers_that_count_what_the_intervals_show_agree() -> None:
    said = _live(Counting())
    for figure in ("register_gap", "register_gap_kwh", "register_fell", "register_stood", "register_age_days"):
        np.testing.assert_allclose(said[-1][figure][:HOMES], 0.0, atol=1e-4)
    assert (np.abs(said[-1]["register_ran"][:HOMES]) < 0.05).all()


@pytest.mark.parametrize("slips", [0.97, 0.7, 1.3])
def test_a_register_that_slips_by_so_much_has_that_gap(slips: float) -> None:
    figures = row(_live(Counting(slips=slips))[-1], 0)
    gap = slips - 1 if slips < 1 else 1 - 1 / slips
    assert figures["register_gap"] == pytest.approx(gap, abs=0.002)
    assert figures["register_gap_size"] == abs(figures["register_gap"])
    assert figures["register_gap_change"] == pytest.approx(gap, abs=0.002)
    assert figures["register_gap_kwh"] == pytest.approx((slips - 1) * 0.8 * 9.9, rel=0.1)
    assert figures["register_fell"] == 0


def test_a_constant_that_was_always_wrong_is_a_gap_without_a_change() -> None:
    """Registers in units of a current transformer's secondary side: the archive's matter, not a case."""

    def counts_a_tenth(day: Day) -> None:
        day.register_kwh[:] = 300 + 0.1 * 9.9 * np.linspace(0.8, 1.2, HOMES + 1) * (day.number + 1)

    figures = live(DayRegisters(homes()), days(30, counts_a_tenth))[-1]
    assert (figures["register_gap"][:HOMES] < -0.85).all()
    assert (np.abs(figures["register_gap_change"][:HOMES]) < 0.02).all()


def test_a_reset_register_fell() -> None:
    def reset(day: Day) -> None:
        day.register_kwh[0] -= 5000.0

    said = _live(Counting(alters=reset))
    assert said[ONSET]["register_fell"][0] == 0, "one value may be faulty"
    assert said[ONSET]["register_age_days"][0] == 1
    assert said[ONSET + 1]["register_fell"][0] == 1, "the next goes on from it"
    assert abs(said[ONSET + 1]["register_gap"][0]) < 1e-4  # it is another matter than what the register counted
    assert said[-1]["register_fell"][0] == pytest.approx(0.97**13, rel=1e-5)
    assert (said[-1]["register_fell"][1:HOMES] == 0).all()


@pytest.mark.parametrize("faulty_kwh", [0.0, 1500.0, 5200.0, 5400.0, 9000.0, 123_456.0])
def test_a_register_that_is_back_on_its_course_after_one_faulty_value_did_nothing(faulty_kwh: float) -> None:
    def garbled(day: Day) -> None:
        if day.number == ONSET:
            day.register_kwh[:] = faulty_kwh

    said = _live(Counting(alters=garbled))
    for figure in ("register_fell", "register_gap", "register_gap_kwh", "register_stood"):
        assert max(np.abs(figures[figure][:HOMES]).max() for figures in said[ONSET:]) < 1e-3, figure
    assert (np.abs(said[-1]["register_ran"][:HOMES]) < 0.05).all()


def test_a_register_that_is_wound_back_and_runs_on_fell() -> None:
    def wound_back(day: Day) -> None:
        day.register_kwh[0] -= 12.0

    said = _live(Counting(alters=wound_back))
    assert said[ONSET + 1]["register_fell"][0] == 1


def test_a_register_that_jumped_and_goes_on_from_there_has_that_gap() -> None:
    def jumped(day: Day) -> None:
        day.register_kwh[0] += 2000.0

    said = _live(Counting(alters=jumped))
    assert said[ONSET]["register_gap"][0] == pytest.approx(0, abs=1e-3)
    assert said[ONSET + 1]["register_gap"][0] > 0.3
    assert said[-1]["register_fell"][0] == 0


def test_a_register_that_passes_its_last_digit_has_not_fallen() -> None:
    counting = Counting(start=99_700.0)

    def five_digits(day: Day) -> None:
        counting(day)
        day.register_kwh %= 100_000.0

    told = list(days(50, five_digits))
    assert told[-1].register_kwh[0] < told[0].register_kwh[0]
    said = live(DayRegisters(homes()), told)
    assert max(figures["register_fell"][0] for figures in said[12:]) == 0
    assert max(abs(figures["register_gap"][0]) for figures in said[12:]) < 1e-3


def test_a_register_that_runs_away_moves_more_than_usual() -> None:
    figures = row(_live(Counting(slips=5.0))[-1], 0)
    assert figures["register_ran"] == pytest.approx(math.log(5), abs=0.15)


def test_a_register_that_stands_while_the_intervals_run() -> None:
    figures = _live(Counting(slips=0.0))[-1]
    assert figures["register_stood"][0] > 0.99
    assert figures["register_gap"][0] == pytest.approx(-1, abs=0.01)
    assert figures["register_stood"][1] == 0


def test_missing_hours_are_no_gap() -> None:
    """A quarter of each day is lost: the register counted it all the same."""

    def lost(day: Day) -> None:
        day.kwh[12:18, 0] = np.nan

    figures = row(_live(Counting(alters=lost))[-1], 0)
    assert figures["register_gap"] == pytest.approx(0, abs=0.03)


def test_registers_that_come_once_a_week_are_compared_over_the_week() -> None:
    def weekly(day: Day) -> None:
        counting(day)
        if day.number % 7:
            day.register_kwh[:] = np.nan

    counting = Counting(slips=0.8)
    said = live(DayRegisters(homes()), days(120, weekly))
    assert np.isnan(said[70]["register_gap"][0])  # nine comparisons only
    assert said[-1]["register_gap"][0] == pytest.approx(-0.2, abs=0.01)
    assert said[-1]["register_gap"][1] == pytest.approx(0, abs=1e-3)
    assert said[-1]["register_age_days"][0] == 119 % 7
    assert said[-1]["register_fell"][0] == 0


def test_a_day_whose_register_is_lost_is_compared_with_the_next() -> None:
    def lost(day: Day) -> None:
        if day.number % 2:
            day.register_kwh[0] = np.nan

    said = _live(Counting(slips=0.8, alters=lost))
    assert said[ONSET + 9]["register_age_days"][0] == 1
    assert said[-1]["register_gap"][0] == pytest.approx(-0.2, abs=0.01)
