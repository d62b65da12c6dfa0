"""`InfluxTimeSeries`: the time-series store on InfluxDB 2.7."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.bucket_retention_rules import BucketRetentionRules
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from metering.errors import StoreError, StoreUnavailable
from metering.points import SCHEMA, Measurement, Point
from metering.ports import ReadingColumns, SeriesRow
from metering.times import parse_iso
from storage.influx_writer import Backoff, InfluxWriter, answer_text
from storage.line_protocol import point_line, reading_lines
from storage.point_rules import EARLIEST_S, LATEST_S, accepted_points, accepted_readings, sort_key, why_tag_refused

RETRY_DEFAULT = Backoff()


class InfluxTimeSeries:
    """`metering.ports.TimeSeries` on one bucket. Thread-safe; one writer thread serves all callers.

    A write returns when InfluxDB has acknowledged it. While InfluxDB is away the writer tries again; the caller waits,
    at most `patience_s` (None = without limit), then gets `StoreUnavailable` and may write the same again. Wrong token,
    organisation or bucket: `StoreError`. Nothing is sent on construction.
    """

    def __init__(
        self,
        url: str,
        token: str,
        org: str,
        bucket: str,
        *,
        timeout_s: float = 10.0,
        patience_s: float | None = 30.0,
        drain_s: float = 10.0,
        lines_per_body: int = 5000,
        waiting_bodies: int = 8,
        backoff: Backoff = RETRY_DEFAULT,
    ) -> None:
        self._url = url
        self._org = org
        self._bucket = bucket
        self._drain_s = drain_s
        # The client's own retries stay off: they stop for good after a while (docs/measurements.md says what we do).
        self._client = InfluxDBClient(url, token, org=org, timeout=int(timeout_s * 1000))
        self._writer = InfluxWriter(
            self._client.write_api(write_options=SYNCHRONOUS),
            bucket=bucket,
            org=org,
            lines_per_body=lines_per_body,
            waiting_bodies=waiting_bodies,
            patience_s=patience_s,
            backoff=backoff,
        )

    def write_points(self, points: Sequence[Point]) -> int:
        kept, refused = accepted_points(points)
        return refused + self._writer.write([point_line(point, fields) for point, fields in kept])

    def write_readings(self, frames: Sequence[ReadingColumns]) -> int:
        kept, refused = accepted_readings(frames)
        return refused + self._writer.write([line for frame, rows in kept for line in reading_lines(frame, rows)])

    def write_lines(self, lines: Sequence[str]) -> int:
        """Write ready lines (seconds); returns how many the server refused for good."""
        return self._writer.write(lines)

    def read(
        self, measurement: Measurement, *, start_s: int, end_s: int, tags: Mapping[str, str] | None = None
    ) -> list[SeriesRow]:
        names = SCHEMA[measurement].tags
        unknown = (tags or {}).keys() - set(names)
        start_s, end_s = max(start_s, EARLIEST_S), min(end_s, LATEST_S)
        if unknown or start_s >= end_s or any(why_tag_refused(wanted) for wanted in (tags or {}).values()):
            return []
        conditions = [f"r._measurement == {flux_text(measurement)}"]
        conditions += [f"r[{flux_text(name)}] == {flux_text(wanted)}" for name, wanted in sorted((tags or {}).items())]
        found: dict[tuple[int, tuple[str, ...]], dict[str, float]] = {}
        for record in self._query(
            f"from(bucket: {flux_text(self._bucket)})"
            f" |> range(start: {flux_time(start_s)}, stop: {flux_time(end_s)})"
            f" |> filter(fn: (r) => {' and '.join(conditions)})"
        ):
            key = parse_iso(record["_time"]), tuple(record.get(name, "") for name in names)
            found.setdefault(key, {})[record["_field"]] = float(record["_value"])
        rows = [
            SeriesRow(time_s, {n: v for n, v in zip(names, values, strict=True) if v}, fields)
            for (time_s, values), fields in found.items()
        ]
        return sorted(rows, key=lambda row: sort_key(row.time_s, row.tags))

    def count(self, measurement: Measurement) -> int:
        columns = ", ".join(flux_text(name) for name in SCHEMA[measurement].tags)
        counted = self._query(
            f"from(bucket: {flux_text(self._bucket)})"
            f" |> range(start: {flux_time(EARLIEST_S)}, stop: {flux_time(LATEST_S)})"
            f" |> filter(fn: (r) => r._measurement == {flux_text(measurement)})"
            f" |> group(columns: [{columns}])"
            ' |> unique(column: "_time") |> count() |> group() |> sum()'
        )
        return sum(int(record["_value"]) for record in counted)

    def ping(self) -> str:
        """E.g. ``InfluxDB v2.7.12``; also proves that the token may read the bucket."""
        with self._translated_errors():
            version = str(self._client.version())
        for _ in self._query(f"from(bucket: {flux_text(self._bucket)}) |> range(start: -1s) |> limit(n: 1)"):
            break
        return f"InfluxDB {version}"

    def close(self) -> None:
        """Write what waits (at most `drain_s`), end the writer thread, close the connections. May be called twice."""
        self._writer.close(self._drain_s)
        self._client.close()  # type: ignore[no-untyped-call]

    def _query(self, flux: str) -> Iterator[dict[str, str]]:
        with self._translated_errors():
            answer = self._client.query_api().query_raw(flux, dialect={"header": True, "annotations": []})
            try:
                text = answer.read().decode()
            finally:
                answer.close()
        return _records(text)

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except ApiException as error:
            status = int(error.status or 0)
            if status in (408, 429) or 500 <= status < 600:
                raise StoreUnavailable(f"InfluxDB at {self._url} answers {status}: {answer_text(error)}") from error
            raise StoreError(
                f"InfluxDB at {self._url} refuses ({status}: {answer_text(error)}): check token, organisation {self._org} and "
                f"bucket {self._bucket}, or run `meterwatch provision`"
            ) from error
        except (HTTPError, OSError) as error:
            raise StoreUnavailable(f"InfluxDB at {self._url} cannot be reached: {error}") from error


def ensure_bucket(url: str, token: str, org: str, bucket: str, *, retention_s: int = 0) -> str:
    """Create the bucket if it is missing, set its retention (0 = keep all) if it differs; says what was done.

    Raises `StoreUnavailable` where InfluxDB cannot be reached, `StoreError` where the token may not do this.
    """
    kept = "everything" if retention_s == 0 else f"{retention_s // 86_400} days"
    try:
        with InfluxDBClient(url, token, org=org, timeout=10_000) as client:
            buckets = client.buckets_api()
            rules = BucketRetentionRules(type="expire", every_seconds=retention_s)  # type: ignore[no-untyped-call]
            found = buckets.find_bucket_by_name(bucket)
            if found is None:
                buckets.create_bucket(bucket_name=bucket, retention_rules=[rules] if retention_s else [], org=org)
                return f"created bucket {bucket} in InfluxDB, keeping {kept}"
            before = next((rule.every_seconds for rule in found.retention_rules), 0)
            if before == retention_s:
                return f"bucket {bucket} is there, keeping {kept}"
            found.retention_rules = [rules] if retention_s else []
            buckets.update_bucket(bucket=found)
            return f"bucket {bucket} was there; it now keeps {kept}"
    except ApiException as error:
        status = int(error.status or 0)
        if status in (408, 429) or 500 <= status < 600:
            raise StoreUnavailable(f"InfluxDB at {url} answers {status}: {answer_text(error)}") from error
        raise StoreError(
            f"InfluxDB at {url} refuses ({status}: {answer_text(error)}): give a token that may read and create buckets in {org}"
        ) from error
    except (HTTPError, OSError) as error:
        raise StoreUnavailable(f"InfluxDB at {url} cannot be reached: {error}") from error


def flux_text(text: str) -> str:
    """A Flux string literal; ``${`` would be interpolated, so it is escaped too (and a dollar alone must not be).

    >>> flux_text('a"b')
    '"a\\\\"b"'
    """
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${") + '"'


def flux_time(epoch_s: int) -> str:
    return f"time(v: {epoch_s * 1_000_000_000})"


def _records(text: str) -> Iterator[dict[str, str]]:
    """Flux CSV without annotations: tables of other columns follow each other, each with a header of its own."""
    header: list[str] | None = None
    for row in csv.reader(io.StringIO(text)):
        if not row:
            header = None
        elif header is None:
            header = row
            if "error" in header and "reference" in header:
                continue
        else:
            record = dict(zip(header, row, strict=True))
            if "error" in record and "reference" in record:
                raise StoreError(f"InfluxDB could not run the query: {record['error']}")
            yield record
