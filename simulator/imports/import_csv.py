"""`import csv`: one feed out of CSV files that others wrote, one reading a line, with a mapping of their columns to ours."""

from __future__ import annotations

import csv
import gzip
import math
import shutil
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NoReturn, TextIO, get_args
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from metering.archive import Archive, Meter
from metering.errors import FeedError
from metering.readings import READING_COLUMNS
from metering.times import IntervalGrid, LocalCalendar, iso
from simulator.feeds import feed_tables as tables
from simulator.feeds.feed import FeedWriter, ReadingsFormat, holidays_of

Unit = Literal["kWh", "Wh", "MWh", "kW", "W"]
#: Columns whose values are in the unit of the source; kW and W are mean demand over the interval.
ENERGY_COLUMNS = frozenset({"energy_kwh", "export_kwh"})
KILO_PER_UNIT: Mapping[Unit, float] = {"kWh": 1.0, "Wh": 0.001, "MWh": 1000.0, "kW": 1.0, "W": 0.001}
METER_ATTRIBUTES = tuple(c for c in tables.METER_COLUMNS if c not in ("meter_id", "valid_from", "valid_to"))
TIME_COLUMNS = ("interval_start", "interval_end")
OUR_COLUMNS = ("meter_id", *TIME_COLUMNS, *READING_COLUMNS, *METER_ATTRIBUTES)
MISSING_WORDS = frozenset({"", "-", "na", "n/a", "nan", "null", "none"})
#: From so many different times on it is told whether they fit the interval.
_FEWEST_TIMES = 3
CHUNK_ROWS = 100_000
SORT_MEMORY = "512MB"


@dataclass(frozen=True)
class CsvImport:
    """How to read the source. Raises `FeedError` for what cannot be.

    `columns` maps their column names to ours: `meter_id`, `interval_start` or `interval_end`, `energy_kwh`, any other
    column of a reading, any column of meters.csv. `timezone` (IANA) is that of times without an offset and of the feed.
    `unit` is that of the energies. `time_format` is for strptime (ISO 8601 without it). `area` takes the meters whose area the
    source does not name. `delimiter` is found in the header where it is not given.
    """

    columns: Mapping[str, str]
    interval_minutes: int
    timezone: str = "UTC"
    unit: Unit = "kWh"
    time_format: str | None = None
    delimiter: str | None = None
    decimal: Literal[".", ","] = "."
    area: str = "A1"
    name: str | None = None
    licence: str = ""
    calendar: str | Sequence[str] = field(default=())

    def __post_init__(self) -> None:
        ours = list(self.columns.values())
        unknown = sorted({name for name in ours if name not in OUR_COLUMNS})
        if unknown:
            raise FeedError(f"mapping: {', '.join(unknown)} is none of our columns; they are {', '.join(OUR_COLUMNS)}")
        twice = sorted({name for name in ours if ours.count(name) > 1})
        if twice:
            raise FeedError(f"mapping: {', '.join(twice)} is given to two columns; keep one")
        missing = [name for name in ("meter_id", "energy_kwh") if name not in ours]
        if missing:
            raise FeedError(f"mapping: no column becomes {', '.join(missing)}; say THEIRS={missing[0]}")
        if sum(name in ours for name in TIME_COLUMNS) != 1:
            raise FeedError("mapping: say which column is the time: THEIRS=interval_start or THEIRS=interval_end")
        if self.unit not in get_args(Unit):
            raise FeedError(f"unit {self.unit!r} is not known; known are {', '.join(get_args(Unit))}")
        if self.decimal not in (".", ","):
            raise FeedError(f"decimal {self.decimal!r}: give a point or a comma")
        if self.delimiter is not None and len(self.delimiter) != 1:
            raise FeedError(f"delimiter {self.delimiter!r}: give one character")
        if not 1 <= self.interval_minutes <= 1440 or 1440 % self.interval_minutes:
            raise FeedError(
                f"interval of {self.interval_minutes} minutes does not divide a day; give 1 to 1440 that do"
            )
        try:
            ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError) as error:
            raise FeedError(
                f"timezone {self.timezone!r} is not known; write an IANA name such as Asia/Shanghai"
            ) from error

    @cached_property
    def hours(self) -> float:
        return self.interval_minutes / 60

    def factor(self, column: str) -> float:
        """What a value of the source is multiplied by."""
        if column not in ENERGY_COLUMNS:
            return 1.0
        return KILO_PER_UNIT[self.unit] * (self.hours if self.unit in ("kW", "W") else 1.0)


