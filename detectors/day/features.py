"""What a closed day of one area looks like, per meter, as features in [0, 1] for the shared models."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from detectors.day.memory import F64, DayEnergy, share_of
from metering.archive import NOMINAL_VOLTAGE_V
from metering.evidence import AreaContext, AreaCurves
from metering.readings import PHASES

#: Local hours that count as night and as evening.
_NIGHT_HOURS = slice(0, 6)
_EVENING_HOURS = slice(18, 23)
#: Below this share of measured hours a day's shape says nothing.
_ENOUGH_MEASURED = 0.5

FEATURES: Mapping[str, str] = {
    "level": "energy over (energy + expected): 0.5 = as expected",
    "distance": "sum of absolute differences from the profile by the hour over (energy + expected)",
    "night_share": "share of the day's energy from 0 to 6 local time",
    "evening_share": "share of the day's energy from 18 to 23 local time",
    "load_factor": "mean over highest hour",
    "zero_share": "share of measured hours with exactly no energy",
    "repeat_share": "share of measured hours without a step between intervals, not zero",
    "step_share": "sum of absolute steps between intervals over twice the energy",
    "demand_over_contract": "highest hour's mean demand over twice the contracted capacity",
    "export_share": "export over (export + energy)",
    "lowest_voltage": "lowest hour's phase voltage over nominal, 0.5 -> 0 and 1.5 -> 1",
    "highest_voltage": "highest hour's phase voltage over nominal, 0.5 -> 0 and 1.5 -> 1",
    "phase_unbalance": "largest phase's current-sum over the sum of all three, 1/3 -> 0 and 1 -> 1",
    "neutral_difference": "sum of line and neutral current's difference over the larger sum (single phase)",
    "power_factor": "mean of its magnitude",
    "missing_share": "share of the day without a reading",
}


def day_features(context: AreaContext, day: AreaCurves, expected_kwh: F64) -> dict[str, F64]:
    """The day's features by name, each (meters,) in [0, 1].

    `expected_kwh` is (24, meters), NaN = not known. A feature is NaN where it is not known: column absent, archive silent, or
    less than half of the day measured (`missing_share` is always known).

    >>> from detectors.examples import context, day
    >>> kwh = np.array([[2.0, np.nan]] * 6 + [[0.4, np.nan]] * 18)
    >>> told = day_features(context(meters=2), day(kwh), np.full((24, 2), 0.8))
    >>> round(float(told["night_share"][0]), 3), told["missing_share"].tolist(), float(told["level"][1])
    (0.625, [0.0, 1.0], nan)
    """
    hourly = day.hourly
    kwh = hourly["energy_kwh"]
    measured = DayEnergy.of(day, context).measured
    hours = np.count_nonzero(kwh == kwh, axis=0)
    energy, highest = _sum(kwh), np.fmax.reduce(kwh)
    export = _sum(hourly["export_kwh"])
    per_hour = max(context.interval_minutes, 60) / 60
    contracted_kw = np.where(context.area.contracted_kw > 0, context.area.contracted_kw, np.nan)
    known_hours = np.maximum(hours, 1)
    features = {
        **_beside_expected(kwh, expected_kwh, hours),
        "night_share": share_of(_sum(kwh[_NIGHT_HOURS]), energy),
        "evening_share": share_of(_sum(kwh[_EVENING_HOURS]), energy),
        "load_factor": share_of(energy / known_hours, highest),
        "zero_share": np.count_nonzero(kwh == 0, axis=0) / known_hours,
        "repeat_share": np.count_nonzero((hourly["step_kwh"] == 0) & (kwh > 0), axis=0) / known_hours,
        "step_share": share_of(_sum(hourly["step_kwh"]), 2 * energy),
        "demand_over_contract": highest / per_hour / (2 * contracted_kw),
        "export_share": np.where(export > 0, share_of(export, export + energy), 0.0),
        **_electrical(context, hourly),
    }
    enough = measured >= _ENOUGH_MEASURED
    table = np.concatenate(list(features.values())).reshape(len(features), -1)
    told = dict(zip(features, np.where(enough, np.clip(table, 0.0, 1.0), np.nan), strict=True))
    told["missing_share"] = np.clip(1 - measured, 0.0, 1.0)
    return told


def _beside_expected(kwh: F64, expected_kwh: F64, hours: F64) -> dict[str, F64]:
    both = (kwh == kwh) & (expected_kwh == expected_kwh)
    energy, expected = _sum(np.where(both, kwh, np.nan)), _sum(np.where(both, expected_kwh, np.nan))
    enough = np.count_nonzero(both, axis=0) >= _ENOUGH_MEASURED * hours
    total = np.where(enough, energy + expected, 0.0)
    return {
        "level": share_of(energy, total),
        "distance": share_of(_sum(np.abs(kwh - expected_kwh)), total),
    }


def _electrical(context: AreaContext, hourly: Mapping[str, F64]) -> dict[str, F64]:
    single = ~(context.area.phases == 3)
    volts = np.concatenate([hourly[f"voltage_{phase}"] for phase in PHASES])
    amperes = np.stack([_sum(np.abs(hourly[f"current_{phase}"])) for phase in PHASES])
    line, neutral = np.abs(hourly["current_a"]), hourly["neutral_a"]
    both = np.isfinite(line + neutral)
    line_sum, neutral_sum = _sum(np.where(both, line, np.nan)), _sum(np.where(both, neutral, np.nan))
    difference = share_of(_sum(np.abs(line - neutral)), np.maximum(line_sum, neutral_sum))
    largest = share_of(amperes.max(axis=0), amperes.sum(axis=0))
    factor = np.abs(hourly["power_factor"])
    return {
        "lowest_voltage": np.fmin.reduce(volts) / NOMINAL_VOLTAGE_V - 0.5,
        "highest_voltage": np.fmax.reduce(volts) / NOMINAL_VOLTAGE_V - 0.5,
        "phase_unbalance": np.where(single, np.nan, 1.5 * (largest - 1 / 3)),
        "neutral_difference": np.where(single, difference, np.nan),
        "power_factor": share_of(_sum(factor), np.count_nonzero(factor == factor, axis=0).astype(np.float64)),
    }


def _sum(values: F64) -> F64:
    """Over the known hours; 0 where none is known."""
    return np.asarray(np.where(values == values, values, 0.0).sum(axis=0))
