"""What voltage and current say about the energy that must have passed."""

from __future__ import annotations

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
    columns = frame.columns
    if rows is not None:
        columns, phases = {name: values[rows] for name, values in columns.items()}, phases[rows]
    currents = [columns.get(f"current_{p}_a") for p in PHASES]
    total = columns.get("current_a")
    if total is None and all(c is None for c in currents):
        return None
    volts = [columns.get(f"voltage_{p}_v") for p in PHASES]
    voltage = columns.get("voltage_v")
    volt_amperes: NDArray[np.float64] | None = None
    for current, volt in zip(currents, volts, strict=True):
        if current is None:
            continue
        loud = np.where(np.abs(current) >= NOISE_CURRENT_A, current, current * 0)
        part = loud * _or_nominal(voltage if volt is None else volt)
        if volt_amperes is None:
            volt_amperes = part
        else:
            known = part == part
            volt_amperes = np.where(known, np.where(volt_amperes == volt_amperes, volt_amperes, 0) + part, volt_amperes)
    if total is not None:
        single = np.where(np.abs(total) >= NOISE_CURRENT_A, total, total * 0) * _or_nominal(voltage) * phases
        volt_amperes = single if volt_amperes is None else np.where(volt_amperes == volt_amperes, volt_amperes, single)
    power_factor = columns.get("power_factor")
    factor: float | NDArray[np.float64] = ASSUMED_POWER_FACTOR
    if power_factor is not None:
        factor = np.where(power_factor == power_factor, np.abs(power_factor), ASSUMED_POWER_FACTOR)
    assert volt_amperes is not None  # noqa: S101 - some current column exists
    return volt_amperes * factor * (frame.hours / 1000)


def _or_nominal(voltage: NDArray[np.float64] | None) -> float | NDArray[np.float64]:
    if voltage is None:
        return NOMINAL_VOLTAGE_V
    return np.where(voltage == voltage, voltage, NOMINAL_VOLTAGE_V)
