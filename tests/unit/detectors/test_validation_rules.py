"""Every rule of validation: what breaks it, what resembles that and does not, and what it cannot tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.examples import MONDAY_S, context, frame
from detectors.validation.day_readings import DayReadings
from detectors.validation.validation_rules import ValidationRules
from metering.catalogue import CATALOGUE, INFORMATION_FAMILIES
from metering.errors import StoreError
from metering.evidence import AreaContext, AreaCurves, Signal
from metering.frame import ReadingFrame
from tests.unit.detectors.days import HOMES, SUPPLY, Day, days, homes

DAYS = 30


def readings_of(curves: AreaCurves) -> DayReadings:
    """The counts of a day of hourly intervals."""
    counted = DayReadings(HOMES + 1)
    for hour in range(24):
        counted.add(
            frame(
                start_s=MONDAY_S + 3600 * hour,
                interval_minutes=60,
                energy_kwh=curves.hourly["energy_kwh"][hour].tolist(),
            )
        )
    return counted


def lived(told: Sequence[AreaCurves], of: AreaContext | None = None) -> ValidationRules:
    rules = ValidationRules(of or homes(interval_minutes=60))
    for curves in told:
        rules.learn(curves, readings_of(curves))
    return rules


def said(
    change: Callable[[Day], None] | None = None,
    *,
    count: int = DAYS,
    of: AreaContext | None = None,
    also: Callable[[DayReadings], None] | None = None,
    **hourly: NDArray[np.float64],
) -> dict[str, Signal]:
    """What is said of the last of so many days, of which `hourly` is further measured."""
    told = list(days(count, change, interval_minutes=60))
    rules = lived(told[:-1], of)
    last = replace(told[-1], hourly={**told[-1].hourly, **hourly})
    readings = readings_of(last)
    if also is not None:
        also(readings)
    return {signal.abnormality: signal for signal in rules.judge(last, readings)}


def broken(signals: dict[str, Signal], code: str) -> list[int]:
    """The rows in which a rule is broken."""
    return np.flatnonzero(signals[code].strength == 1).tolist()


def today(change: Callable[[Day], None]) -> Callable[[Day], None]:
    """The change, on the last day only."""
    return lambda day: change(day) if day.number == DAYS - 1 else None


def test_every_code_is_data_quality_of_the_day_and_raises_no_alert() -> None:
    for code in ValidationRules.abnormalities:
        assert CATALOGUE[code].family in INFORMATION_FAMILIES
        assert CATALOGUE[code].lane == "information"
        assert CATALOGUE[code].level == "day"


def test_a_quiet_day_is_in_order() -> None:
    signals = said()
    assert set(signals) == set(ValidationRules.abnormalities)
    assert all(signal.quiet and not (signal.strength > 0).any() for signal in signals.values())
    assert (signals["high_low_use"].strength[:HOMES] == 0).all()


def test_nothing_of_a_meters_own_history_is_known_in_warm_up() -> None:
    signals = said(count=10)
    for code in ("high_low_use", "zero_without_outage", "sum_check", "multiplier_mismatch"):
        assert np.isnan(signals[code].strength).all(), code


def test_missing_intervals_are_counted_and_an_areas_silence_is_nobodys() -> None:
    def three_hours(day: Day) -> None:
        day.kwh[4:7, 2] = np.nan
        day.kwh[4:5, 3] = np.nan
        day.kwh[10:12] = np.nan  # of everybody: an outage

    signals = said(today(three_hours))
    assert broken(signals, "missing_intervals") == [2]
    assert (signals["missing_intervals"].observed[2], signals["missing_intervals"].expected[2]) == (19, 22)

    def silent(day: Day) -> None:
        day.kwh[:] = np.nan

    assert np.isnan(said(today(silent))["missing_intervals"].strength).all()


def test_a_meter_out_of_service_misses_nothing() -> None:
    def gone(day: Day) -> None:
        day.kwh[:, 2] = np.nan

    (curves,) = days(1, gone, interval_minutes=60)
    rules, in_service = ValidationRules(homes(interval_minutes=60)), np.arange(HOMES + 1) != 2
    signals = {s.abnormality: s for s in rules.judge(curves, readings_of(curves), in_service)}
    assert np.isnan(signals["missing_intervals"].strength[2])
    assert broken({s.abnormality: s for s in rules.judge(curves, readings_of(curves))}, "missing_intervals") == [2]


def test_readings_sent_again_and_readings_refused() -> None:
    def some(readings: DayReadings) -> None:
        for _ in range(3):
            readings.refuse(4, repeated=True)
        readings.refuse(5, repeated=True)
        readings.refuse(6)

    signals = said(also=some)
    assert broken(signals, "repeated_readings") == [4]
    assert broken(signals, "refused_readings") == [6]
    assert signals["repeated_readings"].observed[4] == 3


def test_use_of_a_meter_out_of_service() -> None:
    signals = said(also=lambda readings: readings.use_out_of_service(3, 1.5))
    assert broken(signals, "inactive_use") == [3]
    assert signals["inactive_use"].observed[3] == 1.5


def _interval(row: int, kwh: float, *, hour: int = 3, current_a: float | None = -1.0) -> ReadingFrame:
    """One hour in which all others use little; with `current_a`, voltage and current are measured."""
    energy = [0.2] * (HOMES + 1)
    energy[row] = kwh
    start_s, everyone = MONDAY_S + 3600 * hour, HOMES + 1
    if current_a == -1:
        return frame(start_s=start_s, interval_minutes=60, energy_kwh=energy)
    return frame(
        start_s=start_s, interval_minutes=60, energy_kwh=energy,
        current_a=[current_a] * everyone, voltage_v=[230.0] * everyone, power_factor=[1.0] * everyone,
    )  # fmt: skip


def test_a_reading_far_above_all_others_that_stands_alone_is_doubted_and_a_load_that_stays_only_once() -> None:
    rules = lived(list(days(DAYS, interval_minutes=60)))
    assert rules.doubtful(_interval(1, 2.0)).tolist() == []
    assert rules.doubtful(_interval(1, 6.0)).tolist() == [1]
    rules.see(_interval(1, 6.0))
    assert rules.doubtful(_interval(1, 6.0, hour=4)).tolist() == []
    rules.see(_interval(1, 0.2, hour=4))
    assert rules.doubtful(_interval(1, 6.0, hour=5)).tolist() == [1]
    assert rules.doubtful(_interval(SUPPLY, 1e3)).tolist() == []


def test_voltage_and_current_speak_for_a_reading_or_against_it() -> None:
    told = [
        replace(curves, hourly={**curves.hourly, "implied_kwh": 1.02 * curves.hourly["energy_kwh"]})
        for curves in days(DAYS, interval_minutes=60)
    ]
    of = homes(interval_minutes=60, phases=1)
    rules = lived(told, of)
    drawn, not_drawn = _interval(1, 6.0, current_a=26.0), _interval(1, 2.5, current_a=1.0)
    assert rules.doubtful(drawn).tolist() == []
    assert rules.doubtful(not_drawn).tolist() == [1]
    assert rules.doubtful(_interval(1, 2.5, current_a=None)).tolist() == []
    # where the two never agreed, they say nothing
    assert lived(list(days(DAYS, interval_minutes=60)), of).doubtful(not_drawn).tolist() == []


def test_an_interval_that_is_wrong_for_a_good_part_of_the_area_is_doubted_as_a_whole() -> None:
    told = [
        replace(curves, hourly={**curves.hourly, "implied_kwh": curves.hourly["energy_kwh"]})
        for curves in days(DAYS, interval_minutes=60)
    ]
    rules = lived(told, homes(interval_minutes=60, phases=1))

    def doubted(kwh: list[float], drawn_kwh: float = 0.5) -> list[int]:
        amperes = [drawn_kwh * 1000 / 230 / 0.8] * (HOMES + 1)
        reading = frame(start_s=MONDAY_S + 10_800, interval_minutes=60, energy_kwh=[*kwh, 5.0], current_a=amperes)
        return [int(row) for row in rules.doubtful(reading)]

    everyone = list(range(HOMES))
    three_high = [9.0, 9.0, 9.0]
    assert doubted([*three_high, *[1.3] * (HOMES - 3)]) == everyone, "the others are as wrong, though not too high"
    assert doubted([*three_high, *[0.55] * (HOMES - 3)]) == [0, 1, 2], "three meters are three cases"
    assert doubted([1.02] * HOMES) == [], "nobody is too high: snapshots of a busy hour"
    assert doubted([0.0] * HOMES) == everyone
    assert doubted([0.0] * HOMES, drawn_kwh=0.0) == [], "an outage draws nothing"
    assert doubted([0.0, 0.0, *[0.5] * (HOMES - 2)]) == []


def test_before_its_history_is_known_a_meter_is_held_against_its_contract() -> None:
    rules = ValidationRules(homes(interval_minutes=60))
    assert rules.doubtful(_interval(1, 15.0)).tolist() == []
    assert rules.doubtful(_interval(1, 17.0)).tolist() == [1]
    assert ValidationRules(homes(interval_minutes=60, contracted_kw=None)).doubtful(_interval(1, 1e4)).tolist() == []


def test_a_spike_is_a_doubted_reading_far_above_the_days_third_highest() -> None:
    def doubt(kwh: float) -> Callable[[DayReadings], None]:
        return lambda readings: readings.doubt(np.array([1]), np.array([kwh]))

    signals = said(also=doubt(9.0))
    assert broken(signals, "spike") == [1]
    assert signals["spike"].observed[1] == 9.0
    assert 1.0 < signals["spike"].expected[1] < 1.6
    assert broken(said(also=doubt(2.0)), "spike") == []


def test_spikes_do_not_teach_what_the_highest_reading_is() -> None:
    def spiky(day: Day) -> None:
        day.kwh[3, 1] = 9.0

    rules = lived(list(days(DAYS, spiky, interval_minutes=60)))
    assert rules.doubtful(_interval(1, 9.0)).tolist() == [1]


def _counting(factor: float, *, since: int, row: int = 2) -> Callable[[Day], None]:
    """Registers that follow the intervals, one of them by a factor from a day on."""
    shown = 1000.13 + 500 * np.arange(HOMES + 1)

    def change(day: Day) -> None:
        used = day.kwh.sum(axis=0)
        if day.number >= since:
            used[row] *= factor
        shown[:] += used
        day.register_kwh[:] = np.round(shown, 2)

    return change


def test_the_register_must_move_by_what_the_intervals_show() -> None:
    signals = said(_counting(0.94, since=DAYS - 1))
    assert broken(signals, "sum_check") == [2]
    assert signals["sum_check"].observed[2] == pytest.approx(0.94 * signals["sum_check"].expected[2], rel=1e-3)
    assert broken(said(_counting(1.01, since=DAYS - 1)), "sum_check") == []


def test_the_tolerance_of_the_sum_check_follows_the_multiplier() -> None:
    of = homes(interval_minutes=60, ct_ratio=80.0)
    assert broken(said(_counting(0.94, since=DAYS - 1), of=of), "sum_check") == []


def test_a_day_with_holes_is_not_held_against_its_register() -> None:
    def holes(day: Day) -> None:
        counted(day)
        if day.number == DAYS - 1:
            day.kwh[2:8, 2] = np.nan

    counted = _counting(0.9, since=DAYS - 1)
    assert np.isnan(said(holes)["sum_check"].strength[2])


def test_a_register_that_falls_is_not_a_matter_of_sums() -> None:
    def falls(day: Day) -> None:
        counted(day)
        if day.number == DAYS - 1:
            day.register_kwh[2] -= 900.0

    counted = _counting(1.0, since=0)
    assert np.isnan(said(falls)["sum_check"].strength[2])


@pytest.mark.parametrize(("factor", "mismatch"), [(10.0, True), (0.01, True), (40.0, True), (1.4, False), (7.0, False)])
def test_a_factor_of_ten_or_of_the_multiplier_is_no_energy(factor: float, mismatch: bool) -> None:
    signals = said(_counting(factor, since=0), of=homes(interval_minutes=60, ct_ratio=40.0 if factor == 40 else 1.0))
    assert broken(signals, "sum_check") == [2]
    assert broken(signals, "multiplier_mismatch") == ([2] if mismatch else [])


def test_a_day_far_from_the_meters_own_is_high_or_low() -> None:
    def far(day: Day) -> None:
        day.kwh[:, 1] *= 5
        day.kwh[:, 2] *= 0.1
        day.kwh[:, 3] *= 1.8

    signals = said(today(far))
    assert broken(signals, "high_low_use") == [1, 2]
    assert 2 < signals["high_low_use"].observed[1] / signals["high_low_use"].expected[1] < 6


def test_a_meter_that_always_swings_is_neither_high_nor_low() -> None:
    def swings(day: Day) -> None:
        day.kwh[:, 1] *= 6.0 if day.number % 3 == 2 else 1.0

    assert broken(said(swings), "high_low_use") == []


def test_a_day_of_nothing_is_wanting_unless_the_supply_was_gone() -> None:
    def off(day: Day) -> None:
        day.kwh[:, 1] = 0.0

    volts = np.full((24, HOMES + 1), 230.0)
    assert broken(said(today(off), voltage_a=volts), "zero_without_outage") == [1]
    assert broken(said(today(off)), "zero_without_outage") == [1]
    volts[:, 1] = 3.0
    assert broken(said(today(off), voltage_a=volts), "zero_without_outage") == []


def test_a_day_on_which_half_the_area_used_nothing_was_an_outage() -> None:
    def all_off(day: Day) -> None:
        day.kwh[:, :5] = 0.0

    assert broken(said(today(all_off)), "zero_without_outage") == []


def test_unmeasured_is_never_zero() -> None:
    def unmeasured(day: Day) -> None:
        day.kwh[:, 1] = np.nan

    signals = said(today(unmeasured))
    assert np.isnan(signals["zero_without_outage"].strength[1])
    assert np.isnan(signals["high_low_use"].strength[1])


def test_days_of_estimates_in_a_row() -> None:
    def mostly_missing(day: Day) -> None:
        if day.number >= DAYS - 3:
            day.kwh[:14, 1] = np.nan
        if day.number in (DAYS - 3, DAYS - 1):
            day.kwh[:14, 2] = np.nan

    signals = said(mostly_missing)
    assert broken(signals, "prolonged_estimation") == [1]
    assert signals["prolonged_estimation"].observed[1] == 3


# --- the contract of every detector


def _eventful(day: Day) -> None:
    rng = np.random.default_rng(day.number)
    _counting_all(day)
    if day.number >= 25:
        day.kwh[3, 1] = 9.0
        day.kwh[:, 2] = 0.0
        day.kwh[:14, 3] = np.nan
        day.kwh[:, 4] *= 5
        day.register_kwh[5] *= 1.1
    day.kwh[rng.random(day.kwh.shape) < 0.02] = np.nan


def _counting_all(day: Day) -> None:
    day.register_kwh[:] = np.round(1000.13 + day.number * 9.9 * np.linspace(0.8, 1.2, HOMES + 1), 2)


EVENTFUL = list(days(40, _eventful, interval_minutes=60))


def _same(left: Sequence[Signal], right: Sequence[Signal], rows: Sequence[int] | None = None) -> None:
    for mine, other in zip(left, right, strict=True):
        assert mine.abnormality == other.abnormality
        for values, others in (
            (mine.strength, other.strength),
            (mine.observed, other.observed),
            (mine.expected, other.expected),
        ):
            np.testing.assert_allclose(values if rows is None else values[list(rows)], others, rtol=1e-5)


def test_judge_changes_nothing_and_strengths_are_0_or_1() -> None:
    rules = lived(EVENTFUL[:-1])
    rules.dump_dirty()
    before, readings = rules.dump(), readings_of(EVENTFUL[-1])
    first = rules.judge(EVENTFUL[-1], readings)
    _same(first, rules.judge(EVENTFUL[-1], readings))
    rules.doubtful(_interval(1, 50.0))
    assert rules.dump() == before
    assert rules.dump_dirty() == {}
    for signal in first:
        assert signal.detector == ValidationRules.name
        assert signal.strength.dtype == np.float32
        assert signal.strength.shape == signal.observed.shape == signal.expected.shape == (HOMES + 1,)
        assert set(np.unique(signal.strength[~np.isnan(signal.strength)])) <= {0.0, 1.0}
        assert signal.unit


def test_restored_behaves_exactly_the_same() -> None:
    straight = lived(EVENTFUL[:30])
    straight.see(_interval(1, 50.0))
    restored = ValidationRules(homes(interval_minutes=60))
    restored.load(straight.dump())
    for rules in (straight, restored):
        assert rules.doubtful(_interval(1, 50.0, hour=4)).tolist() == []
        for curves in EVENTFUL[30:]:
            rules.learn(curves, readings_of(curves))
    assert straight.dump() == restored.dump()
    _same(
        straight.judge(EVENTFUL[-1], readings_of(EVENTFUL[-1])), restored.judge(EVENTFUL[-1], readings_of(EVENTFUL[-1]))
    )
    with pytest.raises(StoreError, match="another size"):
        ValidationRules(homes(order=list(range(HOMES)))).load(straight.dump())


def test_the_order_of_meters_does_not_matter() -> None:
    order = [3, 8, 0, 5, 1, 7, 2, 6, 4]
    left = lived(EVENTFUL[:-1])
    told = list(days(40, _eventful, interval_minutes=60, order=order))
    right = lived(told[:-1], homes(order=order, interval_minutes=60))
    _same(left.judge(EVENTFUL[-1], readings_of(EVENTFUL[-1])), right.judge(told[-1], readings_of(told[-1])), order)


def test_a_day_of_nothing_teaches_nothing_but_that_time_passes() -> None:
    rules = lived(EVENTFUL[:20])
    limits = [rules.doubtful(_interval(1, kwh)).tolist() for kwh in (2.0, 3.0, 4.0, 6.0)]
    nothing = replace(EVENTFUL[20], hourly={name: np.full((24, HOMES + 1), np.nan) for name in EVENTFUL[20].hourly})
    rules.learn(nothing, DayReadings(HOMES + 1))
    assert limits == [rules.doubtful(_interval(1, kwh)).tolist() for kwh in (2.0, 3.0, 4.0, 6.0)]
    usual = next(s for s in rules.judge(EVENTFUL[21], readings_of(EVENTFUL[21])) if s.abnormality == "high_low_use")
    assert np.isfinite(usual.expected[0])


def test_counts_of_a_day_survive_a_restart() -> None:
    straight, restored = DayReadings(2), DayReadings(2)
    straight.add(frame(energy_kwh=[3.0, None]))
    straight.refuse(1)
    straight.doubt(np.array([0]), np.array([3.0]))
    restored.restore(straight.arrays())
    for each in (straight, restored):
        each.add(frame(energy_kwh=[4.0, 1.0]))
        each.add(frame(energy_kwh=[None, None]))
    assert {n: v.tolist() for n, v in straight.arrays().items()} == {
        n: v.tolist() for n, v in restored.arrays().items()
    }
    assert straight.highest_kwh.tolist() == [[4.0, 1.0], [3.0, 0.0], [0.0, 0.0]]
    assert straight.missing_share().tolist() == [0.0, 0.5]
    assert straight.unsure_share().round(3).tolist() == [0.667, 0.667]
    with pytest.raises(StoreError, match="another number of meters"):
        DayReadings(3).restore(straight.arrays())


def test_a_reading_of_a_daily_feed_is_held_against_a_day_of_its_contract() -> None:
    of = context(meters=3, interval_minutes=1440, contracted_kw=[8.0] * 3)
    rules = ValidationRules(of)
    assert rules.doubtful(frame(interval_minutes=1440, energy_kwh=[100.0, 390.0, None])).tolist() == [1]
