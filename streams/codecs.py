"""The wire: a message of the log as bytes with headers, and back.

Headers say what a message is before its body is read: `kind`, `schema`, `codec`, and `count`, the sender's count of
readings, so that even a message that cannot be read is counted. Two codecs carry frames: `json` (columns, readable by
anyone) and `packed` (binary, for volume); both give back exactly what was put in. Everything else is small and is JSON.

A value that is no number stands as text in its value's place (`"NaN"`, `"abc"`), a row's own unreadable time in the
optional column `stated_start`; the row is set aside later, alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields
from itertools import chain
from typing import Annotated, Any, Literal

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from metering.arrival import read_column
from metering.errors import FrameError, UnreadableMessage
from metering.messages import ArrivedFrame, Decision, Finding, Message, MeterEvents, Tick
from metering.readings import READING_COLUMNS, SetAside
from streams.packed import pack_frame, unpack_frame

Codec = Literal["json", "packed"]
Headers = list[tuple[str, bytes]]

SCHEMA = 1
STATED_START = "interval_start"
"""Key in `ArrivedFrame.raw` for a row's own time; it rides in the column `stated_start`."""

_KINDS: dict[type, str] = {
    ArrivedFrame: "frame",
    Tick: "tick",
    MeterEvents: "meter_events",
    Finding: "finding",
    Decision: "decision",
}
_SMALL: dict[str, TypeAdapter[Any]] = {kind: TypeAdapter(of) for of, kind in _KINDS.items() if of is not ArrivedFrame}
_FIELDS = {kind: {f.name for f in fields(of)} for of, kind in _KINDS.items()}
_KNOWN_COLUMNS = frozenset(READING_COLUMNS)
_PLAIN_NUMBERS = frozenset({float, int, type(None)})

_Int64 = Annotated[int, Field(ge=-(2**63), lt=2**63)]
_Int32 = Annotated[int, Field(ge=-(2**31), lt=2**31)]


