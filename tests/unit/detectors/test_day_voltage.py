"""What `DayVoltage` says of currents that flow past a meter, along a line, or nowhere."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.day.voltage import DayVoltage, DayVoltageParams
from tests.unit.detectors.electric_days import (
    HOMES,
    LINE,
    PHASE,
    STEP,
    SUPPLY,
    Change,
    Figures,
    Load,
    area,
    away,
    days,
    from_day,
    live,
    passes_by,
)

FROM_DAY, TO_DAY = 40, 55
HOME = 4  # line 1, step 2, phase b


def _after(change: Change, alter: Change | None = None, *, noise_v: float = 0.1, supply: bool = True) -> Figures:
    rows = None if supply else list(range(HOMES))
    voltage = DayVoltage(area(supply=supply))
    return live(voltage, days(TO_DAY, from_day(FROM_DAY, change), alter, noise_v=noise_v, order=rows))[-1]


def _nothing(load: Load) -> None:
    """Everyone lives on."""
    assert load.number >= FROM_DAY


def _others(values: np.ndarray, *but: int) -> np.ndarray:
    return np.delete(values[:HOMES], but)


def test_a_bypass_is_seen_in_kilowatt_hours_and_beside_the_meters_own_current() -> None:
    figures = _after(passes_by(HOME, 0.5))
    passed_kwh = 0.5 * 24 * 0.7 * (0.7 + HOME * 0.6 / 18)  # half of a home of this size and the rhythm's mean
    assert figures["unseen_kwh"][HOME] == pytest.approx(passed_kwh, rel=0.35)
    assert figures["unseen_like_own"][HOME] == pytest.approx(1.0, abs=0.35)
    for figure, least in (
        ("unseen_drop_z", 8),
        ("unseen_cusum", 30),
        ("unseen_like_own_z", 5),
        ("unseen_with_usual_z", 10),
    ):
        assert figures[figure][HOME] > least, figure
        assert (_others(figures[figure], HOME) < 0.5 * least).all(), figure
    assert figures["unseen_with_missed_z"][HOME] > 5


def test_an_empty_home_misses_current_and_its_voltage_agrees() -> None:
    figures = _after(away(HOME))
    for figure in ("unseen_drop_z", "unseen_with_missed_z", "unseen_with_usual_z", "unseen_like_missed_z"):
        assert abs(figures[figure][HOME]) < 4, figure
    assert abs(figures["unseen_kwh"][HOME]) < 1.5


def test_a_night_bypass_shows_at_night() -> None:
    figures = _after(passes_by(HOME, 0.9, (22, 23, 0, 1, 2, 3, 4)))
    assert figures["unseen_night_z"][HOME] > 4.5
    assert figures["unseen_night_excess"][HOME] > 3
    assert figures["unseen_night_slow_z"][HOME] > 0.8
    assert figures["unseen_high_hours_z"][HOME] > 0.8
    assert (_others(figures["unseen_night_z"], HOME) < 4).all()


def test_a_bypass_in_spells_follows_what_is_missed() -> None:
    def spells(load: Load) -> None:
        if load.number % 2:
            load.share_registered[:12, HOME] = 0.1

    figures = _after(spells)
    assert figures["unseen_with_missed_z"][HOME] > 6
    assert (_others(figures["unseen_with_missed_z"], HOME) < 4).all()


def test_a_joint_that_lowers_a_whole_line_is_nobodys_bypass() -> None:
    behind = np.flatnonzero((LINE == 0) & (PHASE == 1))

    def joint(load: Load) -> None:
        if load.number >= FROM_DAY:
            load.hourly["voltage_a"][:, behind] -= 3.0

    figures = _after(_nothing, joint)
    assert (figures["line_moved_v"][behind] > 1.5).all()
    assert (figures["unseen_drop_v"][behind] < 0.5).all()


def test_a_tap_before_the_meter_is_the_lines_and_follows_what_its_meter_misses() -> None:
    home = 7  # the end of line 1, phase b

    def tap(load: Load) -> None:
        load.share_tapped[::2, home] = 0.8

    figures = _after(tap)
    beside = np.flatnonzero((LINE == 0) & (PHASE == 1))
    assert figures["line_follows_missed_z"][home] > 4
    assert figures["line_follows_missed_z"][home] == np.nanmax(figures["line_follows_missed_z"])
    assert figures["line_follows_fallen_z"][home] > 4
    assert figures["line_follows_fallen_most_z"][home] > 3
    assert (figures["line_unexplained_z"][beside] > 0.3).all()
    assert abs(figures["unseen_kwh"][home]) < 2


def test_a_lost_voltage_is_no_drop() -> None:
    def lose(load: Load) -> None:
        if load.number >= FROM_DAY:
            load.hourly["voltage_a"][:, HOME] = 10.0

    figures = _after(_nothing, lose)
    assert figures["unseen_drop_z"][HOME] < 4
    assert (np.abs(_others(figures["unseen_drop_z"], HOME)) < 4).all()


def test_without_a_supply_meter_the_areas_own_median_is_the_busbar() -> None:
    figures = _after(passes_by(HOME, 0.7), supply=False)
    for figure in ("unseen_like_own_z", "unseen_with_usual_z"):
        assert figures[figure][HOME] > 3, figure
        assert figures[figure][HOME] == np.nanmax(figures[figure]), figure


def test_noisy_voltages_make_it_unsure_and_not_wrong() -> None:
    quiet, noisy = _after(passes_by(HOME, 0.6)), _after(passes_by(HOME, 0.6), noise_v=0.6)
    assert 0 < noisy["unseen_drop_z"][HOME] < quiet["unseen_drop_z"][HOME]
    assert noisy["unseen_noise_kwh"][HOME] > 2 * quiet["unseen_noise_kwh"][HOME]
    assert (np.abs(_others(noisy["unseen_drop_z"], HOME)) < 5).all()
    assert 0 < noisy["unseen_like_own_z"][HOME] < quiet["unseen_like_own_z"][HOME]


def test_a_doubtful_drop_is_not_learnt_as_usual() -> None:
    """Months later it still stands out, though every day was called trusted."""
    voltage = DayVoltage(area())
    said = live(voltage, days(100, from_day(FROM_DAY, passes_by(HOME, 0.6))))
    assert said[-1]["unseen_drop_v"][HOME] > 0.7 * said[TO_DAY]["unseen_drop_v"][HOME] > 0


def test_the_hours_that_nobody_saw() -> None:
    bypass = from_day(FROM_DAY, passes_by(HOME, 0.9, range(12, 24)))
    voltage, told = DayVoltage(area()), list(days(TO_DAY, bypass))
    live(voltage, told[:-1])
    unseen = voltage.unseen_kwh(told[-1])
    assert unseen.shape == (24, HOMES + 1)
    assert unseen[12:, HOME].sum() > 5 * max(abs(unseen[:12, HOME].sum()), 0.5)
    assert np.isnan(unseen[:, SUPPLY]).all()
    assert np.isnan(DayVoltage(area()).unseen_kwh(told[-1])).all()


def test_the_resistance_of_a_service_line_is_learnt() -> None:
    """What is found past a meter scales with the clip of what is learnt, so a loose one must not bend it."""
    loose = DayVoltage(area(), DayVoltageParams(clip_sigma=10.0))
    figures = live(loose, days(TO_DAY, from_day(FROM_DAY, passes_by(HOME, 0.5))))[-1]
    assert figures["unseen_kwh"][HOME] == pytest.approx(_after(passes_by(HOME, 0.5))["unseen_kwh"][HOME], rel=0.2)


def test_steps_are_those_of_the_archive() -> None:
    wiring = DayVoltage(area()).wiring
    assert wiring.steps[:HOMES].tolist() == (STEP + 1).tolist()
    assert wiring.lines.of[:HOMES].tolist() == LINE.tolist()
