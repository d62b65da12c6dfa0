"""`demo`: simulate, watch and serve the desk, in one process, with nothing installed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from evaluation.run_folder import ALERTS, SCORES, read_lines, read_scores
from evaluation.score import evaluate
from metering.errors import MeterwatchError
from monitor.demo_folder import JOURNAL_FILE, Asked, DemoFolder, begin_demo, cut_short
from monitor.desk_server import desk_of
from monitor.heart import PulseTaker, at_work
from monitor.metrics import exposition
from monitor.notify_plan import Plan, load_plan
from monitor.pacing import Pacing
from monitor.pipeline import PipelineReport
from monitor.process import cpu_seconds
from monitor.progress import progress
from monitor.replay import (
    RUN_FILE,
    STATE_FILE,
    Drive,
    ReplayPlan,
    drive_through_memory,
    finish_run,
    run_settings,
    run_story,
)
from monitor.settings import Settings, capacity_of
from monitor.stores import open_series, open_store
from monitor.through_log import MEMORY_PARTITIONS, feed_memory, saved_by_any
from monitor.upkeep import Relay, Upkeep, UpkeepThread
from monitor.wire import from_relay
from monitor.worker import heart_of, make_app, stages
from simulator.feeds.feed import Feed
from simulator.feeds.feed_writer import FEED_TOML
from simulator.recipe import Recipe
from simulator.simulate import simulate
from storage.worker_lock import hold, let_go
from streams.embedded import EmbeddedRun
from streams.relay_journal import RelayJournal
from streams.topics import AREAS

METERS_PER_AREA = 50
#: Hourly, and saved less often than a worker must: two months of a small province pass in two minutes on a laptop.
INTERVAL_MINUTES = 60
LEISURELY = {"checkpoint_seconds": 5.0, "checkpoint_messages": 3000}


def demo(settings: Settings, *, out: Path | None, asked: Asked, serve: bool) -> None:
    """Write RUN/feed, run it through `memory://`, print a short summary; with `serve`, the desk is up from the start.

    What was cut short in `out` goes on there, with the same outcome and with what people decided meanwhile.
    """
    notify = load_plan(settings.notify)
    found = begin_demo(out, asked)
    _tell(found)
    lock = hold(found.path / STATE_FILE)
    try:
        _demo(settings, found, notify, serve=serve)
    finally:
        let_go(lock)


def _tell(found: DemoFolder) -> None:
    if found.goes_on:
        print(f"the demo in {found.path} goes on", flush=True)
    elif (other := cut_short(found.path)) is not None:
        print(
            f"this is a new demo; `meterwatch demo --out {other}` goes on with the one that was cut short", flush=True
        )


def _feed_of(found: DemoFolder) -> Path:
    """The demo's feed, simulated unless it is there as a whole."""
    folder, size = found.path / "feed", found.size
    if not (folder / FEED_TOML).exists():
        recipe = Recipe(
            areas=size.areas,
            meters_per_area=METERS_PER_AREA,
            days=size.days,
            seed=size.seed,
            interval_minutes=INTERVAL_MINUTES,
        )
        with progress("simulating") as advance:
            simulate(folder, recipe, progress=advance, overwrite=True)
    return folder


def _begin_watching(plan: ReplayPlan, feed: Feed) -> None:
    """Write what the run is of, or make sure that it still is."""
    file, story = plan.out / RUN_FILE, run_story(plan, feed)
    if not file.exists():
        file.write_text(story, encoding="utf-8")
    elif file.read_text(encoding="utf-8") != story:
        raise MeterwatchError(
            f"{plan.out} was begun from another place or with other thresholds (see {file}): give --out a new folder"
        )


def _demo(settings: Settings, found: DemoFolder, notify: Plan, *, serve: bool) -> None:
    from desk.app import serve as serve_desk

    folder = found.path
    plan = ReplayPlan(_feed_of(found), folder, "memory", settings.thresholds)
    feed = Feed.open(plan.feed)
    _begin_watching(plan, feed)
    settings = run_settings(plan, settings).model_copy(
        update={name: value for name, value in LEISURELY.items() if name not in settings.model_fields_set}
        | {"partitions": MEMORY_PARTITIONS, "topic_prefix": ""}
    )
    store = open_store(settings)
    store.save_archive(feed.archive)
    pacing, journal = Pacing(feed.archive, store, None), RelayJournal(folder / JOURNAL_FILE)
    try:
        if not serve:
            started, cpu = time.monotonic(), cpu_seconds()
            with progress("watching") as advance:
                drive_through_memory(Drive(plan, settings, feed, store, {}, pacing, advance, journal=journal))
            report = finish_run(
                folder,
                store,
                pacing,
                wall_seconds=time.monotonic() - started,
                cpu_seconds=cpu_seconds() - cpu,
                notes=feed.notes(),
                feed=feed,
                settings={"through": "memory", "series": True},
            )
            print(summary(folder, feed, report))
            return
        store.fix_partitions(AREAS.name, settings.partitions)
        series = open_series(settings)
        watching = _Watching(plan, settings, feed, store, pacing, series, notify, journal)
        app = desk_of(
            settings,
            store,
            series,
            feed.archive,
            on_startup=watching.start,
            on_shutdown=watching.stop,
            metrics=watching.metrics,
        )
        print(f"desk: http://{settings.desk_host}:{settings.desk_port}  (open it now; Ctrl-C ends it)", flush=True)
        try:
            serve_desk(app, host=settings.desk_host, port=settings.desk_port)
        finally:
            series.close()
    finally:
        store.close()


