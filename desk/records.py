"""What the desk reads: alerts, tasks, counters and curves, always in a thread, so that the event loop never waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from inspection.track_record import Precision
from metering.alert import Alert
from metering.archive import Archive
from metering.evidence import SET_STRENGTH
from metering.inspection import InspectionTask, TaskState
from metering.messages import Message
from metering.ports import SeriesRow, StateStore, TimeSeries
from metering.times import DAY_S
from metering.watch import WatchStanding
from operations.finding_effects import Effect, finding_effects

#: (meter id, start, end in epoch seconds) -> (interval start, expected kWh), by time; empty where nothing is learnt.
ExpectedCurve = Callable[[str, int, int], Sequence[tuple[int, float]]]

SNAPSHOT_SECONDS = 2.0
#: Days back that the data-quality page looks at what validation found, and for the weekly estimates of meters' errors.
QUALITY_DAYS, ESTIMATES_DAYS = 7, 15
VALIDATION = "validation_rules"
#: Prefix of the counters of meter-days by rule of validation.
COUNTED = "data_quality."
BALANCE_SECONDS = 30.0
#: Up to this many areas one query for all is cheaper than one for each that is shown.
READ_AT_ONCE = 60
#: How many tasks the control room lists.
TASKS_ON_SHOW = 6
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


@dataclass(frozen=True)
class Quality:
    """What the data-quality page shows: all counters, evidence points of validation, points of the meters' errors."""

    counters: Mapping[str, int]
    found: Sequence[SeriesRow]
    estimates: Sequence[SeriesRow]


def rules_counted(counters: Mapping[str, int]) -> dict[str, int]:
    """Meter-days by rule since the beginning, the most first.

    >>> rules_counted({"data_quality.spike": 2, "data_quality.sum_check": 5, "frames": 9})
    {'sum_check': 5, 'spike': 2}
    """
    found = {name.removeprefix(COUNTED): n for name, n in counters.items() if name.startswith(COUNTED) and n}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


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
    _locks: Mapping[bool, asyncio.Lock] = field(
        default_factory=lambda: {False: asyncio.Lock(), True: asyncio.Lock()}, repr=False
    )
    _snapshots: dict[bool, tuple[float, Snapshot]] = field(default_factory=dict, repr=False)
    _balances: tuple[float, frozenset[str], Mapping[str, tuple[SeriesRow, ...]]] | None = field(
        default=None, repr=False
    )

    def log_clock_s(self) -> int:
        """Up to when readings are judged: the furthest tick of the log; 0 before the first."""
        return max((mark.clock_s for mark in self.store.marks("judge")), default=0)

    def now_s(self) -> int:
        """The time that moves are dated with: the caller's clock, else the log's own."""
        return self.clock() if self.clock is not None else self.log_clock_s()

    async def snapshot(self, *, only_open: bool = False, fresh: bool = False) -> Snapshot:
        """At most two seconds old, or read now. Raises `StoreUnavailable`.

        `only_open` leaves out what is over, which grows for years: the control room asks every few seconds.
        """
        async with self._locks[only_open]:
            held = self._snapshots.get(only_open)
            if not fresh and held is not None and time.monotonic() - held[0] < SNAPSHOT_SECONDS:
                return held[1]
            taken = await asyncio.to_thread(self._read, only_open)
            self._snapshots[only_open] = (time.monotonic(), taken)
            return taken

    def _read(self, only_open: bool) -> Snapshot:
        alerts = {a.alert_id: a for a in self.store.alerts(only_open=only_open)}
        tasks = tuple(self.store.tasks(only_open=only_open))
        if only_open:
            # the tasks on show may be about alerts that have cleared since
            for task in sorted(tasks, key=next_first)[:TASKS_ON_SHOW]:
                for alert_id in task.alert_ids:
                    alert = alerts.get(alert_id) or self.store.alert(alert_id)
                    if alert is not None:
                        alerts[alert_id] = alert
        return Snapshot(
            self.now_s(),
            self.log_clock_s(),
            tuple(alerts.values()),
            tasks,
            self.store.counters(),
            self.store.last_closed_day(),
            tuple(self.store.watch_standings()),
        )

    async def quality(self, clock_s: int) -> Quality:
        """What validation found lately and the newest estimates of the meters' errors. Raises `StoreUnavailable`."""
        return await asyncio.to_thread(self._read_quality, clock_s)

    def _read_quality(self, clock_s: int) -> Quality:
        counters, since_s = self.store.counters(), clock_s - QUALITY_DAYS * DAY_S
        found = [
            row
            for rule in rules_counted(counters)
            for row in self.series.read(
                "evidence", start_s=since_s, end_s=clock_s + 1, tags={"abnormality": rule, "detector": VALIDATION}
            )
            if row.fields["strength"] >= SET_STRENGTH
        ]
        estimates = self.series.read("meter_error", start_s=clock_s - ESTIMATES_DAYS * DAY_S, end_s=clock_s + 1)
        return Quality(counters, found, estimates)

    async def findings(self, newest: int) -> tuple[list[Effect], list[Precision]]:
        """(the newest findings with what each changed, the newest first; the detectors' track records). Raises `StoreUnavailable`."""
        return await asyncio.to_thread(self._read_findings, newest)

    def _read_findings(self, newest: int) -> tuple[list[Effect], list[Precision]]:
        found = list(self.store.findings())[-newest:]
        effects, record = finding_effects(self.store, self.archive, found)
        return effects[::-1], record

    async def balances(self, areas: Sequence[str], clock_s: int) -> Mapping[str, tuple[SeriesRow, ...]]:
        """The last 24 hours of the energy balance of `areas`, by area. Raises `StoreUnavailable`."""
        wanted = frozenset(areas)
        held = self._balances
        if held is not None and time.monotonic() - held[0] < BALANCE_SECONDS and wanted <= held[1]:
            return held[2]
        found = await asyncio.to_thread(self._read_balances, sorted(wanted), clock_s)
        self._balances = (time.monotonic(), wanted, found)
        return found

    def _read_balances(self, areas: Sequence[str], clock_s: int) -> Mapping[str, tuple[SeriesRow, ...]]:
        start_s = clock_s - DAY_S
        if len(self.archive.areas) <= READ_AT_ONCE:
            found: dict[str, list[SeriesRow]] = {area: [] for area in areas}
            for row in self.series.read("area_balance", start_s=start_s, end_s=clock_s):
                found.setdefault(row.tags["transformer_area"], []).append(row)
            return {area: tuple(rows) for area, rows in found.items()}
        return {
            area: tuple(
                self.series.read("area_balance", start_s=start_s, end_s=clock_s, tags={"transformer_area": area})
            )
            for area in areas
        }
