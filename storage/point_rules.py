"""What every time-series store takes and refuses alike, so that the embedded one is no stand-in that differs."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from metering.points import SCHEMA, Point
from metering.ports import ReadingColumns

log = logging.getLogger(__name__)

#: InfluxDB keeps time as nanoseconds in 64 bits; what lies outside cannot be stored there.
EARLIEST_S = -9_223_372_036
LATEST_S = 9_223_372_035


def finite_fields(point: Point) -> dict[str, float]:
    """The fields worth storing: NaN and infinities are left out."""
    return {name: float(number) for name, number in point.fields.items() if math.isfinite(number)}


def why_refused(point: Point) -> str | None:
    """The reason for which no store takes this point, or None.

    >>> why_refused(Point("area_balance", {"transformer_area": ""}, 0, {"loss_kwh": 1.0}))
    'tag transformer_area is empty'
    """
    schema = SCHEMA.get(point.measurement)
    if schema is None:
        return f"measurement {point.measurement!r} is not one of {', '.join(SCHEMA)}"
    if set(point.tags) != set(schema.tags):
        return f"tags {sorted(point.tags)} are not {sorted(schema.tags)}"
    unknown = point.fields.keys() - schema.fields.keys()
    if unknown:
        return f"fields {sorted(unknown)} are not in the schema of {point.measurement}"
    if not EARLIEST_S <= point.time_s <= LATEST_S:
        return f"time {point.time_s} s cannot be stored"
    return _why_tags_refused(point.tags)


def accepted_points(points: Sequence[Point]) -> tuple[list[tuple[Point, dict[str, float]]], int]:
    """The points that can be stored with their finite fields, in order; and how many were refused, which is logged.

    A point without any finite field is nothing to write: neither stored nor refused.
    """
    kept: list[tuple[Point, dict[str, float]]] = []
    refused = 0
    for point in points:
        reason = why_refused(point)
        if reason is not None:
            refused += 1
            log.warning("point refused for good: %s (%s)", reason, point.measurement)
            continue
        fields = finite_fields(point)
        if fields:
            kept.append((point, fields))
    return kept, refused


def accepted_readings(frames: Sequence[ReadingColumns]) -> tuple[list[tuple[ReadingColumns, list[int]]], int]:
    """Frames with the rows that can be stored; and how many rows were refused, which is logged."""
    kept: list[tuple[ReadingColumns, list[int]]] = []
    refused = 0
    for frame in frames:
        reason = _why_frame_refused(frame)
        if reason is not None:
            refused += len(frame.meter_ids)
            log.warning("readings of a frame refused for good: %s", reason)
            continue
        rows = [row for row, meter_id in enumerate(frame.meter_ids) if why_tag_refused(meter_id) is None]
        if len(rows) < len(frame.meter_ids):
            refused += len(frame.meter_ids) - len(rows)
            log.warning("%d readings refused for good: their meter id is no tag", len(frame.meter_ids) - len(rows))
        kept.append((frame, rows))
    return kept, refused


@lru_cache(maxsize=500_000)
def why_tag_refused(text: str) -> str | None:
    """Line protocol has no way to write these, and altering an identity would be worse than refusing it."""
    if not text:
        return "is empty"
    if not text.isprintable():
        return "holds a character that cannot be printed"
    if text.endswith("\\") or any(pair in text for pair in ("\\,", "\\ ", "\\=", "\\\\")):
        return "holds a backslash where line protocol cannot carry one"
    return None


def sort_key(time_s: int, tags: Mapping[str, str]) -> tuple[int, list[tuple[str, str]]]:
    """By time, then tags."""
    return time_s, sorted(tags.items())


def _why_tags_refused(tags: Mapping[str, str]) -> str | None:
    return next(_faults(tags), None)


def _faults(tags: Mapping[str, str]) -> Iterator[str]:
    for name, text in tags.items():
        fault = why_tag_refused(text)
        if fault:
            yield f"tag {name} {fault}"


def _why_frame_refused(frame: ReadingColumns) -> str | None:
    unknown = frame.columns.keys() - SCHEMA["reading"].fields.keys()
    if unknown:
        return f"columns {sorted(unknown)} are not in the schema of reading"
    if not EARLIEST_S <= frame.interval_start_s <= LATEST_S:
        return f"time {frame.interval_start_s} s cannot be stored"
    fault = why_tag_refused(frame.transformer_area)
    return None if fault is None else f"transformer area {fault}"