class _Watching:
    """The worker's apps, the feed and the upkeep inside the desk's own event loop."""

    def __init__(
        self,
        plan: ReplayPlan,
        settings: Settings,
        feed: Feed,
        store: Any,
        pacing: Pacing,
        series: Any,
        notify: Plan,
        journal: RelayJournal,
    ) -> None:
        self._plan, self._settings, self._feed = plan, settings, feed
        self._store, self._pacing, self._series, self._notify = store, pacing, series, notify
        self._upkeep: UpkeepThread | None = None
        self._embedded: EmbeddedRun | None = None
        self._task: asyncio.Task[None] | None = None
        self._relaying: asyncio.Task[None] | None = None
        self._journal = journal
        self._taker = PulseTaker("demo", "both")
        self._heart = heart_of(settings, store, feed.archive, self._taker, recorded=True)
        self.metrics = exposition(self._heart)

    async def start(self) -> None:
        broker_url = f"memory://demo-{os.getpid()}"
        found = stages("both", self._settings, self._feed.archive, self._store, self._series, "demo")
        apps = [make_app(stage, self._settings, broker_url) for stage in found]
        self._embedded = EmbeddedRun(
            *apps,
            broker_url=broker_url,
            partitions=self._settings.partitions,
            codec=self._settings.codec,
            journal=self._journal,
        )
        await self._embedded.start()
        loop, publisher = asyncio.get_running_loop(), self._embedded.publisher

        def relay(area: str, blob: bytes) -> None:
            done = asyncio.run_coroutine_threadsafe(_send(area, blob), loop)
            done.result(30)

        async def _send(area: str, blob: bytes) -> None:
            publisher.send_encoded(area, *from_relay(blob))

        upkeep = Upkeep(
            self._store,
            self._feed.archive,
            self._settings.partitions,
            "demo",
            self._series,
            report=PipelineReport(found, "demo", self._heart),
            capacity=capacity_of(self._settings),
            routes=self._notify.routes,
            channels=self._notify.channels(self._feed.archive.calendar),
            notifications_kept_days=self._settings.notifications_kept_days,
        )
        self._upkeep = UpkeepThread(upkeep)
        self._upkeep.start()
        self._taker.at_work, self._taker.upkeep = at_work(found, [app.driver for app in apps]), upkeep
        self._heart.start()
        drive = Drive(self._plan, self._settings, self._feed, self._store, {}, self._pacing, lambda _done, _of: None)
        self._task = asyncio.create_task(self._watch(self._embedded, upkeep, drive))
        self._relaying = asyncio.create_task(self._relay_from(self._embedded, upkeep, relay, drive))

    async def _relay_from(self, embedded: EmbeddedRun, upkeep: Upkeep, relay: Relay, drive: Drive) -> None:
        """What people decide goes onto the log once that is as long again as an earlier process left it."""
        saved, journalled = saved_by_any(drive), self._journal.ends()
        ends = {p: max(saved.get(p, 0), journalled.get(p, 0)) for p in {*saved, *journalled}}
        await embedded.until_it_reaches(ends)
        upkeep.relay = relay

    async def _watch(self, embedded: EmbeddedRun, upkeep: Upkeep, drive: Drive) -> None:
        started, cpu = time.monotonic(), cpu_seconds()
        try:
            with progress("watching") as advance:
                await feed_memory(replace(drive, advance=advance), embedded, upkeep)
            report = await asyncio.to_thread(
                finish_run,
                self._plan.out,
                self._store,
                self._pacing,
                wall_seconds=time.monotonic() - started,
                cpu_seconds=cpu_seconds() - cpu,
                notes=self._feed.notes(),
                feed=self._feed,
                settings={"through": "memory", "series": True},
            )
            print(await asyncio.to_thread(summary, self._plan.out, self._feed, report), flush=True)
            print(
                f"The desk stays up at http://{self._settings.desk_host}:{self._settings.desk_port}; Ctrl-C ends it.",
                flush=True,
            )
        except MeterwatchError as error:
            print(f"meterwatch: {error}", file=sys.stderr, flush=True)

    async def stop(self) -> None:
        for task in (self._relaying, self._task):
            if task is not None and not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        if self._upkeep is not None:
            await asyncio.to_thread(self._heart.stop)
            await asyncio.to_thread(self._upkeep.stop)
        if self._embedded is not None:
            await self._embedded.stop()


def summary(run: Path, feed: Feed, report: dict[str, Any]) -> str:
    """A short plain account: readings in, abnormal found against the truth, tasks opened, where to look."""
    found = evaluate(list(read_lines(run / ALERTS)), read_scores(run / SCORES), feed.truth(), feed.archive)
    aside = sum(report["set_aside"].values())
    lines = [
        "",
        (
            f"{report['readings_in']:,} readings in: {report['readings_accepted']:,} accepted, {aside:,} set aside, "
            f"{report['readings_late']:,} late, {report['readings_dead_lettered']:,} dead-lettered "
            f"({report['readings_per_second']:,.0f} a second)."
        ),
        (
            f"{found['detected']} of {found['cases']} abnormal meters and areas found, {found['false_cases']} false cases "
            f"on {len(feed.archive.meters):,} meters."
        ),
        f"{report['alerts']} alerts raised, {report['tasks']} inspection tasks opened.",
        (
            f"Look at {run}/report.json, alerts.jsonl and tasks.jsonl; "
            f"`meterwatch evaluate {run} --truth {run}/feed` has the score by abnormality."
        ),
    ]
    return "\n".join(lines)
