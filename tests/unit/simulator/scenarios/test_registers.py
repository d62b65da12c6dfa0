"""Registers, clocks and stray readings go wrong as defined, and what truly flows goes on as before."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.metering_chain import REMEMBERED
from simulator.scenarios.altered import AlteredReadings
from simulator.scenarios.case import Case, Hours
from simulator.scenarios.clock_drifts import ClockDrifts
from simulator.scenarios.clock_shifted import ClockShifted
from simulator.scenarios.day_reversed import DayReversed
from simulator.scenarios.mean_flat import MeanFlat
from simulator.scenarios.mean_scaled_at_random import MeanScaledAtRandom
from simulator.scenarios.nothing_for_hours import NothingForHours
from simulator.scenarios.register_falls import RegisterFalls
from simulator.scenarios.register_reset import RegisterReset
from simulator.scenarios.register_runaway import RegisterRunaway
from simulator.scenarios.registers_disagree import RegistersDisagree
from simulator.scenarios.scaled_at_random import ScaledAtRandom
from simulator.scenarios.spikes import Spikes
from tests.unit.simulator.scenarios.small_area import AFTER, PER_DAY, SETTLED, SmallArea

Rows = NDArray[np.float64]
ELECTRICAL = tuple(name for name in REMEMBERED if name not in ("energy_kwh", "export_kwh"))


def test_a_register_that_runs_away_counts_a_multiple_while_power_tells_the_truth(area: SmallArea) -> None:
    at = area.place(RegisterRunaway)
    case = RegisterRunaway(at, area.onset_s, None, factor=4.0, spell_h=6.0, present_share=0.5, salt=1)
    lived, without = area.live(case), area.without
    ratio = lived.of(case, "energy_kwh")[SETTLED] / without.of(case, "energy_kwh")[SETTLED]
    spells = np.median(np.r_[4.0, ratio].reshape(-1, 24), axis=1)
    away = spells > 2
    assert away[0]
    assert spells[away] == pytest.approx(4.0, abs=0.02)
    assert spells[~away] == pytest.approx(1.0, abs=0.001)
    assert 0.2 < away.mean() < 0.8
    for column in ELECTRICAL:
        assert np.array_equal(lived.of(case, column), without.of(case, column), equal_nan=True), column
    assert lived.unmetered_kwh.sum() < 0, "the customer pays for what was never drawn"


def test_a_falling_register_reports_nothing_while_it_is_wound_back(area: SmallArea) -> None:
    at = area.place(RegisterFalls)
    case = RegisterFalls(at, area.onset_s, None, spell_h=3.0, back_share=0.2, back_kw=1.2, salt=6)
    lived, without = area.live(case), area.without
    step, energy = (lived.of(case, name)[AFTER] for name in ("register_step_kwh", "energy_kwh"))
    back = step < 0
    assert back[:12].all(), "from the onset on"
    assert 0.1 < back.mean() < 0.45
    assert step[back] == pytest.approx(-1.2 / 4, rel=0.25)
    assert np.all(energy[back] == 0)
    assert np.array_equal(energy[~back], without.of(case, "energy_kwh")[AFTER][~back])
    assert np.array_equal(lived.of(case, "current_a"), without.of(case, "current_a"), equal_nan=True)


def test_a_register_is_set_to_zero_at_its_moments_and_then_silent_for_a_while(area: SmallArea) -> None:
    at = area.place(RegisterReset)
    second_s = area.onset_s + 2 * 86_400 + 700
    case = RegisterReset(at, area.onset_s, None, (area.onset_s, second_s), (0.0, 3.0))
    lived, without = area.live(case), area.without
    step, energy, normal = (
        lived.of(case, "register_step_kwh")[AFTER],
        lived.of(case, "energy_kwh")[AFTER],
        without.of(case, "energy_kwh")[AFTER],
    )
    assert np.flatnonzero(np.isnan(step)).tolist() == [0, 2 * PER_DAY]
    silent = slice(2 * PER_DAY + 1, 2 * PER_DAY + 13)
    assert np.all(energy[silent] == 0)
    assert np.all(step[silent] == 0)
    counting = np.ones(len(energy), np.bool_)
    counting[silent] = False
    assert np.array_equal(energy[counting], normal[counting])


def test_resets_come_once_or_a_few_times_and_some_are_reported(area: SmallArea) -> None:
    cases = [RegisterReset.draw(area.place(RegisterReset), area.onset_s, area.chance(seed)) for seed in range(200)]
    counts = np.array([len(case.resets_s) for case in cases])
    assert (counts == 1).mean() == pytest.approx(0.6, abs=0.1)
    assert counts.max() == 4
    for case in cases:
        apart_d = np.diff(case.resets_s) / 86_400
        assert np.all((apart_d > 4.9) & (apart_d < 25.1))
        assert len(case.silent_h) == len(case.resets_s)
        assert {event.code for event in case.events()} <= {"ratio_changed"}
    assert sum(len(case.events()) for case in cases) / counts.sum() == pytest.approx(0.4, abs=0.08)


@pytest.mark.parametrize(("register", "interval"), [(0.8, 1.0), (1.3, 1.0), (1.0, 0.7)])
def test_register_and_intervals_disagree_by_their_share(register: float, interval: float, area: SmallArea) -> None:
    case = RegistersDisagree(area.place(RegistersDisagree), area.onset_s, None, register, interval)
    lived, without = area.live(case), area.without
    normal = without.of(case, "energy_kwh")[AFTER].sum()
    assert lived.of(case, "energy_kwh")[AFTER].sum() / normal == pytest.approx(interval, abs=0.005)
    assert lived.of(case, "register_step_kwh")[AFTER].sum() / normal == pytest.approx(register, abs=0.005)
    assert lived.unmetered_kwh.sum() / normal == pytest.approx(1 - interval, abs=0.01)
    assert np.array_equal(lived.of(case, "current_a"), without.of(case, "current_a"), equal_nan=True)


def test_most_disagreeing_registers_are_slow(area: SmallArea) -> None:
    at = area.place(RegistersDisagree)
    cases = [RegistersDisagree.draw(at, area.onset_s, area.chance(seed)) for seed in range(300)]
    assert np.mean([case.interval_factor < 1 for case in cases]) == pytest.approx(0.3, abs=0.08)
    by_register = [case.register_factor for case in cases if case.interval_factor == 1]
    assert np.mean([factor < 1 for factor in by_register]) == pytest.approx(2 / 3, abs=0.1)
    assert all(0.03 <= abs(factor - 1) <= 0.4 for factor in by_register)


def test_a_shifted_clock_moves_all_that_is_recorded_and_loses_nothing(area: SmallArea) -> None:
    case = ClockShifted(area.place(ClockShifted, 3), area.onset_s, None, late_h=6.0)
    lived, without = area.live(case), area.without
    begin = AFTER.start
    for column in ("energy_kwh", "current_a_a", "voltage_b_v", "power_factor", "neutral_current_a"):
        late = without.of(case, column)[begin - 24 : -24]
        assert np.array_equal(lived.of(case, column)[AFTER], late), column
    assert np.array_equal(lived.of(case, "register_step_kwh"), lived.of(case, "energy_kwh"))
    assert np.array_equal(lived.supplied_kwh, without.supplied_kwh)


def test_a_clock_is_shifted_only_where_hours_have_a_price(area: SmallArea) -> None:
    meters = area.province.worlds[0].customers.meters
    at = area.place(ClockShifted)
    assert at.meter.customer_class != "residential"
    assert any(meter.customer_class == "residential" for meter in meters)
    late_h = [ClockShifted.draw(at, area.onset_s, area.chance(seed)).late_h for seed in range(60)]
    assert min(late_h) >= 3
    assert max(late_h) <= 9


def test_a_drifting_clock_falls_behind_by_fractions_of_an_interval(area: SmallArea) -> None:
    case = ClockDrifts(area.place(ClockDrifts), area.onset_s, None, minutes_per_day=30.0, most_minutes=60.0)
    lived, without = area.live(case), area.without
    shown, normal = lived.of(case, "energy_kwh"), without.of(case, "energy_kwh")
    held = slice(AFTER.start + 2 * PER_DAY, None)
    late = normal[AFTER.start + 2 * PER_DAY - 4 : -4]
    np.testing.assert_allclose(shown[held], late, atol=6e-5)
    # a quarter of a day after the onset it is 7.5 minutes late: half an interval
    now = AFTER.start + PER_DAY // 4
    assert shown[now] == pytest.approx((normal[now] + normal[now - 1]) / 2, abs=6e-5)
    assert shown[AFTER].sum() == pytest.approx(normal[AFTER.start : -4].sum(), rel=0.02)


def test_spikes_are_few_absurd_and_seen_by_no_register(area: SmallArea) -> None:
    at = area.place(Spikes)
    case = Spikes(at, area.onset_s, None, per_week=6.0, salt=2)
    lived, without = area.live(case), area.without
    energy, normal = (each.of(case, "energy_kwh")[AFTER] for each in (lived, without))
    hit = np.flatnonzero(energy != normal)
    assert hit[0] == 0
    assert 2 <= len(hit) <= 12
    times = energy[hit] * 4 / at.mean_kw
    assert np.all((times > 7.99) & (times < 40.01))
    contracted_kw = at.meter.contracted_kw
    assert contracted_kw is not None
    assert np.all(energy * 4 <= 8 * contracted_kw)
    for column in ("register_step_kwh", *ELECTRICAL):
        assert np.array_equal(lived.of(case, column), without.of(case, column), equal_nan=True), column


def _remembering(column: str, day: int) -> Rows:
    """Three days of a made-up column; days 0 and 1 are the past, day 2 is now."""
    rng = np.random.default_rng([len(column), 5])
    values = np.round(rng.uniform(0.05, 0.9, 3 * PER_DAY), 4)
    return values[day * PER_DAY : (day + 1) * PER_DAY]


def _reported(case: Case, begin: int, end: int, start_s: int) -> dict[str, Rows]:
    """What the case makes of the intervals `begin` to `end` of the third day, told of them in one window."""
    index = np.arange(begin, end)
    before = {
        name: np.concatenate([_remembering(name, 0), _remembering(name, 1), _remembering(name, 2)[:begin]])[
            -2 * PER_DAY :
        ]
        for name in REMEMBERED
    }
    now = {name: _remembering(name, 2)[begin:end].copy() for name in REMEMBERED}
    now["register_step_kwh"] = now["energy_kwh"].copy()
    hours = Hours(start_s + 900 * index, (index + 0.5) / 4, 0.25, np.random.default_rng(1), before=before)
    case.report(now, hours, case.active(hours.start_s))
    return now


MADE: tuple[Callable[[SmallArea, int], Case], ...] = (
    lambda area, s: NothingForHours(area.place(NothingForHours), s, None, True, 9.0, 3),
    lambda area, s: ScaledAtRandom(area.place(ScaledAtRandom), s, None, True, 0.1, 0.8, 3),
    lambda area, s: MeanScaledAtRandom(area.place(MeanScaledAtRandom), s, None, True, 0.1, 0.8, 3),
    lambda area, s: MeanFlat(area.place(MeanFlat), s, None, True),
    lambda area, s: DayReversed(area.place(DayReversed), s, None, True),
    lambda area, s: ClockShifted(area.place(ClockShifted), s, None, 7.5),
    lambda area, s: ClockDrifts(area.place(ClockDrifts), s, None, 40.0, 100.0),
    lambda area, s: RegisterReset(area.place(RegisterReset), s, None, (s, s + 50_000), (2.0, 1.0)),
    lambda area, s: Spikes(area.place(Spikes), s, None, 300.0, 2),
)


@pytest.mark.parametrize("make", MADE)
@pytest.mark.parametrize("cut", [1, 37, 48])
def test_it_does_not_matter_how_a_day_is_cut_into_windows(
    make: Callable[[SmallArea, int], Case], cut: int, area: SmallArea
) -> None:
    midnight_s = area.onset_s
    case = make(area, midnight_s + 6 * 900)
    whole = _reported(case, 0, PER_DAY, midnight_s)
    parts = [_reported(case, 0, cut, midnight_s), _reported(case, cut, PER_DAY, midnight_s)]
    for name, values in whole.items():
        joined = np.concatenate([part[name] for part in parts])
        np.testing.assert_array_equal(joined, values, err_msg=name)
    assert np.array_equal(whole["energy_kwh"][:6], _remembering("energy_kwh", 2)[:6]), "nothing before the onset"


def test_a_tampered_meter_without_a_past_tells_the_truth(area: SmallArea) -> None:
    case: AlteredReadings = DayReversed(area.place(DayReversed), area.onset_s, None, True)
    energy_kwh = _remembering("energy_kwh", 2)
    index = np.arange(PER_DAY)
    hours = Hours(area.onset_s + 900 * index, (index + 0.5) / 4, 0.25, np.random.default_rng(1))
    assert np.array_equal(case.altered_kwh(energy_kwh, hours)[0:1], energy_kwh[0:1])
    flat = MeanFlat(area.place(MeanFlat), area.onset_s, None, True)
    np.testing.assert_allclose(flat.altered_kwh(energy_kwh, hours)[0], energy_kwh[0])
