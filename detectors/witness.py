"""What voltage and current say about the energy that must have passed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metering.archive import NOMINAL_VOLTAGE_V
from metering.frame import ReadingFrame
from metering.readings import PHASES

#: Where the power factor is not measured, a low one is assumed: the witness must not overstate.
ASSUMED_POWER_FACTOR = 0.8
#: Below this a current transformer shows noise.
NOISE_CURRENT_A = 0.1


def phase_columns(frame: ReadingFrame, quantity: str, unit: str) -> list[NDArray[np.float64] | None]:
    """The columns `quantity_a_unit`, `_b_`, `_c_`; None where the feed does not carry one."""
    return [frame.columns.get(f"{quantity}_{p}_{unit}") for p in PHASES]


def any_phase(holds: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(meters,) where any of the three phases does; faster than a reduction for so few rows."""
    return np.asarray(holds[0] | holds[1] | holds[2])


def phase_matrix(frame: ReadingFrame, quantity: str, unit: str) -> NDArray[np.float64] | None:
    """(3, meters), read-only: a quantity per phase; a meter that reports one value only has it as its first phase.

    None where the feed does not carry it. Several rules ask for the same frame: the answer is kept with the frame.

    >>> from detectors.examples import frame
    >>> phase_matrix(frame(energy_kwh=[0, 0], voltage_v=[231, None], voltage_a_v=[None, 229]), "voltage", "v").tolist()
    [[231.0, 229.0], [nan, nan], [nan, nan]]
    """
    key = f"phase_matrix {quantity}"
    if key not in frame.shared:
        frame.shared[key] = _phase_matrix(frame, quantity, unit)
    known: NDArray[np.float64] | None = frame.shared[key]
    return known


def phase_magnitudes(frame: ReadingFrame) -> NDArray[np.float64] | None:
    """(3, meters), read-only: the phases' currents without their sign (A); None where the feed has none. Kept with the frame."""
    if "phase_magnitudes" not in frame.shared:
        current = phase_matrix(frame, "current", "a")
        magnitude = None if current is None else np.abs(current)
        if magnitude is not None:
            magnitude.setflags(write=False)
        frame.shared["phase_magnitudes"] = magnitude
    known: NDArray[np.float64] | None = frame.shared["phase_magnitudes"]
    return known


def _phase_matrix(frame: ReadingFrame, quantity: str, unit: str) -> NDArray[np.float64] | None:
    columns = phase_columns(frame, quantity, unit)
    total = frame.columns.get(f"{quantity}_{unit}")
    given = [c for c in columns if c is not None]
    if total is None and not given:
        return None
    if len(given) == len(columns):
        matrix = np.concatenate(given).reshape(len(columns), -1)
    else:
        matrix = np.full((3, len(frame)), np.nan)
        for row, column in zip(matrix, columns, strict=True):
            if column is not None:
                row[:] = column
    if total is not None:
        measured = matrix == matrix
        np.copyto(matrix[0], total, where=~(measured[0] | measured[1] | measured[2]))
    matrix.setflags(write=False)
    return matrix


@dataclass(frozen=True, slots=True, eq=False)
class Missing:
    """What is made of a phase, a voltage or a power factor that was not measured.

    `phases` (3, meters) are those without which a meter's energy is not known, None: whatever it shows counts. `voltage_v` and
    `power_factor` stand in for what is missing; NaN: nothing does.
    """

    phases: NDArray[np.bool_] | None = None
    voltage_v: float = math.nan
    power_factor: float = math.nan


def implied_kwh(
    amperes: NDArray[Any],
    volts: NDArray[Any] | float,
    power_factor: NDArray[Any] | None,
    hours: float,
    missing: Missing,
) -> NDArray[Any]:
    """Energy that voltage x current x power factor say passed in `hours`: (meters,) kWh, NaN where that is not known.

    `amperes` and `volts` are (3, meters), NaN = not measured, a current keeps its sign; `volts` may be one for all. A power
    factor counts by its magnitude, and never above one.

    >>> amperes, nominal = np.array([[10.0, 10.0], [np.nan, 10.0], [np.nan, np.nan]]), 230.0
    >>> implied_kwh(amperes, nominal, None, 1.0, Missing(power_factor=0.8)).round(2).tolist()
    [1.84, 3.68]
    >>> needs_all = Missing(np.array([[True, True], [False, True], [False, True]]), power_factor=0.8)
    >>> implied_kwh(amperes, nominal, None, 1.0, needs_all).round(2).tolist()
    [1.84, nan]
    """
    if not isinstance(volts, float) and not math.isnan(missing.voltage_v):
        volts = np.where(volts == volts, volts, missing.voltage_v)
    watts = amperes * volts
    known = watts == watts
    told = any_phase(known)
    if missing.phases is not None:
        told &= ~any_phase(missing.phases & ~known)
    factor: NDArray[Any] | float = missing.power_factor
    if power_factor is not None:
        factor = np.where(power_factor == power_factor, np.minimum(np.abs(power_factor), 1.0), missing.power_factor)
    passed = np.where(known, watts, 0.0)
    total = (passed[0] + passed[1] + passed[2]) * factor * (hours / 1000)
    return np.where(told, total, np.nan)


def expected_from_current_kwh(
    frame: ReadingFrame, phases: NDArray[np.float64], rows: NDArray[np.intp] | None = None
) -> NDArray[np.float64] | None:
    """Energy by V x I x pf x h per meter (kWh), NaN where no current is measured; None where the feed has none.

    Of all meters, or of `rows` only, (rows,). Per-phase currents count where they are measured, else `current_a` times the meter's number of phases. Reversed
    current counts as negative. A missing voltage is taken as nominal.

    >>> from detectors.examples import frame
    >>> expected_from_current_kwh(frame(energy_kwh=[0.0], current_a=[10.0], power_factor=[0.9]), np.array([1.0])).tolist()
    [0.5175]
    """
    current, voltage = phase_matrix(frame, "current", "a"), phase_matrix(frame, "voltage", "v")
    if current is None:
        return None
    chosen = np.arange(len(frame)) if rows is None else rows
    amperes = current[:, chosen]
    amperes = np.where(np.abs(amperes) < NOISE_CURRENT_A, 0.0, amperes)
    total, factor = frame.columns.get("current_a"), frame.columns.get("power_factor")
    if total is not None:
        by_phase = [column[chosen] for column in phase_columns(frame, "current", "a") if column is not None]
        told_by_phase = np.any([column == column for column in by_phase], axis=0) if by_phase else np.False_
        amperes[0] *= np.where(told_by_phase, 1.0, phases[chosen])
    return implied_kwh(
        amperes,
        NOMINAL_VOLTAGE_V if voltage is None else voltage[:, chosen],
        None if factor is None else factor[chosen],
        frame.hours,
        Missing(voltage_v=NOMINAL_VOLTAGE_V, power_factor=ASSUMED_POWER_FACTOR),
    )
