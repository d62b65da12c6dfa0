"""`replay`: a feed through the whole pipeline into a RUN folder, directly, through `memory://` or through Kafka."""

from __future__ import annotations

import asyncio
import resource
import sys
import time
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq

from evaluation import run_folder
from metering.archive import Archive
from metering.errors import MeterwatchError, SettingsError
from metering.messages import ArrivedFrame, Finding, Tick
from metering.ports import StateStore, TimeSeries
from monitor.progress import Advance
from operations.archive_stage import ArchiveStage
from operations.area import Thresholds
from operations.close_day import close_ready_days, unpack_scores
from operations.deliver_points import deliver_points
from operations.judge_stage import JudgeStage
from operations.stage import Stage
from simulator.feed import Feed
from simulator.feed_tables import read_truth
from simulator.inspector import Inspector
from simulator.publication import Sent, publication
from storage.duckdb_series import DuckDbTimeSeries
from storage.sql import SqlStore

Through = Literal["direct", "memory", "kafka"]
STATE_FILE, SERIES_FILE, RUN_FILE = "state.sqlite", "series.duckdb", "run.toml"
TOPIC = "meterwatch.areas"
SAVE_EVERY = 5_000


@dataclass(frozen=True, slots=True)
class Inspection:
    """The simulated inspector of a run: how many visits a day, and how late findings arrive."""

    per_day: float
    finding_delay_s: int
    truth: Path | None = None


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    feed: Path
    out: Path
    through: Through = "direct"
    thresholds: Path | None = None
    inspection: Inspection | None = None
    keep_series: bool = True
    kafka_url: str | None = None
    workers: int = 1


@dataclass(slots=True)
class Sending:
    """Counts what goes onto the log, independently of what comes out at the other end."""

    readings: int = 0
    frames: int = 0
    messages: int = 0

    def count(self, sent: Sent) -> Sent:
        self.messages += 1
        if isinstance(sent.message, ArrivedFrame):
            self.frames += 1
            self.readings += sent.message.reading_count
        return sent


@dataclass(slots=True)
class Pacing:
    """Feeds the log. With an inspector it keeps lockstep by day: a day is closed, its tasks are visited, and the
    findings enter the log at their own time, so that the run never overtakes its own findings."""

    archive: Archive
    store: StateStore
    inspector: Inspector | None
    sending: Sending = field(default_factory=Sending)
    injected: list[Finding] = field(default_factory=list)
    _waiting: list[Finding] = field(default_factory=list)
    _next_day_close_s: int | None = None

    async def paced(self, messages: Iterator[Sent], settle: Callable[[], Awaitable[None]]) -> AsyncIterator[Sent]:
        for sent in messages:
            tick = sent.message
            if not isinstance(tick, Tick) or self.inspector is None:
                yield self.sending.count(sent)
                continue
            for finding in self._due(tick):
                yield self.sending.count(Sent(finding.transformer_area, finding, finding.found_at_s))
            yield self.sending.count(sent)
            await self._visit_closed_days(tick, settle)

    def _due(self, tick: Tick) -> list[Finding]:
        due = [f for f in self._waiting if f.found_at_s <= tick.time_s]
        self._waiting = [f for f in self._waiting if f.found_at_s > tick.time_s]
        self.injected += due
        return due

    async def _visit_closed_days(self, tick: Tick, settle: Callable[[], Awaitable[None]]) -> None:
        calendar = self.archive.calendar
        if self._next_day_close_s is None:
            self._next_day_close_s = calendar.day_close(calendar.day_of(tick.time_s - 1))
        if self.inspector is None or tick.time_s < self._next_day_close_s or tick.final:
            return
        await settle()
        while self._next_day_close_s <= tick.time_s:
            close_s = self._next_day_close_s
            self._waiting += self.inspector.work(self.store.tasks(only_open=True), close_s)
            self._next_day_close_s = calendar.day_close(calendar.day_of(close_s))
        self._waiting.sort(key=lambda f: (f.found_at_s, f.finding_id))


def load_thresholds(path: Path | None) -> Thresholds:
    """Detector thresholds of a TOML file, by detector name. Raises `SettingsError` where it cannot be read."""
    if path is None:
        return {}
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"thresholds {path}: {error}") from error


def replay(plan: ReplayPlan, advance: Advance) -> dict[str, Any]:
    """Run the plan and write the RUN folder; returns the report. The folder must be new or empty."""
    feed = Feed.open(plan.feed)
    thresholds = load_thresholds(plan.thresholds)
    begin_run(plan, feed)
    store = SqlStore(f"sqlite:///{plan.out / STATE_FILE}")
    series = DuckDbTimeSeries(plan.out / SERIES_FILE) if plan.keep_series else None
    try:
        store.save_archive(feed.archive)
        pacing = Pacing(feed.archive, store, _inspector(plan, feed))
        started, cpu = time.monotonic(), _cpu_seconds()
        asyncio.run(_drive(plan, feed, store, series, thresholds, pacing, advance))
        return finish_run(
            plan.out,
            store,
            pacing,
            wall_seconds=time.monotonic() - started,
            cpu_seconds=_cpu_seconds() - cpu,
            notes=feed.notes(),
            settings={"through": plan.through, "series": plan.keep_series},
        )
    finally:
        if series is not None:
            series.close()
        store.close()


