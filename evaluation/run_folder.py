"""The RUN folder: what one replay leaves behind. Its names and columns are fixed; others' scripts read them."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from metering.alert import Alert, Worth
from metering.catalogue import FAMILIES
from metering.errors import MeterwatchError
from metering.inspection import InspectionTask
from metering.messages import Finding
from metering.notification import Delivery
from metering.readings import SetAside
from metering.sources import source_zh
from metering.times import iso

REPORT, ALERTS, TASKS, SCORES = "report.json", "alerts.jsonl", "tasks.jsonl", "scores.parquet"
FINDINGS, NOTIFICATIONS = "findings.csv", "notifications.jsonl"


def alert_row(alert: Alert) -> dict[str, Any]:
    """One line of `alerts.jsonl`; times are event time in UTC, what is not known is null."""
    return {
        "id": alert.alert_id,
        "transformer_area": alert.transformer_area,
        "meter_id": alert.meter_id,
        "abnormality": alert.abnormality,
        "family": alert.family,
        "grade": alert.grade,
        "risk": alert.risk,
        "raised_at": iso(alert.raised_at_s),
        "cleared_at": None if alert.cleared_at_s is None else iso(alert.cleared_at_s),
        "state": alert.state.value,
        "observed": _known(alert.observed),
        "expected": _known(alert.expected),
        "unit": alert.unit,
        "reasons": [f"{'against: ' if r.against else ''}{r.detector}: {r.text}" for r in alert.reasons],
        "service_point": alert.service_point,
        "since": iso(alert.since_s),
        "episodes": alert.episodes,
        "relapses": [[iso(ended_s), iso(again_s)] for ended_s, again_s in alert.relapses],
        "missing_kwh": _known(alert.missing_kwh),
        "late_readings": alert.late_readings,
        "reasons_zh": [
            f"{'反面：' if r.against else ''}{source_zh(r.detector)}：{r.text_zh or r.text}" for r in alert.reasons
        ],
        **_worth_columns(alert.worth),
    }


def _worth_columns(worth: Worth | None) -> dict[str, Any]:
    """What the claim is worth since its onset; what nobody can tell is null."""
    energy = worth if worth is not None and worth.is_energy else None
    return {
        "worth_basis": None if worth is None else worth.basis,
        "worth_kwh": None if energy is None else energy.kwh,
        "worth_kwh_low": None if energy is None else energy.kwh_low,
        "worth_kwh_high": None if energy is None else energy.kwh_high,
        "worth_money": None if worth is None else worth.money,
        "worth_money_low": None if worth is None else worth.money_low,
        "worth_money_high": None if worth is None else worth.money_high,
        "currency": None if worth is None else worth.currency or None,
    }


def notification_row(delivery: Delivery) -> dict[str, Any]:
    """One line of `notifications.jsonl`: what was put into the outbox, whether or not a channel took it."""
    sent = delivery.notification
    return {
        "id": sent.notification_id,
        "channel": sent.channel,
        "kind": sent.kind,
        "urgency": sent.urgency,
        "group": sent.group,
        "made_at": iso(sent.made_at_s),
        "lines": [
            {
                "number": line.number,
                "abnormality": line.abnormality,
                "place": line.place,
                "grade": line.grade,
                "turn": None if line.turn is None else line.turn.value,
                "at": iso(line.at_s),
            }
            for line in sent.lines
        ],
        "left_out": dict(sent.left_out),
    }


def task_row(task: InspectionTask) -> dict[str, Any]:
    """One line of `tasks.jsonl`."""
    finding = task.finding
    return {
        "id": task.task_id,
        "alert_ids": list(task.alert_ids),
        "service_point": task.service_point,
        "state": task.state.value,
        "grade": task.grade,
        "priority": task.priority,
        "opened_at": iso(task.opened_at_s),
        "due_at": iso(task.due_at_s),
        "finding": None
        if finding is None
        else {"found_at": iso(finding.found_at_s), "confirmed": finding.confirmed, "abnormality": finding.abnormality},
        "closed_at": None if task.closed_at_s is None else iso(task.closed_at_s),
        "transformer_area": task.transformer_area,
        "risk": task.risk,
        "hazard": task.hazard,
    }


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]], *, time: str) -> None:
    """JSON lines sorted by the column `time`, then id."""
    with path.open("wb") as file:
        for row in sorted(rows, key=lambda r: (r[time], r["id"])):
            file.write(orjson.dumps(row) + b"\n")


@dataclass(frozen=True, slots=True, eq=False)
class ScoreRows:
    """Scores of one area and local day: `risk` and each family's strength, (meters,) 0..1."""

    day_ordinal: int
    meter_ids: tuple[str, ...]
    risk: NDArray[np.floating[Any]]
    families: Mapping[str, NDArray[np.floating[Any]]]


