"""Which readings of an arrived frame are taken in: each row is accepted, set aside with one reason, or late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from metering.archive import Area, MeterOrder
from metering.messages import ArrivedFrame
from metering.readings import NON_NEGATIVE_COLUMNS, SetAside
from metering.times import LATE_LIMIT_S, IntervalGrid


@dataclass(slots=True)
class OpenInterval:
    """An interval that is not closed yet: the last values in the log win. Columns are (meters,) float64, NaN = missing."""

    columns: dict[str, NDArray[np.float64]]
    received: NDArray[np.bool_]
    untouched: bool = False
    """Nothing was taken in yet."""

    @classmethod
    def empty(cls, meters: int) -> OpenInterval:
        return cls({"energy_kwh": np.full(meters, np.nan)}, np.zeros(meters, dtype=np.bool_), untouched=True)

    def column(self, name: str) -> NDArray[np.float64]:
        values = self.columns.get(name)
        if values is None:
            values = self.columns[name] = np.full(len(self.received), np.nan)
        return values


@dataclass(slots=True)
class Admission:
    """What became of one frame's readings. `late` holds (meter row, energy in kWh) of readings after the close."""

    accepted: int = 0
    corrected: int = 0
    late: list[tuple[int, float]] = field(default_factory=list)
    set_aside: dict[SetAside, int] = field(default_factory=dict)
    reasons: dict[str, SetAside] = field(default_factory=dict)
    """meter id -> why its reading was set aside"""
    fate: dict[str, str] = field(default_factory=dict)
    """meter id -> what became of it, filled only where the fates differ from `accepted`."""

    def put_aside(self, meter_id: str, reason: SetAside) -> None:
        self.set_aside[reason] = self.set_aside.get(reason, 0) + 1
        self.reasons[meter_id] = reason
        self.fate[meter_id] = f"set aside: {reason}"


@dataclass(frozen=True, slots=True, eq=False)
class Screened:
    """The rows of a frame that stand on their own: `rows` index the frame, `meters` the area, both (accepted,)."""

    rows: NDArray[np.intp]
    meters: NDArray[np.intp]


def screen(frame: ArrivedFrame, area: Area | None, grid: IntervalGrid, clock_s: int, admission: Admission) -> Screened:
    """Set aside what is wrong by itself, whatever came before. `clock_s` 0 = no tick yet: time is not judged."""
    whole = _whole_frame_fault(frame, area, grid, clock_s)
    if area is not None and whole is None and not frame.faults:
        order = area.order_of(frame.meter_ids)
        if order.all_known and _nothing_wrong(frame, area, order):
            return Screened(order.everything, order.rows)
    counted = ~np.isnan(frame.columns["energy_kwh"])
    for row, raw in frame.raw.items():
        counted[row] |= "energy_kwh" in raw
    if whole is not None or area is None:
        reason = whole or SetAside.UNKNOWN_METER
        for row in np.flatnonzero(counted).tolist():
            admission.put_aside(frame.meter_ids[row], frame.faults.get(row, reason))
        return Screened(np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp))

    meters = np.array([area.row_of.get(m, -1) for m in frame.meter_ids], dtype=np.intp)
    inside = meters >= 0
    usable = inside & area.valid_at(frame.interval_start_s)[meters]
    verdict = dict.fromkeys(np.flatnonzero(~usable).tolist(), SetAside.UNKNOWN_METER)
    hours = frame.interval_minutes / 60
    with np.errstate(invalid="ignore"):
        limit_kwh = np.where(inside, area.impossible_above_kw[meters], np.inf) * hours
        for name in ("energy_kwh", "export_kwh"):
            if name in frame.columns:
                verdict |= {
                    int(r): SetAside.IMPOSSIBLE for r in np.flatnonzero(usable & (frame.columns[name] > limit_kwh))
                }
        for name in NON_NEGATIVE_COLUMNS:
            if name in frame.columns:
                verdict |= {int(r): SetAside.NEGATIVE for r in np.flatnonzero(usable & (frame.columns[name] < 0))}
    verdict |= frame.faults
    for row, reason in verdict.items():
        usable[row] = False
        if counted[row]:
            admission.put_aside(frame.meter_ids[row], reason)
    good = np.flatnonzero(usable)
    return Screened(good, meters[good])


def _nothing_wrong(frame: ArrivedFrame, area: Area, order: MeterOrder) -> bool:
    """Whether every value of a frame is possible and every meter in service: the usual case, told in a few operations."""
    in_service = area.valid_at(frame.interval_start_s)
    if np.count_nonzero(in_service) < len(area) and not in_service[order.rows].all():
        return False
    columns = frame.columns
    signless = [columns[name] for name in NON_NEGATIVE_COLUMNS if name in columns]
    if not len(order.rows) or np.fmin.reduce(np.concatenate(signless)) < 0:
        return False
    limit_kwh = order.impossible_above_kw * (frame.interval_minutes / 60)
    highest = columns["energy_kwh"]
    if "export_kwh" in columns:
        highest = np.fmax(highest, columns["export_kwh"])
    return not np.count_nonzero(highest > limit_kwh)


