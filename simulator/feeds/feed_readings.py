"""Readings of a feed as record batches in order of arrival; bad readings never raise here: they travel on, marked."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from metering.arrival import read_column
from metering.errors import FeedError
from metering.readings import READING_COLUMNS, SetAside
from simulator.feeds.feed_tables import FIRST_TIME_S, LAST_TIME_S, check_header, time_of

#: Stands in `ReadingBatch.times_s` where a row's time cannot be read.
UNREADABLE_TIME = int(np.iinfo(np.int64).min)
REQUIRED_READING_COLUMNS = ("interval_start", "meter_id", "energy_kwh")
BATCH_ROWS = 131_072
CSV_BLOCK_BYTES = 4 << 20
LONGEST_LINE_BYTES = 64 << 20
#: What Arrow and Python both read as a number; anything else is judged value by value.
PLAIN_NUMBER = r"^-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_TICKS_PER_S = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


@dataclass(slots=True, eq=False)
class ReadingBatch:
    """Rows of a feed in order of arrival, as arrays of shape (rows,).

    `times_s` are interval starts in UTC seconds (`UNREADABLE_TIME` where there is none), `meter_codes` index
    `meter_names`, `columns` are float64 with NaN for null and for faults. `faults` and `raw` name the rows that are
    unusable as they stand and their offending text, as in `ArrivedFrame`.
    """

    times_s: NDArray[np.int64]
    meter_codes: NDArray[np.int32]
    meter_names: Sequence[str]
    columns: dict[str, NDArray[np.float64]]
    faults: dict[int, SetAside] = field(default_factory=dict)
    raw: dict[int, dict[str, str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.times_s)

    def mark(self, row: int, fault: SetAside, column: str, text: str) -> None:
        """Mark a row as unusable; `type` outweighs `not_a_number`."""
        if self.faults.get(row) is not SetAside.TYPE:
            self.faults[row] = fault
        self.raw.setdefault(row, {})[column] = text


@dataclass(frozen=True, slots=True)
class ReadingsFile:
    """The readings of a feed: where they are and which columns they have."""

    path: Path
    columns: tuple[str, ...]
    unknown_columns: tuple[str, ...]
    batch_rows: int = BATCH_ROWS
    csv_block_bytes: int = CSV_BLOCK_BYTES

    @classmethod
    def open(cls, path: Path) -> ReadingsFile:
        """Reads the header only. Raises `FeedError` for a file that is not what its name says or lacks a column."""
        names = _parquet_names(path) if path.suffix == ".parquet" else _csv_names(path)
        check_header(path, names, REQUIRED_READING_COLUMNS)
        return cls(
            path,
            tuple(name for name in READING_COLUMNS if name in names),
            tuple(name for name in names if name not in READING_COLUMNS and name not in REQUIRED_READING_COLUMNS),
        )

    def batches(self, only_meters: frozenset[str] | None = None) -> Iterator[ReadingBatch]:
        """Batches in order of arrival, all rows or only those of some meters (parquet row groups without them are skipped)."""
        if self.path.suffix == ".parquet":
            yield from self._parquet_batches(only_meters)
        else:
            for batch in self._csv_batches():
                yield batch if only_meters is None else _only(batch, only_meters)

    def _parquet_batches(self, only_meters: frozenset[str] | None) -> Iterator[ReadingBatch]:
        names = ["interval_start", "meter_id", *self.columns]
        dictionary = _Dictionary()
        try:
            # pre-buffering keeps every row group that was read: memory would grow with the feed
            with pq.ParquetFile(self.path, read_dictionary=["meter_id"], pre_buffer=False) as file:
                groups = [g for g in range(file.num_row_groups) if _may_hold(file.metadata.row_group(g), only_meters)]
                for record in file.iter_batches(batch_size=self.batch_rows, row_groups=groups, columns=names):
                    chosen = _filtered(record, only_meters)
                    if chosen.num_rows:
                        yield _batch(
                            chosen.column(0),
                            dictionary.codes(chosen.column(1)),
                            dictionary.names,
                            {name: chosen.column(2 + i) for i, name in enumerate(self.columns)},
                        )
        except (pa.ArrowInvalid, OSError) as error:
            raise FeedError(f"{self.path}: cannot be read as parquet ({error}); write the file again") from error

    def _csv_batches(self) -> Iterator[ReadingBatch]:
        names = _csv_names(self.path)
        types = {name: pa.string() for name in names}
        dictionary = _Dictionary()
        for block in _csv_blocks(self.path, self.csv_block_bytes):
            table = _parsed_block(block, names, types)
            damaged: dict[int, str] = {}
            if table is None:
                table, damaged = _parsed_lines(block, names)
            batch = _batch(
                table["interval_start"],
                dictionary.codes(_trimmed(table["meter_id"])),
                dictionary.names,
                {name: table[name] for name in self.columns},
            )
            for row, line in damaged.items():
                batch.mark(row, SetAside.TYPE, "energy_kwh", line)
            if len(batch):
                yield batch


class _Dictionary:
    """Meter ids of a file as codes that stay the same from batch to batch."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._code_of: dict[str, int] = {}
        self._last: pa.Array | None = None
        self._codes_of_last = np.empty(0, dtype=np.int32)

    def codes(self, column: pa.Array) -> NDArray[np.int32]:
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = column.chunk(0) if column.num_chunks else pa.array([], type=pa.string())
        if not pa.types.is_dictionary(column.type):
            column = column.cast(pa.string()).dictionary_encode()
        if self._last is None or not column.dictionary.equals(self._last):
            self._last = column.dictionary
            known = [self._code(text or "") for text in column.dictionary.cast(pa.string()).to_pylist()]
            self._codes_of_last = np.array(known, dtype=np.int32)
        indices = column.indices
        if indices.null_count:
            nameless = self._code("")
            indices = pc.fill_null(indices, len(self._codes_of_last))
        else:
            nameless = 0
        codes = np.append(self._codes_of_last, np.int32(nameless))
        taken: NDArray[np.int32] = codes[indices.to_numpy(zero_copy_only=False)]
        return taken

    def _code(self, name: str) -> int:
        code = self._code_of.setdefault(name, len(self.names))
        if code == len(self.names):
            self.names.append(name)
        return code


