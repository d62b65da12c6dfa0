"""Validation in the area stage: what is doubted before it is judged, what was refused on the way in, and what a closed day shows.

The reading itself is never touched: it is stored as it came. Only what is concluded from it does without.
"""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

from metering.evidence import SET_STRENGTH, AreaCurves, Signal
from metering.frame import ReadingFrame
from metering.messages import ArrivedFrame
from metering.readings import SetAside
from operations.admission import Admission
from operations.area import AreaInProgress, DayInProgress, Outcome, day_ordinal

#: Counters of meter-days by what is wrong with them; in `report.json` under this name.
DATA_QUALITY = "data_quality"


def believed_frame(area: AreaInProgress, frame: ReadingFrame) -> tuple[ReadingFrame, NDArray[np.intp]]:
    """(the frame without the energies that are doubted, the rows where they stood); mostly the frame itself and no row."""
    doubted = area.validation.doubtful(frame)
    area.validation.see(frame)
    day = area.day(day_ordinal(area.archive.calendar.local(frame.interval_start_s)))
    day.readings.add(frame)
    if not len(doubted):
        return frame, doubted
    day.readings.doubt(doubted, frame.energy_kwh[doubted])
    energy_kwh = frame.energy_kwh.copy()
    energy_kwh[doubted] = np.nan
    columns = {**frame.columns, "energy_kwh": energy_kwh}
    believed = ReadingFrame(
        frame.transformer_area, frame.interval_start_s, frame.interval_minutes, frame.meter_ids, columns
    )
    believed.shared["received_kwh"] = frame.energy_kwh
    return believed, doubted


def count_refused(area: AreaInProgress, frame: ArrivedFrame, admission: Admission) -> None:
    """Remember per meter what was set aside, for the close of its day; days that are closed or far ahead are not."""
    ordinal = day_ordinal(area.archive.calendar.day_of(frame.interval_start_s))
    if not admission.set_aside or area.next_day is None or not area.next_day <= ordinal <= area.next_day + 1:
        return
    readings = area.day(ordinal).readings
    for meter_id, reason in admission.reasons.items():
        row = area.area.row_of.get(meter_id)
        if row is None:
            continue
        if reason is SetAside.UNKNOWN_METER:  # known to the area, and not in service
            energy_kwh = float(frame.columns["energy_kwh"][frame.meter_ids.index(meter_id)])
            readings.use_out_of_service(row, energy_kwh if energy_kwh > 0 else 0.0)
        else:
            readings.refuse(row, repeated=reason is SetAside.REPEATED)


def validate_day(area: AreaInProgress, day: DayInProgress, curves: AreaCurves, outcome: Outcome) -> list[Signal]:
    """What is wrong with the closed day's readings, counted; the day is taken in."""
    in_service = area.area.valid_at(area.archive.calendar.day_start(date.fromordinal(curves.day_ordinal)))
    signals = area.validation.judge(curves, day.readings, in_service)
    for signal in signals:
        broken = np.count_nonzero(signal.strength >= SET_STRENGTH)
        if broken:
            outcome.count({f"{DATA_QUALITY}.{signal.abnormality}": int(broken)})
    area.validation.learn(curves, day.readings)
    return signals
