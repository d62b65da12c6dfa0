"""Ratios, current circuits, voltages and fuses: each changes what its definition says, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.hours import Hours
from simulator.scenarios.case import Case, Registration
from simulator.scenarios.ct_open import CtOpen
from simulator.scenarios.ct_ratio_changed import CtRatioChanged
from simulator.scenarios.ct_shorted import CtShorted
from simulator.scenarios.phase_break import PhaseBreak
from simulator.scenarios.phase_swap import PhaseSwap
from simulator.scenarios.power_reversed import PowerReversed
from simulator.scenarios.ratio_error import RatioError
from simulator.scenarios.standard_ratios import PRIMARY_A
from tests.unit.simulator.scenarios.small_area import AFTER, SETTLED, Lived, SmallArea

Rows = NDArray[np.float64]
VOLTAGES = ("voltage_a_v", "voltage_b_v", "voltage_c_v")
CURRENTS = ("current_a_a", "current_b_a", "current_c_a")


def _of(case: Case, lived: Lived, *columns: str) -> Rows:
    return np.array([lived.of(case, name)[SETTLED] for name in columns])


def test_larger_current_transformers_halve_every_current_and_energy_and_no_voltage(area: SmallArea) -> None:
    at = area.as_if(CtRatioChanged, ct_ratio=30.0)
    case = CtRatioChanged(at, area.onset_s, None, booked_ratio=30.0, actual_ratio=60.0)
    lived, honest = area.live(case), area.without
    np.testing.assert_allclose(
        _of(case, lived, "energy_kwh", *CURRENTS), _of(case, honest, "energy_kwh", *CURRENTS) / 2, atol=0.02
    )
    assert np.array_equal(_of(case, lived, *VOLTAGES), _of(case, honest, *VOLTAGES))
    np.testing.assert_allclose(lived.supplied_kwh, honest.supplied_kwh, rtol=1e-9)
    shown_kwh = lived.of(case, "energy_kwh")[AFTER].sum()
    assert lived.unmetered_kwh.sum() == pytest.approx(shown_kwh, rel=0.02), "as much again is not registered"
    assert case.severity == 0.5


def test_current_transformers_are_standard_ones_and_hard_cases_hardly_larger(area: SmallArea) -> None:
    at = area.as_if(CtRatioChanged, ct_ratio=30.0)
    drawn = [CtRatioChanged.draw(at, area.onset_s, area.chance(seed)) for seed in range(200)]
    assert {5 * case.actual_ratio for case in drawn} <= set(PRIMARY_A)
    factors = np.array([case.actual_ratio / case.booked_ratio for case in drawn])
    assert factors.min() >= 1.25
    assert factors.max() == 4.0
    hard = [CtRatioChanged.draw(at, area.onset_s, area.chance(seed, hard=True)) for seed in range(200)]
    assert max(case.actual_ratio / case.booked_ratio for case in hard) <= 5 / 3
    codes = [event.code for case in drawn for event in case.events()]
    assert 70 <= len(codes) <= 130, "half of them show an event"
    assert 0.55 <= codes.count("terminal_cover_open") / len(codes) <= 0.85
    assert set(codes) == {"terminal_cover_open", "ratio_changed"}


def test_a_wrong_booking_may_be_to_the_customers_cost(area: SmallArea) -> None:
    at = area.as_if(RatioError, ct_ratio=40.0)
    case = RatioError(at, area.onset_s, None, booked_ratio=40.0, actual_ratio=30.0)
    lived, honest = area.live(case), area.without
    np.testing.assert_allclose(
        _of(case, lived, "energy_kwh", *CURRENTS), _of(case, honest, "energy_kwh", *CURRENTS) * 4 / 3, atol=0.02
    )
    assert lived.unmetered_kwh.sum() == pytest.approx(-honest.of(case, "energy_kwh")[AFTER].sum() / 3, rel=0.02)
    factors = [RatioError.draw(at, area.onset_s, area.chance(seed)).factor for seed in range(200)]
    assert min(factors) == 0.5
    assert max(factors) == 2.0
    assert 60 <= sum(factor > 1 for factor in factors) <= 140
    hard = [RatioError.draw(at, area.onset_s, area.chance(seed, hard=True)).factor for seed in range(100)]
    assert 0.75 <= min(hard) < 1 < max(hard) <= 4 / 3


def test_a_shorted_current_circuit_leaves_a_tenth_of_one_phase(area: SmallArea) -> None:
    at = area.place(CtShorted)
    case = CtShorted(at, area.onset_s, None, phase=1, remaining=0.1, present_share=1.0, salt=3)
    lived, honest = area.live(case), area.without
    left = _of(case, lived, "current_b_a").sum() / _of(case, honest, "current_b_a").sum()
    assert left == pytest.approx(0.1, abs=0.01)
    others = ("current_a_a", "current_c_a", *VOLTAGES)
    assert np.array_equal(_of(case, lived, *others), _of(case, honest, *others))
    share = _of(case, honest, "current_b_a").sum() / _of(case, honest, *CURRENTS).sum()
    ratio = _of(case, lived, "energy_kwh").sum() / _of(case, honest, "energy_kwh").sum()
    assert ratio == pytest.approx(1 - 0.9 * share, abs=0.02)
    assert np.array_equal(lived.supplied_kwh, honest.supplied_kwh)


def test_a_link_that_comes_and_goes_is_there_as_often_as_it_says(area: SmallArea) -> None:
    case = CtShorted(area.place(CtShorted), area.onset_s, None, phase=0, remaining=0.0, present_share=0.5, salt=3)
    without_current = _of(case, area.live(case), "current_a_a")[0] == 0
    assert without_current[:22].all(), "the first six hours are shorted"
    assert 0.2 < without_current.mean() < 0.8


def test_an_open_current_circuit_gives_nothing_but_keeps_its_voltage(area: SmallArea) -> None:
    at = area.as_if(CtOpen, ct_ratio=30.0)
    case = CtOpen(at, area.onset_s, None, phases=(0, 2), contact_share=0.0, salt=1)
    lived, honest = area.live(case), area.without
    assert not _of(case, lived, "current_a_a", "current_c_a").any()
    kept = ("current_b_a", *VOLTAGES)
    assert np.array_equal(_of(case, lived, *kept), _of(case, honest, *kept))
    touching = CtOpen(at, area.onset_s, None, phases=(0,), contact_share=0.3, salt=1)
    open_share = (_of(touching, area.live(touching), "current_a_a") == 0).mean()
    assert 0.5 < open_share < 0.9
    assert all(len(CtOpen.draw(at, area.onset_s, area.chance(seed, hard=True)).phases) == 1 for seed in range(30)), (
        "hard cases lose one phase"
    )


def _balanced(lag: float) -> Registration:
    """Three phases of 230 V, 10 kW each, for one interval of a quarter of an hour."""
    power_kw, kvar = np.full((3, 1), 10.0), np.full((3, 1), 10.0 * lag)
    current_a = np.hypot(power_kw, kvar) * 1000 / 230
    return Registration(np.full((3, 1), 230.0), current_a, power_kw, kvar, power_kw / 4)


def _one_quarter(start_s: int) -> Hours:
    return Hours(np.array([start_s]), np.array([12.1]), 0.25, np.random.default_rng(0))


def test_two_exchanged_voltages_make_a_balanced_load_vanish(area: SmallArea) -> None:
    case = PhaseSwap(area.place(PhaseSwap), area.onset_s, None, voltage_of=(1, 0, 2))
    seen = _balanced(lag=0.5)
    case.register(seen, _one_quarter(area.onset_s), np.array([True]))
    # 10 kW at tan phi 0.5: U I cos(phi - 120) = -5 + 4.33 kW, U I cos(phi + 120) = -5 - 4.33 kW, and the right one
    np.testing.assert_allclose(seen.power_kw[:, 0], [-0.67, -9.33, 10.0], atol=0.01)
    assert seen.energy_kwh.sum() == pytest.approx(0.0, abs=1e-9)
    assert np.sign(seen.current_a[:, 0]).tolist() == [-1, -1, 1]
    apparent_kva = np.hypot(seen.power_kw, seen.reactive_kvar)
    np.testing.assert_allclose(apparent_kva, np.hypot(10.0, 5.0), rtol=1e-9)


def test_voltages_moved_on_by_one_turn_the_whole_meter_backwards(area: SmallArea) -> None:
    case = PhaseSwap(area.place(PhaseSwap), area.onset_s, None, voltage_of=(1, 2, 0))
    seen = _balanced(lag=0.0)
    case.register(seen, _one_quarter(area.onset_s), np.array([True]))
    np.testing.assert_allclose(seen.power_kw, -5.0)
    backwards = _balanced(lag=0.0)
    case.register(backwards, _one_quarter(area.onset_s - 900), np.array([False]))
    np.testing.assert_allclose(backwards.power_kw, 10.0)


def test_exchanged_voltages_stand_in_each_others_columns_and_the_load_runs_on(area: SmallArea) -> None:
    case = PhaseSwap(area.place(PhaseSwap), area.onset_s, None, voltage_of=(0, 2, 1))
    lived, honest = area.live(case), area.without
    assert np.array_equal(_of(case, lived, "voltage_b_v"), _of(case, honest, "voltage_c_v"))
    assert np.array_equal(_of(case, lived, "voltage_a_v"), _of(case, honest, "voltage_a_v"))
    assert (_of(case, lived, "current_b_a", "current_c_a") < 0).any(axis=0).mean() > 0.9
    assert _of(case, lived, "energy_kwh").sum() < 0.4 * _of(case, honest, "energy_kwh").sum()
    np.testing.assert_allclose(
        _of(case, lived, "neutral_current_a"), _of(case, honest, "neutral_current_a"), atol=0.01, err_msg="as it was"
    )
    assert np.array_equal(lived.supplied_kwh, honest.supplied_kwh)


def test_a_reversed_single_phase_meter_is_told_by_the_phase_it_hangs_on(area: SmallArea) -> None:
    at = area.place(PowerReversed, phases=1)
    assert f"phase {at.meter.phase} " in PowerReversed(at, area.onset_s, None, phase=0).story


def test_a_broken_phase_has_no_current_and_its_load_is_truly_off(area: SmallArea) -> None:
    at = area.place(PhaseBreak)
    case = PhaseBreak(at, area.onset_s, None, phase=2, induced_v=9.0, moved_share=0.4)
    lived, honest = area.live(case), area.without
    assert _of(case, lived, "voltage_c_v").max() <= 15
    assert not _of(case, lived, "current_c_a").any()
    was_kwh, phases = _of(case, honest, "energy_kwh").sum(), _of(case, honest, *CURRENTS).sum(axis=1)
    lost_share = 0.6 * phases[2] / phases.sum()
    assert _of(case, lived, "energy_kwh").sum() == pytest.approx((1 - lost_share) * was_kwh, rel=0.03)
    assert (honest.supplied_kwh - lived.supplied_kwh)[AFTER].sum() == pytest.approx(lost_share * was_kwh, rel=0.1)
    assert abs(lived.unmetered_kwh.sum()) < 0.01 * was_kwh, "what is drawn is metered"
    np.testing.assert_allclose(_of(case, lived, "voltage_a_v"), _of(case, honest, "voltage_a_v"), atol=6)


def test_most_fuses_are_replaced_within_twenty_days(area: SmallArea) -> None:
    drawn = [PhaseBreak.draw(area.place(PhaseBreak), area.onset_s, area.chance(seed)) for seed in range(200)]
    lasts_d = [(case.end_s - case.start_s) / 86_400 for case in drawn if case.end_s is not None]
    assert 115 <= len(lasts_d) <= 165, "seven in ten"
    assert 1 <= min(lasts_d) < 4 < 17 < max(lasts_d) <= 20
