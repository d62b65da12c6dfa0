"""Loads that nobody declared, and readings that stay away: what is drawn is metered, if it is reported at all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.hours import Hours
from simulator.scenarios.case import Case
from simulator.scenarios.communication_loss import CommunicationLoss
from simulator.scenarios.low_power_factor import LowPowerFactor
from simulator.scenarios.mining import Mining
from simulator.scenarios.resale import Resale
from simulator.scenarios.tariff_misuse import TariffMisuse
from simulator.scenarios.temporary_supply_misuse import TemporarySupplyMisuse
from simulator.scenarios.undeclared_generation import UndeclaredGeneration
from tests.unit.simulator.scenarios.small_area import AFTER, PER_DAY, SETTLED, Lived, SmallArea

Rows = NDArray[np.float64]
LOCAL_HOUR = (np.arange(PER_DAY) + 0.5) / 4


def _kw(case: Case, lived: Lived) -> Rows:
    """What the case's meter shows from the onset on, (days, quarter hours)."""
    return np.asarray(4 * lived.of(case, "energy_kwh")[AFTER].reshape(-1, PER_DAY))


def _added_kw(case: Case, lived: Lived, area: SmallArea) -> Rows:
    return _kw(case, lived) - _kw(case, area.without)


def _between(from_hour: float, to_hour: float) -> NDArray[np.bool_]:
    since_h, lasts_h = LOCAL_HOUR - from_hour, to_hour - from_hour
    return np.asarray((since_h >= 0) & (since_h < lasts_h))


def _metered(case: Case, lived: Lived, area: SmallArea) -> bool:
    """Whether the meter shows all that the case adds, and what it adds comes through the transformer."""
    added_kwh = _added_kw(case, lived, area).sum() / 4
    supplied_kwh = (lived.supplied_kwh - area.without.supplied_kwh)[AFTER].sum()
    return bool(abs(lived.unmetered_kwh.sum()) < 0.02 * abs(added_kwh) and 1.0 <= supplied_kwh / added_kwh < 1.1)


def test_an_undeclared_plant_feeds_back_by_day_and_changes_no_night(area: SmallArea) -> None:
    case = UndeclaredGeneration(area.place(UndeclaredGeneration, phases=1), area.onset_s, None, kwp=6.0, phase=0)
    lived, honest = area.live(case), area.without
    export_kwh = lived.of(case, "export_kwh")[AFTER].reshape(-1, PER_DAY)
    assert not honest.of(case, "export_kwh").any()
    assert export_kwh[:, _between(11, 15)].sum() > 0.5 * export_kwh.sum() > 5
    assert 4 * export_kwh.max() < 6.0
    night = _between(21, 24) | _between(1, 5)
    np.testing.assert_allclose(_kw(case, lived)[:, night], _kw(case, honest)[:, night], atol=1e-3)
    assert (lived.supplied_kwh < honest.supplied_kwh)[AFTER].mean() > 0.2, "the network supplies less"
    assert abs(lived.unmetered_kwh.sum()) < 0.3, "own generation is no unmetered energy"


def test_small_plants_feed_one_phase_and_large_ones_all(area: SmallArea) -> None:
    at = replace(area.place(UndeclaredGeneration, phases=1), mean_kw=0.5)
    noon = Hours(np.array([area.onset_s]), np.array([13.0]), 0.25, np.random.default_rng(0), sunshine=np.array([1.0]))
    for kwp, phases in ((3.0, 1), (6.0, 3)):
        generation_kw = np.zeros((3, 1))
        case = UndeclaredGeneration(at, area.onset_s, None, kwp, phase=1)
        case.generate(generation_kw, noon, np.array([True]))
        assert np.count_nonzero(generation_kw) == phases
        assert generation_kw.sum() == pytest.approx(0.82 * kwp, rel=0.4)


