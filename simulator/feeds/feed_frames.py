"""Rows of a feed gathered into frames: one transformer area, one interval, a meter at most once in each."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from metering.archive import Archive
from metering.messages import ArrivedFrame
from metering.readings import SetAside
from simulator.feeds.feed import UNKNOWN_AREA
from simulator.feeds.feed_readings import UNREADABLE_TIME, ReadingBatch

T = TypeVar("T", bound=np.generic)


@dataclass(slots=True, eq=False)
class ArrivingRows:
    """Rows in order of arrival with their area; arrays of shape (rows,). `fault_rows` are the keys of `faults`, sorted."""

    times_s: NDArray[np.int64]
    meters: NDArray[np.int32]
    areas: NDArray[np.int32]
    columns: Mapping[str, NDArray[np.float64]]
    faults: Mapping[int, SetAside]
    raw: Mapping[int, Mapping[str, str]]
    fault_rows: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.fault_rows = sorted(self.faults)

    def __len__(self) -> int:
        return len(self.times_s)

    def after(self, row: int) -> ArrivingRows:
        """The rows from `row` on, copied so that the rest can be forgotten."""
        kept = self.fault_rows[bisect_left(self.fault_rows, row) :]
        return ArrivingRows(
            self.times_s[row:].copy(),
            self.meters[row:].copy(),
            self.areas[row:].copy(),
            {name: values[row:].copy() for name, values in self.columns.items()},
            {fault_row - row: self.faults[fault_row] for fault_row in kept},
            {fault_row - row: self.raw[fault_row] for fault_row in kept},
        )

    def followed_by(self, later: ArrivingRows) -> ArrivingRows:
        here = len(self)
        if not here:
            return later
        return ArrivingRows(
            np.concatenate([self.times_s, later.times_s]),
            np.concatenate([self.meters, later.meters]),
            np.concatenate([self.areas, later.areas]),
            {name: np.concatenate([values, later.columns[name]]) for name, values in self.columns.items()},
            {**self.faults, **{row + here: fault for row, fault in later.faults.items()}},
            {**self.raw, **{row + here: raw for row, raw in later.raw.items()}},
        )


class AreaFinder:
    """Finds the transformer area of every row: by its meter alone, or by its time too for a meter that moved."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.names: tuple[str, ...] = (*archive.areas, UNKNOWN_AREA)
        self._code_of = {name: code for code, name in enumerate(self.names)}
        self._of_meter = np.empty(0, dtype=np.int32)
        self._moved = np.empty(0, dtype=np.bool_)
        self._last_time_s = 0

    def code(self, transformer_area: str) -> int:
        return self._code_of[transformer_area]

    def rows(self, batch: ReadingBatch) -> ArrivingRows:
        self._learn(batch.meter_names)
        areas = self._of_meter[batch.meter_codes]
        moved = np.flatnonzero(self._moved[batch.meter_codes])
        if len(moved):
            times_s = self._readable(batch.times_s)
            for row in moved.tolist():
                meter_id = batch.meter_names[int(batch.meter_codes[row])]
                area = self._archive.area_of(meter_id, int(times_s[row]))
                areas[row] = self._code_of[area or UNKNOWN_AREA]
        if self._moved.any() and len(batch):
            self._last_time_s = int(self._readable(batch.times_s)[-1])
        return ArrivingRows(batch.times_s, batch.meter_codes, areas, batch.columns, batch.faults, batch.raw)

    def _readable(self, times_s: NDArray[np.int64]) -> NDArray[np.int64]:
        """The times, with that of the row before where one cannot be read."""
        readable = times_s != UNREADABLE_TIME
        if readable.all():
            return times_s
        latest = np.maximum.accumulate(np.where(readable, np.arange(len(times_s)), -1))
        return np.where(latest < 0, self._last_time_s, times_s[latest])

    def _learn(self, meter_names: Sequence[str]) -> None:
        known = len(self._of_meter)
        if len(meter_names) == known:
            return
        stays = [self._archive.areas_of_meter.get(name, ()) for name in meter_names[known:]]
        areas = [self._code_of[found[0].transformer_area if found else UNKNOWN_AREA] for found in stays]
        self._of_meter = np.append(self._of_meter, np.array(areas, dtype=np.int32))
        self._moved = np.append(self._moved, np.array([len(found) > 1 for found in stays], dtype=np.bool_))


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """How the rows of one interval fall into frames: remembered, because the next interval mostly looks the same."""

    meters: NDArray[np.int32]
    areas: NDArray[np.int32]
    order: NDArray[np.intp] | None
    bounds: NDArray[np.intp]
    frames: tuple[tuple[str, int, int, tuple[str, ...]], ...]


Piece = tuple[ArrivingRows, int, int]


