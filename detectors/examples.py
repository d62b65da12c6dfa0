"""Small areas and frames for doctests, tests and benchmarks of detectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.day.curves import COLUMNS
from metering.archive import Area, Meter
from metering.evidence import AreaContext, AreaCurves
from metering.frame import ReadingFrame
from metering.times import LocalCalendar

#: Monday, 5 January 2026, 00:00 UTC.
MONDAY_S = 1767571200

#: The same day as a proleptic ordinal.
MONDAY_ORDINAL = 739621

Values = Sequence[float | None]


def context(
    *,
    contracted_kw: Values | None = None,
    meters: int | None = None,
    supply: bool = False,
    interval_minutes: int = 15,
    timezone: str = "UTC",
    fields: Mapping[str, Sequence[object]] | None = None,
) -> AreaContext:
    """An area of customer meters M0, M1 ... and, with `supply`, a supply meter as its last row.

    `fields` gives any other column of the archive per meter, e.g. ``{"phases": [1, 3]}``.
    """
    count = len(contracted_kw) if contracted_kw is not None else (meters or 3)
    rows = []
    for i in range(count):
        is_supply = supply and i == count - 1
        meter = Meter(
            meter_id=f"M{i}",
            service_point=f"P{i}",
            customer_id=f"C{i}",
            transformer_area="TA",
            role="supply" if is_supply else "customer",
            customer_class=None if is_supply else "residential",
            contracted_kw=None if contracted_kw is None else contracted_kw[i],
        )
        rows.append(_with(meter, {name: values[i] for name, values in (fields or {}).items()}))
    return AreaContext(Area("TA", tuple(rows)), interval_minutes, LocalCalendar(timezone))


def _with(meter: Meter, changes: Mapping[str, object]) -> Meter:
    return replace(meter, **changes)  # type: ignore[arg-type]


def frame(*, start_s: int = MONDAY_S, interval_minutes: int = 15, **columns: Values) -> ReadingFrame:
    """A frame of meters M0, M1 ...; None is a missing value."""
    arrays = {
        name: np.array([np.nan if v is None else v for v in values], dtype=np.float64)
        for name, values in columns.items()
    }
    count = len(next(iter(arrays.values())))
    return ReadingFrame("TA", start_s, interval_minutes, tuple(f"M{i}" for i in range(count)), arrays)


def day(
    energy_kwh: ArrayLike,
    *,
    number: int = 0,
    register_kwh: Values | None = None,
    event_strength: Values | None = None,
    **hourly: ArrayLike,
) -> AreaCurves:
    """The local day `number` days after a Monday: energy by the hour, (24, meters), and whatever else is given likewise."""
    energy = np.asarray(energy_kwh, dtype=np.float64)
    curves: dict[str, NDArray[np.float64]] = {name: np.full(energy.shape, np.nan) for name in COLUMNS}
    curves["energy_kwh"] = energy
    curves |= {name: np.asarray(values, dtype=np.float64) for name, values in hourly.items()}
    count = energy.shape[1]
    register = np.full(count, np.nan) if register_kwh is None else np.array(register_kwh, dtype=np.float64)
    events = np.zeros(count) if event_strength is None else np.array(event_strength, dtype=np.float64)
    return AreaCurves("TA", MONDAY_ORDINAL + number, max(0, number % 7 - 4), curves, register, events)