def test_a_failed_compensation_draws_more_current_for_the_same_energy(area: SmallArea) -> None:
    at = area.as_if(LowPowerFactor, customer_class="commercial")
    case = LowPowerFactor(at, area.onset_s, None, power_factor=0.6, banks=1, fails_within_days=0.0)
    lived, honest = area.live(case), area.without
    assert np.array_equal(lived.of(case, "energy_kwh"), honest.of(case, "energy_kwh"))
    shown = lived.of(case, "power_factor")[SETTLED]
    assert np.median(shown) == pytest.approx(0.6, abs=0.01)
    before, after = honest.of(case, "current_a_a")[SETTLED], lived.of(case, "current_a_a")[SETTLED]
    factor = np.median(honest.of(case, "power_factor")[SETTLED])
    assert np.median(after / before) == pytest.approx(factor / 0.6, rel=0.05)
    assert lived.supplied_kwh[AFTER].sum() > honest.supplied_kwh[AFTER].sum(), "more current, more loss"


def test_capacitor_banks_fail_one_after_the_other(area: SmallArea) -> None:
    at = area.as_if(LowPowerFactor, customer_class="commercial")
    case = LowPowerFactor(at, area.onset_s, None, power_factor=0.6, banks=4, fails_within_days=3.0)
    daily = np.median(area.live(case).of(case, "power_factor")[AFTER].reshape(-1, PER_DAY), axis=1)
    assert np.all(np.diff(daily[:4]) < -0.03)
    assert daily[4] == pytest.approx(0.6, abs=0.01)


def test_a_restaurant_on_a_households_tariff_cooks_at_noon_and_in_the_evening(area: SmallArea) -> None:
    at = area.place(TariffMisuse)
    case = TariffMisuse(at, area.onset_s, None, habit="restaurant", peak_kw=2.0, later_h=0.0, salt=1)
    lived = area.live(case)
    added_kw = _added_kw(case, lived, area)
    at_table = added_kw[:, _between(12, 13) | _between(18, 19.5)].mean()
    assert at_table > 5 * added_kw[:, _between(2, 5)].mean() > 0
    assert at_table == pytest.approx(1.8, abs=0.6)
    contracted_kw = at.meter.contracted_kw
    assert contracted_kw is not None
    assert _kw(case, lived).max() < max(contracted_kw, _kw(case, area.without).max() + 1e-6)
    assert _metered(case, lived, area)


def test_which_business_it_is_follows_the_stated_shares(area: SmallArea) -> None:
    drawn = [TariffMisuse.draw(area.place(TariffMisuse), area.onset_s, area.chance(seed)) for seed in range(300)]
    habits = [case.habit for case in drawn]
    for habit, share in (("shop", 0.4), ("restaurant", 0.25), ("hotel", 0.15), ("one_shift", 0.2)):
        assert habits.count(habit) / 300 == pytest.approx(share, abs=0.07)
    free_kw = (drawn[0].place.meter.contracted_kw or 0) - 1.5 * drawn[0].place.mean_kw
    shares = np.array([case.peak_kw for case in drawn]) / free_kw
    assert 0.35 <= shares.min() < 0.45 < 0.8 < shares.max() <= 0.9
    hard = TariffMisuse.draw(area.place(TariffMisuse), area.onset_s, area.chance(1, hard=True))
    assert hard.peak_kw / free_kw <= 0.35 + 0.55 / 3


def test_computing_machines_draw_the_same_by_day_and_by_night(area: SmallArea) -> None:
    case = Mining(area.place(Mining), area.onset_s, None, power_kw=1.5, machines=1, set_up_days=0.0, salt=9)
    lived = area.live(case)
    added_kw = _added_kw(case, lived, area)
    running = added_kw > 0.75
    assert running.mean() > 0.8
    assert np.median(added_kw[:, _between(0, 6)]) == pytest.approx(1.5, rel=0.05)
    assert np.median(added_kw[:, _between(12, 18)]) == pytest.approx(1.6, rel=0.08)
    assert _metered(case, lived, area)


def test_machines_are_set_up_one_by_one(area: SmallArea) -> None:
    case = Mining(area.place(Mining), area.onset_s, None, power_kw=2.0, machines=3, set_up_days=4.0, salt=9)
    night_kw = np.median(_added_kw(case, area.live(case), area)[:, _between(0, 6)], axis=1)
    np.testing.assert_allclose(night_kw[[0, 1, 3, 4]], [2 / 3, 2 / 3, 4 / 3, 2.0], rtol=0.08)