async def _drive(
    plan: ReplayPlan,
    feed: Feed,
    store: StateStore,
    series: TimeSeries | None,
    thresholds: Thresholds,
    pacing: Pacing,
    advance: Advance,
) -> None:
    if plan.through == "direct":
        await drive_directly(feed, store, series, thresholds, pacing, advance)
    else:
        raise SettingsError(f"--through {plan.through} is not built into this version")


async def drive_directly(
    feed: Feed, store: StateStore, series: TimeSeries | None, thresholds: Thresholds, pacing: Pacing, advance: Advance
) -> None:
    """The same stages as the workers', without a log between: one partition, one loop."""
    owner = "replay"
    store.fix_partitions(TOPIC, 1)
    stages: list[Stage] = [JudgeStage(feed.archive, store, lambda _: 0, owner=owner, thresholds=thresholds)]
    if series is not None:
        stages.append(ArchiveStage(feed.archive, store, series, owner=owner))
    handled_until = [stage.begin(0) for stage in stages]

    async def settle() -> None:
        for stage in stages:
            if stage.save():
                raise MeterwatchError(
                    "another process has taken this RUN folder over; give each replay a folder of its own"
                )
        close_ready_days(store, feed.archive, 1, owner)
        if series is not None:
            while any(deliver_points(store, series, owner)):
                pass

    total = 0 if feed.readings_file.path.suffix != ".parquet" else pq.read_metadata(feed.readings_file.path).num_rows
    async for sent in pacing.paced(publication(feed), settle):
        offset = pacing.sending.messages - 1
        for stage, until in zip(stages, handled_until, strict=True):
            if offset >= until:
                stage.handle(0, offset, sent.message)
        if pacing.sending.messages % SAVE_EVERY == 0:
            await settle()
            advance(pacing.sending.readings, total)
    await settle()
    advance(total, total)


def begin_run(plan: ReplayPlan, feed: Feed) -> None:
    if plan.out.exists() and any(plan.out.iterdir()):
        raise MeterwatchError(f"{plan.out} is not empty: give --out a new folder (a run never overwrites another)")
    plan.out.mkdir(parents=True, exist_ok=True)
    lines = [
        f"feed = {_toml(str(plan.feed.resolve()))}",
        f"name = {_toml(feed.archive.name)}",
        f"through = {_toml(plan.through)}",
    ]
    if plan.thresholds is not None:
        lines.append(f"thresholds = {_toml(str(plan.thresholds.resolve()))}")
    (plan.out / RUN_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _toml(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _inspector(plan: ReplayPlan, feed: Feed) -> Inspector | None:
    if plan.inspection is None:
        return None
    truth = feed.truth() if plan.inspection.truth is None else list(read_truth(plan.inspection.truth))
    if not truth and not feed.has_truth and plan.inspection.truth is None:
        raise SettingsError(f"--inspect needs the truth: {plan.feed} has no truth.csv; give --truth FILE")
    return Inspector(
        feed.archive, truth, per_day=plan.inspection.per_day, finding_delay_s=plan.inspection.finding_delay_s
    )


def finish_run(
    out: Path,
    store: StateStore,
    pacing: Pacing,
    *,
    wall_seconds: float,
    cpu_seconds: float,
    notes: Sequence[str],
    settings: dict[str, Any],
) -> dict[str, Any]:
    """Write alerts, tasks, scores and the report from the store."""
    alerts, tasks = store.alerts(), store.tasks()
    run_folder.write_lines(out / run_folder.ALERTS, map(run_folder.alert_row, alerts), time="raised_at")
    run_folder.write_lines(out / run_folder.TASKS, map(run_folder.task_row, tasks), time="opened_at")
    run_folder.write_scores(out / run_folder.SCORES, _score_rows(store))
    if pacing.injected:
        run_folder.write_findings(out / run_folder.FINDINGS, pacing.injected)
    sending = pacing.sending
    found = run_folder.report(
        store.counters(),
        readings_in=sending.readings,
        alerts=len(alerts),
        tasks=len(tasks),
        findings=len(store.findings()),
        wall_seconds=round(wall_seconds, 3),
        readings_per_second=round(sending.readings / max(wall_seconds, 1e-9), 1),
        cpu_seconds=round(cpu_seconds, 3),
        peak_rss_bytes=peak_rss_bytes(),
        frames=sending.frames,
        switched_off=list(notes),
        settings=settings,
    )
    run_folder.write_report(out / run_folder.REPORT, found)
    return found


def _score_rows(store: StateStore) -> Iterator[run_folder.ScoreRows]:
    for ordinal, _, payload in store.scores():
        scores = unpack_scores(payload)
        yield run_folder.ScoreRows(ordinal, scores.meter_ids, scores.risk, scores.families)


def _cpu_seconds() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def peak_rss_bytes() -> int:
    kilo = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilo
