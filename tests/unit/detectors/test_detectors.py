"""Each detector catches its textbook case and stays silent on the benign one that resembles it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.bank import check_thresholds, day_models, expected_profile, hour_detectors, interval_detectors
from detectors.case.risk import family_strengths, risk
from detectors.day.features import FEATURES, day_features
from detectors.examples import context, day, frame
from detectors.interval.seasonal_profile import SeasonalProfile
from metering.errors import SettingsError
from metering.evidence import RECOVER_STRENGTH, SET_STRENGTH, AreaCurves, AreaDay, IntervalDetector, Signal
from metering.frame import Column
from tests.unit.detectors.days import HOMES, Day, days, homes
from tests.unit.detectors.worlds import Change, area_context, frames, hours_of, live

#: The catalogue's rules ask the voltage rules of their bank.
RULES = ("voltage_rules", "catalogue_rules")
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

    assert heard(neutral_lost, "overvoltage", 1, *RULES, days=6) == 1
    assert heard(american, "undervoltage", 1, *RULES, days=6) == 0


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

    said = live(only(*RULES), list(frames(CONTEXT, 2, change=turned)))
    assert strongest(said, "power_reversed", 1) == 1
    assert strongest(said, "reverse_energy", 5) == 1
    assert strongest(said, "power_reversed", 3) == strongest(said, "reverse_energy", 3) == 0


def test_current_past_a_single_phase_meter() -> None:
    def shunted(i: int, columns: dict[str, Column]) -> None:
        columns["current_a"][0] *= 0.3

    assert heard(shunted, "neutral_line_difference", 0, *RULES, days=2) == 1
    assert heard(shunted, "neutral_line_difference", 2, *RULES, days=2) == 0


def test_over_contract_and_transformer_overload() -> None:
    assert heard(scaled(6, 3.0, 1), "over_capacity", 6, *RULES, days=2) == 1
    assert heard(scaled(6, 3.0, 1), "over_capacity", 5, *RULES, days=2) == 0
    assert heard(scaled(-1, 20.0, 1), "transformer_overload", 8, *RULES, days=2) == 1


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
    assert RECOVER_STRENGTH < min(high[290:360]) <= max(high) < SET_STRENGTH  # shown; the day's close raises
    assert max(high[430:]) <= 0.4


def test_more_metered_than_supplied_is_a_negative_loss() -> None:
    assert max(loss_heard(scaled(-1, 0.8, 0))["negative_loss"]) > RECOVER_STRENGTH
    assert max(loss_heard(None)["negative_loss"]) == 0


def _expected(profile: SeasonalProfile, curves: AreaCurves) -> NDArray[np.float64]:
    """Energy expected over what was used, (meters,), over the whole day."""
    kwh: NDArray[np.float64] = profile.expected_day(curves.day_type).sum(axis=0) / curves.hourly["energy_kwh"].sum(
        axis=0
    )
    return kwh


def _taught(told: Sequence[AreaCurves], trusted: NDArray[np.bool_] | None = None) -> SeasonalProfile:
    profile = expected_profile(homes())
    for curves in told:
        profile.learn(curves, np.ones(HOMES + 1, dtype=np.bool_) if trusted is None else trusted)
    return profile


def test_the_profile_expects_what_is_usual_and_nothing_before_it_learnt() -> None:
    told = list(days(30))
    expected = _expected(_taught(told[:-1]), told[-1])
    np.testing.assert_allclose(expected, 1.0, atol=0.15)
    assert np.isnan(_taught([]).expected_day(0)).all()
    # a Saturday is not expected from working days
    assert np.isnan(_taught(told[:5]).expected_day(1)).all()


def test_an_interval_is_expected_to_show_its_part_of_the_hour() -> None:
    told = list(days(21))
    profile = _taught(told)
    start_s = homes().calendar.day_start(date.fromordinal(told[-1].day_ordinal + 1))
    per_interval = [
        profile.expected_kwh(frame(start_s=start_s + 900 * i, energy_kwh=[None] * (HOMES + 1))) for i in range(96)
    ]
    np.testing.assert_allclose(np.reshape(per_interval, (24, 4, -1)).sum(axis=1), profile.expected_day(0), rtol=1e-9)


@pytest.mark.parametrize("interval_minutes", [30, 60, 240, 1440])
def test_the_profile_knows_intervals_of_any_length(interval_minutes: int) -> None:
    profile = expected_profile(homes(interval_minutes=interval_minutes))
    told = list(days(22, interval_minutes=interval_minutes, noise=0.0))
    for curves in told[:-1]:
        profile.learn(curves, np.ones(HOMES + 1, dtype=np.bool_))
    start_s = homes().calendar.day_start(date.fromordinal(told[-1].day_ordinal))
    count = 1440 // interval_minutes
    expected = sum(
        profile.expected_kwh(
            frame(
                start_s=start_s + 60 * interval_minutes * i,
                interval_minutes=interval_minutes,
                energy_kwh=[None] * (HOMES + 1),
            )
        )
        for i in range(count)
    )
    np.testing.assert_allclose(expected, np.nansum(told[-1].hourly["energy_kwh"], axis=0), rtol=0.02)


def test_the_profile_moves_with_its_class_and_not_with_one_meter() -> None:
    def cold_snap(day: Day) -> None:
        day.kwh *= 2.0 if day.number >= 24 else 1.0

    def alone(day: Day) -> None:
        day.kwh[:, 0] *= 2.0 if day.number >= 24 else 1.0

    told = list(days(29, cold_snap))
    np.testing.assert_allclose(_expected(_taught(told[:-1]), told[-1])[:HOMES], 1.0, atol=0.2)
    told = list(days(29, alone))
    assert _expected(_taught(told[:-1]), told[-1])[0] < 0.7


def test_the_profile_learns_neither_what_is_missing_nor_what_is_distrusted() -> None:
    def stolen_and_missing(day: Day) -> None:
        if day.number >= 20:
            day.kwh[:, 0] *= 0.1
            day.kwh[:, 1] = np.nan

    usual, told = list(days(30)), list(days(30, stolen_and_missing))
    profile = _taught(told[:20])
    trusted = np.ones(HOMES + 1, dtype=np.bool_)
    trusted[0] = False
    for curves in told[20:]:
        profile.learn(curves, trusted)
    np.testing.assert_allclose(_expected(profile, usual[-1])[:2], 1.0, atol=0.2)


def test_the_profile_restored_expects_the_same_and_is_small() -> None:
    told = list(days(30))
    straight, restored = _taught(told[:15]), expected_profile(homes())
    restored.load(straight.dump())
    kept: dict[str, bytes] = straight.dump()
    straight.dump_dirty()
    for curves in told[15:]:
        for each in (straight, restored):
            each.learn(curves, np.ones(HOMES + 1, dtype=np.bool_))
        kept |= straight.dump_dirty()
        np.testing.assert_array_equal(straight.expected_day(1), restored.expected_day(1))
    assert straight.dump() == restored.dump() == kept
    assert expected_profile(homes()).nbytes_per_meter <= 200


def test_features_lie_in_0_to_1_and_are_not_known_where_the_day_is_not() -> None:
    def odd(day: Day) -> None:
        day.kwh[:, 0] = 0.0
        day.kwh[:, 1] = 60.0
        day.kwh[:14, 2] = np.nan

    (curves,) = days(1, odd)
    expected_kwh = np.full((24, HOMES + 1), 0.5)
    told = day_features(homes(), curves, expected_kwh)
    assert set(told) == set(FEATURES)
    for name, values in told.items():
        assert values.shape == (HOMES + 1,)
        known = values[~np.isnan(values)]
        assert ((known >= 0) & (known <= 1)).all(), name
        assert name == "missing_share" or np.isnan(values[2]), name
    assert told["zero_share"][0] == 1
    assert told["level"][0] == 0
    assert told["level"][1] > 0.95
    assert told["missing_share"][2] == pytest.approx(14 / 24)
    nothing = day_features(homes(), curves, np.full((24, HOMES + 1), np.nan))
    assert np.isnan(nothing["level"]).all()
    assert np.isnan(nothing["distance"]).all()


def test_features_tell_neutral_unbalance_and_voltage_apart() -> None:
    amperes = np.full((24, 3), 4.0)
    unequal = amperes * (1.0, 1.0, 3.0)
    volts = np.full((24, 3), 230.0)
    volts[5, 1] = 180.0
    told = day_features(
        context(meters=3, fields={"phases": [1, 1, 3]}),
        day(
            np.ones((24, 3)), current_a=unequal, current_b=amperes, current_c=amperes, neutral_a=amperes * (1.0, 0.5, 1.0),
            voltage_a=volts, power_factor=-0.9 * np.ones((24, 3)),
        ),
        np.ones((24, 3)),
    )  # fmt: skip
    assert told["neutral_difference"].tolist()[:2] == [0.0, 0.5]
    assert np.isnan(told["neutral_difference"][2])
    assert told["phase_unbalance"][2] == pytest.approx(1.5 * (12 / 20 - 1 / 3))
    assert told["lowest_voltage"][1] == pytest.approx(180 / 230 - 0.5)
    assert told["power_factor"].tolist() == pytest.approx([0.9] * 3)


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
    quiet = [_day({n: np.append(rng.normal(0.5, 0.03, 20).clip(0, 1), np.nan) for n in FEATURES}) for _ in range(80)]
    odd = _day({n: np.array([0.5, 0.98, np.nan]) for n in FEATURES})
    (model,), (twin,), (other,), (untaught,) = (day_models(s) for s in (1, 1, 2, 1))
    assert np.isnan(model.score(odd)).all()
    for usual in quiet:
        for each in (model, twin, other):
            each.learn(usual)
        untaught.learn(replace(usual, trusted=np.zeros(21, dtype=np.bool_)))
    said = model.score(odd)
    assert said[1] > said[0]
    assert np.isnan(said[2])
    assert np.isnan(untaught.score(odd)).all()
    np.testing.assert_array_equal(said, twin.score(odd))
    assert not np.array_equal(said, other.score(odd), equal_nan=True)
    (restored,) = day_models(9)
    restored.load(model.dump())
    np.testing.assert_array_equal(said, restored.score(odd))


def test_risk_is_not_diluted_and_leaves_hazards_and_information_out() -> None:
    strength = {
        "voltage_loss": [1, 0, np.nan],
        "sudden_fall": [0.5, 0, 0],
        "transformer_overload": [0, 1, 0],
        "reading_failed": [0, 0, 1],
    }
    families = family_strengths(np.array(list(strength.values())), tuple(strength))
    likely = risk(families, np.full(3, np.nan), np.full(3, np.nan))
    np.testing.assert_allclose(likely, [1 - 0.05 * (1 - 0.6 * 0.25), 0, 0], atol=1e-6)
    assert risk({}, np.array([1.0]), np.array([np.nan]))[0] <= 0.1


def test_thresholds_name_what_there_is() -> None:
    check_thresholds({"stuck_counter": {"warm_up_days": 9}})
    with pytest.raises(SettingsError, match=r"no detector is named \[stuck_conter\].*stuck_counter"):
        check_thresholds({"stuck_conter": {}})
    with pytest.raises(SettingsError, match="no 'sets'; it has warm_up_days"):
        interval_detectors(CONTEXT, {"stuck_counter": {"sets": 1.0}})
    with pytest.raises(SettingsError, match="warm_up_days = 99"):
        hour_detectors(CONTEXT, {"stuck_counter": {"warm_up_days": 99}})
