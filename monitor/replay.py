"""`replay`: a feed through the whole pipeline into a RUN folder, directly, through `memory://` or through Kafka."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq

from evaluation import run_folder
from inspection.track_record import TrackRecord
from metering.errors import MeterwatchError, SettingsError
from metering.identity import identity
from metering.ports import StateStore
from monitor.inspected import InspectedFeed, Inspection, inspected_feed
from monitor.pacing import Pacing
from monitor.process import cpu_seconds, peak_rss_bytes
from monitor.progress import Advance, tell_set_aside
from monitor.settings import Settings, capacity_of
from monitor.stores import open_series, open_store
from monitor.thresholds import load_thresholds
from monitor.upkeep import Upkeep
from operations.archive_stage import ArchiveStage
from operations.area import Thresholds
from operations.close_day import unpack_scores
from operations.judge_stage import JudgeStage
from operations.learn_findings import RECORD_PAGE
from operations.stage import Stage
from simulator.feeds.feed import Feed
from simulator.feeds.publication import FeedSource, Sent, publication
from simulator.people.cases import INTERRUPTIONS_FILE, write_interruptions
from simulator.people.visit import VISITS_FILE, write_visits
from storage.sql import SqlStore
from streams.relay_journal import RelayJournal

Through = Literal["direct", "memory", "kafka"]
STATE_FILE, SERIES_FILE, RUN_FILE = "state.sqlite", "series.duckdb", "run.toml"
TOPIC = "meterwatch.areas"
#: Without a log that waits, saves may lie further apart than a worker's.
SAVES_APART = 10
#: The newest so many are written into the RUN folder.
MOST_NOTIFICATIONS = 1_000_000
#: Of a small table's rows that were set aside so many are told in the report.
ROWS_TOLD = 20


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


def replay(plan: ReplayPlan, settings: Settings, advance: Advance) -> dict[str, Any]:
    """Run the plan and write the RUN folder; returns the report. The folder must be new or empty, or hold the same plan's
    run that was cut short: then it goes on where that was saved, with the same outcome."""
    if plan.thresholds is None and settings.thresholds is not None:
        plan = replace(plan, thresholds=settings.thresholds)
    feed = Feed.open(plan.feed)
    feed.require_readings()
    tell_set_aside(feed.set_aside)
    thresholds = load_thresholds(plan.thresholds)
    settings = run_settings(plan, settings)
    inspected = None if plan.inspection is None else inspected_feed(plan.inspection, feed)
    goes_on = begin_run(plan, feed, inspected)
    store = open_store(settings)
    try:
        # workers that wait for a feed have taken their partitions, but handled nothing
        if not goes_on and any(mark.next_offset for mark in store.marks("judge")):
            raise MeterwatchError(
                f"{settings.database_url} already holds a run: give METERWATCH_DATABASE_URL a fresh database"
            )
        store.save_archive(feed.archive)
        pacing = Pacing(feed.archive, store, None if inspected is None else inspected.department)
        started, cpu = time.monotonic(), cpu_seconds()
        drive = {"direct": drive_directly, "memory": drive_through_memory, "kafka": drive_through_kafka}[plan.through]
        source = feed if inspected is None else inspected.source
        drive(Drive(plan, settings, feed, store, thresholds, pacing, advance, source))
        return finish_run(
            plan.out,
            store,
            pacing,
            wall_seconds=time.monotonic() - started,
            cpu_seconds=cpu_seconds() - cpu,
            notes=feed.notes(),
            feed=feed,
            settings={"through": plan.through, "series": plan.keep_series}
            | ({} if inspected is None else inspected.told),
        )
    finally:
        store.close()


@dataclass(frozen=True, slots=True)
class Drive:
    """What the three ways through the pipeline have in common. `source` gives the readings, `feed` itself unless it is lived; `journal`
    is what people's decisions were, and where on the log."""

    plan: ReplayPlan
    settings: Settings
    feed: Feed
    store: SqlStore
    thresholds: Thresholds
    pacing: Pacing
    advance: Advance
    source: FeedSource | None = None
    journal: RelayJournal | None = None

    def chunks(self) -> Iterator[Iterator[Sent]]:
        return self.pacing.chunks(publication(self.source or self.feed))

    @property
    def rows(self) -> int:
        """Rows of the feed where its format says so beforehand, else 0."""
        path = self.feed.readings_file.path
        return int(pq.read_metadata(path).num_rows) if path.suffix == ".parquet" else 0

    def show(self) -> None:
        self.advance(self.pacing.sending.readings, self.rows)