def _batch(
    starts: pa.Array, meter_codes: NDArray[np.int32], meter_names: Sequence[str], values: Mapping[str, pa.Array]
) -> ReadingBatch:
    times_s, unreadable = _times(starts)
    batch = ReadingBatch(times_s, meter_codes, meter_names, {})
    for row, text in unreadable.items():
        batch.mark(row, SetAside.TYPE, "interval_start", text)
    for name, column in values.items():
        batch.columns[name] = _numbers(batch, name, column)
    return batch


def _times(starts: pa.Array) -> tuple[NDArray[np.int64], dict[int, str]]:
    """Whole UTC seconds (fractions are cut off) and the text of the times that cannot be read, by row."""
    if pa.types.is_timestamp(starts.type):
        ticks = pc.fill_null(starts.cast(pa.int64()), UNREADABLE_TIME).to_numpy(zero_copy_only=False)
        times_s = ticks // _TICKS_PER_S[starts.type.unit]
        bad = np.flatnonzero((times_s < FIRST_TIME_S) | (times_s >= LAST_TIME_S))
        texts = {int(row): "" if ticks[row] == UNREADABLE_TIME else f"{ticks[row]} {starts.type.unit}" for row in bad}
    else:
        encoded = starts.dictionary_encode()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.combine_chunks()
        parsed = np.empty(len(encoded.dictionary) + 1, dtype=np.int64)
        parsed[-1] = UNREADABLE_TIME
        words = encoded.dictionary.to_pylist()
        for code, word in enumerate(words):
            try:
                parsed[code] = time_of(word)
            except ValueError:
                parsed[code] = UNREADABLE_TIME
        codes = pc.fill_null(encoded.indices, len(words)).to_numpy(zero_copy_only=False)
        times_s = parsed[codes]
        bad = np.flatnonzero(times_s == UNREADABLE_TIME)
        texts = {int(row): "" if codes[row] == len(words) else words[codes[row]] for row in bad}
    if texts:
        times_s = times_s.copy()
        times_s[bad] = UNREADABLE_TIME
    return times_s, texts


