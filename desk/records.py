"""What the desk reads: alerts, tasks, counters and curves, always in a thread, so that the event loop never waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from desk.moments import Moments
from inspection.track_record import Precision
from metering.alert import Alert
from metering.archive import Archive
from metering.inspection import InspectionTask, TaskState
from metering.messages import Message
from metering.ports import StateStore, TimeSeries
from metering.watch import WatchStanding
from operations.finding_effects import Effect, finding_effects
from operations.load_curves import ExpectedCurve

SNAPSHOT_SECONDS = 2.0
ENDED = frozenset({TaskState.CLOSED, TaskState.WITHDRAWN})


@dataclass(frozen=True)
class Snapshot:
    """Everything the lists and the control room show, read at one time."""

    now_s: int
    clock_s: int
    alerts: tuple[Alert, ...]
    tasks: tuple[InspectionTask, ...]
    counters: Mapping[str, int]
    last_closed_day: int | None
    watch: tuple[WatchStanding, ...] = ()
    """Where the rules of the watch over the monitor itself stand."""

    @cached_property
    def open_alerts(self) -> tuple[Alert, ...]:
        return tuple(a for a in self.alerts if a.is_open)

    @cached_property
    def open_tasks(self) -> tuple[InspectionTask, ...]:
        return tuple(t for t in self.tasks if t.state not in ENDED)

    @cached_property
    def alert_of(self) -> Mapping[str, Alert]:
        return {a.alert_id: a for a in self.alerts}

    def alerts_of(self, task: InspectionTask) -> tuple[Alert, ...]:
        """The alerts of a task, in its order; one that the store no longer has is left out."""
        return tuple(self.alert_of[a] for a in task.alert_ids if a in self.alert_of)


def next_first(task: InspectionTask) -> tuple[bool, bool, float, int]:
    """The order in which tasks are to be done: hazards first, then by risk, then by due time; ended ones last."""
    return task.state in ENDED, not task.hazard, -task.risk, task.due_at_s


@dataclass
class Records:
    """The ports behind the pages. One instance per desk; results are shared between browsers for a moment."""

    store: StateStore
    series: TimeSeries
    archive: Archive
    encode: Callable[[Message], bytes]
    clock: Callable[[], int] | None = None
    expected_curve: ExpectedCurve | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)
    _snapshot: tuple[float, Snapshot] | None = field(default=None, repr=False)
    moments: Moments = field(default_factory=Moments, repr=False)

    @cached_property
    def customers(self) -> int:
        """How many customers' meters the archive has."""
        return sum(meter.role == "customer" for meter in self.archive.meters)

    def log_clock_s(self) -> int:
        """Up to when readings are judged: the furthest tick of the log; 0 before the first."""
        return max((mark.clock_s for mark in self.store.marks("judge")), default=0)

    def now_s(self) -> int:
        """The time that moves are dated with: the caller's clock, else the log's own."""
        return self.clock() if self.clock is not None else self.log_clock_s()

    async def snapshot(self, *, fresh: bool = False) -> Snapshot:
        """At most two seconds old, or read now. Raises `StoreUnavailable`."""
        async with self._lock:
            held = self._snapshot
            if not fresh and held is not None and time.monotonic() - held[0] < SNAPSHOT_SECONDS:
                return held[1]
            taken = await asyncio.to_thread(self._read)
            self._snapshot = (time.monotonic(), taken)
            return taken

    def _read(self) -> Snapshot:
        return Snapshot(
            self.now_s(),
            self.log_clock_s(),
            tuple(self.store.alerts()),
            tuple(self.store.tasks()),
            self.store.counters(),
            self.store.last_closed_day(),
            tuple(self.store.watch_standings()),
        )

    async def findings(self, newest: int) -> tuple[list[Effect], list[Precision]]:
        """(the newest findings with what each changed, the newest first; the detectors' track records). Raises `StoreUnavailable`."""
        return await asyncio.to_thread(self._read_findings, newest)

    def _read_findings(self, newest: int) -> tuple[list[Effect], list[Precision]]:
        found = list(self.store.findings())[-newest:]
        effects, record = finding_effects(self.store, self.archive, found)
        return effects[::-1], record
