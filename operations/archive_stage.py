"""The archive stage along the log: raw readings go to the time-series store; its acknowledgement is the stage's own.

It reads the same topic as the area stage, through a consumer group of its own, so that judging never waits for it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from metering.archive import Archive
from metering.messages import ArrivedFrame, Message, Tick
from metering.ports import Checkpoint, PartitionChange, PartitionMark, ReadingColumns, Role, StateStore, TimeSeries
from metering.times import IntervalGrid
from operations.admission import Admission, screen


class ArchiveStage:
    """Writes every reading that stands on its own (late ones too); what admission sets aside is not written."""

    role: Role = "archive"

    def __init__(self, archive: Archive, store: StateStore, series: TimeSeries, *, owner: str) -> None:
        self._archive = archive
        self._store = store
        self._series = series
        self._owner = owner
        self._grid = IntervalGrid(archive.calendar, archive.interval_minutes)
        self._marks: dict[int, PartitionMark] = {}
        self._waiting: dict[int, list[ReadingColumns]] = {}
        self._counters: dict[int, dict[str, int]] = {}
        self._refused: dict[int, int] = {}

    def standing(self) -> dict[int, tuple[int, dict[str, int]]]:
        """By partition held: its clock (epoch seconds) and the points that the store refused for good so far."""
        return {p: (mark.clock_s, {"points_refused": self._refused.get(p, 0)}) for p, mark in list(self._marks.items())}

    def begin(self, partition: int) -> int:
        self.drop(partition)
        mark = self._store.begin_partition(self.role, partition, self._owner)
        self._marks[partition] = mark
        self._waiting[partition] = []
        return mark.next_offset

    def handle(self, partition: int, offset: int, message: Message) -> None:
        mark = self._marks[partition]
        if isinstance(message, ArrivedFrame):
            readings = self._screened(message, mark.clock_s)
            if readings is not None:
                self._waiting[partition].append(readings)
        elif isinstance(message, Tick):
            mark = replace(mark, clock_s=max(mark.clock_s, message.time_s))
        self._marks[partition] = replace(mark, next_offset=offset + 1)

    def refuse(self, partition: int, offset: int, reading_count: int) -> None:
        # counted, and sent to the dead letters, by the area stage: here the message is only passed over
        del reading_count
        self._marks[partition] = replace(self._marks[partition], next_offset=offset + 1)

    def save(self) -> frozenset[int]:
        """Write what waits, then record how far it reaches. A failed write keeps everything for the next try."""
        for partition, frames in self._waiting.items():
            if not frames:
                continue
            refused = self._series.write_readings(frames)
            if refused:
                counted = self._counters.setdefault(partition, {})
                counted["points_refused"] = counted.get("points_refused", 0) + refused
                self._refused[partition] = self._refused.get(partition, 0) + refused
            self._waiting[partition] = []
        checkpoint = Checkpoint(self.role)
        for partition, mark in self._marks.items():
            checkpoint.partitions[partition] = PartitionChange(
                mark.epoch, mark.next_offset, mark.clock_s, counters=self._counters.get(partition, {})
            )
        lost = self._store.save(checkpoint)
        self._counters.clear()
        for partition in lost:
            self.drop(partition)
        return lost

    def drop(self, partition: int) -> None:
        self._marks.pop(partition, None)
        self._waiting.pop(partition, None)
        self._counters.pop(partition, None)

    def _screened(self, frame: ArrivedFrame, clock_s: int) -> ReadingColumns | None:
        area = self._archive.areas.get(frame.transformer_area)
        rows = screen(frame, area, self._grid, clock_s, Admission()).rows
        if not len(rows):
            return None
        if len(rows) == len(frame.meter_ids):
            return ReadingColumns(frame.transformer_area, frame.interval_start_s, frame.meter_ids, frame.columns)
        return ReadingColumns(
            frame.transformer_area,
            frame.interval_start_s,
            [frame.meter_ids[r] for r in rows.tolist()],
            {name: np.asarray(values[rows]) for name, values in frame.columns.items()},
        )
