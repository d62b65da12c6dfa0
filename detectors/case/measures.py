"""What a suspicion of the day's weighing shows as observed and expected, in the unit of its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metering.archive import NOMINAL_VOLTAGE_V

F64 = NDArray[np.float64]
_ADDED_TO_USUAL_KWH = 0.1
#: A clock that is off by less is not told by the hour.
_LEAST_LAG_H = 0.5


class Measured(NamedTuple):
    """(meters,) each, NaN where there is nothing to say."""

    observed: F64
    expected: F64
    unit: str


def measured(kind: str, figures: Mapping[str, F64], rows: NDArray[np.bool_], contracted_kw: F64) -> Measured:
    """Observed and expected of `kind` by the day's `figures`: volts for voltage, kW beside the contract, hours for a clock, else kWh a day.

    Where the kind's own figure is unknown at one of `rows`, the energy stands for all of them: a signal has one unit.

    >>> lowest = {"lowest_phase_voltage": np.array([0.5])}
    >>> measured("voltage_loss", lowest, np.array([True]), np.array([8.0]))
    Measured(observed=array([115.]), expected=array([230.]), unit='V')
    """
    own = _own(kind, figures, contracted_kw)
    if own is not None and np.isfinite(own.observed[rows]).all() and np.isfinite(own.expected[rows]).all():
        return own
    return daily_energy(figures)


def daily_energy(figures: Mapping[str, F64]) -> Measured:
    """Recent energy in kWh a day; expected is what is usual, as the meter's class moves."""
    usual_kwh = np.exp(figures["log_usual"]) - _ADDED_TO_USUAL_KWH
    expected_kwh = usual_kwh * np.exp(figures["class_movement"])
    return Measured(np.maximum(expected_kwh - figures["fall_kwh"], 0.0), expected_kwh, "kWh/d")


def _own(kind: str, figures: Mapping[str, F64], contracted_kw: F64) -> Measured | None:
    try:
        if kind in ("voltage_loss", "phase_break"):
            lowest_v = figures["lowest_phase_voltage"] * NOMINAL_VOLTAGE_V
            return Measured(lowest_v, np.full(len(lowest_v), NOMINAL_VOLTAGE_V), "V")
        if kind == "over_capacity":
            return Measured(figures["peak_over_contract"] * contracted_kw, contracted_kw, "kW")
        if kind == "low_power_factor":
            factor = figures["power_factor_recent"]
            return Measured(factor, factor - figures["power_factor_change"], "1")
        if kind == "clock_error":
            late_h = figures["lag_h"]
            late_h = np.where(np.abs(late_h) >= _LEAST_LAG_H, late_h, np.nan)
            return Measured(late_h, np.zeros(len(late_h)), "h")
    except KeyError:
        pass  # the feed has no such figure: daily energies have a level and nothing else
    return None
