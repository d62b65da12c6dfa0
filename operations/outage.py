"""An area's outage while its interval closes: what it says of the area, and that its meters are not judged by it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.day.bank import event_says
from metering.evidence import Signal
from metering.frame import ReadingFrame
from operations.area import AreaInProgress, day_ordinal

POWER_OFF = "power_off"
#: A meter's power-off so near to a recorded outage of its area belongs to it.
OUTAGE_MARGIN_S = 900


def weigh_outage(
    area: AreaInProgress, frame: ReadingFrame, measured: NDArray[np.bool_]
) -> tuple[ReadingFrame, NDArray[np.bool_], Signal]:
    """(the frame as it is judged, where an energy was received, what the interval says of the area's supply).

    Of an interval that an outage touches, recorded or seen as it happens, nothing is judged: its frame is all NaN. A meter that reported
    power off alone since the interval before tells its day so.
    """
    verdict = area.area_outage.judge(frame, area.archive.outages_by_area.get(area.name, ()))
    area.area_outage.learn(verdict)
    for row, at_s in verdict.alone:
        _tell_power_off(area, row, at_s)
    if not verdict.touched:
        return frame, measured, verdict.signal
    columns = {name: np.full(len(frame), np.nan) for name in frame.columns}
    dark = ReadingFrame(
        frame.transformer_area, frame.interval_start_s, frame.interval_minutes, frame.meter_ids, columns
    )
    return dark, np.zeros(len(frame), dtype=np.bool_), verdict.signal


def _tell_power_off(area: AreaInProgress, row: int, at_s: int) -> None:
    if not area.archive.in_outage(area.name, at_s - OUTAGE_MARGIN_S, at_s + OUTAGE_MARGIN_S):
        tell_day(area, row, POWER_OFF, at_s)


def tell_day(area: AreaInProgress, row: int, code: str, at_s: int) -> None:
    """The day's curves remember what a meter's own event says of a case."""
    says = event_says(code)
    if not says or area.next_day is None:
        return
    ordinal = day_ordinal(area.archive.calendar.day_of(at_s))
    if ordinal <= area.next_day + 1:  # no event is of a day that has not begun
        area.day(max(ordinal, area.next_day)).curves.tell(row, says)