class FrameBuilder:
    """Builds the frames of the rows that were gathered for one interval, in order of first appearance."""

    def __init__(
        self, areas: AreaFinder, meter_names: Sequence[str], interval_minutes: int, only_area: str | None
    ) -> None:
        self._area_names = areas.names
        self._meter_names = meter_names
        self._interval_minutes = interval_minutes
        self._only = None if only_area is None else areas.code(only_area)
        self._layout: _Layout | None = None

    def frames(self, pieces: Sequence[Piece], interval_start_s: int) -> list[ArrivedFrame]:
        """`pieces` are (rows, first, end) in order of arrival; a meter's second reading starts a frame of its own."""
        meters = _joined([rows.meters[first:end] for rows, first, end in pieces])
        areas = _joined([rows.areas[first:end] for rows, first, end in pieces])
        layout = self._layout
        if layout is None or not (np.array_equal(meters, layout.meters) and np.array_equal(areas, layout.areas)):
            layout = self._layout = self._lay_out(meters, areas)
        if not layout.frames:
            return []
        columns = {
            name: _joined([rows.columns[name][first:end] for rows, first, end in pieces])
            for name in pieces[0][0].columns
        }
        faults, raw = _faults(pieces)
        present = ~np.isnan(columns["energy_kwh"])
        present[[row for row, texts in raw.items() if "energy_kwh" in texts]] = True
        if layout.order is not None:
            order = layout.order
            columns = {name: values[order] for name, values in columns.items()}
            present = present[order]
            if faults:
                place = {int(row): i for i, row in enumerate(order)}
                faults = {place[row]: fault for row, fault in faults.items() if row in place}
                raw = {place[row]: raw[row] for row in raw if row in place}
        counts = np.add.reduceat(present, layout.bounds, dtype=np.intp).tolist()
        minutes = self._interval_minutes
        built = []
        for (area, first, end, meter_ids), count in zip(layout.frames, counts, strict=True):
            own = {name: values[first:end] for name, values in columns.items()}
            if faults:
                wrong = [row for row in range(first, end) if row in faults]
                own_faults = {row - first: faults[row] for row in wrong}
                own_raw = {row - first: raw[row] for row in wrong}
                frame = ArrivedFrame(area, interval_start_s, minutes, meter_ids, own, own_faults, own_raw, count)
            else:
                frame = ArrivedFrame(area, interval_start_s, minutes, meter_ids, own, reading_count=count)
            built.append(frame)
        return built

    def _lay_out(self, meters: NDArray[np.int32], areas: NDArray[np.int32]) -> _Layout:
        if self._only is None:
            rows = np.arange(len(meters))
        else:
            rows = np.flatnonzero(areas == self._only)
            if not len(rows):
                return _Layout(meters, areas, None, np.empty(0, dtype=np.intp), ())
        frame_of_row = self._frame_numbers(meters[rows], areas[rows])
        order = rows[np.argsort(frame_of_row, kind="stable")]
        numbers = np.sort(frame_of_row)
        starts = np.flatnonzero(np.diff(numbers, prepend=-1))
        ends = np.append(starts[1:], len(rows))
        names = self._meter_names
        frames = tuple(
            (
                self._area_names[int(areas[order[first]])],
                int(first),
                int(end),
                tuple(names[code] for code in meters[order[first:end]].tolist()),
            )
            for first, end in zip(starts, ends, strict=True)
        )
        in_place = len(order) == len(meters) and bool((np.diff(order) > 0).all())
        return _Layout(meters, areas, None if in_place else order, starts, frames)

    @staticmethod
    def _frame_numbers(meters: NDArray[np.int32], areas: NDArray[np.int32]) -> NDArray[np.intp]:
        """Number of the frame of each row, counted by first appearance."""
        if len(np.unique(meters)) == len(meters):
            _, first, inverse = np.unique(areas, return_index=True, return_inverse=True)
            rank = np.empty(len(first), dtype=np.intp)
            rank[np.argsort(first)] = np.arange(len(first))
            return rank[inverse]
        numbers = np.empty(len(meters), dtype=np.intp)
        opened: dict[int, tuple[int, set[int]]] = {}
        count = 0
        for row, (meter, area) in enumerate(zip(meters.tolist(), areas.tolist(), strict=True)):
            if area not in opened or meter in opened[area][1]:
                opened[area] = (count, set())
                count += 1
            number, inside = opened[area]
            inside.add(meter)
            numbers[row] = number
        return numbers


def _joined(parts: list[NDArray[T]]) -> NDArray[T]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _faults(pieces: Sequence[Piece]) -> tuple[dict[int, SetAside], dict[int, Mapping[str, str]]]:
    faults: dict[int, SetAside] = {}
    raw: dict[int, Mapping[str, str]] = {}
    before = 0
    for rows, first, end in pieces:
        wrong = rows.fault_rows
        for row in wrong[bisect_left(wrong, first) : bisect_left(wrong, end)]:
            faults[before + row - first] = rows.faults[row]
            raw[before + row - first] = rows.raw[row]
        before += end - first
    return faults, raw