def mapping_of(entries: Iterable[str], path: Path | None = None) -> dict[str, Any]:
    """The fields of a `CsvImport` that a TOML file (its keys, with a table [columns]) and ``--map`` entries give.

    An entry goes before the file's word on the same column. Raises `FeedError` for unknown keys and wrong types.
    """
    found: dict[str, Any] = {}
    if path is not None:
        try:
            found = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise FeedError(f"{path}: {error}") from error
        known = [one.name for one in fields(CsvImport)]
        unknown = [key for key in found if key not in known]
        if unknown:
            raise FeedError(f"{path}: unknown key {', '.join(unknown)}; known are {', '.join(known)}")
        columns = found.get("columns", {})
        if not isinstance(columns, dict) or not all(isinstance(ours, str) for ours in columns.values()):
            raise FeedError(f'{path}: columns must be a table: [columns], then lines such as usage = "energy_kwh"')
        for key, value in found.items():
            wanted = int if key == "interval_minutes" else (str, list) if key == "calendar" else (str, dict)
            if not isinstance(value, wanted) or isinstance(value, bool):
                raise FeedError(f"{path}: {key} = {value!r} is not {'a whole number' if wanted is int else 'text'}")
    return found | {"columns": found.get("columns", {}) | columns_of(entries)}


def columns_of(entries: Iterable[str]) -> dict[str, str]:
    """The mapping that ``--map THEIRS=ours`` entries give; the last equals sign parts, since theirs may hold one.

    >>> columns_of(["LCLid=meter_id", "KWH/hh (per half hour)=energy_kwh"])
    {'LCLid': 'meter_id', 'KWH/hh (per half hour)': 'energy_kwh'}
    """
    mapping: dict[str, str] = {}
    for entry in entries:
        theirs, parted, ours = entry.rpartition("=")
        if not parted or not theirs.strip() or not ours.strip():
            raise FeedError(f"--map {entry!r}: write THEIRS=ours, for example --map kwh=energy_kwh")
        if theirs.strip() in mapping:
            raise FeedError(f"--map: column {theirs.strip()!r} is mapped twice; keep one")
        mapping[theirs.strip()] = ours.strip()
    return mapping


@dataclass(frozen=True, slots=True)
class ImportedCsv:
    """What became of the source: rows written, of those without an energy, and off the grid of intervals."""

    readings: int
    missing: int
    off_grid: int
    meters: int
    first_s: int
    last_s: int
    was_sorted: bool

    def __str__(self) -> str:
        sorted_ = "" if self.was_sorted else ", sorted by time"
        return (
            f"{self.readings} rows of {self.meters} meters from {iso(self.first_s)} to {iso(self.last_s)}{sorted_}; "
            f"{self.missing} without an energy, {self.off_grid} off the grid of intervals"
        )