def write_scores(path: Path, scores: Iterable[ScoreRows]) -> int:
    """`scores.parquet`: meter_id, date (local day), risk, one column per family. Returns the number of rows."""
    schema = pa.schema(
        [("meter_id", pa.string()), ("date", pa.date32()), ("risk", pa.float32())]
        + [(family, pa.float32()) for family in FAMILIES]
    )
    rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for score in scores:
            count = len(score.meter_ids)
            nothing = np.zeros(count, dtype=np.float32)
            columns: list[Any] = [
                pa.array(score.meter_ids, pa.string()),
                pa.array([date.fromordinal(score.day_ordinal)] * count, pa.date32()),
                pa.array(np.asarray(score.risk, dtype=np.float32)),
            ]
            columns += [pa.array(np.asarray(score.families.get(f, nothing), dtype=np.float32)) for f in FAMILIES]
            writer.write_table(pa.table(columns, schema=schema))
            rows += count
    return rows


def _under(prefix: str, counters: Mapping[str, int]) -> dict[str, int]:
    return {name.removeprefix(prefix): n for name, n in sorted(counters.items()) if name.startswith(prefix)}


def report(counters: Mapping[str, int], *, readings_in: int, **more: Any) -> dict[str, Any]:
    """`report.json`. Raises `MeterwatchError` where the counts do not add up: then a reading was lost or doubled."""
    set_aside = {reason.value: counters.get(f"set_aside.{reason}", 0) for reason in SetAside}
    accepted, late = counters.get("readings_accepted", 0), counters.get("readings_late", 0)
    dead = counters.get("readings_dead_lettered", 0)
    found = {
        "readings_in": readings_in,
        "readings_accepted": accepted,
        "readings_corrected": counters.get("readings_corrected", 0),
        "set_aside": set_aside,
        "readings_late": late,
        "readings_dead_lettered": dead,
        "events_accepted": counters.get("events_accepted", 0),
        "events_set_aside": _under("events_set_aside.", counters),
        "data_quality": _under("data_quality.", counters),
        "suppressed": _under("suppressed.", counters),
        "announcements": _under("announcements.", counters),
        **more,
    }
    if readings_in != accepted + sum(set_aside.values()) + late + dead:
        raise MeterwatchError(
            f"the counts do not add up: {readings_in} readings in, but {accepted} accepted + {sum(set_aside.values())} "
            f"set aside + {late} late + {dead} dead-lettered; please report this with the feed's first days"
        )
    return found


def write_findings(path: Path, findings: Iterable[Finding]) -> None:
    """What a simulated inspector found during the run, as a feed's `findings.csv`: `explain` replays it."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["meter_id", "found_at", "confirmed", "abnormality"])
        for finding in findings:
            confirmed = "true" if finding.confirmed else "false"
            writer.writerow([finding.meter_id, iso(finding.found_at_s), confirmed, finding.abnormality or ""])


def write_report(path: Path, found: Mapping[str, Any]) -> None:
    path.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2) + b"\n")


def read_report(run: Path) -> dict[str, Any]:
    """`report.json` of a RUN folder. Raises `MeterwatchError` where it is missing or no report."""
    path = run / REPORT
    if not path.exists():
        raise MeterwatchError(f"{path} is missing: is {run} a RUN folder that `meterwatch replay` finished?")
    try:
        found = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise MeterwatchError(f"{path}: no JSON ({error}); replay the feed anew") from error
    if not isinstance(found, dict):
        raise MeterwatchError(f"{path}: no report; replay the feed anew")
    return found


def numbered_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(file:line, row) of `alerts.jsonl` or `tasks.jsonl`. Raises `MeterwatchError` for a line that is no JSON object."""
    if not path.exists():
        raise MeterwatchError(f"{path} is missing: is {path.parent} a RUN folder that `meterwatch replay` finished?")
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            where = f"{path}:{number}"
            if not line.strip():
                continue
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise MeterwatchError(f"{where}: not a JSON line ({error})") from error
            if not isinstance(row, dict):
                raise MeterwatchError(f"{where}: a JSON object is wanted, one a line; this is {line[:40]!r}")
            yield where, row


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of `alerts.jsonl` or `tasks.jsonl`; a broken line is named by number."""
    for _, row in numbered_lines(path):
        yield row


def read_scores(path: Path) -> pa.Table:
    if not path.exists():
        raise MeterwatchError(f"{path} is missing: is {path.parent} a RUN folder that `meterwatch replay` finished?")
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise MeterwatchError(f"{path}: cannot be read as parquet ({error}); write the file again") from error
    missing = {"meter_id", "date", "risk"} - set(table.column_names)
    if missing:
        raise MeterwatchError(f"{path}: no column {', '.join(sorted(missing))}; found {', '.join(table.column_names)}")
    return table
