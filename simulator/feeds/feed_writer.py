"""Writing a feed folder: streaming, the same bytes for the same input, and complete or not there at all."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from metering.archive import Archive
from metering.errors import FeedError
from metering.messages import Finding, MeterEvent
from metering.readings import READING_COLUMNS
from metering.truth import TruthCase
from simulator.feeds import feed_tables as tables
from simulator.scenarios.case import Case

ReadingsFormat = Literal["parquet", "csv", "csv.gz"]
READINGS_FILES: Mapping[ReadingsFormat, str] = {
    "parquet": "readings.parquet",
    "csv": "readings.csv",
    "csv.gz": "readings.csv.gz",
}
FEED_TOML = "feed.toml"
FEED_FILES = (
    FEED_TOML,
    "meters.csv",
    *READINGS_FILES.values(),
    "events.csv",
    "outages.csv",
    "works.csv",
    "tariffs.csv",
    "downstream_prices.csv",
    "findings.csv",
    "truth.csv",
    "cases.csv",
    "unmetered.csv",
    "life.csv",
    "simulation.toml",
)
ROW_GROUP_ROWS = 131_072
TIME_TYPE = pa.timestamp("ms", "UTC")


class FeedWriter:
    """Writes one feed folder; use it as a context manager.

    Everything goes into a hidden folder beside `folder` first and is moved in when the block ends well, feed.toml last: after
    an exception or a crash there is no folder that looks like a feed. Readings are buffered by row groups, so memory does
    not grow with the feed. Raises `FeedError` if `folder` holds anything already and `overwrite` is False.

    `reading_columns` fixes the columns of the readings; without it the first call that writes readings does.
    """

    def __init__(
        self,
        folder: Path,
        archive: Archive,
        *,
        readings_format: ReadingsFormat = "parquet",
        reading_columns: Sequence[str] | None = None,
        overwrite: bool = False,
    ) -> None:
        if readings_format not in READINGS_FILES:
            raise FeedError(f"readings as {readings_format!r}: choose {', '.join(READINGS_FILES)}")
        self.folder = folder
        self.archive = archive
        self._format = readings_format
        self._overwrite = overwrite
        self._partial = folder.parent / f".{folder.name}.partial"
        self._readings = _ReadingsWriter(self._partial / READINGS_FILES[readings_format], readings_format)
        if reading_columns is not None:
            self._readings.fix_columns(reading_columns)

    def __enter__(self) -> Self:
        if self.folder.exists() and not self.folder.is_dir():
            raise FeedError(f"{self.folder} is a file; a feed is a folder: choose another name")
        if not self._overwrite and holds_feed(self.folder):
            raise FeedError(f"{self.folder} holds a feed already; choose another folder")
        if not self._overwrite and self.folder.is_dir() and any(self.folder.iterdir()):
            raise FeedError(f"{self.folder} is not empty; choose a new folder or an empty one")
        shutil.rmtree(self._partial, ignore_errors=True)
        self._partial.mkdir(parents=True)
        archive = self.archive
        tables.write_meters(self._partial / "meters.csv", archive.meters)
        if archive.outages:
            tables.write_outages(self._partial / "outages.csv", archive.outages)
        if archive.works:
            tables.write_works(self._partial / "works.csv", archive.works)
        if archive.tariffs:
            tables.write_tariffs(self._partial / "tariffs.csv", archive.tariffs)
        if archive.downstream_prices:
            tables.write_downstream_prices(self._partial / "downstream_prices.csv", archive.downstream_prices)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._readings.abandon()
            shutil.rmtree(self._partial, ignore_errors=True)
            return
        self._readings.finish()
        (self._partial / FEED_TOML).write_text(feed_toml(self.archive), encoding="utf-8")
        self._move_in()

    def _move_in(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in FEED_FILES:  # feed.toml goes first and comes last
            (self.folder / name).unlink(missing_ok=True)
        for name in reversed(FEED_FILES):
            if (self._partial / name).exists():
                (self._partial / name).rename(self.folder / name)
        self._partial.rmdir()

    def write_interval(
        self, interval_start_s: int, meter_ids: Sequence[str], columns: Mapping[str, NDArray[np.float64]]
    ) -> None:
        """Readings of one interval, each column of shape (meters,); NaN becomes a missing value (null)."""
        self._readings.write(np.full(len(meter_ids), interval_start_s, dtype=np.int64), meter_ids, columns)

    def write_readings(
        self, interval_start_s: NDArray[np.int64], meter_ids: Sequence[str], columns: Mapping[str, NDArray[np.float64]]
    ) -> None:
        """Readings in order of arrival, one interval start (UTC seconds) each; NaN becomes a missing value (null)."""
        self._readings.write(interval_start_s, meter_ids, columns)

    def write_coded(
        self,
        interval_start_s: NDArray[np.int64],
        codes: NDArray[np.int64],
        names: Sequence[str],
        columns: Mapping[str, NDArray[np.float64]],
    ) -> None:
        """As `write_readings`, where the meter of a row is `names[code]`; `names` may grow at its end from call to call."""
        self._readings.write_coded(interval_start_s, codes, names, columns)

    def write_events(self, events: Iterable[MeterEvent]) -> None:
        """events.csv; call it once."""
        tables.write_events(self._once("events.csv"), events)

    def write_findings(self, findings: Iterable[Finding]) -> None:
        """findings.csv; call it once."""
        tables.write_findings(self._once("findings.csv"), findings)

    def write_truth(self, cases: Iterable[TruthCase]) -> None:
        """truth.csv; call it once. A file without a case says that nothing is abnormal."""
        tables.write_truth(self._once("truth.csv"), cases)

    def write_cases(self, cases: Iterable[tuple[Case, float]]) -> None:
        """cases.csv: what stands behind the truth, each case with the energy (kWh) it drew and its meter did not show."""
        tables.write_cases(self._once("cases.csv"), cases)

    def write_unmetered(self, rows: Iterable[tuple[str, date, float]]) -> None:
        """unmetered.csv: (meter, local day, kWh drawn and not shown)."""
        tables.write_rows(self._once("unmetered.csv"), ("meter_id", "date", "unmetered_kwh"), rows)

    def write_life(self, rows: Iterable[tuple[str, str, int, int | None]]) -> None:
        """life.csv: benign life by name as (meter, kind, start, end)."""
        tables.write_life(self._once("life.csv"), rows)

    def write_text(self, name: str, text: str) -> None:
        """Another file of the folder, such as simulation.toml."""
        if name not in FEED_FILES:
            raise FeedError(f"{name} is no file of a feed; known are {', '.join(FEED_FILES)}")
        self._once(name).write_text(text, encoding="utf-8")

    def _once(self, name: str) -> Path:
        path = self._partial / name
        if path.exists():
            raise FeedError(f"{name} of {self.folder} is written already; give all its rows in one call")
        return path


def holds_feed(folder: Path) -> bool:
    """Whether any file of a feed stands in `folder`."""
    return any((folder / name).exists() for name in FEED_FILES)


def feed_toml(archive: Archive) -> str:
    days = "".join(f'\n  "{day.isoformat()}",' for day in sorted(archive.holidays))
    return "\n".join(
        [
            f"name = {_toml_text(archive.name)}",
            f"interval_minutes = {archive.interval_minutes}",
            f"timezone = {_toml_text(archive.timezone)}",
            f"licence = {_toml_text(archive.licence)}",
            f"calendar = [{days}\n]" if days else "calendar = []",
            "",
        ]
    )


def _toml_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")  # JSON leaves DEL as it is, TOML forbids it


class _ReadingsWriter:
    """The readings file, row group by row group."""

    def __init__(self, path: Path, readings_format: ReadingsFormat) -> None:
        self._path = path
        self._format = readings_format
        self._columns: tuple[str, ...] | None = None
        self._names: list[str] = []
        self._code_of: dict[str, int] = {}
        self._times: list[NDArray[np.int64]] = []
        self._codes: list[NDArray[np.int32]] = []
        self._values: dict[str, list[NDArray[np.float64]]] = {}
        self._rows = 0
        self._parquet: pq.ParquetWriter | None = None
        self._file: IO[bytes] | gzip.GzipFile | None = None
        self._raw_file: IO[bytes] | None = None

    def fix_columns(self, names: Iterable[str]) -> tuple[str, ...]:
        given = list(names)
        unknown = [name for name in given if name not in READING_COLUMNS]
        if unknown:
            raise FeedError(f"a reading has no column {', '.join(unknown)}; known are {', '.join(READING_COLUMNS)}")
        self._columns = tuple(name for name in READING_COLUMNS if name == "energy_kwh" or name in given)
        self._values = {name: [] for name in self._columns}
        return self._columns

    def write(
        self, times_s: NDArray[np.int64], meter_ids: Sequence[str], columns: Mapping[str, NDArray[np.float64]]
    ) -> None:
        names = self.fix_columns(columns) if self._columns is None else self._columns
        extra = [name for name in columns if name not in names]
        if extra:
            raise FeedError(
                f"{self._path.name}: column {', '.join(extra)} comes after the first readings; "
                "name all columns beforehand (reading_columns)"
            )
        if len(self._code_of) < len(self._names):  # some came with codes of their own
            self._code_of = {name: code for code, name in enumerate(self._names)}
        code_of = self._code_of
        for meter_id in dict.fromkeys(meter_ids):
            if meter_id not in code_of:
                code_of[meter_id] = len(self._names)
                self._names.append(meter_id)
        codes = np.fromiter(map(code_of.__getitem__, meter_ids), np.int32, len(meter_ids))
        self._append(times_s, codes, columns, names)

    def write_coded(
        self,
        times_s: NDArray[np.int64],
        codes: NDArray[np.int64],
        names: Sequence[str],
        columns: Mapping[str, NDArray[np.float64]],
    ) -> None:
        self._names += names[len(self._names) :]
        self._append(times_s, codes.astype(np.int32), columns, self._columns or self.fix_columns(columns))

    def _append(
        self,
        times_s: NDArray[np.int64],
        codes: NDArray[np.int32],
        columns: Mapping[str, NDArray[np.float64]],
        names: Sequence[str],
    ) -> None:
        rows = len(codes)
        for name, values in columns.items():
            if values.shape != (rows,):
                raise FeedError(f"{self._path.name}: {name} has shape {values.shape}, but {rows} meters are named")
            if np.isinf(values).any():
                raise FeedError(f"{self._path.name}: {name} holds an infinity")
        first = 0
        while first < rows:  # row groups are of one size, however much comes at once
            end = min(rows, first + ROW_GROUP_ROWS - self._rows)
            self._times.append(np.array(times_s[first:end], dtype=np.int64))
            self._codes.append(codes[first:end].copy())
            for name in names:
                given = columns.get(name)
                # a copy: the caller may fill its array again before the row group is full
                own = np.full(end - first, np.nan) if given is None else np.array(given[first:end], dtype=np.float64)
                self._values[name].append(own)
            self._rows += end - first
            if self._rows >= ROW_GROUP_ROWS:
                self._flush()
            first = end

    def _flush(self) -> None:
        names = self._columns or ("energy_kwh",)
        times_ms = np.concatenate([*self._times, np.empty(0, dtype=np.int64)]) * 1000
        codes = np.concatenate([*self._codes, np.empty(0, dtype=np.int32)])
        arrays = [
            pa.array(times_ms).cast(TIME_TYPE),
            self._named(codes),
        ]
        for name in names:
            values = np.concatenate([*self._values.get(name, []), np.empty(0)])
            arrays.append(pa.array(values, mask=np.isnan(values)))
        table = pa.table(dict(zip(("interval_start", "meter_id", *names), arrays, strict=True)))
        self._write_table(table)
        self._times, self._codes = [], []
        self._values = {name: [] for name in names}
        self._rows = 0

    def _named(self, codes: NDArray[np.int32]) -> pa.DictionaryArray:
        """The meters of the rows; the dictionary holds those that occur, or a million names would go into every row group."""
        used = np.unique(codes)
        names = pa.array([self._names[code] for code in used.tolist()], type=pa.string())
        return pa.DictionaryArray.from_arrays(pa.array(np.searchsorted(used, codes).astype(np.int32)), names)

    def _write_table(self, table: pa.Table) -> None:
        if self._format == "parquet":
            if self._parquet is None:
                self._parquet = pq.ParquetWriter(self._path, table.schema, compression="zstd", use_dictionary=True)
            self._parquet.write_table(table, row_group_size=ROW_GROUP_ROWS * 2)
            return
        first = self._file is None
        if self._file is None:
            self._raw_file = self._path.open("wb")
            # neither a name nor a time in the header: the same readings give the same bytes
            self._file = (
                gzip.GzipFile(filename="", mode="wb", fileobj=self._raw_file, mtime=0)
                if self._format == "csv.gz"
                else self._raw_file
            )
        written = table.set_column(0, "interval_start", table["interval_start"].cast(pa.timestamp("s", "UTC")))
        written = written.set_column(1, "meter_id", table["meter_id"].cast(pa.string()))
        options = pa_csv.WriteOptions(include_header=first, quoting_style="needed", quoting_header="none")
        pa_csv.write_csv(written, self._file, options)

    def finish(self) -> None:
        if self._rows or (self._parquet is None and self._file is None):
            self._flush()
        self._close()

    def abandon(self) -> None:
        self._close()

    def _close(self) -> None:
        if self._parquet is not None:
            self._parquet.close()
        if self._file is not None:
            self._file.close()
        if self._raw_file is not None:
            self._raw_file.close()