def import_csv(
    source: Path | Sequence[Path],
    out: Path,
    mapping: CsvImport | Mapping[str, Any],
    *,
    interval_minutes: int | None = None,
    timezone: str | None = None,
    unit: str | None = None,
    readings_format: ReadingsFormat = "parquet",
    overwrite: bool = False,
) -> ImportedCsv:
    """Make a feed of CSV files (plain or .gz) in long format; memory stays bounded, unsorted sources are sorted on disk.

    `mapping` is a `CsvImport` or what `mapping_of` gives; what it says goes before `interval_minutes`, `timezone`, `unit`.
    Raises `FeedError` with file, line and reason for a time or a number that cannot be read; an empty or absent value
    (see `MISSING_WORDS`) is a missing reading.
    """
    if isinstance(mapping, CsvImport):
        how = mapping
    else:
        given = {"interval_minutes": interval_minutes, "timezone": timezone, "unit": unit}
        merged = {key: value for key, value in given.items() if value is not None} | dict(mapping)
        if "interval_minutes" not in merged:
            raise FeedError("interval_minutes is missing: say how long the metering interval of the source is")
        how = CsvImport(**merged)
    sources = [source] if isinstance(source, Path) else list(source)
    work = out.parent / f".{out.name}.import"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        parsed = _Parsed(work / "rows.parquet", how)
        for path in sources:
            parsed.read(path)
        parsed.finish(sources)
        archive = Archive(
            name=how.name or out.name,
            interval_minutes=how.interval_minutes,
            timezone=how.timezone,
            meters=tuple(parsed.meters),
            holidays=holidays_of("mapping", list(how.calendar) if not isinstance(how.calendar, str) else how.calendar),
            licence=how.licence,
        )
        meter_ids = np.array([meter.meter_id for meter in parsed.meters], dtype=object)
        with FeedWriter(
            out, archive, readings_format=readings_format, reading_columns=parsed.value_columns, overwrite=overwrite
        ) as writer:
            for table in parsed.in_order(work):
                columns = {name: table[name].to_numpy(zero_copy_only=False) for name in parsed.value_columns}
                codes = table["meter"].to_numpy()
                writer.write_readings(table["start_s"].to_numpy(), meter_ids[codes].tolist(), columns)
        return parsed.summary()
    finally:
        shutil.rmtree(work, ignore_errors=True)


