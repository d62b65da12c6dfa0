"""Small made-up areas for the detectors' tests: lives that are dull on purpose, and what can happen to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from detectors.bank import hour_detectors, interval_detectors
from metering.archive import Area, Meter
from metering.evidence import AreaContext, AreaHour, HourDetector, IntervalDetector, Signal
from metering.frame import Column, ReadingFrame
from metering.times import LocalCalendar

MONDAY_S = 1767571200
DAY_S = 86400
CUSTOMERS = 8

Change = Callable[[int, dict[str, Column]], None]


def area_context(
    interval_minutes: int = 120, customers: int = CUSTOMERS, order: Sequence[int] | None = None
) -> AreaContext:
    """Customers M0 .. (even ones single-phase) and one supply meter S as the last row; `order` permutes the rows."""
    meters = [
        Meter(
            f"M{i}",
            f"P{i}",
            f"C{i}",
            "TA",
            "customer",
            customer_class="residential",
            contracted_kw=2.5 if i == 6 else 8.0,
            phases=1 if i % 2 == 0 else 3,
            rated_current_a=60.0,
            has_generation=False,
        )
        for i in range(customers)
    ]
    meters.append(Meter("S", "T", "", "TA", "supply", phases=3, rated_kva=60.0))
    rows = range(len(meters)) if order is None else order
    return AreaContext(Area("TA", tuple(meters[i] for i in rows)), interval_minutes, LocalCalendar("Europe/Berlin"))


def frames(
    context: AreaContext, days: float, *, seed: int = 1, change: Change | None = None, rich: bool = True
) -> Iterator[ReadingFrame]:
    """A quiet life of every meter: a day's rhythm, small noise, everything consistent; `change` alters the columns
    (in the order M0 .. S) after the supply meter has measured the truth."""
    rng = np.random.default_rng(seed)
    ids = [f"M{i}" for i in range(len(context.area) - 1)] + ["S"]
    place = [ids.index(m) for m in context.area.meter_ids]
    hours = context.interval_minutes / 60
    customers = len(ids) - 1
    for i in range(int(days * 1440 // context.interval_minutes)):
        start_s = MONDAY_S + 60 * context.interval_minutes * i
        hour_of_day = (start_s % DAY_S) / 3600
        rhythm = 1 + 0.6 * np.sin((hour_of_day - 9) / 24 * 2 * np.pi) if hours < 24 else 1.0
        kw = (0.4 + 0.1 * np.arange(customers)) * rhythm * np.exp(0.1 * rng.standard_normal(customers))
        columns = _columns(context, ids, kw, hours, rng, rich)
        if change is not None:
            change(i, columns)
        ordered = {name: values[place] for name, values in columns.items()}
        yield ReadingFrame("TA", start_s, context.interval_minutes, context.area.meter_ids, ordered)


def _columns(
    context: AreaContext, ids: list[str], kw: Column, hours: float, rng: np.random.Generator, rich: bool
) -> dict[str, Column]:
    supplied_kw = kw.sum() + 0.1 + 0.002 * kw.sum() ** 2
    columns = {"energy_kwh": np.append(kw, supplied_kw) * hours}
    if not rich:
        return columns
    phases = np.array([1 if i % 2 == 0 else 3 for i in range(len(kw))] + [3])
    volts = 230 + rng.normal(0, 1.5, (3, len(ids)))
    amperes = np.append(kw, supplied_kw) * 1000 / 230 / 0.95 / phases
    single = phases == 1
    columns["voltage_v"] = np.where(single, volts[0], np.nan)
    columns["current_a"] = np.where(single, amperes, np.nan)
    columns["neutral_current_a"] = np.where(single, amperes * 1.01, np.nan)
    for row, phase in enumerate("abc"):
        columns[f"voltage_{phase}_v"] = np.where(single, np.nan, volts[row])
        columns[f"current_{phase}_a"] = np.where(single, np.nan, amperes * (0.9 + 0.1 * row))
    columns["power_factor"] = np.full(len(ids), 0.95)
    columns["register_kwh"] = np.full(len(ids), np.nan)
    columns["export_kwh"] = np.zeros(len(ids))
    return columns


def hours_of(context: AreaContext, frame_list: Sequence[ReadingFrame]) -> Iterator[AreaHour]:
    """Balances by the hour, or by the interval where that is longer."""
    per_hour = max(1, 60 // context.interval_minutes)
    for i in range(0, len(frame_list) - per_hour + 1, per_hour):
        part = frame_list[i : i + per_hour]
        total = np.sum([f.energy_kwh for f in part], axis=0)
        supply = context.area.is_supply
        yield AreaHour("TA", part[0].interval_start_s, float(total[supply].sum()), float(total[~supply].sum()), 1.0)


def interval_detector(context: AreaContext, name: str) -> tuple[IntervalDetector, list[IntervalDetector]]:
    """(the named detector, its whole bank: some ask others in it)."""
    bank = interval_detectors(context)
    return next(d for d in bank if d.name == name), bank


def hour_detector(context: AreaContext, name: str) -> HourDetector:
    return next(d for d in hour_detectors(context) if d.name == name)


def live(bank: Sequence[IntervalDetector], frame_list: Sequence[ReadingFrame]) -> list[dict[str, Signal]]:
    """Score and learn every frame with every detector; what was said per frame, by abnormality. All are trusted."""
    said = []
    for frame in frame_list:
        said.append({s.abnormality: s for d in bank for s in d.score(frame)})
        trusted = np.isfinite(frame.energy_kwh)
        for detector in bank:
            detector.learn(frame, trusted)
    return said
