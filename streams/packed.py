"""The packed frame: the same content as the JSON one in about a quarter of the bytes, exactly.

Layout, little-endian: header (magic, area length, start, minutes, rows, columns, ids' form, ids length, tail length), the area,
the meter ids, then per column its number in `COLUMNS_OF_SCHEMA_1`, its form, and its values; last a JSON tail with
`raw` and `faults`, empty in nearly every frame. Form 255 is float64; form k < 255 is int32 holding value x 10^k, used
only where dividing gives every value back to the last bit. NaN (null) is the lowest int32.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from metering.errors import FrameError, UnreadableMessage
from metering.messages import ArrivedFrame
from metering.readings import SetAside

#: Frozen: a column's number on the wire is its place here. A new column means a new schema.
COLUMNS_OF_SCHEMA_1 = (
    "energy_kwh",
    "export_kwh",
    "register_kwh",
    "voltage_v",
    "voltage_a_v",
    "voltage_b_v",
    "voltage_c_v",
    "neutral_current_a",
    "current_a",
    "power_factor",
    "current_a_a",
    "current_b_a",
    "current_c_a",
    "temperature_c",
)
_NUMBER_OF = {name: number for number, name in enumerate(COLUMNS_OF_SCHEMA_1)}
_HEADER = struct.Struct("<4sHqiIBBII")
_COLUMN = struct.Struct("<BB")
_MAGIC = b"MWF1"
_AS_FLOAT64 = 255
_NULL = -(2**31)
_DECIMALS_TRIED = (3, 2, 1, 4, 5, 6, 0)
_POWER = {k: float(10**k) for k in _DECIMALS_TRIED}
_IDS_JOINED, _IDS_AS_JSON = 0, 1
_SAMPLE = 8


def pack_frame(frame: ArrivedFrame) -> bytes:
    """The frame as bytes; its reading count rides in the message's header. Raises `FrameError` for an infinity."""
    area = frame.transformer_area.encode()
    form = _IDS_AS_JSON if any("\0" in i for i in frame.meter_ids) else _IDS_JOINED
    ids = orjson.dumps(frame.meter_ids) if form == _IDS_AS_JSON else "\0".join(frame.meter_ids).encode()
    tail = b""
    if frame.faults or frame.raw:
        tail = orjson.dumps(
            {
                "faults": {str(row): reason.value for row, reason in frame.faults.items()},
                "raw": {str(row): texts for row, texts in frame.raw.items()},
            }
        )
    rows = len(frame.meter_ids)
    parts = [
        _HEADER.pack(
            _MAGIC,
            len(area),
            frame.interval_start_s,
            frame.interval_minutes,
            rows,
            len(frame.columns),
            form,
            len(ids),
            len(tail),
        ),
        area,
        ids,
    ]
    for name, values in frame.columns.items():
        if values.shape != (rows,):
            raise FrameError(f"frame {frame.transformer_area}: {name} has shape {values.shape}, not ({rows},)")
        if np.isinf(values).any():
            raise FrameError(f"frame {frame.transformer_area}: {name} holds an infinity; put its text into `raw`")
        decimals, payload = _pack_column(values)
        parts += (_COLUMN.pack(_NUMBER_OF[name], decimals), payload)
    parts.append(tail)
    return b"".join(parts)


def _pack_column(values: NDArray[np.float64]) -> tuple[int, bytes]:
    null = np.isnan(values)
    known = values[~null] if null.any() else values
    for decimals in _DECIMALS_TRIED:
        if _scaled(known[:_SAMPLE], decimals) is None:
            continue
        scaled = _scaled(known, decimals)
        if scaled is None:
            continue
        if known is values:
            return decimals, scaled.astype("<i4").tobytes()
        whole = np.full(values.shape, _NULL, dtype="<i4")
        whole[~null] = scaled
        return decimals, whole.tobytes()
    return _AS_FLOAT64, values.astype("<f8").tobytes()


def _scaled(values: NDArray[np.float64], decimals: int) -> NDArray[np.float64] | None:
    """Whole numbers that give `values` back bit by bit when divided by 10^decimals, or None."""
    power = _POWER[decimals]
    if values.size and np.abs(values).max() >= (2**31 - 1) / power:
        return None
    scaled = np.rint(values * power)
    # int32 knows no minus zero: adding 0.0 turns it into zero, and the comparison of bits then fails where it mattered
    same = ((scaled + 0.0) / power).view(np.int64) == values.view(np.int64)
    return scaled if same.all() else None