class _Parsed:
    """The rows of all sources as one unsorted parquet file of numbers, and the meters that were met."""

    def __init__(self, path: Path, how: CsvImport) -> None:
        self.how = how
        self.meters: list[Meter] = []
        self.value_columns = [name for name in READING_COLUMNS if name in how.columns.values()]
        self._path = path
        self._code_of: dict[str, int] = {}
        self._attributes: list[tuple[str, ...]] = []
        self._times = _SourceTimes(how)
        schema = [("start_s", pa.int64()), ("meter", pa.int32()), ("place", pa.int64())]
        self._schema = pa.schema([*schema, *((name, pa.float64()) for name in self.value_columns)])
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._starts: list[int] = []
        self._codes: list[int] = []
        self._values: dict[str, list[float]] = {name: [] for name in self.value_columns}
        self._rows = self._missing = self._off_grid = 0
        self._first_s, self._last_s = 2**62, -(2**62)
        self._sorted = True
        self._grid = IntervalGrid(LocalCalendar(how.timezone), how.interval_minutes)
        self._on_grid: dict[int, bool] = {}

    def read(self, path: Path) -> None:
        try:
            with _opened(path) as file:
                self._read(path, file)
        except UnicodeDecodeError as error:
            raise FeedError(f"{path}: not UTF-8 text at byte {error.start}; save the file as UTF-8") from error
        except (OSError, EOFError) as error:
            raise FeedError(f"{path}: cannot be read ({error})") from error

    def _read(self, path: Path, file: TextIO) -> None:
        how = self.how
        header = file.readline()
        if not header.strip():
            raise FeedError(f"{path}: empty; its first line must name the columns")
        delimiter = how.delimiter or max(",;\t|", key=header.count)
        names = [name.strip() for name in next(csv.reader([header], delimiter=delimiter))]
        lost = [theirs for theirs in how.columns if theirs not in names]
        if lost:
            raise FeedError(f"{path}, line 1: no column {', '.join(lost)}; found {', '.join(names)}")
        place = {ours: names.index(theirs) for theirs, ours in how.columns.items()}
        time_place = next(place[name] for name in TIME_COLUMNS if name in place)
        attributes = [(name, place[name]) for name in METER_ATTRIBUTES if name in place]
        numbers = [(name, place[name], how.factor(name), self._values[name]) for name in self.value_columns]
        theirs = {position: name for name, position in zip(names, range(len(names)), strict=True)}
        reader = csv.reader(file, delimiter=delimiter)
        try:
            for cells in reader:
                if not cells:
                    continue
                line = reader.line_num + 1
                if len(cells) != len(names):
                    raise FeedError(f"{path}, line {line}: {len(cells)} values under {len(names)} columns")
                meter_id = cells[place["meter_id"]].strip()
                code = self._code_of.get(meter_id, -1)
                if code < 0 or attributes:
                    code = self._meter(path, line, meter_id, {name: cells[at].strip() for name, at in attributes})
                try:
                    self._starts.append(self._times.start_s(cells[time_place], code))
                except ValueError as error:
                    _fail(path, line, theirs[time_place], str(error))
                self._codes.append(code)
                for name, at, factor, values in numbers:
                    values.append(self._number(path, line, theirs[at], cells[at], factor))
                    if name == "energy_kwh" and math.isnan(values[-1]):
                        self._missing += 1
                if len(self._codes) >= CHUNK_ROWS:
                    self._flush()
        except csv.Error as error:
            raise FeedError(f"{path}, line {reader.line_num + 1}: {error}; check the quotes") from error

    def _number(self, path: Path, line: int, column: str, text: str, factor: float) -> float:
        try:
            value = float(text) if self.how.decimal == "." else float(text.replace(",", "."))
        except ValueError:
            if text.strip().lower() in MISSING_WORDS:
                return math.nan
            hint = "; say decimal = ','" if "," in text and self.how.decimal == "." else ""
            _fail(path, line, column, f"{text!r} is not a number{hint}")
        if math.isinf(value):
            _fail(path, line, column, f"{text!r} is not a finite number")
        return value * factor

    def _meter(self, path: Path, line: int, meter_id: str, given: Mapping[str, str]) -> int:
        code = self._code_of.get(meter_id, -1)
        seen = tuple(given.values())
        if code >= 0:
            if seen != self._attributes[code]:
                was = dict(zip(given, self._attributes[code], strict=True))
                changed = ", ".join(
                    f"{name} {was[name]!r} -> {given[name]!r}" for name in given if was[name] != given[name]
                )
                raise FeedError(
                    f"{path}, line {line}: meter {meter_id} changes ({changed}); map only what stays, "
                    "and write the change into meters.csv with valid_from/valid_to"
                )
            return code
        cells = {
            "meter_id": meter_id,
            "service_point": meter_id,
            "customer_id": meter_id,
            "transformer_area": self.how.area,
            "role": "customer",
        } | {name: text for name, text in given.items() if text}
        self.meters.append(tables.meter_of(tables.Row(path, line, cells)))
        self._attributes.append(seen)
        self._code_of[meter_id] = len(self.meters) - 1
        return len(self.meters) - 1

    def _flush(self) -> None:
        starts = np.array(self._starts, dtype=np.int64)
        if not len(starts):
            return
        place = np.arange(self._rows, self._rows + len(starts))
        arrays = [pa.array(starts), pa.array(self._codes, type=pa.int32()), pa.array(place)]
        arrays += [pa.array(np.array(self._values[name], dtype=np.float64)) for name in self.value_columns]
        self._writer.write_table(pa.table(dict(zip(self._schema.names, arrays, strict=True)), schema=self._schema))
        self._sorted = self._sorted and bool((np.diff(starts, prepend=self._last_s) >= 0).all())
        times, counts = np.unique(starts, return_counts=True)
        self._off_grid += sum(int(n) for t, n in zip(times.tolist(), counts, strict=True) if not self._holds(t))
        self._first_s, self._last_s = min(self._first_s, int(times[0])), max(self._last_s, int(times[-1]))
        self._rows += len(starts)
        self._starts.clear()
        self._codes.clear()
        for values in self._values.values():
            values.clear()

    def _holds(self, start_s: int) -> bool:
        found = self._on_grid.get(start_s)
        if found is None:
            found = self._on_grid[start_s] = self._grid.holds(start_s)
        return found

    def finish(self, sources: Sequence[Path]) -> None:
        self._flush()
        self._writer.close()
        names = ", ".join(map(str, sources))
        if not self._rows:
            raise FeedError(f"{names}: no reading")
        apart_s = min((later - sooner for sooner, later in pairwise(sorted(self._on_grid))), default=0)
        if len(self._on_grid) > _FEWEST_TIMES and apart_s >= 2 * 60 * self.how.interval_minutes:
            raise FeedError(
                f"{names}: its times lie {apart_s // 60} minutes apart or more, so they are no readings of "
                f"{self.how.interval_minutes} minutes each; say how long the metering interval is: --interval-minutes {apart_s // 60}"
            )
        if 2 * self._off_grid > self._rows:
            raise FeedError(
                f"{names}: {self._off_grid} of {self._rows} times are no start of a {self.how.interval_minutes}-minute "
                f"interval in {self.how.timezone}; check the interval and the timezone, or map the time to interval_end"
            )

    def in_order(self, work: Path) -> Iterator[pa.RecordBatch]:
        """The rows by time, rows of one time as they came."""
        if self._sorted:
            with pq.ParquetFile(self._path, pre_buffer=False) as file:
                yield from file.iter_batches(batch_size=CHUNK_ROWS)
            return
        limits: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": SORT_MEMORY,
            "threads": 1,
            "temp_directory": str(work / "sort"),
        }
        with duckdb.connect(":memory:", config=limits) as database:
            in_order = "SELECT * FROM read_parquet(?) ORDER BY start_s, place"
            yield from database.sql(in_order, params=[str(self._path)]).to_arrow_reader(CHUNK_ROWS)

    def summary(self) -> ImportedCsv:
        return ImportedCsv(
            self._rows, self._missing, self._off_grid, len(self.meters), self._first_s, self._last_s, self._sorted
        )


