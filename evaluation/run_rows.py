"""What scoring needs of a RUN folder's lines, parsed: alerts as they were raised, findings of visits, daily risk.

Only the fixed columns are asked for, so that a RUN written by others works too; what is malformed is named by line.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evaluation.run_folder import ALERTS, SCORES, TASKS, numbered_lines
from metering.archive import Archive
from metering.catalogue import CATALOGUE
from metering.errors import MeterwatchError
from metering.times import to_epoch_s

UNIX_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class RaisedAlert:
    """One episode of a line of `alerts.jsonl`, 1 = the first: what was said before a case began neither counts for it nor
    hides what is said of it later. `meter_id` is the supply meter for an area's own alert, or ``area:NAME`` where the archive
    knows none. `missing_kwh` is the whole alert's, NaN where the run does not say."""

    alert_id: str
    transformer_area: str
    meter_id: str
    of_area: bool
    abnormality: str
    family: str
    raised_s: int
    cleared_s: int | None
    missing_kwh: float
    episode: int = 1


@dataclass(frozen=True, slots=True)
class Visit:
    """A finding: who was visited, when it became known, and what it said."""

    meter_id: str
    found_s: int
    confirmed: bool
    abnormality: str | None


@dataclass(frozen=True, slots=True, eq=False)
class DailyRisk:
    """Rows of `scores.parquet` with a risk: `meter_ids` (meters,); `codes`, `days` (ordinals) and `risk`, each (rows,)."""

    meter_ids: tuple[str, ...]
    codes: NDArray[np.int64]
    days: NDArray[np.int64]
    risk: NDArray[np.float64]

    def of_meter(self, meter_id: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """(days, risk) of one meter in the order of the days."""
        if meter_id not in self.meter_ids:
            return np.empty(0, dtype=np.int64), np.empty(0)
        rows = np.flatnonzero(self.codes == self.meter_ids.index(meter_id))
        rows = rows[np.argsort(self.days[rows], kind="stable")]
        return self.days[rows], self.risk[rows]


class LineError(MeterwatchError):
    """A line of a RUN folder that cannot be used: names file, line and column."""


def _fail(where: str, column: str, wrong: str) -> LineError:
    return LineError(f"{where}, {column}: {wrong}")


def _text(row: Mapping[str, Any], column: str, where: str) -> str:
    found = row.get(column)
    if not isinstance(found, str) or not found:
        raise _fail(where, column, "missing or no text" if found is None else f"{found!r} is no text; write a string")
    return found


def _optional_text(row: Mapping[str, Any], column: str, where: str) -> str | None:
    return None if row.get(column) in (None, "") else _text(row, column, where)


def _time(row: Mapping[str, Any], column: str, where: str) -> int:
    text = _text(row, column, where)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _fail(where, column, f"{text!r} is not a time; write ISO 8601 such as 2026-01-01T00:00:00Z") from None
    return to_epoch_s(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))


def _optional_time(row: Mapping[str, Any], column: str, where: str) -> int | None:
    return None if row.get(column) in (None, "") else _time(row, column, where)


def _number(row: Mapping[str, Any], column: str, where: str) -> float:
    found = row.get(column)
    if found is None:
        return math.nan
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        raise _fail(where, column, f"{found!r} is not a number; write one, or null")
    return float(found)


def _yes_or_no(row: Mapping[str, Any], column: str, where: str) -> bool:
    found = row.get(column)
    if not isinstance(found, bool):
        raise _fail(where, column, f"{found!r} is neither true nor false")
    return found


def supply_meters(archive: Archive) -> dict[str, str]:
    """The first supply meter of each area that has one."""
    return {
        name: area.meter_ids[int(area.supply_rows[0])] for name, area in archive.areas.items() if len(area.supply_rows)
    }


def episodes_of(
    row: Mapping[str, Any], archive: Archive, supply_of: Mapping[str, str], where: str
) -> list[RaisedAlert]:
    """Parse one line: its episodes in order; one where the line names no relapses. Raises `LineError`."""
    meter_id = _optional_text(row, "meter_id", where)
    area = _optional_text(row, "transformer_area", where)
    if meter_id is None and area is None:
        raise _fail(where, "meter_id", "null, and so is transformer_area; name the meter or the area of the alert")
    abnormality = _text(row, "abnormality", where)
    known = CATALOGUE.get(abnormality)
    raised_s = _time(row, "raised_at", where)
    cleared_s = _optional_time(row, "cleared_at", where)
    relapses = _relapses(row, where)
    first = RaisedAlert(
        alert_id=_optional_text(row, "id", where) or "",
        transformer_area=area or archive.area_of(meter_id or "", raised_s) or "",
        meter_id=meter_id or supply_of.get(area or "", f"area:{area}"),
        of_area=meter_id is None,
        abnormality=abnormality,
        family=_optional_text(row, "family", where) or (known.family if known is not None else ""),
        raised_s=raised_s,
        cleared_s=cleared_s,
        missing_kwh=_number(row, "missing_kwh", where),
    )
    if not relapses:
        return [first]
    begun_s = [raised_s, *(again_s for _, again_s in relapses)]
    ended_s = [*(ended_s for ended_s, _ in relapses), cleared_s]
    return [
        replace(first, raised_s=begun, cleared_s=ended, episode=number)
        for number, (begun, ended) in enumerate(zip(begun_s, ended_s, strict=True), start=1)
    ]