def unpack_frame(value: bytes, reading_count: int) -> ArrivedFrame:
    """The frame that was packed. Raises `UnreadableMessage`, whatever the bytes are."""
    try:
        return _unpack(value, reading_count)
    except (struct.error, ValueError, IndexError, KeyError, TypeError, AttributeError, MemoryError) as error:
        raise UnreadableMessage(f"not a packed frame: {error}") from error


def _unpack(value: bytes, reading_count: int) -> ArrivedFrame:
    magic, area_size, start_s, minutes, rows, column_count, form, ids_size, tail_size = _HEADER.unpack_from(value)
    if magic != _MAGIC:
        raise UnreadableMessage(f"not a packed frame: it begins with {magic!r} instead of {_MAGIC!r}")
    at = _HEADER.size
    area = value[at : at + area_size].decode()
    at += area_size
    meter_ids = _meter_ids(value[at : at + ids_size], form, rows)
    at += ids_size
    columns: dict[str, NDArray[np.float64]] = {}
    faults: dict[int, SetAside] = {}
    raw: dict[int, dict[str, str]] = {}
    for _ in range(column_count):
        number, decimals = _COLUMN.unpack_from(value, at)
        at += _COLUMN.size
        name = COLUMNS_OF_SCHEMA_1[number]
        if decimals == _AS_FLOAT64:
            column = np.frombuffer(value, "<f8", rows, at).astype(np.float64)
            at += 8 * rows
            for row in np.flatnonzero(np.isinf(column)).tolist():
                faults[row] = SetAside.NOT_A_NUMBER
                raw.setdefault(row, {})[name] = str(float(column[row]))
                column[row] = np.nan
        else:
            whole = np.frombuffer(value, "<i4", rows, at)
            at += 4 * rows
            column = whole / _POWER[decimals]
            column[whole == _NULL] = np.nan
        columns[name] = column
    if "energy_kwh" not in columns:
        raise UnreadableMessage("no column energy_kwh: a frame carries at least the energy of its interval")
    if not area:
        raise UnreadableMessage("a frame without a transformer area")
    if at + tail_size != len(value):
        raise UnreadableMessage(f"not a packed frame: {len(value)} bytes where {at + tail_size} are announced")
    if tail_size:
        _read_tail(orjson.loads(value[at:]), rows, faults, raw)
    return ArrivedFrame(
        transformer_area=area,
        interval_start_s=start_s,
        interval_minutes=minutes,
        meter_ids=meter_ids,
        columns=columns,
        faults=faults,
        raw=raw,
        reading_count=reading_count,
    )


def _meter_ids(block: bytes, form: int, rows: int) -> tuple[str, ...]:
    if form == _IDS_JOINED:
        ids = block.decode().split("\0") if rows else []
    elif form == _IDS_AS_JSON:
        ids = orjson.loads(block)
        if not isinstance(ids, list) or not all(isinstance(i, str) for i in ids):
            raise UnreadableMessage("not a packed frame: its meter ids are no list of texts")
    else:
        raise UnreadableMessage(f"not a packed frame: meter ids in the unknown form {form}")
    if len(ids) != rows:
        raise UnreadableMessage(f"not a packed frame: {len(ids)} meter ids for {rows} rows")
    return tuple(ids)


def _read_tail(tail: Any, rows: int, faults: dict[int, SetAside], raw: dict[int, dict[str, str]]) -> None:
    for word, reason in tail["faults"].items():
        faults[_row(word, rows)] = SetAside(reason)
    for word, texts in tail["raw"].items():
        if not all(isinstance(text, str) for text in texts.values()):
            raise UnreadableMessage(f"not a packed frame: raw values of row {word} are no texts")
        raw.setdefault(_row(word, rows), {}).update(texts)


def _row(word: str, rows: int) -> int:
    row = int(word)
    if not 0 <= row < rows:
        raise UnreadableMessage(f"not a packed frame: row {row} of {rows}")
    return row
