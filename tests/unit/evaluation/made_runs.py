"""Small archives, truths and RUN folders made by hand, with the fixed columns only, as somebody else would write them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from evaluation.run_rows import DailyRisk, RaisedAlert, Visit, alerts_of
from evaluation.span import Span, span_of
from metering.archive import Archive, Meter
from metering.times import DAY_S, iso, parse_iso
from metering.truth import TruthCase

FIRST_DAY = date(2026, 1, 1)
FIRST_S = parse_iso("2026-01-01T00:00:00Z")
#: 98 days, of which 28 are warm-up: ten weeks are judged.
DAYS = 98
JUDGED_FROM = 28


def at(day: float) -> int:
    """The moment so many days after the feed began."""
    return FIRST_S + round(day * DAY_S)


def archive(meters: int = 20) -> Archive:
    """Area A1 with supply meter S1 and M0, M1 ...; UTC."""
    rows = [Meter("S1", "SP-S", "grid", "A1", "supply")]
    rows += [Meter(f"M{i}", f"SP-{i}", f"C{i}", "A1", "customer") for i in range(meters)]
    return Archive("scored", 15, "UTC", tuple(rows))


def case(meter_id: str, day: float, kind: str = "bypass", end: float | None = None) -> TruthCase:
    return TruthCase(meter_id, kind, at(day), None if end is None else at(end))


def alert_row(
    meter_id: str | None, day: float, kind: str = "bypass", family: str = "theft", cleared: float | None = None
) -> dict[str, Any]:
    """A line of alerts.jsonl with the columns that scoring cannot do without."""
    return {
        "id": f"{meter_id}-{kind}-{day}",
        "transformer_area": "A1",
        "meter_id": meter_id,
        "abnormality": kind,
        "family": family,
        "raised_at": iso(at(day)),
        "cleared_at": None if cleared is None else iso(at(cleared)),
    }


def alerts(*rows: Mapping[str, Any]) -> tuple[RaisedAlert, ...]:
    return alerts_of([("here", row) for row in rows], archive())


def visit(meter_id: str, day: float, *, confirmed: bool = True, kind: str | None = "bypass") -> Visit:
    return Visit(meter_id, at(day), confirmed, kind)


def judged(days: int = DAYS) -> Span:
    ordinals = np.array([FIRST_DAY.toordinal(), FIRST_DAY.toordinal() + days - 1])
    return span_of(archive(), ordinals, (), ())


def scores_table(risk: Mapping[str, float], days: int = DAYS, meters: int = 20) -> pa.Table:
    """The same risk of a meter on every day; 0 for meters that are not named."""
    dates = [FIRST_DAY + timedelta(days=d) for d in range(days)]
    ids = [m.meter_id for m in archive(meters).meters]
    return pa.table(
        {
            "meter_id": [m for _ in dates for m in ids],
            "date": pa.array([d for d in dates for _ in ids], pa.date32()),
            "risk": pa.array([risk.get(m, 0.0) for _ in dates for m in ids], pa.float32()),
        }
    )


def risk_rows(rows: Iterable[tuple[str, int, float]]) -> DailyRisk:
    """(meter, day counted from the feed's first, risk) rows."""
    listed = list(rows)
    ids = sorted({meter for meter, _, _ in listed})
    return DailyRisk(
        tuple(ids),
        np.array([ids.index(meter) for meter, _, _ in listed], dtype=np.int64),
        np.array([FIRST_DAY.toordinal() + day for _, day, _ in listed], dtype=np.int64),
        np.array([risk for _, _, risk in listed], dtype=np.float64),
    )


# --- folders


def write_feed(
    folder: Path, truth: Sequence[TruthCase], *, meters: int = 60, areas: int = 2, days: int = DAYS
) -> Archive:
    """A daily feed: every area has a supply meter and customers who take 10 kWh a day, 4 of which a bypass hides."""
    folder.mkdir(parents=True)
    (folder / "feed.toml").write_text(
        'name = "made"\ninterval_minutes = 1440\ntimezone = "UTC"\nlicence = "CC0"\ncalendar = []\n'
    )
    rows = [Meter(f"S{a}", f"SP-S{a}", "grid", f"A{a}", "supply") for a in range(areas)]
    rows += [Meter(f"M{i:03}", f"SP-{i}", f"C{i}", f"A{i % areas}", "customer") for i in range(meters)]
    _csv(
        folder / "meters.csv",
        ("meter_id", "service_point", "customer_id", "transformer_area", "role"),
        [(m.meter_id, m.service_point, m.customer_id, m.transformer_area, m.role) for m in rows],
    )
    stolen = {c.meter_id: c for c in truth}
    readings = []
    for day in range(days):
        for meter in rows:
            hidden = 4.0 if meter.meter_id in stolen and at(day) >= stolen[meter.meter_id].start_s else 0.0
            readings.append((iso(at(day)), meter.meter_id, 600.0 if meter.role == "supply" else 10.0 - hidden))
    _csv(folder / "readings.csv", ("interval_start", "meter_id", "energy_kwh"), readings)
    _csv(
        folder / "truth.csv",
        ("meter_id", "abnormality", "start", "end"),
        [(c.meter_id, c.abnormality, iso(c.start_s), "" if c.end_s is None else iso(c.end_s)) for c in truth],
    )
    return Archive("made", 1440, "UTC", tuple(rows))


def write_run(
    folder: Path,
    alert_rows: Iterable[Mapping[str, Any]],
    scores: pa.Table,
    task_rows: Iterable[Mapping[str, Any]] | None = None,
) -> None:
    """A RUN folder without report and run.toml."""
    folder.mkdir(parents=True)
    (folder / "alerts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in alert_rows))
    if task_rows is not None:
        (folder / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in task_rows))
    pq.write_table(scores, folder / "scores.parquet")


def _csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


write_csv = _csv
