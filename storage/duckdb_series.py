"""`DuckDbTimeSeries`: the embedded time-series store, one DuckDB file appended in Arrow batches.

A DuckDB file has one owning process. A second process cannot even read it while the first lives: whoever wants to look
from outside copies the file after `close`, or asks the owner. One wide table per measurement; a write only appends, and
what was written twice is folded when it is read (`compact` folds it for good).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from metering.errors import StoreError, StoreUnavailable
from metering.points import SCHEMA, Measurement, Point
from metering.ports import ReadingColumns, SeriesRow
from storage.point_rules import accepted_points, accepted_readings


class DuckDbTimeSeries:
    """`metering.ports.TimeSeries` in the DuckDB file at `path`, made where it is missing. Thread-safe.

    `StoreError` where another process owns the file.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self._lock = Lock()
        if not self._path.parent.is_dir():
            raise StoreError(f"{self._path}: folder {self._path.parent} does not exist; create it first")
        try:
            self._connection = duckdb.connect(str(self._path))
        except duckdb.IOException as error:
            if "lock" in str(error).lower():
                raise StoreError(
                    f"DuckDB file {self._path} is owned by another process, and it has one owner at a time: stop that "
                    "process, or copy the file after it ended, or use InfluxDB"
                ) from error
            raise StoreError(f"DuckDB file {self._path} cannot be opened: {error}") from error
        with self._translated_errors():
            for measurement in SCHEMA:
                self._create(measurement)

    def write_points(self, points: Sequence[Point]) -> int:
        kept, refused = accepted_points(points)
        by_measurement: dict[Measurement, list[tuple[Point, dict[str, float]]]] = {}
        for point, fields in kept:
            by_measurement.setdefault(point.measurement, []).append((point, fields))
        for measurement, group in by_measurement.items():
            schema = SCHEMA[measurement]
            columns: dict[str, pa.Array] = {"time_s": pa.array([p.time_s for p, _ in group], pa.int64())}
            for tag in schema.tags:
                columns[tag] = pa.array([p.tags[tag] for p, _ in group], pa.string())
            for name in schema.fields:
                numbers = [fields.get(name) for _, fields in group]
                if any(number is not None for number in numbers):
                    columns[name] = pa.array(numbers, pa.float64())
            self._append(measurement, pa.table(columns))
        return refused

    def write_readings(self, frames: Sequence[ReadingColumns]) -> int:
        kept, refused = accepted_readings(frames)
        names = sorted({name for frame, _ in kept for name in frame.columns})
        starts: list[NDArray[np.int64]] = []
        areas: list[str] = []
        meters: list[str] = []
        tables: list[NDArray[np.float64]] = []
        for frame, rows in kept:
            picked = np.asarray(rows, dtype=np.intp)
            table = np.full((len(rows), len(names)), np.nan)
            for position, name in enumerate(names):
                if name in frame.columns:
                    table[:, position] = frame.columns[name][picked]
            table[np.isinf(table)] = np.nan
            measured = ~np.isnan(table).all(axis=1)
            written = picked[measured].tolist()
            starts.append(np.full(len(written), frame.interval_start_s, dtype=np.int64))
            areas += [frame.transformer_area] * len(written)
            meters += [frame.meter_ids[row] for row in written]
            tables.append(table[measured])
        if meters:
            whole = np.concatenate(tables)
            columns = {
                "time_s": pa.array(np.concatenate(starts)),
                "transformer_area": pa.array(areas, pa.string()),
                "meter_id": pa.array(meters, pa.string()),
            }
            for position, name in enumerate(names):
                # NaN becomes NULL here: an absent field, which an earlier or later write may fill.
                columns[name] = pa.array(np.ascontiguousarray(whole[:, position]), pa.float64(), from_pandas=True)
            self._append("reading", pa.table(columns))
        return refused

    def read(
        self, measurement: Measurement, *, start_s: int, end_s: int, tags: Mapping[str, str] | None = None
    ) -> list[SeriesRow]:
        schema = SCHEMA[measurement]
        wanted = dict(tags or {})
        if wanted.keys() - set(schema.tags):
            return []
        conditions = ["time_s >= $start_s", "time_s < $end_s", *(f"{tag} = $tag_{tag}" for tag in sorted(wanted))]
        # Field names, tags and measurements come from SCHEMA alone; values are bound.
        query = f"{_folded(measurement, ' AND '.join(conditions))} ORDER BY time_s, {', '.join(sorted(schema.tags))}"
        bound: dict[str, str | int] = {"start_s": start_s, "end_s": end_s}
        bound |= {f"tag_{tag}": text for tag, text in wanted.items()}
        with self._translated_errors(), self._connection.cursor() as cursor:
            found = cursor.execute(query, bound).fetchall()
        first_field = 1 + len(schema.tags)
        return [
            SeriesRow(
                row[0],
                dict(zip(schema.tags, row[1:first_field], strict=True)),
                {name: v for name, v in zip(schema.fields, row[first_field:], strict=True) if v is not None},
            )
            for row in found
        ]

    def count(self, measurement: Measurement) -> int:
        keys = ", ".join(("time_s", *SCHEMA[measurement].tags))
        with self._translated_errors(), self._connection.cursor() as cursor:
            counted = cursor.execute(
                f"SELECT count(*) FROM (SELECT DISTINCT {keys} FROM {measurement})"  # noqa: S608 - names of SCHEMA
            ).fetchall()
        return int(counted[0][0])

    def compact(self) -> int:
        """Fold what was written more than once; returns how many rows that removed."""
        removed = 0
        with self._lock, self._translated_errors():
            for measurement in SCHEMA:
                before = self._rows(measurement)
                if before == self.count(measurement):
                    continue
                self._run("BEGIN")
                try:
                    self._run(f"CREATE TABLE folded AS {_folded(measurement, 'true')} ORDER BY time_s")
                    self._run(f"DROP TABLE {measurement}")
                    self._run(f"ALTER TABLE folded RENAME TO {measurement}")
                except duckdb.Error:
                    self._run("ROLLBACK")
                    raise
                self._run("COMMIT")
                removed += before - self._rows(measurement)
        return removed

    def ping(self) -> str:
        with self._translated_errors(), self._connection.cursor() as cursor:
            cursor.execute("SELECT 1").fetchall()
        return f"DuckDB {duckdb.__version__}"

    def close(self) -> None:
        """Write the log into the file and give it up. May be called twice."""
        with self._lock:
            self._connection.close()

    def _create(self, measurement: Measurement) -> None:
        schema = SCHEMA[measurement]
        tags = ", ".join(f"{tag} VARCHAR NOT NULL" for tag in schema.tags)
        self._run(f"CREATE TABLE IF NOT EXISTS {measurement} (time_s BIGINT NOT NULL, {tags})")
        for name in schema.fields:
            self._run(f"ALTER TABLE {measurement} ADD COLUMN IF NOT EXISTS {name} DOUBLE")

    def _append(self, measurement: Measurement, batch: pa.Table) -> None:
        with self._lock, self._translated_errors():
            self._connection.register("incoming", batch)
            try:
                self._run(f"INSERT INTO {measurement} BY NAME SELECT * FROM incoming")  # noqa: S608 - a name of SCHEMA
            finally:
                self._connection.unregister("incoming")

    def _rows(self, measurement: Measurement) -> int:
        return int(self._run(f"SELECT count(*) FROM {measurement}")[0][0])  # noqa: S608

    def _run(self, statement: str) -> list[tuple[Any, ...]]:
        # To the last row: DuckDB refuses other work on a connection while a result is unfinished.
        rows: list[tuple[Any, ...]] = self._connection.execute(statement).fetchall()
        return rows

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except duckdb.IOException as error:
            raise StoreUnavailable(f"DuckDB file {self._path} cannot be written or read just now: {error}") from error
        except duckdb.Error as error:
            raise StoreError(f"DuckDB file {self._path}: {error}") from error


def _folded(measurement: Measurement, condition: str) -> str:
    """One row per series and time; of every field the value that was written last."""
    schema = SCHEMA[measurement]
    keys = ", ".join(("time_s", *schema.tags))
    fields = ", ".join(f"last({f} ORDER BY rowid) FILTER (WHERE {f} IS NOT NULL) AS {f}" for f in schema.fields)
    return f"SELECT {keys}, {fields} FROM {measurement} WHERE {condition} GROUP BY {keys}"  # noqa: S608