def run_settings(plan: ReplayPlan, settings: Settings) -> Settings:
    """The settings of a run: its own state and series files, unless servers are set and Kafka is gone through. Nobody is told of
    what is past: a run has no notify plan."""
    settings = settings.model_copy(update={"notify": None})
    files = {"database_url": f"sqlite:///{plan.out / STATE_FILE}", "duckdb_path": str(plan.out / SERIES_FILE)}
    if plan.thresholds is not None:
        files["thresholds"] = str(plan.thresholds)
    if plan.inspection is not None:
        # what is proposed is what the simulated crews can visit
        settings = settings.model_copy(update={"inspections_per_week": round(7 * plan.inspection.per_day, 6)})
    if plan.through != "kafka":
        return settings.model_copy(update=files | {"influx_url": None})
    if plan.kafka_url is not None:
        files["kafka_url"] = plan.kafka_url
    if settings.kafka_url is None and plan.kafka_url is None:
        raise SettingsError("--through kafka needs --kafka HOST:PORT (or METERWATCH_KAFKA_URL)")
    if not settings.database_url.startswith("sqlite"):
        del files["database_url"]
    elif plan.workers != 1:
        raise SettingsError("a SQLite file admits one worker: set METERWATCH_DATABASE_URL to PostgreSQL for more")
    if plan.workers and not settings.topic_prefix:
        # a run's own topics and groups: what else is on the cluster must not enter it, nor share its partitions
        own = f"run-{identity('run', str(plan.out.resolve()), time.time_ns())[2:]}."
        files |= {"topic_prefix": own, "consumer_group": f"{own}{settings.consumer_group}"}
    return settings.model_copy(update=files)


def drive_directly(drive: Drive) -> None:
    """The same stages as the workers', without a log between: one partition, one loop."""
    owner, archive, store = "replay", drive.feed.archive, drive.store
    store.fix_partitions(TOPIC, 1)
    series = open_series(drive.settings) if drive.plan.keep_series else None
    stages: list[Stage] = [JudgeStage(archive, store, lambda _: 0, owner=owner, thresholds=drive.thresholds)]
    if series is not None:
        stages.append(ArchiveStage(archive, store, series, owner=owner))
    upkeep = Upkeep(store, archive, 1, owner, series, capacity=capacity_of(drive.settings))
    save_every = SAVES_APART * drive.settings.checkpoint_messages

    def settle() -> None:
        for stage in stages:
            if stage.save():
                raise MeterwatchError(
                    "another process has taken this RUN folder over; give each replay a folder of its own"
                )
        upkeep.close_days()
        upkeep.dispatch()
        upkeep.notify()
        upkeep.deliver()
        drive.show()

    try:
        saved = [stage.begin(0) for stage in stages]
        for chunk in drive.chunks():
            for sent in chunk:
                offset = drive.pacing.sending.messages - 1
                for stage, next_offset in zip(stages, saved, strict=True):
                    if offset >= next_offset:
                        stage.handle(0, offset, sent.message)
                if offset % save_every == save_every - 1:
                    settle()
            settle()
    finally:
        if series is not None:
            series.close()


def drive_through_memory(drive: Drive) -> None:
    from monitor.through_log import through_memory

    through_memory(drive)


def drive_through_kafka(drive: Drive) -> None:
    from monitor.through_log import through_kafka

    through_kafka(drive)


def begin_run(plan: ReplayPlan, feed: Feed, inspected: InspectedFeed | None = None) -> bool:
    """Write what the run is of. True where the same run was begun here before and cut short: it goes on."""
    story = run_story(plan, feed, inspected)
    if plan.out.exists() and any(p for p in plan.out.iterdir() if p.resolve() != plan.feed.resolve()):
        file = plan.out / RUN_FILE
        cut_short = file.is_file() and not (plan.out / run_folder.REPORT).exists()
        if not cut_short or file.read_text(encoding="utf-8") != story or plan.inspection or plan.through == "kafka":
            raise MeterwatchError(
                f"{plan.out} is not empty: give --out a new folder (a run never overwrites another; only the same plan "
                "that was cut short goes on, directly or through memory and without --inspect)"
            )
        return True
    plan.out.mkdir(parents=True, exist_ok=True)
    (plan.out / RUN_FILE).write_text(story, encoding="utf-8")
    return False