def test_stalls_are_supplied_in_the_evening_only(area: SmallArea) -> None:
    case = Resale(area.place(Resale), area.onset_s, None, kind="stalls", size=0.0, salt=4)
    lived = area.live(case)
    added_kw = _added_kw(case, lived, area)
    assert case.units == 3
    open_hours = _between(17.5, 22.5)
    assert np.abs(added_kw[:, ~open_hours]).max() < 0.06, "but for a clock that runs ahead"
    assert 0.5 < added_kw[:, open_hours].mean() < 1.9
    assert _metered(case, lived, area)


def test_neighbours_add_what_households_draw(area: SmallArea) -> None:
    case = Resale(area.place(Resale), area.onset_s, None, kind="neighbours", size=1.0, salt=4)
    lived = area.live(case)
    assert case.units == 5
    assert _added_kw(case, lived, area).mean() == pytest.approx(5 * 0.3, rel=0.25)
    assert _metered(case, lived, area)


def test_a_charging_point_is_taken_in_slots_of_two_hours_between_eight_and_midnight(area: SmallArea) -> None:
    at = area.place(Resale)
    case = Resale(at, area.onset_s, None, kind="charging", size=1.0, salt=4)
    added_kw = _added_kw(case, area.live(case), area)
    charging = added_kw > 0.04 * (at.meter.contracted_kw or 0.0)
    assert not charging[:, _between(0, 8)].any()
    assert charging[:, _between(8, 24)].mean() == pytest.approx(0.6, abs=0.25)
    slots = charging.reshape(len(charging), -1, 8)
    assert np.all(slots.any(axis=2) == slots.all(axis=2))


def test_a_building_sites_supply_runs_a_guesthouse_at_night_and_on_holidays(area: SmallArea) -> None:
    at = area.as_if(TemporarySupplyMisuse, customer_class="temporary")
    contracted_kw = at.meter.contracted_kw or 0.0
    case = TemporarySupplyMisuse(at, area.onset_s, None, "hotel", peak_kw=0.5 * contracted_kw, later_h=0.0, salt=2)
    lived = area.live(case)
    shown_kw = _kw(case, lived)
    assert shown_kw.max() < contracted_kw
    evening, night = shown_kw[:, _between(18, 21)].mean(), shown_kw[:, _between(1, 5)].mean()
    assert 0.25 < night / evening < 0.5, "a guesthouse never sleeps"
    assert evening == pytest.approx(0.5 * contracted_kw * 0.9, rel=0.25)
    assert abs(lived.unmetered_kwh.sum()) < 0.02 * shown_kw.sum() / 4
    assert not TemporarySupplyMisuse.suits(replace(at, meter=replace(at.meter, customer_class="commercial")))


def test_readings_stay_away_while_the_register_moves_on(area: SmallArea) -> None:
    at = area.place(CommunicationLoss)
    case = CommunicationLoss(at, area.onset_s, area.onset_s + 3 * 86_400, lost_share=1.0, salt=1)
    lived, honest = area.live(case), area.without
    gone = slice(AFTER.start, AFTER.start + 3 * PER_DAY)
    for name in ("energy_kwh", "voltage_v", "voltage_a_v", "current_a", "power_factor"):
        assert np.isnan(lived.of(case, name)[gone]).all()
        assert np.array_equal(lived.of(case, name)[gone.stop :], honest.of(case, name)[gone.stop :], equal_nan=True)
    assert np.array_equal(lived.of(case, "register_step_kwh"), honest.of(case, "register_step_kwh"))
    assert lived.unmetered_kwh.sum() == 0


def test_a_patchy_line_loses_the_stated_share_and_every_loss_ends_within_a_month(area: SmallArea) -> None:
    at = area.place(CommunicationLoss)
    patchy = CommunicationLoss(at, area.onset_s, None, lost_share=0.7, salt=1)
    assert np.isnan(area.live(patchy).of(patchy, "energy_kwh")[AFTER]).mean() == pytest.approx(0.7, abs=0.2)
    drawn = [CommunicationLoss.draw(at, area.onset_s, area.chance(seed)) for seed in range(200)]
    lasts_d = [((case.end_s or 0) - case.start_s) / 86_400 for case in drawn]
    assert 3 <= min(lasts_d) < 5 < 28 < max(lasts_d) <= 30
    assert 40 <= sum(case.lost_share < 1 for case in drawn) <= 80
