"""What `DayCircuits` says of a meter whose own measurements disagree."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from detectors.day.circuits import DayCircuits
from tests.unit.detectors.electric_days import HOMES, WORKSHOP, Load, area, days, live

FROM_DAY = 20


def _after(alter: Callable[[Load], None], *, declared: bool = False) -> dict[str, np.ndarray]:
    """Figures of day 30, after `alter` changed the readings from day 20 on."""

    def altered(load: Load) -> None:
        if load.number >= FROM_DAY:
            alter(load)

    circuits = DayCircuits(area(archive={"has_generation": declared}))
    return live(circuits, days(30, alter=altered))[-1]


def _others(values: np.ndarray, but: int) -> np.ndarray:
    return np.delete(values[:HOMES], but)


def test_energy_altered_alone_stands_apart_from_what_currents_imply() -> None:
    def alter(load: Load) -> None:
        load.hourly["energy_kwh"][:, 3] *= 0.4

    figures = _after(alter)
    assert figures["implied_gap"][3] == pytest.approx(0.6, abs=0.01)
    assert figures["implied_gap_change"][3] > 0.3
    assert figures["current_beside_energy"][3] > 0.4
    np.testing.assert_allclose(_others(figures["implied_gap"], 3), 0, atol=1e-6)
    np.testing.assert_allclose(_others(figures["current_beside_energy"], 3), 0, atol=0.1)


def test_energy_moved_to_other_hours_is_no_gap_of_the_day_but_stands_apart() -> None:
    def alter(load: Load) -> None:
        load.hourly["energy_kwh"][:, 3] = load.hourly["energy_kwh"][:, 3].mean()

    figures = _after(alter)
    assert abs(figures["implied_gap"][3]) < 0.01
    assert figures["implied_apart"][3] > 0.2
    assert (np.abs(_others(figures["implied_apart"], 3)) < 0.01).all()


def test_a_neutral_that_carries_more_and_one_that_carries_less() -> None:
    def alter(load: Load) -> None:
        load.hourly["current_a"][:, 0] *= 0.5
        load.hourly["neutral_a"][:, 1] *= 0.5

    figures = _after(alter)
    assert figures["neutral_excess"][0] == pytest.approx(0.5, abs=0.02)
    assert figures["neutral_excess"][1] == pytest.approx(-0.5, abs=0.02)
    assert figures["neutral_difference_size"][1] == pytest.approx(0.5, abs=0.02)
    assert np.isnan(figures["neutral_excess"][WORKSHOP])


@pytest.mark.parametrize("declared", [False, True])
def test_export_and_reversed_currents_count_where_no_generation_is_declared(declared: bool) -> None:
    def alter(load: Load) -> None:
        load.hourly["export_kwh"][8:16, 2] = 2.0
        load.hourly["current_a"][8:16, 2] *= -1

    figures = _after(alter, declared=declared)
    assert figures["reversed_share"][2] == pytest.approx(0 if declared else 1 / 3, abs=0.01)
    assert (figures["undeclared_export"][2] > 0.4) == (not declared)
    assert (_others(figures["reversed_share"], 2) == 0).all()


def test_a_shorted_phase_loses_its_share_and_the_others_gain() -> None:
    def alter(load: Load) -> None:
        load.hourly["current_b"][:, WORKSHOP] *= 0.05

    figures = _after(alter)
    assert figures["phase_share_fall"][WORKSHOP] < -1.5
    assert 0.15 < figures["phase_share_rise"][WORKSHOP] < 0.45
    assert np.isnan(figures["phase_share_fall"][0])


def test_a_lost_phase_is_a_voltage_and_not_a_load() -> None:
    def alter(load: Load) -> None:
        load.hourly["voltage_c"][12:, WORKSHOP] = 20.0

    figures = _after(alter)
    assert figures["phase_lost"][WORKSHOP] == pytest.approx(0.5, abs=0.01)
    assert figures["lowest_phase_voltage"][WORKSHOP] < 0.6
    assert figures["phase_voltage_spread"][WORKSHOP] > 0.2
    assert (_others(figures["phase_lost"], WORKSHOP) == 0).all()


def test_current_while_nothing_is_registered() -> None:
    def alter(load: Load) -> None:
        load.hourly["energy_kwh"][:, 5] = 0.0

    figures = _after(alter)
    assert figures["uncounted_current"][5] > 0.95
    assert (_others(figures["uncounted_current"], 5) == 0).all()


def test_a_power_factor_that_fell() -> None:
    def alter(load: Load) -> None:
        load.hourly["power_factor"][:, 4] = 0.6

    figures = _after(alter)
    assert figures["power_factor_recent"][4] == pytest.approx(0.6, abs=0.02)
    assert figures["power_factor_change"][4] < -0.15


def test_an_empty_home_is_consistent_in_itself() -> None:
    def alter(load: Load) -> None:
        for name in ("energy_kwh", "implied_kwh", "current_a", "neutral_a"):
            load.hourly[name][:, 6] *= 0.1

    figures = _after(alter)
    assert abs(figures["implied_gap"][6]) < 0.01
    assert abs(figures["current_beside_energy"][6]) < 0.25
    assert figures["current_level"][6] < -0.7