def _numbers(batch: ReadingBatch, name: str, column: pa.Array | pa.ChunkedArray) -> NDArray[np.float64]:
    is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    values = _as_floats(_plain_numbers(column) if is_text else column.cast(pa.float64()))
    finite = np.isfinite(values)
    if finite.all():
        return values
    present = np.asarray(pc.is_valid(column))
    odd = np.flatnonzero(~finite & present).tolist()
    if odd:
        values = values.copy()
        texts = [str(column[row].as_py()) for row in odd]
        values[odd], faults, _ = read_column([_number(text) for text in texts])
        for place, fault in faults.items():
            batch.mark(odd[place], fault, name, texts[place])
    return values


def _as_floats(column: pa.Array | pa.ChunkedArray) -> NDArray[np.float64]:
    """NaN where null; read-only views where nothing has to be copied."""
    if isinstance(column, pa.ChunkedArray):
        return np.asarray(column.to_numpy(), dtype=np.float64)
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def _plain_numbers(texts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """The texts as numbers; null where one is not plainly a number."""
    try:
        return texts.cast(pa.float64())
    except pa.ArrowInvalid:
        return pc.if_else(pc.match_substring_regex(texts, PLAIN_NUMBER), texts, None).cast(pa.float64())


def _number(text: str) -> object:
    """The number that a text stands for, None for blanks, the text itself where it is neither."""
    if not text.strip():
        return None
    try:
        # Python would also take 1_000, which nobody writes on purpose
        return text if "_" in text else float(text)
    except ValueError:
        return text


# --- parquet


def _parquet_names(path: Path) -> list[str]:
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise FeedError(f"{path}: cannot be read as parquet ({error}); write the file again") from error
    for field_ in schema:
        if not _usable(field_):
            raise FeedError(
                f"{path}, column {field_.name}: of type {field_.type}; {_WANTED.get(field_.name, 'store numbers')}"
            )
    return list(schema.names)


_PLACE = frozenset({"interval_start", "meter_id"})
_WANTED = {"interval_start": "store a timestamp in UTC", "meter_id": "store text"}


def _usable(field_: pa.Field) -> bool:
    types, kind = pa.types, field_.type
    is_text = types.is_string(kind) or types.is_large_string(kind)
    if field_.name == "interval_start":
        return bool(types.is_timestamp(kind) or is_text)
    if field_.name == "meter_id":
        return bool(
            is_text
            or types.is_integer(kind)
            or (
                types.is_dictionary(kind)
                and (types.is_string(kind.value_type) or types.is_large_string(kind.value_type))
            )
        )
    if field_.name not in READING_COLUMNS:
        return True
    return bool(
        is_text or types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_null(kind)
    )


def _may_hold(group: pq.RowGroupMetaData, only_meters: frozenset[str] | None) -> bool:
    if only_meters is None:
        return True
    for index in range(group.num_columns):
        column = group.column(index)
        if column.path_in_schema == "meter_id":
            found = column.statistics
            if found is None or not found.has_min_max or not isinstance(found.min, str):
                return True
            return any(found.min <= meter <= found.max for meter in only_meters)
    return True


def _filtered(record: pa.RecordBatch, only_meters: frozenset[str] | None) -> pa.RecordBatch:
    if only_meters is None:
        return record
    names = record.column(1)
    wanted = pa.array(sorted(only_meters), type=pa.string())
    return record.filter(pc.is_in(names.cast(pa.string()), value_set=wanted))


def _only(batch: ReadingBatch, only_meters: frozenset[str]) -> ReadingBatch:
    wanted = np.array([name in only_meters for name in batch.meter_names], dtype=np.bool_)
    rows = np.flatnonzero(wanted[batch.meter_codes])
    place = {int(row): i for i, row in enumerate(rows)}
    return ReadingBatch(
        batch.times_s[rows],
        batch.meter_codes[rows],
        batch.meter_names,
        {name: values[rows] for name, values in batch.columns.items()},
        {place[row]: fault for row, fault in batch.faults.items() if row in place},
        {place[row]: raw for row, raw in batch.raw.items() if row in place},
    )


# --- CSV: blocks of whole lines go through Arrow; a block that Arrow refuses is read line by line


def _opened(path: Path) -> IO[bytes] | gzip.GzipFile:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _csv_names(path: Path) -> list[str]:
    try:
        with _opened(path) as file:
            line = file.readline().decode("utf-8-sig")
    except (UnicodeDecodeError, OSError, EOFError, zlib.error) as error:
        raise FeedError(f"{path}: cannot be read ({error}); write the file again as UTF-8") from error
    if not line.strip():
        wanted = ", ".join(REQUIRED_READING_COLUMNS)
        raise FeedError(f"{path}: empty; its first line must name the columns {wanted}")
    return [name.strip() for name in next(csv.reader([line]))]


def _csv_blocks(path: Path, block_bytes: int) -> Iterator[bytes]:
    """Blocks of whole lines after the header."""
    try:
        with _opened(path) as file:
            file.readline()
            rest = b""
            while chunk := file.read(block_bytes):
                end = chunk.rfind(b"\n") + 1
                if not end:
                    rest += chunk
                    if len(rest) > LONGEST_LINE_BYTES:
                        raise FeedError(f"{path}: no line end within {LONGEST_LINE_BYTES} bytes; this is no CSV file")
                    continue
                yield rest + chunk[:end]
                rest = chunk[end:]
            if rest:
                yield rest
    except (OSError, EOFError, zlib.error) as error:
        raise FeedError(f"{path}: cannot be read to its end ({error}); copy the file again") from error


def _parsed_block(block: bytes, names: Sequence[str], types: Mapping[str, pa.DataType]) -> pa.Table | None:
    """The block as text columns, or None where a line does not have the right shape."""
    lines = block.count(b"\n") + (not block.endswith(b"\n"))
    if block.count(b'"') % 2:
        return None
    try:
        table = pa_csv.read_csv(
            io.BytesIO(block),
            pa_csv.ReadOptions(column_names=list(names), use_threads=False, block_size=len(block) + 1),
            pa_csv.ParseOptions(ignore_empty_lines=True),
            pa_csv.ConvertOptions(
                column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=True
            ),
        )
    except pa.ArrowInvalid:
        return None
    return table if table.num_rows == lines else None


def _parsed_lines(block: bytes, names: Sequence[str]) -> tuple[pa.Table, dict[int, str]]:
    """Line by line: of what does not have the right number of values only time and meter are read; by row the whole line."""
    columns: list[list[str | None]] = [[] for _ in names]
    damaged: dict[int, str] = {}
    for ended in block.decode("utf-8", errors="replace").split("\n"):
        line = ended.removesuffix("\r")
        if not line.strip():
            continue
        try:
            cells = next(csv.reader([line]), [])
        except csv.Error:
            cells = []
        if len(cells) != len(names):
            damaged[len(columns[0])] = line
            cells = [cell if name in _PLACE else "" for name, cell in zip(names, cells, strict=False)]
            cells += [""] * (len(names) - len(cells))
        for column, cell in zip(columns, cells, strict=True):
            column.append(cell or None)
    arrays = [pa.array(column, type=pa.string()) for column in columns]
    return pa.table(dict(zip(names, arrays, strict=True))), damaged


def _trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.utf8_trim_whitespace(column)
