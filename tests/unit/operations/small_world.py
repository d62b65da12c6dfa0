"""A few weeks of two small areas as log messages: one over-capacity, one open cover, some poison, some late readings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from metering.archive import Archive, Meter
from metering.identity import identity
from metering.messages import ArrivedFrame, Finding, Message, MeterEvent, MeterEvents, Tick
from metering.readings import SetAside
from metering.times import parse_iso

START_S = parse_iso("2026-03-02T00:00:00+01:00")
INTERVAL_S = 3600
METERS = 6


def archive(areas: int = 2) -> Archive:
    meters = []
    for a in range(areas):
        meters.append(Meter(f"S{a}", f"SP-S{a}", "grid", f"A{a}", "supply", rated_kva=100.0))
        meters += [
            Meter(
                f"M{a}{i}",
                f"SP-{a}{i}",
                f"C{a}{i}",
                f"A{a}",
                "customer",
                "residential",
                contracted_kw=4.0,
                rated_current_a=60.0,
            )
            for i in range(METERS)
        ]
    return Archive("small", 60, "Europe/Berlin", tuple(meters))


def messages(days: int = 12, areas: int = 2, seed: int = 3) -> Iterator[tuple[str | None, Message]]:
    """(area or None for a tick, message), in the order of the log."""
    rng = np.random.default_rng(seed)
    base = rng.gamma(4.0, 0.1, (areas, METERS))
    yield None, Tick(START_S)
    for k in range(24 * days):
        start_s = START_S + k * INTERVAL_S
        for a in range(areas):
            kwh = np.round(base[a] * rng.gamma(9.0, 1 / 9, METERS) * (1.5 if k % 24 > 16 else 1.0), 4)
            if a == 0 and 24 * 5 <= k < 24 * 8:
                kwh[2] = 7.5  # far beyond its 4 kW
            yield f"A{a}", _frame(a, start_s, kwh)
            if k % 31 == 7:
                yield f"A{a}", _frame(a, start_s, kwh)  # the concentrator repeats itself
            if k % 29 == 11:
                yield f"A{a}", _frame(a, start_s - 5 * INTERVAL_S, kwh)  # late
            if k % 23 == 13:
                yield f"A{a}", _poison(a, start_s)
        if k == 24 * 6 + 3:
            yield "A1", MeterEvents("A1", (MeterEvent("M13", start_s + 120, "cover_open"),))
        if k == 24 * 9 + 5:
            found = start_s - 60
            yield "A1", Finding(identity("finding", "M13", found), "A1", "M13", found, True, "cover_open")
        yield None, Tick(start_s + INTERVAL_S)
    yield None, Tick(START_S + 24 * days * INTERVAL_S, final=True)


def _frame(area: int, start_s: int, kwh: NDArray[np.float64]) -> ArrivedFrame:
    ids = (f"S{area}", *(f"M{area}{i}" for i in range(METERS)))
    energy = np.concatenate([[round(float(kwh.sum()) * 1.03, 4)], kwh])
    return ArrivedFrame(f"A{area}", start_s, 60, ids, {"energy_kwh": energy}, reading_count=len(ids))


def _poison(area: int, start_s: int) -> ArrivedFrame:
    """One row of each kind that stands wrong by itself, and a good one that must not suffer."""
    ids = ("nobody", f"M{area}0", f"M{area}1", f"M{area}2", f"M{area}3")
    energy = np.array([1.0, -1.0, 1e6, np.nan, np.nan])
    return ArrivedFrame(
        f"A{area}",
        start_s,
        60,
        ids,
        {"energy_kwh": energy},
        faults={3: SetAside.NOT_A_NUMBER, 4: SetAside.TYPE},
        raw={3: {"energy_kwh": "NaN"}, 4: {"energy_kwh": "abc"}},
        reading_count=5,
    )
