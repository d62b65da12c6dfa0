"""What a meter's own profile, as it stands now, expects of each interval of a span of time: the second line of a load curve."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from metering.archive import Archive
from metering.frame import ReadingFrame
from metering.times import IntervalGrid
from operations.area import AreaInProgress

LONGEST_SPAN_INTERVALS = 6_000


def expected_curve(
    archive: Archive, pages: Mapping[str, bytes], transformer_area: str, meter_id: str, start_s: int, end_s: int
) -> list[tuple[int, float]]:
    """(interval start, expected kWh) by time, for at most 6,000 intervals; empty where nothing is learnt.

    `pages` are the area's saved state. Rows that are suspected do not teach the profile, so it keeps what was normal before.
    """
    area = AreaInProgress(archive, archive.areas[transformer_area], {})
    area.restore(pages)
    grid = IntervalGrid(archive.calendar, archive.interval_minutes)
    row = area.area.row_of[meter_id]
    unread = np.full(len(area.area), np.nan)
    curve: list[tuple[int, float]] = []
    at_s = grid.floor(start_s)
    while at_s < end_s and len(curve) < LONGEST_SPAN_INTERVALS:
        frame = ReadingFrame(
            transformer_area, at_s, archive.interval_minutes, area.area.meter_ids, {"energy_kwh": unread}
        )
        expected = float(area.expected_kwh(frame)[row])
        if np.isfinite(expected):
            curve.append((at_s, round(expected, 4)))
        at_s = grid.next(at_s)
    return curve
