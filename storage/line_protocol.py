"""Line protocol of InfluxDB: points and readings as lines, in whole seconds, always floats.

A float is written by `repr`, so that equal values give equal bytes, and with no suffix, so that a field never becomes an
integer field that refuses the next float.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from metering.points import Point
from metering.ports import ReadingColumns

_ESCAPES = str.maketrans({",": "\\,", " ": "\\ ", "=": "\\="})


@lru_cache(maxsize=200_000)
def escaped(text: str) -> str:
    """A tag's value (or name) as line protocol writes it.

    >>> escaped("变台 1,a=b")
    '变台\\\\ 1\\\\,a\\\\=b'
    """
    return text.translate(_ESCAPES)


def series_key(measurement: str, tags: Mapping[str, str]) -> str:
    """Measurement and tags, in the order in which the server keeps them."""
    return ",".join([measurement, *(f"{name}={escaped(tags[name])}" for name in sorted(tags))])


def point_line(point: Point, fields: Mapping[str, float]) -> str:
    """One line; `fields` are finite and at least one.

    >>> point_line(Point("area_balance", {"transformer_area": "TA 1"}, 900), {"loss_kwh": 1})
    'area_balance,transformer_area=TA\\\\ 1 loss_kwh=1.0 900'
    """
    written = ",".join(f"{name}={float(fields[name])!r}" for name in fields)
    return f"{series_key(point.measurement, point.tags)} {written} {point.time_s}"


def reading_lines(frame: ReadingColumns, rows: Sequence[int]) -> list[str]:
    """One line per given row that has anything to write, in row order."""
    names = list(frame.columns)
    if not names or not rows:
        return []
    area = escaped(frame.transformer_area)
    picked = np.asarray(rows, dtype=np.intp)
    table = np.column_stack([frame.columns[name][picked] for name in names])
    known = np.isfinite(table)
    meters = [escaped(frame.meter_ids[row]) for row in rows]
    if known.all():
        # Most frames are whole: one template for all their lines.
        template = f"reading,meter_id=%s,transformer_area={area.replace('%', '%%')} "
        template += ",".join(f"{name}=%r" for name in names) + f" {frame.interval_start_s}"
        return [template % (meter, *numbers) for meter, numbers in zip(meters, table.tolist(), strict=True)]
    lines = []
    for meter, numbers in zip(meters, table.tolist(), strict=True):
        written = ",".join(
            f"{name}={number!r}" for name, number in zip(names, numbers, strict=True) if math.isfinite(number)
        )
        if written:
            lines.append(f"reading,meter_id={meter},transformer_area={area} {written} {frame.interval_start_s}")
    return lines