class _SourceTimes:
    """Times of the source as interval starts in UTC seconds; each distinct text is read once."""

    def __init__(self, how: CsvImport) -> None:
        self._format = how.time_format
        self._zone = ZoneInfo(how.timezone)
        self._grid = IntervalGrid(LocalCalendar(how.timezone), how.interval_minutes)
        self._is_end = "interval_end" in how.columns.values()
        self._known: dict[str, tuple[int, int | None]] = {}
        self._met: set[tuple[int, int]] = set()

    def start_s(self, text: str, meter: int) -> int:
        """In the hour that comes twice in autumn, the meter's second reading of a time is the later one. ValueError for
        what is no time, or none that the clocks of the timezone show."""
        found = self._known.get(text)
        if found is None:
            if len(self._known) > 1_000_000:
                self._known.clear()
            found = self._known[text] = self._read(text)
        first_s, second_s = found
        if second_s is None:
            return first_s
        if (meter, first_s) in self._met:
            return second_s
        self._met.add((meter, first_s))
        return first_s

    def _read(self, text: str) -> tuple[int, int | None]:
        stripped = text.strip()
        try:
            moment = datetime.strptime(stripped, self._format) if self._format else datetime.fromisoformat(stripped)  # noqa: DTZ007 - the zone follows
        except ValueError:
            wanted = f"a time like {self._format}" if self._format else "an ISO 8601 time; give a time_format"
            raise ValueError(f"{text!r} is not {wanted}") from None
        if moment.tzinfo is not None:
            return self._start(int(moment.timestamp())), None
        early, late = (int(moment.replace(tzinfo=self._zone, fold=fold).timestamp()) for fold in (0, 1))
        if early > late:
            raise ValueError(
                f"{text!r} does not exist in {self._zone.key}: the clocks go forward there; if the source keeps standard "
                "time all year, give a timezone without summer time such as Etc/GMT-1"
            )
        return self._start(early), None if early == late else self._start(late)

    def _start(self, epoch_s: int) -> int:
        if not self._is_end:
            return epoch_s
        return self._grid.floor(epoch_s - 1) if self._grid.holds(epoch_s) else epoch_s - self._grid.step_s


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _fail(path: Path, line: int, column: str, wrong: str) -> NoReturn:
    raise FeedError(f"{path}, line {line}, column {column}: {wrong}")
