"""Cases of a whole area: its lines, its transformer, its own meter, its concentrator."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.area_day import AreaSimulation
from simulator.hours import Hours
from simulator.scenarios.bad_joint import BadJoint
from simulator.scenarios.case import Case
from simulator.scenarios.concentrator_loss import ConcentratorLoss
from simulator.scenarios.frequent_outage import FrequentOutage
from simulator.scenarios.line_section import conductors_behind, mean_current_a, segments_with
from simulator.scenarios.lost_neutral import HIGHEST_V, LOWEST_V, LostNeutral
from simulator.scenarios.supply_meter_high import SupplyMeterHigh
from simulator.scenarios.supply_meter_low import SupplyMeterLow
from simulator.scenarios.supply_phase_lost import SupplyPhaseLost
from simulator.scenarios.transformer_overload import TransformerOverload
from simulator.scenarios.weak_line_end import WeakLineEnd
from simulator.world.network import NOMINAL_V, PHASE_COUNT
from tests.unit.simulator.scenarios.small_area import AFTER, PER_DAY, SETTLED, Lived, SmallArea

Rows = NDArray[np.float64]
CURRENTS = ("current_a_a", "current_b_a", "current_c_a", "neutral_current_a")


def _supply(lived: Lived, column: str) -> Rows:
    return np.asarray(lived.columns[column][0, SETTLED])


def _loss_share(lived: Lived, when: slice = AFTER) -> float:
    """What the area's balance shows as lost, of what its supply meter shows."""
    energy_kwh = lived.columns["energy_kwh"][:, when]
    return float(1 - energy_kwh[1:].sum() / energy_kwh[0].sum())


def _conductor_v(area: SmallArea, case: Case) -> Rows:
    """True voltages at all conductors from the onset on, (conductors, intervals)."""
    simulation = AreaSimulation(area.province.worlds[0], seed=area.province.seed, cases=(case,))
    windows = [simulation.window(window).flow.conductor_v for window in area.province.windows()]
    return np.concatenate(windows, axis=1)[:, AFTER]


def _head(area: SmallArea) -> int:
    """The head of the line that carries most."""
    network = area.province.worlds[0].network
    per_line = network.segments // network.lines
    at = area.place(BadJoint)
    return max(range(0, network.segments, per_line), key=lambda segment: mean_current_a(at, segment))


def test_what_hangs_behind_a_segment_is_what_its_line_feeds_from_there_on(area: SmallArea) -> None:
    network = area.province.worlds[0].network
    per_line = network.segments // network.lines
    heads = [conductors_behind(network, segment) for segment in range(0, network.segments, per_line)]
    assert np.sum(heads, axis=0).tolist() == [1] * len(network.conductor_phase), "each line's head feeds the whole line"
    for segment in segments_with(network, 6):
        behind = conductors_behind(network, segment)
        assert behind.sum() >= 6
        assert set(network.conductor_phase[behind]) == {0, 1, 2}
    at = area.place(BadJoint)
    total_a = sum(mean_current_a(at, segment) for segment in range(0, network.segments, per_line))
    assert total_a == pytest.approx(at.mean_kw * 1000 / NOMINAL_V / PHASE_COUNT)


def test_a_bad_joint_loses_with_the_square_of_the_load_and_touches_no_meter(area: SmallArea) -> None:
    case = BadJoint(area.place(BadJoint), area.onset_s, None, 0.2, _head(area), (0, 1, 2), grows_days=0.0)
    lived, honest = area.live(case), area.without
    assert np.array_equal(lived.columns["energy_kwh"][1:], honest.columns["energy_kwh"][1:])
    lost_kw = 4 * (lived.supplied_kwh - honest.supplied_kwh)[AFTER]
    load_kw = 4 * honest.supplied_kwh[AFTER]
    assert np.all(lost_kw > 0)
    slope = np.polyfit(np.log(load_kw), np.log(lost_kw), 1)[0]
    assert 1.6 < slope < 2.8
    behind = conductors_behind(case.place.network, case.segment)
    dip_v = (_conductor_v(area, case) - _conductor_v(area, _nothing(area)))[behind].mean()
    assert -15 < dip_v < -2
    assert _loss_share(lived) > _loss_share(honest) + 0.01
    assert lived.unmetered_kwh.sum() == 0, "a joint's heat is no theft"