def _relapses(row: Mapping[str, Any], where: str) -> list[tuple[int, int]]:
    """(end of an episode, start of the next); none where the column is not there."""
    found = row.get("relapses")
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in found):
        raise _fail(where, "relapses", "no list of pairs; write [[end of an episode, start of the next], ...]")
    return [(_time({"end": ended}, "end", where), _time({"start": again}, "start", where)) for ended, again in found]


def alerts_of(rows: Iterable[tuple[str, Mapping[str, Any]]], archive: Archive) -> tuple[RaisedAlert, ...]:
    """The episodes of alerts of (where, row) pairs, in the order in which they were raised."""
    supply_of = supply_meters(archive)
    alerts = [episode for where, row in rows for episode in episodes_of(row, archive, supply_of, where)]
    return tuple(sorted(alerts, key=lambda a: (a.raised_s, a.abnormality, a.alert_id)))


def visits_of(
    rows: Iterable[tuple[str, Mapping[str, Any]]], alerts: Sequence[RaisedAlert], archive: Archive
) -> tuple[Visit, ...]:
    """The findings of tasks, in time order; the meter is the one at the task's service point, else its alert's."""
    alert_meter = {alert.alert_id: alert.meter_id for alert in alerts if alert.alert_id}
    visits = []
    for where, row in rows:
        finding = row.get("finding")
        if finding is None:
            continue
        if not isinstance(finding, Mapping):
            raise _fail(where, "finding", "no object; write null or {found_at, confirmed, abnormality}")
        meter = archive.meter_at(_optional_text(row, "service_point", where) or "")
        named = [alert_meter[a] for a in row.get("alert_ids") or () if a in alert_meter]
        if meter is None and not named:
            raise _fail(where, "service_point", f"{row.get('service_point')!r} stands in no archive and no alert")
        visits.append(
            Visit(
                meter_id=meter.meter_id if meter is not None else named[0],
                found_s=_time(finding, "found_at", f"{where}, finding"),
                confirmed=_yes_or_no(finding, "confirmed", f"{where}, finding"),
                abnormality=_optional_text(finding, "abnormality", f"{where}, finding"),
            )
        )
    return tuple(sorted(visits, key=lambda v: (v.found_s, v.meter_id)))


def read_alerts(run: Path, archive: Archive) -> tuple[RaisedAlert, ...]:
    return alerts_of(numbered_lines(run / ALERTS), archive)


def read_visits(run: Path, alerts: Sequence[RaisedAlert], archive: Archive) -> tuple[Visit, ...]:
    """Findings of `tasks.jsonl`; none where there is no such file: then nobody was sent anywhere."""
    path = run / TASKS
    return visits_of(numbered_lines(path), alerts, archive) if path.exists() else ()


def daily_risk(table: pa.Table, archive: Archive, where: str = SCORES) -> DailyRisk:
    """Rows of `scores.parquet`: dates as dates, timestamps or ISO text, meters as text or numbers. Rows without a risk
    are left out. Raises `LineError` for what cannot be read."""
    try:
        days = _days(table.column("date").combine_chunks(), archive.timezone)
        risk = table.column("risk").cast(pa.float64())
        names = table.column("meter_id").cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise LineError(
            f"{where}: {error}; store meter_id as text, date as a date and risk as a number from 0 to 1"
        ) from error
    for column, values in (("meter_id", names), ("date", days)):
        if values.null_count:
            row = int(np.flatnonzero(np.asarray(pc.is_null(values)))[0])
            raise LineError(f"{where}, row {row + 1}, {column}: empty; every row names a meter and a local day")
    encoded = names.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0) if encoded.num_chunks else pa.array([], pa.string()).dictionary_encode()
    known = np.asarray(risk.to_numpy(), dtype=np.float64)
    kept = ~np.isnan(known)
    ordinals = np.asarray(days.cast(pa.int32()).to_numpy(zero_copy_only=False), dtype=np.int64) + UNIX_EPOCH_ORDINAL
    codes = np.asarray(encoded.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
    return DailyRisk(tuple(encoded.dictionary.to_pylist()), codes[kept], ordinals[kept], known[kept])


def _days(column: pa.Array, timezone: str) -> pa.Array:
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks else pa.array([], type=column.type)
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _days(column.dictionary_decode(), timezone)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pc.utf8_slice_codeunits(column, 0, 10).cast(pa.date32())
    if pa.types.is_timestamp(kind):
        if kind.tz is not None:
            # a moment: its day is the local one
            column = pc.local_timestamp(column.cast(pa.timestamp("s", timezone), safe=False))
        return column.cast(pa.timestamp("s"), safe=False).cast(pa.date32(), safe=False)
    if not pa.types.is_date(kind):
        raise pa.ArrowInvalid(f"column date is of type {kind}")
    return column.cast(pa.date32())
