"""A province straight into the real stages: no feed folder, no log, the state store in memory; and what it costs.

Only what lies between simulator and stages is left out. `JudgeStage`, `close_ready_days` and the store are the product's own,
messages come in the one order of `publication`, and the outcome is written as the RUN folder that `evaluate` reads.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alerts.routes import Routes
from benchmarks.stage_clock import peak_rss_bytes
from inspection.capacity import Capacity
from metering.archive import Archive
from metering.messages import ArrivedFrame, Finding, Tick
from metering.ports import StateStore
from monitor.pacing import Pacing
from monitor.progress import Advance
from monitor.replay import TOPIC, finish_run
from operations.close_day import close_ready_days
from operations.dispatch import dispatch_ready
from operations.judge_stage import JudgeStage
from simulator.feeds.publication import FeedSource, publication
from simulator.people.department import InspectionDepartment
from storage.memory import MemoryStore

OWNER = "benchmark"
POINTS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU of the judging thread alone, and what it leaves behind. `interval_us`: a reading from its frame to the end of its
    interval; `daily_us`: a meter's day, from its close in the area stage to its rank; `state_bytes`: saved pages of a meter."""

    readings: int
    interval_us: float
    daily_us: float
    state_bytes: float
    wall_s: float
    peak_rss_bytes: int


@dataclass(slots=True)
class _Clock:
    """CPU seconds of this thread by what they went into."""

    interval_s: float = 0.0
    closing_tick_s: float = 0.0
    tick_s: float = 0.0
    ranking_s: float = 0.0
    ticks: int = 0
    closing_ticks: int = 0

    def costs(self, pacing: Pacing, store: StateStore, archive: Archive, days: int, wall_s: float) -> Costs:
        # a tick that closes a day closes an interval too: that part is taken to cost what any other tick does
        usual_s = self.closing_ticks * self.tick_s / max(self.ticks, 1)
        meters = len(archive.areas_of_meter)
        daily_s = max(self.closing_tick_s - usual_s, 0.0) + self.ranking_s
        pages = (page for area in archive.areas for page in store.load_pages(area).values())
        return Costs(
            readings=pacing.sending.readings,
            interval_us=1e6 * (self.interval_s + self.tick_s + usual_s) / max(pacing.sending.readings, 1),
            daily_us=1e6 * daily_s / max(meters * days, 1),
            state_bytes=sum(map(len, pages)) / max(meters, 1),
            wall_s=wall_s,
            peak_rss_bytes=peak_rss_bytes(),
        )


def run_straight(
    source: FeedSource,
    out: Path,
    advance: Advance,
    *,
    readings: int = 0,
    department: InspectionDepartment | None = None,
    findings_withheld: bool = False,
    notes: Sequence[str] = (),
) -> Costs:
    """Judge the whole feed and write the RUN folder `out`. `readings` is how many to expect, for `advance`."""
    began_s, archive, store = time.monotonic(), source.archive, MemoryStore()
    store.save_archive(archive)
    store.fix_partitions(TOPIC, 1)
    stage = JudgeStage(archive, store, lambda _: 0, owner=OWNER)
    stage.begin(0)
    pacing, clock = Pacing(archive, store, department), _Clock()
    capacity = None if department is None else Capacity(per_week=department.visits_per_week)
    days = 0
    next_close_s: int | None = None
    for chunk in pacing.chunks(publication(source)):
        for sent in chunk:
            message = sent.message
            if findings_withheld and isinstance(message, Finding):
                continue
            closes = False
            if isinstance(message, Tick):
                if next_close_s is None:
                    next_close_s = archive.calendar.day_close(archive.calendar.day_of(message.time_s - 1))
                closes = message.final or message.time_s >= next_close_s
            before_s = time.thread_time()
            stage.handle(0, pacing.sending.messages - 1, message)
            spent_s = time.thread_time() - before_s
            if isinstance(message, ArrivedFrame):
                clock.interval_s += spent_s
            elif closes:
                clock.closing_tick_s += spent_s
                clock.closing_ticks += 1
                while next_close_s is not None and next_close_s <= sent.event_time_s:
                    next_close_s = archive.calendar.day_close(archive.calendar.day_of(next_close_s))
            else:
                clock.tick_s += spent_s
                clock.ticks += isinstance(message, Tick)
            if closes:
                days += _settle(stage, store, archive, clock, capacity)
                advance(pacing.sending.readings, readings)
        days += _settle(stage, store, archive, clock, capacity)
    dispatch_ready(store, archive, Routes(), 1, OWNER)
    costs = clock.costs(pacing, store, archive, days, time.monotonic() - began_s)
    out.mkdir(parents=True)
    finish_run(
        out,
        store,
        pacing,
        wall_seconds=costs.wall_s,
        cpu_seconds=time.process_time(),
        notes=notes,
        settings={"through": "benchmark"},
    )
    return costs


def _settle(stage: JudgeStage, store: MemoryStore, archive: Archive, clock: _Clock, capacity: Capacity | None) -> int:
    """Save, close the days that can be closed, let the derived points go; how many days were closed."""
    stage.save()
    before_s = time.thread_time()
    closed = close_ready_days(store, archive, 1, OWNER, capacity=capacity)
    clock.ranking_s += time.thread_time() - before_s
    while batches := store.point_batches(POINTS_AT_ONCE):
        store.points_delivered(batch.batch_id for batch in batches)
    return len(closed)
