"""An area's load is forecast from its own days; a jump and a coming overload are told apart from a hot week."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.area.load_forecast import LoadForecast, LoadForecastParams
from detectors.examples import MONDAY_ORDINAL, context, day
from metering.evidence import RECOVER_STRENGTH, SET_STRENGTH, Signal

RATED_KVA = 100.0
SHAPE = 1 + 0.6 * np.sin(2 * np.pi * (np.arange(24) - 12) / 24)
WARM = 40


def forecaster(**params: float) -> LoadForecast:
    area = context(meters=2, supply=True, fields={"rated_kva": [None, RATED_KVA]})
    return LoadForecast(area, LoadForecastParams(**params))


def mean_kw(number: int) -> float:
    """A town of some 40 kW, a quarter less at weekends, wandering a little."""
    wander = 0.03 * np.random.default_rng([7, number]).standard_normal()
    return float(40 * (0.75 if number % 7 >= 5 else 1.0) * np.exp(wander))


def curves(kw: float) -> NDArray[np.float64]:
    return np.stack([np.zeros(24), kw * SHAPE], axis=1)


def lived(forecast: LoadForecast, days: range, kw: float | None = None) -> tuple[Signal, Signal]:
    for number in days:
        load = forecast.judge(day(curves(mean_kw(number) if kw is None else kw), number=number))
        jump, overload, _ = forecast.signals(load)
        forecast.learn(load)
    return jump, overload


def test_nothing_is_said_before_the_warm_up_is_over() -> None:
    for signal in lived(forecaster(), range(20), kw=500.0):
        assert np.isnan(signal.strength).all()


def test_weekends_are_forecast_as_weekends() -> None:
    forecast = forecaster()
    lived(forecast, range(WARM))
    for number in range(WARM, WARM + 14):
        load = forecast.judge(day(curves(mean_kw(number)), number=number))
        assert load.forecast_kwh == pytest.approx(load.supplied_kwh, rel=0.12)
        forecast.learn(load)


def test_a_jump_is_a_jump_and_what_the_town_does_every_week_is_none() -> None:
    forecast = forecaster()
    quiet, _ = lived(forecast, range(WARM))
    assert quiet.strength[1] <= RECOVER_STRENGTH
    jump, _ = lived(forecast, range(WARM, WARM + 1), kw=80.0)
    assert jump.strength[1] >= SET_STRENGTH
    assert np.isnan(jump.strength[0])
    assert jump.observed[1] > 1.5 * jump.expected[1]


def test_an_overload_is_expected_before_it_comes() -> None:
    forecast = forecaster()
    _, overload = lived(forecast, range(WARM))
    assert overload.strength[1] <= RECOVER_STRENGTH
    # the mean rises by 4 % a day: the highest hour is 1.6 times the mean, the rating 95 kW
    for number in range(WARM, WARM + 30):
        kw = 40 * 1.04 ** (number - WARM)
        _, overload = lived(forecast, range(number, number + 1), kw=kw)
        if overload.strength[1] >= SET_STRENGTH:
            break
    assert 1.6 * kw < 0.95 * RATED_KVA
    assert overload.observed[1] >= overload.expected[1]


def test_a_day_with_gaps_is_neither_judged_nor_learnt() -> None:
    forecast = forecaster()
    lived(forecast, range(WARM))
    forecast.dump_dirty()
    gaps = curves(400.0)
    gaps[4:, :] = np.nan
    load = forecast.judge(day(gaps, number=WARM))
    assert all(np.isnan(s.strength).all() for s in forecast.signals(load))
    forecast.learn(load)
    assert not forecast.dump_dirty()


def test_a_lasting_change_is_seen_as_drift() -> None:
    forecast = forecaster()
    lived(forecast, range(WARM + 60))
    assert forecast.drifted_on == 0
    rng = np.random.default_rng(3)
    for number in range(WARM + 60, WARM + 160):
        lived(forecast, range(number, number + 1), kw=mean_kw(number) * float(np.exp(0.8 * rng.standard_normal())) + 30)
    assert forecast.drifted_on > MONDAY_ORDINAL + WARM + 60


def test_an_area_without_a_supply_meter_has_no_forecast() -> None:
    forecast = LoadForecast(context(meters=2), LoadForecastParams(warm_up_days=8))
    for signal in lived(forecast, range(WARM)):
        assert np.isnan(signal.strength).all()
    assert forecast.dump() == {}


def test_state_is_restored_exactly() -> None:
    forecast, twin = forecaster(), forecaster()
    lived(forecast, range(WARM))
    assert forecast.dump_dirty()
    assert not forecast.dump_dirty()
    twin.load(forecast.dump())
    for one, other in zip(lived(forecast, range(WARM, WARM + 9)), lived(twin, range(WARM, WARM + 9)), strict=True):
        np.testing.assert_array_equal(one.strength, other.strength)
        np.testing.assert_array_equal(one.observed, other.observed)


def evening(kw: float) -> NDArray[np.float64]:
    """A quiet day whose three evening hours draw so much from the transformer."""
    supplied = np.full(24, 30.0)
    supplied[18:21] = kw
    return np.stack([np.zeros(24), supplied], axis=1)


def overloads(forecast: LoadForecast, evenings: list[float]) -> list[float]:
    strengths = []
    for number, kw in enumerate(evenings):
        load = forecast.judge(day(evening(kw), number=number))
        strengths.append(float(forecast.signals(load)[2].strength[1]))
        forecast.learn(load)
    return strengths


def test_more_than_the_rating_for_two_hours_on_two_days_of_a_week_is_an_overload() -> None:
    over, under = 1.05 * 0.95 * RATED_KVA, 0.8 * 0.95 * RATED_KVA
    one_feast = overloads(forecaster(), [under] * 7 + [over] + [under] * 8)
    assert max(s for s in one_feast if s == s) <= RECOVER_STRENGTH
    again = overloads(forecaster(), [under] * 7 + [over, under, over] + [under] * 9)
    assert again[9] >= SET_STRENGTH
    assert again[-1] <= RECOVER_STRENGTH


def test_a_single_hour_over_the_rating_is_no_lasting_overload() -> None:
    forecast = forecaster()
    for number in range(5):
        curve = evening(20.0)
        curve[19, 1] = 3 * RATED_KVA
        load = forecast.judge(day(curve, number=number))
        strength = forecast.signals(load)[2].strength[1]
        forecast.learn(load)
    assert strength <= RECOVER_STRENGTH


def test_without_a_rating_no_overload_is_judged() -> None:
    unrated = LoadForecast(context(meters=2, supply=True), LoadForecastParams())
    assert all(np.isnan(s) for s in overloads(unrated, [500.0] * 3))
