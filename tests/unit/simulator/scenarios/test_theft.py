"""Theft does what its definition says to the thief's own meter, and leaves everybody else's energy to the physics."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.scenarios.altered import AlteredReadings
from simulator.scenarios.case import Case, Hours, Place
from simulator.scenarios.cover_opened import CoverOpened
from simulator.scenarios.current_while_off import CurrentWhileOff
from simulator.scenarios.day_reversed import DayReversed
from simulator.scenarios.intermittent_bypass import IntermittentBypass
from simulator.scenarios.magnet import Magnet
from simulator.scenarios.mean_flat import MeanFlat
from simulator.scenarios.mean_scaled_at_random import MeanScaledAtRandom
from simulator.scenarios.neutral_by_earth import NeutralByEarth
from simulator.scenarios.night_bypass import NightBypass
from simulator.scenarios.nothing_for_hours import NothingForHours
from simulator.scenarios.ramped_bypass import RampedBypass
from simulator.scenarios.scaled_at_random import ScaledAtRandom
from simulator.scenarios.scaled_by_constant import ScaledByConstant
from simulator.scenarios.shunt import Shunt
from simulator.scenarios.split_current import SplitCurrent
from simulator.scenarios.tap_before_meter import TapBeforeMeter
from simulator.scenarios.terminal_cover_opened import TerminalCoverOpened
from simulator.world.network import PHASE_COUNT
from tests.unit.simulator.scenarios.small_area import AFTER, PER_DAY, SETTLED, Lived, SmallArea

Rows = NDArray[np.float64]
ATTACKS = (ScaledByConstant, NothingForHours, ScaledAtRandom, MeanScaledAtRandom, MeanFlat, DayReversed)
BEHIND_THE_METER: tuple[tuple[type[Case], int], ...] = (
    *((kind, phases) for kind in (NightBypass, IntermittentBypass, RampedBypass, Magnet) for phases in (1, 3)),
    *((kind, phases) for kind in (CoverOpened, TerminalCoverOpened) for phases in (1, 3)),
    (NeutralByEarth, 1),
    (SplitCurrent, 1),
)


def share_left(case: Case, lived: Lived, area: SmallArea, column: str = "energy_kwh") -> Rows:
    """What is reported over what would have been, (intervals,) from the onset on; NaN where there was hardly anything."""
    normal = area.without.of(case, column)[SETTLED]
    left: Rows = np.divide(
        lived.of(case, column)[SETTLED], normal, out=np.full(len(normal), np.nan), where=normal > 0.02
    )
    return left


def attack(scenario: type[AlteredReadings], at: Place, area: SmallArea, *, clever: bool) -> AlteredReadings:
    if scenario is ScaledByConstant:
        return ScaledByConstant(at, area.onset_s, None, clever, share=0.4)
    if scenario is NothingForHours:
        return NothingForHours(at, area.onset_s, None, clever, longest_h=8.0, salt=3)
    if scenario is ScaledAtRandom:
        return ScaledAtRandom(at, area.onset_s, None, clever, least=0.1, most=0.8, salt=3)
    if scenario is MeanScaledAtRandom:
        return MeanScaledAtRandom(at, area.onset_s, None, clever, least=0.1, most=0.8, salt=3)
    return scenario(at, area.onset_s, None, clever)


def test_a_night_bypass_takes_its_share_by_night_and_nothing_by_day(area: SmallArea) -> None:
    at = area.place(NightBypass)
    case = NightBypass(at, area.onset_s, None, 0.8, from_hour=22.0, to_hour=6.0, nights_share=1.0, salt=1)
    lived = area.live(case)
    left = share_left(case, lived, area)
    hour = (np.arange(len(left)) + 1.5) % PER_DAY / 4
    night = (hour > 22.25) | (hour < 6)
    assert np.nanmean(left[night]) == pytest.approx(0.2, abs=0.02)
    day = (hour > 6.25) & (hour < 22)
    assert np.nanmax(np.abs(left[day] - 1)) < 0.001
    assert np.nanmean(share_left(case, lived, area, "current_a")[night]) == pytest.approx(0.2, abs=0.02)
    np.testing.assert_allclose(lived.supplied_kwh, area.without.supplied_kwh, rtol=1e-9)


def test_a_night_bypass_is_used_on_its_share_of_the_nights(area: SmallArea) -> None:
    at = area.place(NightBypass)
    case = NightBypass(at, area.onset_s, None, 1.0, from_hour=23.0, to_hour=5.0, nights_share=0.5, salt=7)
    left = share_left(case, area.live(case), area)
    small_hours = [left[day * PER_DAY + 4 : day * PER_DAY + 16] for day in range(5)]
    used = [bool(np.nanmax(hours) < 0.2) for hours in small_hours]
    assert used[0], "the first night is one of them"
    assert not all(used)
    assert all(np.nanmax(hours) < 0.2 or np.nanmin(hours) > 0.99 for hours in small_hours), "a night is one spell"


def test_an_intermittent_bypass_is_there_or_not_for_a_whole_spell(area: SmallArea) -> None:
    at = area.place(IntermittentBypass)
    case = IntermittentBypass(at, area.onset_s, None, share=0.7, spell_h=6.0, on_share=0.5, salt=2)
    left = share_left(case, area.live(case), area)
    spells = np.nanmedian(np.r_[np.nan, left].reshape(-1, 24), axis=1)
    on = spells < 0.5
    assert on[0]
    assert spells[on] == pytest.approx(0.3, abs=0.02)
    assert spells[~on] == pytest.approx(1.0, abs=0.001)
    assert 0.2 < on.mean() < 0.8


def test_a_ramped_bypass_grows_day_by_day_to_its_share(area: SmallArea) -> None:
    at = area.place(RampedBypass)
    case = RampedBypass(at, area.onset_s, None, share=0.8, days=4.0)
    left = np.r_[np.nan, share_left(case, area.live(case), area)].reshape(5, PER_DAY)
    middays = np.nanmean(left[:, 44:52], axis=1)
    assert middays == pytest.approx([0.9, 0.7, 0.5, 0.3, 0.2], abs=0.03)


@pytest.mark.parametrize("phases", [1, 3])
def test_a_tap_before_the_meter_never_enters_the_service_line(phases: int, area: SmallArea) -> None:
    at = area.place(TapBeforeMeter, phases)
    case = TapBeforeMeter(at, area.onset_s, None, share=0.6, heater=False)
    lived, without = area.live(case), area.without
    assert np.nanmean(share_left(case, lived, area)) == pytest.approx(0.4, abs=0.02)
    own = at.network.conductors_of(at.row)
    drawn, normal = (each.drawn_kw[own, AFTER].sum(axis=0) for each in (lived, without))
    tapped = lived.tapped_kw[:, AFTER].sum(axis=0)
    np.testing.assert_allclose(drawn + tapped, normal, rtol=1e-9)
    nodes = np.flatnonzero(lived.tapped_kw.any(axis=1))
    assert (
        nodes.tolist() == (at.network.conductor_segment[own] * PHASE_COUNT + at.network.conductor_phase[own]).tolist()
    )
    volts = "voltage_v" if phases == 1 else "voltage_a_v"
    rises_v = (lived.of(case, volts) - without.of(case, volts))[AFTER]
    assert rises_v.mean() > 0, "the service line carries less"
    assert lived.unmetered_kwh.sum() == pytest.approx(tapped.sum() / 4, rel=0.01)
    assert lived.supplied_kwh[AFTER].sum() == pytest.approx(without.supplied_kwh[AFTER].sum(), rel=0.002)


def test_a_tapped_heater_takes_more_when_it_is_colder(area: SmallArea) -> None:
    at = area.place(TapBeforeMeter)
    case = TapBeforeMeter(at, area.onset_s, None, share=0.8, heater=True)
    hours_c = np.linspace(25, -15, 41)
    demand_kw = np.ones(41)
    hours = _hours(41, temperature_c=hours_c)
    case.change_demand(demand_kw, hours, np.ones(41, np.bool_))
    tapped_kw = np.zeros((at.network.segments * PHASE_COUNT, 41))
    case.tap(tapped_kw, hours, np.ones(41, np.bool_))
    moved = tapped_kw.sum(axis=0)
    assert moved + demand_kw == pytest.approx(1.0)
    assert moved[hours_c >= 15].mean() == pytest.approx(0.35 * 0.8, abs=0.03), "hot water in any weather"
    assert moved[hours_c <= -5].mean() == pytest.approx(0.8, abs=0.04)
    assert moved[(hours_c > 4) & (hours_c < 6)].mean() == pytest.approx(0.4, abs=0.06)


@pytest.mark.parametrize("scenario", ATTACKS)
@pytest.mark.parametrize("clever", [True, False])
@pytest.mark.parametrize("phases", [1, 3])
def test_altered_readings_change_energy_and_if_clever_the_currents_in_proportion(
    scenario: type[AlteredReadings], clever: bool, phases: int, area: SmallArea
) -> None:
    case = attack(scenario, area.place(scenario, phases), area, clever=clever)
    lived, without = area.live(case), area.without
    energy, normal = (each.of(case, "energy_kwh")[AFTER] for each in (lived, without))
    assert not np.array_equal(energy, normal)
    assert np.array_equal(energy, lived.of(case, "register_step_kwh")[AFTER]), "the register counts what is reported"
    for column in ("current_a",) if phases == 1 else ("current_a_a", "current_b_a", "current_c_a"):
        for name in (column, "neutral_current_a"):
            amperes = lived.of(case, name)[AFTER]
            factor = energy / normal if clever else np.ones(len(energy))
            np.testing.assert_allclose(amperes, without.of(case, name)[AFTER] * factor, atol=0.02, rtol=0.02)
    for name in ("voltage_v", "voltage_a_v", "power_factor", "export_kwh"):
        assert np.array_equal(lived.of(case, name), without.of(case, name), equal_nan=True), name
    assert np.array_equal(lived.supplied_kwh, without.supplied_kwh)
    assert lived.unmetered_kwh.sum() == pytest.approx((normal - energy).sum(), abs=0.2)


def test_the_six_attacks_report_what_their_authors_defined(area: SmallArea) -> None:
    at = area.place(ScaledByConstant)

    def reported(scenario: type[AlteredReadings]) -> tuple[Rows, Rows]:
        """What is reported on the five days with the attack, what was measured on all nine, by day."""
        case = attack(scenario, at, area, clever=True)
        shown, normal = (each.of(case, "energy_kwh").reshape(-1, PER_DAY) for each in (area.live(case), area.without))
        return shown[4:], normal

    shown, normal = reported(ScaledByConstant)
    np.testing.assert_allclose(shown, 0.4 * normal[4:], atol=6e-5)

    shown, normal = reported(NothingForHours)
    silent = shown == 0
    assert np.array_equal(shown[~silent], normal[4:][~silent])
    spans = silent.sum(axis=1)
    assert spans.min() >= 15
    assert spans.max() <= 33
    assert len(set(spans.tolist())) > 1
    assert np.all(np.abs(np.diff(silent.astype(int), axis=1)).sum(axis=1) <= 2), "one span a day"

    shown, normal = reported(ScaledAtRandom)
    factor = (shown / normal[4:]).ravel()
    assert 0.09 < factor.min() < 0.15
    assert 0.75 < factor.max() < 0.81
    assert factor.mean() == pytest.approx(0.45, abs=0.03)
    assert abs(np.corrcoef(factor[1:], factor[:-1])[0, 1]) < 0.15, "drawn anew"

    yesterday_mean = normal[3:8].mean(axis=1)
    shown, _ = reported(MeanScaledAtRandom)
    factor = (shown / yesterday_mean[:, None]).ravel()
    assert 0.09 < factor.min() < 0.15
    assert 0.75 < factor.max() < 0.81

    shown, _ = reported(MeanFlat)
    np.testing.assert_allclose(shown, np.repeat(yesterday_mean[:, None], PER_DAY, axis=1), atol=6e-5)

    shown, normal = reported(DayReversed)
    assert np.array_equal(shown, normal[3:8, ::-1])


@pytest.mark.parametrize("on_transformer", [True, False])
def test_a_magnet_takes_energy_and_on_a_transformer_current_too(on_transformer: bool, area: SmallArea) -> None:
    at = area.place(Magnet)
    case = Magnet(at, area.onset_s, None, 0.7, on_transformer, spell_h=24.0, there_share=1.0, salt=1)
    lived = area.live(case)
    assert np.nanmean(share_left(case, lived, area)) == pytest.approx(0.3, abs=0.02)
    expected = 0.3 if on_transformer else 1.0
    assert np.nanmean(share_left(case, lived, area, "current_a")) == pytest.approx(expected, abs=0.02)


def test_a_magnet_is_reported_when_it_is_put_on_and_about_every_second_time(area: SmallArea) -> None:
    magnets = [Magnet.draw(area.place(Magnet), area.onset_s, area.chance(seed)) for seed in range(80)]
    assert all(event.code == "magnetic_field" for case in magnets for event in case.events())
    at_onset = [case for case in magnets if case.events() and case.events()[0].event_time_s < area.onset_s + 900]
    assert 28 <= len(at_onset) <= 52
    for case in magnets:
        spell_s = round(case.spell_h * 3600)
        into_s = np.array([(event.event_time_s - area.onset_s) % spell_s for event in case.events()])
        assert np.all(into_s < 900), "at the beginning of a spell"
        if case.there_share == 1:
            assert len(case.events()) <= 1, "what stays for good is placed once"
    in_hard = [Magnet.draw(area.place(Magnet), area.onset_s, area.chance(seed, hard=True)) for seed in range(80)]
    assert sum(len(case.events()) for case in in_hard) < 0.7 * sum(len(case.events()) for case in magnets)
    assert max(case.loss for case in in_hard) <= 0.5 + 0.5 / 3


def test_a_shunt_on_one_phase_leaves_the_others(area: SmallArea) -> None:
    at = area.place(CoverOpened, 3)
    case = CoverOpened(at, area.onset_s, None, minutes=3, shunt=Shunt(0.6, (1,)))
    lived = area.live(case)
    assert np.nanmean(share_left(case, lived, area, "current_b_a")) == pytest.approx(0.4, abs=0.02)
    for column in ("current_a_a", "current_c_a", "voltage_b_v"):
        assert np.array_equal(lived.of(case, column), area.without.of(case, column)), column
    assert 0.65 < np.nanmean(share_left(case, lived, area)) < 0.95


@pytest.mark.parametrize("neutral_left", [True, False])
def test_a_shunt_in_a_single_phase_meter_may_forget_the_neutral(neutral_left: bool, area: SmallArea) -> None:
    at = area.place(CoverOpened, 1)
    case = CoverOpened(at, area.onset_s, None, minutes=3, shunt=Shunt(0.6, (0,), neutral_left))
    lived = area.live(case)
    assert np.nanmean(share_left(case, lived, area, "current_a")) == pytest.approx(0.4, abs=0.02)
    neutral = np.nanmean(share_left(case, lived, area, "neutral_current_a"))
    assert neutral == pytest.approx(1.0 if neutral_left else 0.4, abs=0.02)


@pytest.mark.parametrize("scenario", [CoverOpened, TerminalCoverOpened])
@pytest.mark.parametrize("hard", [True, False])
def test_an_opened_cover_is_always_reported_and_not_always_used(
    scenario: type[CoverOpened | TerminalCoverOpened], hard: bool, area: SmallArea
) -> None:
    cases = [scenario.draw(area.place(scenario, 1), area.onset_s, area.chance(seed, hard=hard)) for seed in range(200)]
    for case in cases:
        (event,) = case.events()
        assert event.code == scenario.abnormality
        assert area.onset_s < event.event_time_s < area.onset_s + 900
    nothing_done = sum(case.shunt is None for case in cases) / len(cases)
    assert nothing_done == pytest.approx(0.25 if scenario is CoverOpened else 0.2, abs=0.07)
    shares = [case.shunt.share for case in cases if case.shunt is not None]
    low, high = (0.2, 0.8) if scenario is CoverOpened else (0.3, 0.9)
    assert low <= min(shares)
    assert max(shares) <= (low + (high - low) / 3 if hard else high)


def test_nothing_done_under_a_cover_changes_no_reading(area: SmallArea) -> None:
    case = CoverOpened(area.place(CoverOpened), area.onset_s, None, minutes=3, shunt=None)
    lived = area.live(case)
    for name, values in lived.columns.items():
        assert np.array_equal(values, area.without.columns[name], equal_nan=True), name


def test_a_loosened_voltage_link_takes_one_phase_along(area: SmallArea) -> None:
    at = area.place(TerminalCoverOpened, 3)
    case = TerminalCoverOpened(at, area.onset_s, None, minutes=5, loose_phase=2, voltage_left=0.2)
    lived = area.live(case)
    assert np.nanmean(share_left(case, lived, area, "voltage_c_v")) == pytest.approx(0.2, abs=0.01)
    for column in ("voltage_a_v", "current_c_a", "current_a_a"):
        assert np.array_equal(lived.of(case, column), area.without.of(case, column)), column
    assert 0.6 < np.nanmean(share_left(case, lived, area)) < 0.9, "a third of the energy, less what is left"


def test_a_return_by_earth_shows_as_a_difference_and_costs_energy_if_wires_are_swapped(area: SmallArea) -> None:
    at = area.place(NeutralByEarth)
    swapped = NeutralByEarth(at, area.onset_s, None, share=0.6, salt=4)
    lived = area.live(swapped)
    assert np.nanmean(share_left(swapped, lived, area)) == pytest.approx(0.4, abs=0.05)
    assert np.nanmean(share_left(swapped, lived, area, "current_a")) == pytest.approx(0.4, abs=0.05)
    assert np.nanmean(share_left(swapped, lived, area, "neutral_current_a")) == pytest.approx(1.0, abs=0.001)
    honest = NeutralByEarth(at, area.onset_s, None, share=0.6, salt=4, swapped=False)
    lived = area.live(honest)
    assert np.nanmean(share_left(honest, lived, area)) == 1.0
    assert np.nanmean(share_left(honest, lived, area, "neutral_current_a")) == pytest.approx(0.4, abs=0.05)


def test_an_earth_rod_carries_no_more_than_it_can(area: SmallArea) -> None:
    case = NeutralByEarth(area.place(NeutralByEarth), area.onset_s, None, share=0.8, salt=4)
    current_a = np.full(PER_DAY, 50.0)
    reported = {
        "energy_kwh": np.full(PER_DAY, 2.75),
        "register_step_kwh": np.full(PER_DAY, 2.75),
        "current_a": current_a.copy(),
        "neutral_current_a": current_a.copy(),
    }
    case.report(reported, _hours(PER_DAY), np.ones(PER_DAY, np.bool_))
    assert reported["current_a"] == pytest.approx(25.0, abs=0.01), "half returns by earth instead of 80 %"
    assert reported["energy_kwh"] == pytest.approx(2.75 / 2, abs=0.001)
    assert np.array_equal(reported["neutral_current_a"], current_a)


def test_a_split_current_returns_through_the_meters_neutral(area: SmallArea) -> None:
    case = SplitCurrent(area.place(SplitCurrent), area.onset_s, None, share=0.5)
    lived = area.live(case)
    assert np.nanmean(share_left(case, lived, area)) == pytest.approx(0.5, abs=0.03)
    assert np.nanmean(share_left(case, lived, area, "current_a")) == pytest.approx(0.5, abs=0.03)
    for column in ("neutral_current_a", "voltage_v", "power_factor"):
        assert np.array_equal(lived.of(case, column), area.without.of(case, column)), column


@pytest.mark.parametrize("scenario", [NeutralByEarth, SplitCurrent])
def test_neutral_tricks_need_a_single_phase_meter(scenario: type[Case], area: SmallArea) -> None:
    with pytest.raises(AssertionError, match="no customer"):
        area.place(scenario, 3)


@pytest.mark.parametrize("counted", [True, False])
def test_a_bridged_switch_lets_current_flow_after_some_hours_in_the_dark(counted: bool, area: SmallArea) -> None:
    at = area.place(CurrentWhileOff)
    case = CurrentWhileOff(at, area.onset_s, None, dark_h=6.0, counted=counted, switchings=())
    lived, without = area.live(case), area.without
    dark, lit = slice(AFTER.start + 1, AFTER.start + 24), slice(AFTER.start + 25, None)
    assert np.all(lived.of(case, "current_a")[dark] == 0)
    assert lived.drawn_kw[at.network.conductors_of(at.row), dark].sum() == 0
    np.testing.assert_allclose(lived.of(case, "current_a")[lit], without.of(case, "current_a")[lit], atol=0.05)
    if counted:
        assert np.array_equal(lived.of(case, "energy_kwh")[lit], without.of(case, "energy_kwh")[lit])
        assert lived.unmetered_kwh.sum() == pytest.approx(0, abs=0.05)
    else:
        assert np.all(lived.of(case, "energy_kwh")[AFTER] == 0)
        assert lived.unmetered_kwh.sum() == pytest.approx(without.of(case, "energy_kwh")[lit].sum(), rel=0.01)


def test_every_switching_off_is_reported(area: SmallArea) -> None:
    cases = [CurrentWhileOff.draw(area.place(CurrentWhileOff), area.onset_s, area.chance(seed)) for seed in range(30)]
    for case in cases:
        times_s = [event.event_time_s for event in case.events()]
        assert {event.code for event in case.events()} == {"power_off"}
        assert 2 <= len(times_s) <= 4
        assert area.onset_s <= times_s[0] < area.onset_s + 600
        assert times_s == sorted(times_s)


@pytest.mark.parametrize("scenario", ATTACKS)
def test_six_in_ten_tampered_meters_alter_the_currents_too(scenario: type[AlteredReadings], area: SmallArea) -> None:
    at = area.place(scenario)
    clever = [scenario.draw(at, area.onset_s, area.chance(seed)).clever for seed in range(300)]
    assert np.mean(clever) == pytest.approx(0.6, abs=0.09)


def test_shares_are_drawn_within_the_stated_ranges_and_small_ones_in_hard_feeds(area: SmallArea) -> None:
    for hard in (False, True):
        for seed in range(60):
            chance = area.chance(seed, hard=hard)
            night = NightBypass.draw(area.place(NightBypass), area.onset_s, chance)
            spells = IntermittentBypass.draw(area.place(IntermittentBypass), area.onset_s, chance)
            ramp = RampedBypass.draw(area.place(RampedBypass), area.onset_s, chance)
            tap = TapBeforeMeter.draw(area.place(TapBeforeMeter), area.onset_s, chance)
            scaled = ScaledByConstant.draw(area.place(ScaledByConstant), area.onset_s, chance)
            of = (night.share, spells.share, ramp.share, tap.share, 1 - scaled.share)
            for share, low, high in zip(of, (0.6, 0.4, 0.4, 0.3, 0.2), (1.0, 1.0, 0.9, 0.9, 0.8), strict=True):
                assert low <= share <= (low + (high - low) / 3 if hard else high) + 1e-9
            assert 3 <= spells.spell_h <= 72
            assert 10 <= ramp.days <= 40
            assert 5 <= (night.to_hour - night.from_hour) % 24 <= 9


@pytest.mark.parametrize(("scenario", "phases"), BEHIND_THE_METER)
def test_what_a_thief_takes_flows_through_the_transformer(scenario: type[Case], phases: int, area: SmallArea) -> None:
    case = area.draw(scenario, 5, phases=phases)
    lived = area.live(case)
    np.testing.assert_allclose(lived.supplied_kwh, area.without.supplied_kwh, rtol=1e-9)
    normal, shown = (each.of(case, "energy_kwh")[SETTLED].sum() for each in (area.without, lived))
    assert lived.unmetered_kwh.sum() == pytest.approx(normal - shown, rel=0.02, abs=0.2)


def _hours(count: int, temperature_c: Rows | None = None) -> Hours:
    return Hours(
        900 * np.arange(count, dtype=np.int64),
        (np.arange(count) / 4 + 0.125) % 24,
        0.25,
        np.random.default_rng(1),
        temperature_c=np.zeros(count) if temperature_c is None else temperature_c,
    )
