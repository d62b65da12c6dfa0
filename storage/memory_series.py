"""`MemoryTimeSeries`: the time-series store as dictionaries; what DuckDB and InfluxDB must agree with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from threading import RLock

from metering.points import Measurement, Point
from metering.ports import ReadingColumns, SeriesRow
from storage.point_rules import accepted_points, accepted_readings, sort_key

Series = tuple[tuple[str, str], ...]


class MemoryTimeSeries:
    """`metering.ports.TimeSeries` in this process's memory. Thread-safe."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._fields: dict[Measurement, dict[tuple[Series, int], dict[str, float]]] = {}

    def write_points(self, points: Sequence[Point]) -> int:
        kept, refused = accepted_points(points)
        with self._lock:
            for point, fields in kept:
                self._put(point.measurement, point.tags, point.time_s, fields)
        return refused

    def write_readings(self, frames: Sequence[ReadingColumns]) -> int:
        kept, refused = accepted_readings(frames)
        with self._lock:
            for frame, rows in kept:
                columns = {name: column.tolist() for name, column in frame.columns.items()}
                for row in rows:
                    fields = {name: values[row] for name, values in columns.items() if math.isfinite(values[row])}
                    tags = {"transformer_area": frame.transformer_area, "meter_id": frame.meter_ids[row]}
                    if fields:
                        self._put("reading", tags, frame.interval_start_s, fields)
        return refused

    def read(
        self, measurement: Measurement, *, start_s: int, end_s: int, tags: Mapping[str, str] | None = None
    ) -> list[SeriesRow]:
        wanted = (tags or {}).items()
        with self._lock:
            rows = [
                SeriesRow(time_s, dict(series), dict(fields))
                for (series, time_s), fields in self._fields.get(measurement, {}).items()
                if start_s <= time_s < end_s and wanted <= dict(series).items()
            ]
        return sorted(rows, key=lambda row: sort_key(row.time_s, row.tags))

    def count(self, measurement: Measurement) -> int:
        with self._lock:
            return len(self._fields.get(measurement, {}))

    def ping(self) -> str:
        return "memory"

    def close(self) -> None:
        """Nothing to give back; what was written stays readable."""

    def _put(self, measurement: Measurement, tags: Mapping[str, str], time_s: int, fields: Mapping[str, float]) -> None:
        key = (tuple(sorted(tags.items())), time_s)
        self._fields.setdefault(measurement, {}).setdefault(key, {}).update(fields)
