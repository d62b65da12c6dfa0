"""A desk over an example network, for the browser tests and for looking at: `python tests/browser/example_desk.py PORT`.

Alerts come out of the alert bank, tasks out of the day's opening, both fed with hand-made evidence; curves and balances
are drawn by a small seeded simulation. The stores are those of the embedded mode, in a folder that goes with the process.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from alerts.life import AlertBank
from desk.app import build_desk, serve
from inspection.opening import candidates, open_tasks
from metering.alert import Alert
from metering.archive import Archive, Area, Meter, Outage, WorkOrder
from metering.evidence import Signal
from metering.messages import Finding, Message
from metering.points import Point
from metering.ports import Checkpoint, DayClose, PartitionChange, ReadingColumns, StateStore, TimeSeries
from metering.times import DAY_S, LocalCalendar, to_epoch_s
from storage.duckdb_series import DuckDbTimeSeries
from storage.sql import SqlStore

INTERVAL_S = 900
NOW_S = to_epoch_s(datetime(2026, 3, 18, 2, 0, tzinfo=UTC))
DAYS = 24
START_S = NOW_S - DAYS * DAY_S
INTERVALS = DAYS * DAY_S // INTERVAL_S
AREAS, METERS = 14, 18
UNREAD = range(1800, 1806)


@dataclass(frozen=True)
class Case:
    """One meter's evidence from a day on; `shape` turns the true energy into what the meter shows."""

    area: int
    row: int
    abnormality: str
    begin_day: float
    days: float
    factor: float
    detector: str


CASES = (
    Case(2, 4, "bypass", 11.3, 99, 0.18, "use_drop_with_loss"),
    Case(2, 9, "cover_open", 19.4, 99, 1.0, "meter_event"),
    Case(3, 7, "register_stopped", 15.2, 99, 0.0, "stuck_counter"),
    Case(5, 2, "voltage_loss", 18.7, 99, 0.66, "voltage_rules"),
    Case(5, 11, "over_capacity", 20.1, 99, 2.6, "over_capacity"),
    Case(6, 3, "overvoltage", 22.4, 99, 1.0, "voltage_rules"),
    Case(8, 0, "high_loss", 14.0, 99, 1.0, "loss_forecast"),
    Case(9, 14, "power_reversed", 21.5, 99, 0.4, "current_rules"),
    Case(10, 6, "sudden_fall", 12.0, 6.0, 0.35, "seasonal_profile"),
    Case(11, 5, "zero_use", 16.0, 99, 0.0, "zero_counter"),
    Case(12, 8, "transformer_overload", 23.2, 99, 1.0, "loading"),
    Case(13, 2, "reading_failed", 21.0, 99, 1.0, "silence"),
)


def encode(message: Message) -> bytes:
    """Wire bytes for the example: nobody reads them here."""
    return orjson.dumps({"type": type(message).__name__, "message": message}, option=orjson.OPT_SERIALIZE_NUMPY)


def example_archive() -> Archive:
    meters: list[Meter] = []
    classes = ("residential",) * 13 + ("commercial", "commercial", "industrial", "agricultural")
    for a in range(AREAS):
        name = f"TA-{1101 + a}"
        meters.append(
            Meter(f"S{1101 + a}", f"{name}-supply", "-", name, "supply", rated_kva=400, latitude=31.2, longitude=121.4)
        )
        for m in range(METERS - 1):
            kind = classes[m]
            meters.append(
                Meter(
                    f"M{1101 + a}{m:02d}",
                    f"SP-{1101 + a}-{m:02d}",
                    f"C{a:02d}{m:02d}",
                    name,
                    "customer",
                    kind,  # type: ignore[arg-type]
                    contracted_kw=10.0 if kind == "residential" else 60.0,
                    phases=1 if kind == "residential" else 3,
                    rated_current_a=60.0,
                )
            )
    return Archive(
        "example",
        15,
        "Asia/Shanghai",
        tuple(meters),
        outages=(Outage("TA-1103", NOW_S - 6 * DAY_S, NOW_S - 6 * DAY_S + 5400, planned=True),),
        works=(WorkOrder("meter exchange", NOW_S - 5 * DAY_S, NOW_S - 5 * DAY_S + 7200, meter_id="M110309"),),
    )