def _nothing(area: SmallArea) -> Case:
    """A case that begins after the days are over."""
    return SupplyMeterLow(area.place(SupplyMeterLow), area.onset_s + 10**9, None, 0.1)


def test_a_joint_gets_worse_by_the_day_and_keeps_to_the_stated_ohms(area: SmallArea) -> None:
    case = BadJoint(area.place(BadJoint), area.onset_s, None, 0.2, _head(area), (1,), grows_days=4.0)
    extra_kwh = (area.live(case).supplied_kwh - area.without.supplied_kwh)[AFTER].reshape(-1, PER_DAY).sum(axis=1)
    assert extra_kwh[4] > 2.5 * extra_kwh[0] > 0
    drawn = [BadJoint.draw(area.place(BadJoint), area.onset_s, area.chance(seed)) for seed in range(100)]
    assert all(0.02 <= joint.ohm <= 0.25 and 7 <= joint.grows_days <= 28 for joint in drawn)
    assert 25 <= sum(len(joint.phases) == 1 for joint in drawn) <= 55


def test_a_thin_conductor_sinks_the_voltage_of_those_behind_it_at_the_peak(area: SmallArea) -> None:
    at = area.place(WeakLineEnd)
    case = WeakLineEnd.draw(at, area.onset_s, area.chance(2))
    behind = conductors_behind(at.network, case.segment)
    assert behind.sum() >= 12
    thin_v, sound_v = _conductor_v(area, case), _conductor_v(area, _nothing(area))
    sunk_v = (sound_v - thin_v)[behind]
    assert 3 < sunk_v.mean() < 25
    assert np.percentile(sunk_v.mean(axis=0), 99) > 1.5 * sunk_v.mean()
    assert thin_v[behind].min() < 0.9 * NOMINAL_V
    other_lines = ~conductors_behind(
        at.network, case.segment - case.segment % (at.network.segments // at.network.lines)
    )
    assert np.abs(sound_v - thin_v)[other_lines].mean() < 0.5


def test_without_neutral_the_phases_swing_apart_by_their_loads(area: SmallArea) -> None:
    at = area.place(LostNeutral)
    segment = segments_with(at.network, 6)[-1]
    case = LostNeutral(at, area.onset_s, None, earth_ohm=40.0, segment=segment, present_share=1.0, salt=1)
    behind = conductors_behind(at.network, segment)
    broken_v, sound_v = _conductor_v(area, case), _conductor_v(area, _nothing(area))
    assert np.array_equal(broken_v[~behind], sound_v[~behind]), "before the break nothing changes"
    assert LOWEST_V <= broken_v[behind].min() < 195
    assert 255 < broken_v[behind].max() <= HIGHEST_V
    phase, drawn_kw = at.network.conductor_phase[behind], area.without.drawn_kw[behind, AFTER]
    load_kw = np.array([drawn_kw[phase == p].sum(axis=0) for p in range(PHASE_COUNT)])
    voltage_v = np.array([broken_v[behind][phase == p].mean(axis=0) for p in range(PHASE_COUNT)])
    lowest_is_loaded = voltage_v.argmin(axis=0) == load_kw.argmax(axis=0)
    assert lowest_is_loaded.mean() > 0.8
    lived = area.live(case)
    assert np.array_equal(lived.columns["energy_kwh"], area.without.columns["energy_kwh"])


def _one_quarter(area: SmallArea) -> Hours:
    return Hours(np.array([area.onset_s]), np.array([0.1]), 0.25, np.random.default_rng(0))


def test_equal_loads_hold_the_star_point_without_a_neutral(area: SmallArea) -> None:
    at = area.place(LostNeutral)
    segment = segments_with(at.network, 6)[0]
    case = LostNeutral(at, area.onset_s, None, earth_ohm=20.0, segment=segment, present_share=1.0, salt=1)
    behind = conductors_behind(at.network, segment)
    phase = at.network.conductor_phase
    per_phase = np.bincount(phase[behind], minlength=3)
    drawn_kw = np.where(behind, 6.0 / per_phase[phase], 0.0)[:, None]
    conductor_v = np.full((len(phase), 1), 230.0)
    case.disturb(conductor_v, drawn_kw, _one_quarter(area), np.array([True]))
    np.testing.assert_allclose(conductor_v, 230.0, rtol=1e-9)
    drawn_kw[behind & (phase == 0)] *= 3
    case.disturb(conductor_v, drawn_kw, _one_quarter(area), np.array([True]))
    # G a : b : c = 3 : 1 : 1 of 6 kW each, 0.05 S to earth: the star point moves 0.3676 of the way towards phase a
    np.testing.assert_allclose(conductor_v[behind & (phase == 0)], 230 * (1 - 0.3676), rtol=0.002)
    np.testing.assert_allclose(conductor_v[behind & (phase == 1)], 230 * 1.2259, rtol=0.002)


def test_an_overloaded_transformer_carries_more_than_its_rating_while_every_contract_is_kept(area: SmallArea) -> None:
    at = area.place(TransformerOverload)
    rated_kva = at.meter.rated_kva
    assert rated_kva is not None
    case = TransformerOverload(
        at, area.onset_s, None, ratio=1.2, from_hour=18.0, spell_h=3.0, days_share=1.0, grows_days=0.0, salt=1
    )
    lived, honest = area.live(case), area.without
    apparent_kva = sum(
        lived.columns[f"voltage_{p}_v"][0] * np.abs(lived.columns[f"current_{p}_a"][0]) / 1000 for p in "abc"
    )
    loading = np.asarray(apparent_kva)[AFTER].reshape(-1, PER_DAY) / rated_kva
    assert loading[:, 74:82].mean(axis=1) == pytest.approx(1.2, abs=0.1)
    assert np.all(loading[:, 73:83] > 1.0), "for hours on every evening"
    assert np.all(loading[:, :60] < 1.0)
    rising = loading[:, 65:73].mean(axis=0)
    assert np.all(np.diff(rising[1:]) > 0), "over an hour and a half before it, not at once"
    contracted_kw = np.array([meter.contracted_kw for meter in area.province.worlds[0].customers.meters])
    shown_kw, was_kw = 4 * lived.columns["energy_kwh"][1:], 4 * honest.columns["energy_kwh"][1:]
    beyond = shown_kw > np.maximum(0.92 * contracted_kw[:, None], 1.03 * was_kw + 0.1)
    assert not beyond.any()
    assert lived.unmetered_kwh.sum() == 0
    assert abs(_loss_share(lived) - _loss_share(honest)) < 0.04


@pytest.mark.parametrize(("case_of", "factor"), [(SupplyMeterLow, 0.8), (SupplyMeterHigh, 1.2)])
def test_a_wrong_supply_meter_is_off_alike_in_energy_and_currents(
    case_of: type[SupplyMeterLow] | type[SupplyMeterHigh], factor: float, area: SmallArea
) -> None:
    case = case_of(area.place(case_of), area.onset_s, None, 0.2)
    lived, honest = area.live(case), area.without
    for name in ("energy_kwh", "register_step_kwh", *CURRENTS):
        np.testing.assert_allclose(_supply(lived, name), factor * _supply(honest, name), atol=1e-3)
    for name in ("voltage_a_v", "power_factor"):
        assert np.array_equal(_supply(lived, name), _supply(honest, name))
    assert np.array_equal(lived.columns["energy_kwh"][1:], honest.columns["energy_kwh"][1:])
    assert np.array_equal(lived.supplied_kwh, honest.supplied_kwh)
    expected = 1 - (1 - _loss_share(honest)) / factor
    assert _loss_share(lived) == pytest.approx(expected, abs=0.002)
    assert (_loss_share(lived) < 0) == (factor < 1)


def test_supply_meters_are_off_within_the_stated_ranges(area: SmallArea) -> None:
    at = area.place(SupplyMeterLow)
    for hard, low_to, high_to in ((False, 0.35, 0.25), (True, 0.15, 0.11)):
        low = [SupplyMeterLow.draw(at, area.onset_s, area.chance(n, hard=hard)).missing for n in range(200)]
        high = [SupplyMeterHigh.draw(at, area.onset_s, area.chance(n, hard=hard)).too_much for n in range(200)]
        assert 0.05 <= min(low) < 0.09 < 0.85 * low_to < max(low) <= low_to
        assert 0.04 <= min(high) < 0.07 < 0.85 * high_to < max(high) <= high_to


@pytest.mark.parametrize(("circuit", "remaining"), [("current", 0.0), ("voltage", 0.2)])
def test_a_supply_meter_without_one_phase_misses_its_share(circuit: str, remaining: float, area: SmallArea) -> None:
    at = area.place(SupplyPhaseLost)
    case = SupplyPhaseLost(at, area.onset_s, None, 1, circuit, remaining, present_share=1.0, salt=1)
    lived, honest = area.live(case), area.without
    column = {"current": "current_b_a", "voltage": "voltage_b_v"}[circuit]
    np.testing.assert_allclose(_supply(lived, column), remaining * _supply(honest, column), atol=1e-3)
    apparent = {p: _supply(honest, f"voltage_{p}_v") * _supply(honest, f"current_{p}_a") for p in "abc"}
    share = apparent["b"] / sum(apparent.values())
    np.testing.assert_allclose(
        _supply(lived, "energy_kwh"), _supply(honest, "energy_kwh") * (1 - (1 - remaining) * share), atol=1e-3
    )
    untouched = [c for c in ("current_a_a", "current_c_a", "voltage_a_v", "current_b_a", "voltage_b_v") if c != column]
    for name in untouched:
        assert np.array_equal(_supply(lived, name), _supply(honest, name))
    assert _loss_share(lived) < -0.15


def test_a_dead_concentrator_silences_the_area_and_no_register(area: SmallArea) -> None:
    at = area.place(ConcentratorLoss)
    case = ConcentratorLoss(at, area.onset_s, area.onset_s + 2 * 86_400, lost_share=1.0, salt=1)
    lived, honest = area.live(case), area.without
    gone = slice(AFTER.start, AFTER.start + 2 * PER_DAY)
    assert np.isnan(lived.columns["energy_kwh"][:, gone]).all()
    assert np.array_equal(lived.columns["register_step_kwh"], honest.columns["register_step_kwh"])
    after = lived.columns["energy_kwh"][:, gone.stop :]
    assert np.array_equal(after, honest.columns["energy_kwh"][:, gone.stop :])
    restarting = ConcentratorLoss(at, area.onset_s, None, lost_share=0.6, salt=1)
    lost = np.isnan(area.live(restarting).columns["energy_kwh"][:, AFTER])
    assert np.all(lost.any(axis=0) == lost.all(axis=0)), "all meters at once"
    assert lost.mean() == pytest.approx(0.6, abs=0.2)


def test_frequent_outages_are_outages_of_the_area(area: SmallArea) -> None:
    at = area.place(FrequentOutage)
    drawn = [FrequentOutage.draw(at, area.onset_s, area.chance(seed)) for seed in range(60)]
    for case in drawn:
        outages = case.outages()
        assert outages[0].start_s == area.onset_s
        assert len(outages) > 3, "more than three within sixty days"
        assert {outage.transformer_area for outage in outages} == {at.meter.transformer_area}
        assert all(300 <= outage.end_s - outage.start_s <= 180 * 60 for outage in outages[:-1])
        assert all(a.end_s < b.start_s for a, b in itertools.pairwise(outages))
    gaps_d = [o.start_s - p.start_s for case in drawn for p, o in itertools.pairwise(case.outages())]
    assert 1.5 < np.mean(gaps_d) / 86_400 < 5
    two_hours = FrequentOutage(at, area.onset_s, None, 2.0, ((area.onset_s + 900, area.onset_s + 8100),))
    lived = area.live(two_hours)
    assert np.isnan(lived.columns["energy_kwh"][:, AFTER.start + 1 : AFTER.start + 9]).all()
    assert not np.isnan(lived.columns["energy_kwh"][:, AFTER.start + 9 :]).any()
    assert not lived.supplied_kwh[AFTER.start + 1 : AFTER.start + 9].max() > 2, "only the transformer's own loss"
