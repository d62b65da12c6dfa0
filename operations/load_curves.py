"""Curves of one meter and its area, read from the time-series store: load, voltages, currents, the area's balance."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date

from metering.archive import Archive
from metering.curves import Curve, Curves
from metering.errors import StoreError
from metering.ports import SeriesRow, TimeSeries
from metering.times import LocalCalendar

_log = logging.getLogger("meterwatch.curves")

#: (meter id, start, end in epoch seconds) -> (interval start, expected kWh), by time; empty where nothing is learnt.
ExpectedCurve = Callable[[str, int, int], Sequence[tuple[int, float]]]


def read_curves(
    series: TimeSeries,
    archive: Archive,
    transformer_area: str,
    meter_id: str | None,
    start_s: int,
    end_s: int,
    *,
    by_day: bool,
    expected_curve: ExpectedCurve | None = None,
) -> Curves:
    """Read [start, end), by interval or by local day. Raises `StoreUnavailable`.

    `meter_id` None is a whole area: then only its balance is read. `expected_curve` wins over what was expected at the time.
    """
    rows: list[SeriesRow] = []
    expected: dict[int, float] = {}
    if meter_id is not None:
        tags = {"transformer_area": transformer_area, "meter_id": meter_id}
        rows = series.read("reading", start_s=start_s, end_s=end_s, tags=tags)
        expected = {r.time_s: r.fields["expected_kwh"] for r in rows if "expected_kwh" in r.fields}
        expected |= _expected_now(expected_curve, meter_id, start_s, end_s)
    balance = series.read("area_balance", start_s=start_s, end_s=end_s, tags={"transformer_area": transformer_area})
    step_s, calendar = archive.interval_s, archive.calendar
    observed = {r.time_s: r.fields["energy_kwh"] for r in rows if "energy_kwh" in r.fields}
    supplied = _field(balance, "supplied_kwh")
    metered = {at: kwh for at, kwh in _field(balance, "metered_kwh").items() if at in supplied}
    if by_day:
        # a day compares like with like: expected energy only of the intervals that were read
        return Curves(
            start_s,
            end_s,
            _daily(observed, calendar, start_s, end_s),
            _daily({at: kwh for at, kwh in expected.items() if at in observed}, calendar, start_s, end_s),
            {},
            {},
            _daily(supplied, calendar, start_s, end_s),
            _daily(metered, calendar, start_s, end_s),
            _loss_by(lambda at: calendar.day_start(calendar.day_of(at)), balance),
            by_day=True,
        )
    return Curves(
        start_s,
        end_s,
        _gaps(observed, step_s),
        _gaps(expected, step_s),
        _named(rows, {"a": "voltage_a_v", "b": "voltage_b_v", "c": "voltage_c_v", "mean": "voltage_v"}, step_s),
        _named(
            rows,
            {
                "a": "current_a_a",
                "b": "current_b_a",
                "c": "current_c_a",
                "mean": "current_a",
                "neutral": "neutral_current_a",
            },
            step_s,
        ),
        _gaps(supplied, step_s),
        _gaps(metered, step_s),
        _loss_by(lambda at: at - at % 3600, balance),
    )


def _expected_now(expected_curve: ExpectedCurve | None, meter_id: str, start_s: int, end_s: int) -> dict[int, float]:
    """What the models expect of the window today; nothing where their state cannot be read: the rest is still shown."""
    if expected_curve is None:
        return {}
    try:
        curve = expected_curve(meter_id, start_s, end_s)
    except StoreError as trouble:
        _log.warning("no expected curve of meter %s: %s", meter_id, trouble)
        return {}
    return {at: kwh for at, kwh in curve if math.isfinite(kwh)}


def _field(rows: Sequence[SeriesRow], name: str) -> dict[int, float]:
    return {r.time_s: r.fields[name] for r in rows if name in r.fields}


def _named(rows: Sequence[SeriesRow], columns: Mapping[str, str], step_s: int) -> dict[str, Curve]:
    """Phases where they are measured, else the mean; the neutral stands beside either."""
    found = {name: values for name, column in columns.items() if (values := _field(rows, column))}
    if any(name in found for name in "abc"):
        found.pop("mean", None)
    return {name: _gaps(values, step_s) for name, values in found.items()}


def _gaps(values: Mapping[int, float], step_s: int) -> Curve:
    """Values by time with one None at the start of every hole, so that no line is drawn across it."""
    curve: list[tuple[int, float | None]] = []
    for at in sorted(values):
        if curve and at - curve[-1][0] > step_s:
            curve.append((curve[-1][0] + step_s, None))
        curve.append((at, values[at]))
    return tuple(curve)


def _daily(values: Mapping[int, float], calendar: LocalCalendar, start_s: int, end_s: int) -> Curve:
    """Sums of the local days that lie wholly within the window: half a day would look like a fall."""
    sums: dict[date, float] = {}
    for at, kwh in values.items():
        day = calendar.day_of(at)
        sums[day] = sums.get(day, 0.0) + kwh
    return tuple(
        (calendar.day_start(day), kwh)
        for day, kwh in sorted(sums.items())
        if calendar.day_start(day) >= start_s and calendar.day_end(day) <= end_s
    )


def _loss_by(bucket: Callable[[int], int], rows: Sequence[SeriesRow]) -> Curve:
    """Share of the supplied energy that was lost, over the intervals of each bucket that could be balanced."""
    supplied: dict[int, float] = {}
    lost: dict[int, float] = {}
    for row in rows:
        if "loss_kwh" in row.fields and "supplied_kwh" in row.fields:
            at = bucket(row.time_s)
            supplied[at] = supplied.get(at, 0.0) + row.fields["supplied_kwh"]
            lost[at] = lost.get(at, 0.0) + row.fields["loss_kwh"]
    return tuple((at, lost[at] / kwh) for at, kwh in sorted(supplied.items()) if kwh > 0)