def true_energy(rng: np.random.Generator, area: Area) -> NDArray[np.float64]:
    """(intervals, meters) kWh: two humps a day, a quieter weekend for business, noise."""
    hour = ((np.arange(INTERVALS) * INTERVAL_S + START_S) / 3600 + 8) % 24
    home = 0.10 + 0.16 * np.exp(-(((hour - 7.5) / 1.6) ** 2)) + 0.42 * np.exp(-(((hour - 20) / 2.2) ** 2))
    work = 0.5 + 2.4 / (1 + np.exp(-(hour - 8.5) * 2)) / (1 + np.exp((hour - 18.5) * 2))
    energy = np.zeros((INTERVALS, len(area)))
    for row, meter in enumerate(area.meters):
        shape = home if meter.customer_class == "residential" else work
        noise = rng.gamma(9.0, 1 / 9.0, INTERVALS)
        energy[:, row] = rng.uniform(0.6, 1.5) * shape * noise
    energy[:, area.is_supply] = 0.0
    return energy


def expected_energy(energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean day of each meter, smoothed, for every interval."""
    per_day = DAY_S // INTERVAL_S
    by_slot = energy[: DAYS * per_day].reshape(DAYS, per_day, -1).mean(axis=0)
    smooth = sum(np.roll(by_slot, k, axis=0) for k in (-2, -1, 0, 1, 2)) / 5
    return np.tile(smooth, (DAYS, 1))


def judge(
    area: Area, cases: Sequence[Case], observed: NDArray[np.float64], expected: NDArray[np.float64]
) -> list[Alert]:
    """Run the alert bank over the area's intervals with the cases' evidence."""
    bank = AlertBank(area, LocalCalendar("Asia/Shanghai"))
    first = min(int(c.begin_day * DAY_S / INTERVAL_S) for c in cases)
    for i in range(first, INTERVALS):
        signals = []
        for case in cases:
            begin = int(case.begin_day * DAY_S / INTERVAL_S)
            holds = begin <= i < begin + case.days * DAY_S / INTERVAL_S
            strength = np.zeros(len(area), dtype=np.float32)
            strength[case.row] = 0.96 if holds else 0.0
            unit, seen, usual = "kWh", observed[i], expected[i]
            if case.abnormality in ("voltage_loss", "overvoltage"):
                unit, seen = "V", np.full(len(area), 152.0 if case.abnormality == "voltage_loss" else 262.0)
                usual = np.full(len(area), 230.0)
            if case.abnormality == "high_loss":
                unit, seen, usual = "%", np.full(len(area), 18.4), np.full(len(area), 4.1)
            signals.append(Signal(case.detector, case.abnormality, strength, seen, usual, unit))
        bank.step(
            signals,
            end_s=START_S + (i + 1) * INTERVAL_S,
            interval_s=INTERVAL_S,
            energy_kwh=observed[i],
            expected_kwh=expected[i],
        )
    bank.at_day_close()
    return bank.alerts()


def fill(store: StateStore, series: TimeSeries, archive: Archive) -> None:
    """Put the example network's curves, alerts and tasks into the stores."""
    rng = np.random.default_rng(7)
    alerts: list[Alert] = []
    for number, (name, area) in enumerate(archive.areas.items()):
        cases = [c for c in CASES if c.area == number]
        energy = true_energy(rng, area)
        expected = expected_energy(energy)
        observed = energy.copy()
        for case in cases:
            begin = int(case.begin_day * DAY_S / INTERVAL_S)
            end = min(INTERVALS, begin + int(case.days * DAY_S / INTERVAL_S))
            observed[begin:end, case.row] *= case.factor
        supplied = energy.sum(axis=1) * 1.035 + 0.2
        if any(c.abnormality == "high_loss" for c in cases):
            supplied[INTERVALS * 14 // DAYS :] *= 1.17
        if cases:
            observed[UNREAD.start : UNREAD.stop, cases[0].row] = np.nan
            alerts += judge(area, cases, observed, expected)
        store_curves(series, area, cases, observed, expected, supplied)
        assert name == area.transformer_area
    mark = store.begin_partition("judge", 0, "example")
    counters = {
        "readings_accepted": 4_838_112,
        "set_aside.repeated": 2_310,
        "set_aside.not_a_number": 811,
        "set_aside.negative": 402,
        "set_aside.unknown_meter": 377,
        "set_aside.impossible": 96,
        "set_aside.time": 41,
        "readings_late": 5_204,
        "readings_dead_lettered": 126,
        "data_quality.missing_intervals": 41,
        "data_quality.sum_check": 3,
    }
    change = PartitionChange(mark.epoch, 1, NOW_S, alerts={a.alert_id: a for a in alerts}, counters=counters)
    found = [
        Finding("f-1", "TA-1103", "M110304", NOW_S - 3 * DAY_S, True, "bypass", "Wang Fang", "a second cable"),
        Finding("f-2", "TA-1103", "M110305", NOW_S - 2 * DAY_S, False, None, "Wang Fang", "an empty home"),
    ]
    change.findings = {f.finding_id: f for f in found}
    series.write_points(validation_points())
    store.save(Checkpoint("judge", {0: change}))
    yesterday = NOW_S - 20 * 3600
    opened = open_tasks(
        candidates([a for a in alerts if a.is_open and a.raised_at_s <= yesterday], dict[str, float]().get),
        [],
        at_s=yesterday,
    )
    closed_day = date(2026, 3, 16).toordinal()
    store.close_day(DayClose(closed_day, {}, opened.tasks, opened.audit, {}, (), ()))


def validation_points() -> list[Point]:
    """What validation found of two meters, and the errors of three: one registers surely too little."""
    tags = {"transformer_area": "TA-1103", "family": "data_quality", "detector": "validation_rules"}
    wrong = [
        Point("evidence", tags | {"meter_id": meter, "abnormality": rule}, NOW_S - day * DAY_S, {"strength": 1.0})
        for meter, rule, days in (("M110301", "missing_intervals", (1, 2, 3)), ("M110302", "sum_check", (2,)))
        for day in days
    ]
    errors = [
        Point(
            "meter_error",
            {"transformer_area": "TA-1103", "meter_id": meter},
            NOW_S - 2 * DAY_S,
            {"share": share, "low": share - 0.02, "high": share + 0.02},
        )
        for meter, share in (("M110301", -0.051), ("M110302", 0.034), ("M110303", 0.004))
    ]
    return wrong + errors


def store_curves(
    series: TimeSeries,
    area: Area,
    cases: Sequence[Case],
    observed: NDArray[np.float64],
    expected: NDArray[np.float64],
    supplied: NDArray[np.float64],
) -> None:
    """Readings of the meters with a case, and the area's balance."""
    rows = sorted({c.row for c in cases})
    ids = [area.meter_ids[r] for r in rows]
    points, readings = [], []
    for i in range(INTERVALS):
        at = START_S + i * INTERVAL_S
        if rows:
            columns = {"energy_kwh": observed[i, rows], "expected_kwh": expected[i, rows]}
            columns |= voltages(area, cases, rows, i)
            readings.append(ReadingColumns(area.transformer_area, at, ids, columns))
        metered = float(np.nansum(observed[i]))
        loss = float(supplied[i]) - metered
        fields = {"supplied_kwh": float(supplied[i]), "metered_kwh": metered}
        if not np.isnan(observed[i]).any():
            fields |= {"loss_kwh": loss, "loss_share": loss / float(supplied[i])}
        points.append(Point("area_balance", {"transformer_area": area.transformer_area}, at, fields))
    series.write_readings(readings)
    series.write_points(points)


def voltages(area: Area, cases: Sequence[Case], rows: Sequence[int], i: int) -> dict[str, NDArray[np.float64]]:
    """Three phases around 230 V; the case's phase falls or rises."""
    swing = 3.0 * np.sin(2 * np.pi * i / 96)
    columns = {f"voltage_{p}_v": np.full(len(rows), 231.0 + swing + k) for k, p in enumerate("abc")}
    for case in cases:
        if case.abnormality in ("voltage_loss", "overvoltage") and i >= case.begin_day * 96:
            level = 152.0 if case.abnormality == "voltage_loss" else 262.0
            columns["voltage_b_v"][rows.index(case.row)] = level + swing
    single = [k for k, r in enumerate(rows) if area.meters[r].phases == 1]
    for p in "bc":
        if not any(c.abnormality in ("voltage_loss", "overvoltage") for c in cases):
            columns[f"voltage_{p}_v"][single] = np.nan
    return columns


def main() -> None:
    port = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        store = SqlStore(f"sqlite:///{folder}/state.db")
        series, archive = DuckDbTimeSeries(Path(folder) / "series.duckdb"), example_archive()
        store.save_archive(archive)
        fill(store, series, archive)
        serve(build_desk(store, series, archive, encode=encode), port=port)
        series.close()
        store.close()


if __name__ == "__main__":
    main()