class _FrameBody(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    transformer_area: str = Field(min_length=1)
    interval_start_s: _Int64
    interval_minutes: _Int32
    meter_ids: list[str]
    columns: dict[str, Any]
    stated_start: list[str | None] | None = None
    faults: dict[str, str] | None = None


def encode(message: Message, codec: Codec = "json") -> tuple[bytes, Headers]:
    """The message as (value, headers). Only frames are ever packed; the `codec` header says what was done.

    Raises `FrameError` for a frame that breaks its own rules (an infinity in a column, raw text of an unknown column).
    """
    kind = _KINDS[type(message)]
    count = 0
    if isinstance(message, ArrivedFrame):
        count = message.reading_count
        body = _frame_json(message) if codec == "json" else pack_frame(message)
    else:
        codec = "json"
        body = orjson.dumps(message)
    return body, [
        ("kind", kind.encode()),
        ("schema", b"%d" % SCHEMA),
        ("codec", codec.encode()),
        ("count", b"%d" % count),
    ]


def decode(value: bytes | None, headers: Mapping[str, bytes] | Iterable[tuple[str, bytes]]) -> Message:
    """The message that was encoded. Raises `UnreadableMessage` with the reason, and nothing else."""
    named = _named(headers)
    kind = _word(named, "kind")
    if kind not in _FIELDS:
        raise UnreadableMessage(f"unknown kind {kind!r}: known are {', '.join(sorted(_FIELDS))}")
    schema = _number(named, "schema")
    if not 1 <= schema <= SCHEMA:
        raise UnreadableMessage(
            f"schema {schema} of a {kind}, but this worker reads schemas 1 to {SCHEMA}: "
            "upgrade the worker, then retry the dead letter"
        )
    codec = _word(named, "codec")
    if codec not in ("json", "packed") or (codec == "packed" and kind != "frame"):
        raise UnreadableMessage(f"codec {codec!r} of a {kind} is unknown: a frame is json or packed, all else is json")
    if value is None:
        raise UnreadableMessage(f"a {kind} without a value")
    if kind != "frame":
        return _small(kind, value)
    count = _number(named, "count")
    if count < 0:
        raise UnreadableMessage(f"header count is {count}: a count of readings is not negative")
    return unpack_frame(value, count) if codec == "packed" else _frame_of_json(value, count)


def stated_reading_count(headers: Mapping[str, bytes] | Iterable[tuple[str, bytes]]) -> int:
    """The readings a message claims to hold, for one that cannot be read: 1 where even that is unreadable."""
    try:
        count = _number(_named(headers), "count")
    except UnreadableMessage:
        return 1
    return max(count, 0)


def _named(headers: Mapping[str, bytes] | Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return {name: word for name, word in pairs if isinstance(word, bytes)}


def _word(headers: Mapping[str, bytes], name: str) -> str:
    if name not in headers:
        raise UnreadableMessage(f"no header {name!r}: a message needs kind, schema, codec and count")
    try:
        return headers[name].decode()
    except UnicodeDecodeError as error:
        raise UnreadableMessage(f"header {name!r} is not UTF-8: {headers[name][:40]!r}") from error


def _number(headers: Mapping[str, bytes], name: str) -> int:
    word = _word(headers, name)
    if not (word.isascii() and word.removeprefix("-").isdigit() and len(word) <= 18):
        raise UnreadableMessage(f"header {name!r} is {word[:40]!r}, not a whole number")
    return int(word)


def _first_complaint(error: ValidationError) -> str:
    complaint = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in complaint["loc"]) or "the body"
    return f"{place}: {complaint['msg']}"


def _small(kind: str, value: bytes) -> Message:
    try:
        message: Message = _SMALL[kind].validate_json(value, strict=True)
        strangers = set(orjson.loads(value)) - _FIELDS[kind]
    except ValidationError as error:
        raise UnreadableMessage(f"not a {kind}: {_first_complaint(error)}") from error
    except orjson.JSONDecodeError as error:
        raise UnreadableMessage(f"not JSON: {error}") from error
    if strangers:
        raise UnreadableMessage(f"not a {kind}: unknown fields {', '.join(sorted(strangers))}")
    return message


# --- frames as JSON columns


def _frame_json(frame: ArrivedFrame) -> bytes:
    columns: dict[str, NDArray[np.float64] | list[Any]] = dict(frame.columns)
    for name, values in frame.columns.items():
        if np.isinf(values).any():
            raise FrameError(f"frame {frame.transformer_area}: {name} holds an infinity; put its text into `raw`")
    body: dict[str, Any] = {
        "transformer_area": frame.transformer_area,
        "interval_start_s": frame.interval_start_s,
        "interval_minutes": frame.interval_minutes,
        "meter_ids": frame.meter_ids,
        "columns": columns,
    }
    for row, texts in frame.raw.items():
        for name, text in texts.items():
            if name == STATED_START:
                body.setdefault("stated_start", [None] * len(frame.meter_ids))[row] = text
                continue
            _known_raw_column(frame, name)
            cells = columns[name]
            if isinstance(cells, np.ndarray):
                cells = columns[name] = cells.tolist()
            cells[row] = text
    if beyond := _faults_beyond_values(frame):
        body["faults"] = {str(row): reason.value for row, reason in beyond.items()}
    return orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)


def _known_raw_column(frame: ArrivedFrame, name: str) -> None:
    if name not in frame.columns:
        raise FrameError(f"frame {frame.transformer_area}: raw text of {name!r}, a column the frame does not carry")


def _faults_beyond_values(frame: ArrivedFrame) -> dict[int, SetAside]:
    """The faults that a reader would not find out from the values alone: they are said explicitly."""
    if not frame.faults:
        return {}
    said: dict[int, SetAside] = {}
    for row, reason in frame.faults.items():
        texts = frame.raw.get(row, {})
        found: dict[int, SetAside] = {}
        for name in (*frame.columns, STATED_START):
            if name in texts:
                _merge_faults(found, {row: _fault_of(name, texts[name])})
        if found.get(row) is not reason:
            said[row] = reason
    return said


def _fault_of(name: str, text: str) -> SetAside:
    return SetAside.TYPE if name == STATED_START else read_column([text])[1][0]