def _whole_frame_fault(frame: ArrivedFrame, area: Area | None, grid: IntervalGrid, clock_s: int) -> SetAside | None:
    if area is None:
        return SetAside.UNKNOWN_METER
    if frame.interval_minutes != grid.interval_minutes or not grid.holds(frame.interval_start_s):
        return SetAside.INTERVAL
    if clock_s and frame.interval_start_s > clock_s + grid.step_s:
        return SetAside.TIME
    if clock_s and frame.interval_start_s < clock_s - LATE_LIMIT_S:
        return SetAside.TOO_LATE
    return None


def take_in(frame: ArrivedFrame, screened: Screened, interval: OpenInterval, admission: Admission) -> None:
    """Put the screened rows into their open interval: the same again is `repeated`, other values are a correction."""
    if interval.untouched and _take_in_at_once(frame, screened, interval, admission):
        return
    interval.untouched = False
    if len(np.unique(screened.meters)) == len(screened.meters):
        _take_in_rows(frame, screened.rows, screened.meters, interval, admission)
        return
    for one, meter in zip(screened.rows, screened.meters, strict=True):
        _take_in_rows(frame, np.array([one]), np.array([meter]), interval, admission)


def _take_in_at_once(frame: ArrivedFrame, screened: Screened, interval: OpenInterval, admission: Admission) -> bool:
    """The first frame of an interval, all columns as one array; False, with nothing done, where a meter stands twice."""
    rows, meters, count = screened.rows, screened.meters, len(interval.received)
    columns = frame.columns
    arrived = np.concatenate(list(columns.values())).reshape(len(columns), -1)
    if len(rows) != arrived.shape[1]:
        arrived = arrived[:, rows]
    if len(meters) == count and np.array_equal(meters, _rows_upto(count)):
        table = arrived
    elif len(np.unique(meters)) < len(meters):
        return False
    else:
        table = np.full((len(columns), count), np.nan)
        table[:, meters] = arrived
    interval.columns = dict(zip(columns, table, strict=True))
    energy_kwh = interval.columns["energy_kwh"]
    interval.received = energy_kwh == energy_kwh
    interval.untouched = False
    admission.accepted += int(np.count_nonzero(interval.received))
    return True


@lru_cache(maxsize=1024)
def _rows_upto(count: int) -> NDArray[np.intp]:
    return np.arange(count)


def _take_in_rows(
    frame: ArrivedFrame,
    rows: NDArray[np.intp],
    meters: NDArray[np.intp],
    interval: OpenInterval,
    admission: Admission,
) -> None:
    reading = ~np.isnan(frame.columns["energy_kwh"][rows])
    again = reading & interval.received[meters]
    take = np.ones(len(rows), dtype=np.bool_)
    if again.any():
        same = again.copy()
        for name, values in frame.columns.items():
            held = interval.column(name)[meters]
            came = values[rows]
            same &= (came == held) | (np.isnan(came) & np.isnan(held))
        for row in rows[same]:
            admission.put_aside(frame.meter_ids[row], SetAside.REPEATED)
        for row in rows[again & ~same]:
            admission.fate[frame.meter_ids[row]] = "accepted as a correction"
        admission.corrected += int((again & ~same).sum())
        take = ~same
    # a row without an energy may bring voltages, but never takes back an energy that is there
    take &= reading | ~interval.received[meters]
    for name, values in frame.columns.items():
        interval.column(name)[meters[take]] = values[rows[take]]
    interval.received[meters[reading]] = True
    admission.accepted += int((reading & take).sum())


def late_rows(frame: ArrivedFrame, screened: Screened) -> list[tuple[int, float]]:
    """(meter row, energy in kWh) of the readings of a frame whose interval is closed."""
    energy = frame.columns["energy_kwh"][screened.rows]
    return [(int(m), float(e)) for m, e in zip(screened.meters, energy, strict=True) if not np.isnan(e)]


def counters(admission: Admission) -> Mapping[str, int]:
    """Increments by counter name; the names of `report.json`, with a dot for the reasons."""
    counted = {f"set_aside.{reason}": n for reason, n in admission.set_aside.items()} if admission.set_aside else {}
    if admission.accepted:
        counted["readings_accepted"] = admission.accepted
    if admission.corrected:
        counted["readings_corrected"] = admission.corrected
    if admission.late:
        counted["readings_late"] = len(admission.late)
    return counted