def run_story(plan: ReplayPlan, feed: Feed, inspected: InspectedFeed | None = None) -> str:
    """What `run.toml` says of a run."""
    lines = [
        f"feed = {_toml(str(plan.feed.resolve()))}",
        f"name = {_toml(feed.archive.name)}",
        f"through = {_toml(plan.through)}",
    ]
    if plan.thresholds is not None:
        lines.append(f"thresholds = {_toml(str(plan.thresholds.resolve()))}")
    if inspected is not None:
        lines += [f"{name} = {_toml(word)}" for name, word in inspected.told.items()]
    return "\n".join(lines) + "\n"


def _toml(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def finish_run(
    out: Path,
    store: StateStore,
    pacing: Pacing,
    *,
    wall_seconds: float,
    cpu_seconds: float,
    notes: Sequence[str],
    settings: dict[str, Any],
    feed: Feed | None = None,
) -> dict[str, Any]:
    """Write alerts, tasks, scores and the report from the store. `feed` is what the run was made of."""
    alerts, tasks = store.alerts(), store.tasks()
    run_folder.write_lines(out / run_folder.ALERTS, map(run_folder.alert_row, alerts), time="raised_at")
    run_folder.write_lines(out / run_folder.TASKS, map(run_folder.task_row, tasks), time="opened_at")
    sent = store.deliveries(limit=MOST_NOTIFICATIONS)
    run_folder.write_lines(out / run_folder.NOTIFICATIONS, map(run_folder.notification_row, sent), time="made_at")
    run_folder.write_scores(out / run_folder.SCORES, _score_rows(store))
    if pacing.injected:
        run_folder.write_findings(out / run_folder.FINDINGS, pacing.injected)
    if pacing.department is not None:
        write_visits(out / VISITS_FILE, pacing.department.visits, pacing.clock_s)
        write_interruptions(out / INTERRUPTIONS_FILE, pacing.department.interruptions, pacing.clock_s)
    sending = pacing.sending
    found = run_folder.report(
        store.counters(),
        readings_in=sending.readings,
        alerts=len(alerts),
        tasks=len(tasks),
        notifications=len(sent),
        findings=len(store.findings()),
        detector_precision=_track_record(store),
        wall_seconds=round(wall_seconds, 3),
        readings_per_second=round(sending.readings / max(wall_seconds, 1e-9), 1),
        cpu_seconds=round(cpu_seconds, 3),
        peak_rss_bytes=peak_rss_bytes(),
        frames=sending.frames,
        switched_off=list(notes),
        **({} if feed is None else _of_feed(feed)),
        settings=settings,
    )
    run_folder.write_report(out / run_folder.REPORT, found)
    return found


def _of_feed(feed: Feed) -> dict[str, Any]:
    """Which feed it was, and which rows of its small tables were left out, by file."""
    return {
        "feed": {"name": feed.archive.name, "identity": feed.identity},
        "rows_set_aside": {
            name: {"rows": len(told), "first": list(told[:ROWS_TOLD])} for name, told in feed.set_aside.items()
        },
    }


def _track_record(store: StateStore) -> list[dict[str, Any]]:
    """What visits made of each detector's word, with Wilson's 95 % interval."""
    record = TrackRecord()
    if (page := store.load_model_pages().get(RECORD_PAGE)) is not None:
        record.load(page)
    return [
        {**asdict(p), "precision": round(p.share, 4), "interval": [round(x, 4) for x in p.interval]}
        for p in record.precisions()
    ]


def _score_rows(store: StateStore) -> Iterator[run_folder.ScoreRows]:
    for ordinal, _, payload in store.scores():
        scores = unpack_scores(payload)
        yield run_folder.ScoreRows(ordinal, scores.meter_ids, scores.risk, scores.families)
