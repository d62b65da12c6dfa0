"""Each detector catches its textbook case and stays silent on the benign one that resembles it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.bank import check_thresholds, day_models, expected_profile, hour_detectors, interval_detectors
from detectors.day_features import FEATURES, DayAccumulator
from detectors.risk import family_strengths, risk
from detectors.seasonal_profile import SeasonalProfile
from metering.errors import SettingsError
from metering.evidence import SET_STRENGTH, AreaDay, IntervalDetector, Signal
from metering.frame import Column, ReadingFrame
from tests.unit.detectors.worlds import Change, area_context, frames, hours_of, live

CONTEXT = area_context()
PER_DAY = 12


def only(*names: str) -> list[IntervalDetector]:
    return [d for d in interval_detectors(CONTEXT) if d.name in names]


def strongest(said: list[dict[str, Signal]], abnormality: str, row: int) -> float:
    return max((float(np.nan_to_num(s[abnormality].strength[row])) for s in said if abnormality in s), default=0.0)


def heard(change: Change, abnormality: str, row: int, *names: str, days: float = 40) -> float:
    return strongest(live(only(*names), list(frames(CONTEXT, days, change=change))), abnormality, row)


def scaled(row: int, factor: float, from_day: float, to_day: float = 1e9) -> Change:
    def change(i: int, columns: dict[str, Column]) -> None:
        if from_day * PER_DAY <= i < to_day * PER_DAY:
            columns["energy_kwh"][row] *= factor

    return change


def test_no_energy_while_current_flows_is_a_stopped_register_and_without_current_an_unused_supply() -> None:
    assert heard(scaled(0, 0.0, 20), "register_stopped", 0, "stuck_counter") == 1

    def switched_off(i: int, columns: dict[str, Column]) -> None:
        if i >= 20 * PER_DAY:
            columns["energy_kwh"][0] = columns["current_a"][0] = columns["neutral_current_a"][0] = 0.0

    assert heard(switched_off, "register_stopped", 0, "stuck_counter") == 0
    assert heard(switched_off, "zero_use", 0, "stuck_counter") == 1
    assert heard(switched_off, "zero_use", 0, "stuck_counter", days=26) == 0


def test_the_very_same_energy_for_days_is_a_stopped_register() -> None:
    def frozen(i: int, columns: dict[str, Column]) -> None:
        if i >= 20 * PER_DAY:
            columns["energy_kwh"][1] = 0.7

    assert heard(frozen, "register_stopped", 1, "stuck_counter") == 1


def test_a_lost_phase_voltage_under_load_and_an_outage_of_the_whole_area() -> None:
    def lost(i: int, columns: dict[str, Column]) -> None:
        if i == 60:
            columns["voltage_b_v"][1] = 90.0

    def outage(i: int, columns: dict[str, Column]) -> None:
        if i == 60:
            for name in ("voltage_v", "voltage_a_v", "voltage_b_v", "voltage_c_v"):
                columns[name] *= 0.3

    assert heard(lost, "voltage_loss", 1, "voltage_rules", days=6) == 1
    assert heard(lost, "voltage_loss", 3, "voltage_rules", days=6) == 0
    assert heard(outage, "voltage_loss", 1, "voltage_rules", days=6) < SET_STRENGTH
    assert heard(outage, "phase_break", 1, "voltage_rules", days=6) < SET_STRENGTH


def test_overvoltage_and_a_network_of_120_volts() -> None:
    def neutral_lost(i: int, columns: dict[str, Column]) -> None:
        if i == 60:
            columns["voltage_a_v"][1] = 290.0

    def american(i: int, columns: dict[str, Column]) -> None:
        for name in ("voltage_v", "voltage_a_v", "voltage_b_v", "voltage_c_v"):
            columns[name] *= 120 / 230

    assert heard(neutral_lost, "overvoltage", 1, "voltage_rules", days=6) == 1
    assert heard(american, "undervoltage", 1, "voltage_rules", days=6) == 0


def test_a_phase_that_lost_its_current_and_one_that_never_had_any() -> None:
    def lost(i: int, columns: dict[str, Column]) -> None:
        for name in ("current_a_a", "current_b_a", "current_c_a"):
            columns[name] *= 8
        columns["current_c_a"][3] = 0.0
        if i >= 20 * PER_DAY:
            columns["current_a_a"][1] = 0.0

    assert heard(lost, "current_loss", 1, "current_rules") == 1
    assert heard(lost, "current_loss", 3, "current_rules") == 0


def test_reversed_current_counts_only_without_declared_generation() -> None:
    def turned(i: int, columns: dict[str, Column]) -> None:
        columns["current_a_a"][1] *= -1
        columns["export_kwh"][5] = 0.8

    said = live(only("current_rules"), list(frames(CONTEXT, 2, change=turned)))
    assert strongest(said, "power_reversed", 1) == 1
    assert strongest(said, "reverse_energy", 5) == 1
    assert strongest(said, "power_reversed", 3) == strongest(said, "reverse_energy", 3) == 0


def test_current_past_a_single_phase_meter() -> None:
    def shunted(i: int, columns: dict[str, Column]) -> None:
        columns["current_a"][0] *= 0.3

    assert heard(shunted, "neutral_line_difference", 0, "current_rules", days=2) == 1
    assert heard(shunted, "neutral_line_difference", 2, "current_rules", days=2) == 0


def test_over_contract_and_transformer_overload() -> None:
    assert heard(scaled(6, 3.0, 1), "over_capacity", 6, "over_capacity", days=2) == 1
    assert heard(scaled(6, 3.0, 1), "over_capacity", 5, "over_capacity", days=2) == 0
    assert heard(scaled(-1, 20.0, 1), "transformer_overload", 8, "over_capacity", days=2) == 1


def loss_heard(change: Change | None, days: int = 40) -> dict[str, list[float]]:
    detectors = hour_detectors(CONTEXT)
    strengths: dict[str, list[float]] = {"high_loss": [], "negative_loss": []}
    for hour in hours_of(CONTEXT, list(frames(CONTEXT, days, change=change, rich=False))):
        for detector in detectors:
            for signal in detector.score(hour):
                strengths[signal.abnormality].append(float(np.nan_to_num(signal.strength[-1])))
            detector.learn(hour, trusted=True)
    return strengths


def test_a_loss_that_rises_stays_high_until_it_is_gone() -> None:
    high = loss_heard(lambda i, c: c["energy_kwh"].__setitem__(-1, c["energy_kwh"][-1] + 2 * (240 <= i < 360)))[
        "high_loss"
    ]
    assert max(high[:240]) < 0.4
    assert min(high[290:360]) >= SET_STRENGTH
    assert max(high[430:]) <= 0.4


def test_more_metered_than_supplied_is_a_negative_loss() -> None:
    assert max(loss_heard(scaled(-1, 0.8, 0))["negative_loss"]) >= SET_STRENGTH
    assert max(loss_heard(None)["negative_loss"]) == 0


def lived(told: Sequence[ReadingFrame], trusted: NDArray[np.bool_] | None = None) -> SeasonalProfile:
    profile = expected_profile(CONTEXT)
    for frame in told:
        profile.learn(frame, np.isfinite(frame.energy_kwh) if trusted is None else trusted)
    return profile


def error_of(profile: SeasonalProfile, told: Sequence[ReadingFrame]) -> float:
    return float(np.mean([np.abs(profile.expected_kwh(f)[:-1] / f.energy_kwh[:-1] - 1).mean() for f in told]))


def test_the_profile_expects_what_is_usual() -> None:
    told = list(frames(CONTEXT, 30))
    assert error_of(lived(told[:-PER_DAY]), told[-PER_DAY:]) < 0.15
    assert np.isnan(lived(told[: PER_DAY - 1]).expected_kwh(told[0])).all()


def test_the_profile_moves_with_the_weather_of_its_class() -> None:
    def cold_snap(i: int, columns: dict[str, Column]) -> None:
        columns["energy_kwh"] *= 2.0 if i >= 24 * PER_DAY else 1.0

    told = list(frames(CONTEXT, 30, change=cold_snap))
    profile = lived(told[:-PER_DAY])
    assert 0.85 < float(np.median(profile.expected_kwh(told[-1])[:-1] / told[-1].energy_kwh[:-1])) < 1.5
    alone = list(frames(CONTEXT, 30, change=scaled(0, 2.0, 24)))
    assert float(lived(alone[:-PER_DAY]).expected_kwh(alone[-1])[0] / alone[-1].energy_kwh[0]) < 0.75


def test_the_profile_learns_neither_what_is_missing_nor_what_is_distrusted() -> None:
    def stolen_then_missing(i: int, columns: dict[str, Column]) -> None:
        if i >= 20 * PER_DAY:
            columns["energy_kwh"][0] *= 0.1
            columns["energy_kwh"][1] = np.nan

    usual = list(frames(CONTEXT, 30))
    told = list(frames(CONTEXT, 30, change=stolen_then_missing))
    profile = lived(told[: 20 * PER_DAY])
    trusted = np.isfinite(told[-1].energy_kwh)
    trusted[0] = False
    for frame in told[20 * PER_DAY :]:
        profile.learn(frame, trusted)
    expected = np.array([profile.expected_kwh(f)[:2] / f.energy_kwh[:2] for f in usual[-PER_DAY:]])
    np.testing.assert_allclose(expected.mean(axis=0), 1.0, atol=0.12)


def test_the_profile_restored_expects_the_same_and_is_small() -> None:
    told = list(frames(CONTEXT, 24))
    straight, restored = lived(told[:200]), expected_profile(CONTEXT)
    restored.load(straight.dump())
    for frame in told[200:]:
        for each in (straight, restored):
            each.learn(frame, np.isfinite(frame.energy_kwh))
        np.testing.assert_array_equal(straight.expected_kwh(frame), restored.expected_kwh(frame))
    assert straight.dump() == restored.dump()
    assert sum(len(page) for page in straight.dump().values()) / len(CONTEXT.area) < 500


def test_features_lie_in_0_to_1_and_survive_a_restart() -> None:
    told = list(frames(CONTEXT, 2))
    expected = np.full(len(CONTEXT.area), 1.0)
    straight, restarted = DayAccumulator(CONTEXT), DayAccumulator(CONTEXT)
    for frame in told[:18]:
        straight.add(frame, expected)
    restarted.load(straight.dump())
    for frame in told[18:]:
        straight.add(frame, expected)
        restarted.add(frame, expected)
    closed, again = straight.close(), restarted.close()
    assert set(closed) == set(FEATURES)
    for name, values in closed.items():
        np.testing.assert_array_equal(values, again[name])
        known = values[~np.isnan(values)]
        assert ((known >= 0) & (known <= 1)).all(), name
    assert np.isnan(straight.close()["level"]).all()


def _day(features: dict[str, Column], trusted: bool = True) -> AreaDay:
    count = len(next(iter(features.values())))
    ids = tuple(f"M{i}" for i in range(count))
    return AreaDay(
        "TA",
        1,
        ids,
        np.ones(count),
        np.zeros(count),
        features,
        {},
        np.full(count, trusted),
        np.full(count, np.nan),
        np.zeros((count, 0), dtype=np.float16),
    )


def test_novelty_is_seeded_restored_and_learns_trusted_rows_only() -> None:
    rng = np.random.default_rng(5)
    days = [_day({n: np.append(rng.normal(0.5, 0.03, 20).clip(0, 1), np.nan) for n in FEATURES}) for _ in range(20)]
    odd = _day({n: np.array([0.5, 0.98, np.nan]) for n in FEATURES})
    (model,), (twin,), (other,), (untaught,) = (day_models(s) for s in (1, 1, 2, 1))
    assert np.isnan(model.score(odd)).all()
    for day in days:
        for each in (model, twin, other):
            each.learn(day)
        untaught.learn(replace(day, trusted=np.zeros(21, dtype=np.bool_)))
    said = model.score(odd)
    assert said[1] > said[0]
    assert np.isnan(said[2])
    assert np.isnan(untaught.score(odd)).all()
    np.testing.assert_array_equal(said, twin.score(odd))
    assert not np.array_equal(said, other.score(odd), equal_nan=True)
    (restored,) = day_models(9)
    restored.load(model.dump())
    np.testing.assert_array_equal(said, restored.score(odd))


def _signal(code: str, strength: list[float]) -> Signal:
    nowhere = np.full(len(strength), np.nan)
    return Signal("x", code, np.array(strength, dtype=np.float32), nowhere, nowhere, "kW")


def test_risk_is_not_diluted_and_leaves_hazards_and_information_out() -> None:
    signals = [
        _signal("voltage_loss", [1, 0, np.nan]),
        _signal("sudden_fall", [0.5, 0, 0]),
        _signal("transformer_overload", [0, 1, 0]),
        _signal("reading_failed", [0, 0, 1]),
    ]
    likely = risk(family_strengths(signals, 3), np.full(3, np.nan), np.full(3, np.nan))
    np.testing.assert_allclose(likely, [1 - 0.05 * (1 - 0.6 * 0.25), 0, 0], atol=1e-6)
    assert risk({}, np.array([1.0]), np.array([np.nan]))[0] <= 0.1


def test_thresholds_name_what_there_is() -> None:
    check_thresholds({"over_capacity": {"set_ratio": 1.5}})
    with pytest.raises(SettingsError, match=r"no detector is named.*over_capacity"):
        check_thresholds({"over_capcity": {}})
    with pytest.raises(SettingsError, match="no 'sets'; it has set_ratio"):
        interval_detectors(CONTEXT, {"over_capacity": {"sets": 1.0}})
    with pytest.raises(SettingsError, match="set_ratio = 9"):
        hour_detectors(CONTEXT, {"over_capacity": {"set_ratio": 9.0}})