def _merge_faults(faults: dict[int, SetAside], more: Mapping[int, SetAside]) -> None:
    """A value of the wrong type says more about a row than one that is not a number."""
    for row, reason in more.items():
        if faults.get(row) is not SetAside.TYPE:
            faults[row] = reason


def _frame_of_json(value: bytes, count: int) -> ArrivedFrame:
    try:
        body = _FrameBody.model_validate(orjson.loads(value))
    except orjson.JSONDecodeError as error:
        raise UnreadableMessage(f"not JSON: {error}") from error
    except ValidationError as error:
        raise UnreadableMessage(f"not a frame: {_first_complaint(error)}") from error
    rows = len(body.meter_ids)
    _check_columns(body.columns)
    columns: dict[str, NDArray[np.float64]] = {}
    faults: dict[int, SetAside] = {}
    raw: dict[int, dict[str, str]] = {}
    plain = _plain_table(body.columns, rows)
    for name, values in body.columns.items():
        if not isinstance(values, list) or len(values) != rows:
            count_found = f"{len(values)} values" if isinstance(values, list) else "no list of values"
            raise UnreadableMessage(f"{name} has {count_found} for {rows} meters")
        columns[name] = plain[name] if plain is not None else _plain_column(values)
        if columns[name].size != rows:
            columns[name], odd, texts = read_column(values)
            _merge_faults(faults, odd)
            for row, text in texts.items():
                raw.setdefault(row, {})[name] = text
    if body.stated_start is not None:
        if len(body.stated_start) != rows:
            raise UnreadableMessage(f"stated_start has {len(body.stated_start)} values for {rows} meters")
        for row, stated in enumerate(body.stated_start):
            if stated is not None:
                _merge_faults(faults, {row: SetAside.TYPE})
                raw.setdefault(row, {})[STATED_START] = stated
    if body.faults:
        faults.update(_stated_faults(body.faults, rows))
    return ArrivedFrame(
        transformer_area=body.transformer_area,
        interval_start_s=body.interval_start_s,
        interval_minutes=body.interval_minutes,
        meter_ids=tuple(body.meter_ids),
        columns=columns,
        faults=faults,
        raw=raw,
        reading_count=count,
    )


_NOT_PLAIN = np.empty(0)


def _plain_table(columns: Mapping[str, Any], rows: int) -> dict[str, NDArray[np.float64]] | None:
    """All columns at once where every value is a finite number or null, as in nearly every frame; else None."""
    cells = list(columns.values())
    if not rows or not all(isinstance(values, list) and len(values) == rows for values in cells):
        return None
    if not _PLAIN_NUMBERS.issuperset(map(type, chain.from_iterable(cells))):
        return None
    try:
        table = np.array(cells, dtype=np.float64)
    except OverflowError:
        return None
    return None if np.isinf(table).any() else dict(zip(columns, table, strict=True))


def _plain_column(values: list[Any]) -> NDArray[np.float64]:
    """The column where every value is a finite number or null; an empty array where a closer look is needed."""
    if not _PLAIN_NUMBERS.issuperset(map(type, values)):
        return _NOT_PLAIN
    try:
        column = np.array(values, dtype=np.float64)
    except OverflowError:
        return _NOT_PLAIN
    return _NOT_PLAIN if np.isinf(column).any() else column


def _check_columns(names: Collection[str]) -> None:
    if "energy_kwh" not in names:
        raise UnreadableMessage("no column energy_kwh: a frame carries at least the energy of its interval")
    strangers = set(names) - _KNOWN_COLUMNS
    if strangers:
        raise UnreadableMessage(
            f"unknown columns {', '.join(sorted(strangers))}: known are {', '.join(READING_COLUMNS)}"
        )


def _stated_faults(stated: Mapping[str, str], rows: int) -> dict[int, SetAside]:
    found: dict[int, SetAside] = {}
    for row, reason in stated.items():
        if not (row.isascii() and row.isdigit() and len(row) <= 9 and int(row) < rows):
            raise UnreadableMessage(f"faults names row {row[:20]!r} of {rows}")
        try:
            found[int(row)] = SetAside(reason)
        except ValueError as error:
            raise UnreadableMessage(f"faults names the reason {reason[:40]!r}, which is none") from error
    return found
