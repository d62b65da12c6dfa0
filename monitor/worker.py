"""`worker`: the area stage, the archive stage or both, as members of their Kafka consumer groups."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from typing import Literal

from grafana.annotate import AlertAnnotations
from grafana.client import AnnotationClient
from metering.archive import Archive
from metering.errors import SettingsError
from metering.ports import StateStore, TimeSeries
from monitor.dead_man import DeadMansSwitch
from monitor.heart import Heart, PulseTaker, at_work
from monitor.metrics import MetricsServer
from monitor.notify_plan import load_plan
from monitor.pipeline import PipelineReport
from monitor.settings import Settings, capacity_of
from monitor.stores import open_series, open_store
from monitor.thresholds import load_thresholds
from monitor.ticker import Ticker
from monitor.upkeep import Upkeep, UpkeepThread
from monitor.watch_rules import load_watch_rules
from monitor.wire import from_relay
from operations.archive_stage import ArchiveStage
from operations.judge_stage import JudgeStage
from operations.stage import Stage
from operations.watch import Watch
from streams.app import StageApp, create_app
from streams.partitioning import partition_of
from streams.publisher import KafkaPublisher
from streams.run import run_worker
from streams.topics import AREAS, DEAD_LETTERS, ensure_topics

WorkerRole = Literal["judge", "archive", "both"]
log = logging.getLogger("meterwatch.worker")


def owner_name(settings: Settings) -> str:
    """A static member keeps its name over a restart, and with it its leases."""
    return settings.instance_id or f"{socket.gethostname()}.{os.getpid()}"


def keying(partitions: int) -> Callable[[str], int]:
    return lambda area: partition_of(area, partitions)


def stages(
    role: WorkerRole, settings: Settings, archive: Archive, store: StateStore, series: TimeSeries | None, owner: str
) -> list[JudgeStage | ArchiveStage]:
    found: list[JudgeStage | ArchiveStage] = []
    if role in ("judge", "both"):
        thresholds = load_thresholds(settings.thresholds)
        found.append(JudgeStage(archive, store, keying(settings.partitions), owner=owner, thresholds=thresholds))
    if role in ("archive", "both") and series is not None:
        found.append(ArchiveStage(archive, store, series, owner=owner))
    return found


def make_app(stage: Stage, settings: Settings, broker_url: str) -> StageApp:
    return create_app(
        stage,
        broker_url=broker_url,
        group=f"{settings.consumer_group}.{stage.role}",
        partitions=settings.partitions,
        topic=settings.topic_prefix + AREAS.name,
        dead_letter_topic=settings.topic_prefix + DEAD_LETTERS.name,
        instance_id=settings.instance_id,
        checkpoint_every_s=settings.checkpoint_seconds,
        checkpoint_every_messages=settings.checkpoint_messages,
        stall_after_s=settings.watchdog_seconds,
        session_timeout_s=settings.session_timeout_seconds,
    )


def kafka_broker_url(kafka_url: str) -> str:
    """Faust's form of a bootstrap list: ``kafka://host:port;kafka://host:port``."""
    return ";".join(
        f"kafka://{part.removeprefix('kafka://')}" for part in kafka_url.replace(";", ",").split(",") if part
    )


def heart_of(
    settings: Settings, store: StateStore, archive: Archive, taker: PulseTaker, *, recorded: bool = False
) -> Heart:
    """The heart of a process over these stores; not beating yet."""
    rules = load_watch_rules(settings.watch_rules)
    watch = Watch(store, archive, settings.partitions, taker.owner, rules, recorded)
    switch = None if settings.heartbeat_url is None else DeadMansSwitch(settings.heartbeat_url.get_secret_value())
    return Heart(taker, watch, switch=switch)


def telling(settings: Settings, store: StateStore, archive: Archive, owner: str) -> Upkeep | None:
    """For a process that judges nothing: to tell what was announced while no judging worker does. None without a plan of
    whom to tell."""
    if settings.notify is None:
        return None
    plan = load_plan(settings.notify)
    return Upkeep(
        store,
        archive,
        settings.partitions,
        owner,
        routes=plan.routes,
        channels=plan.channels(archive.calendar),
        notifications_kept_days=settings.notifications_kept_days,
        tells_only=True,
    )


def run(role: WorkerRole, settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    if settings.kafka_url is None:
        raise SettingsError(
            "METERWATCH_KAFKA_URL is missing: a worker reads from Kafka; without one use demo or replay"
        )
    plan = load_plan(settings.notify)
    owner = owner_name(settings)
    store = open_store(settings)
    topic = settings.topic_prefix + AREAS.name
    ensure_topics(settings.kafka_url, settings.partitions, prefix=settings.topic_prefix)
    store.fix_partitions(topic, settings.partitions)
    archive = store.load_archive()
    # the archive's acknowledgement is the store's own: it waits for InfluxDB without limit
    series = open_series(settings)
    found = stages(role, settings, archive, store, series, owner)
    publisher = KafkaPublisher(settings.kafka_url, settings.codec, topic=topic) if role != "archive" else None
    broker = kafka_broker_url(settings.kafka_url)
    apps = [make_app(stage, settings, broker) for stage in found]
    taker = PulseTaker(owner, role, at_work(found, [app.driver for app in apps]))
    heart = heart_of(settings, store, archive, taker)
    beside = telling(settings, store, archive, owner) if publisher is None else None
    if publisher is not None:
        beside = Upkeep(
            store,
            archive,
            settings.partitions,
            owner,
            series,
            relay=lambda area, blob: publisher.send_encoded(area, *from_relay(blob)),
            annotations=_annotations(settings, store, plan.plan.desk_url),
            report=PipelineReport(found, owner, heart),
            day_close_deadline_s=settings.day_close_deadline_seconds,
            capacity=capacity_of(settings),
            routes=plan.routes,
            channels=plan.channels(archive.calendar),
            notifications_kept_days=settings.notifications_kept_days,
            ticker=None
            if settings.ticker_grace_seconds is None
            else Ticker(store, archive, owner, lambda tick: publisher.send(None, tick), settings.ticker_grace_seconds),
        )
    taker.upkeep = beside
    upkeep = None if beside is None else UpkeepThread(beside, on_failure=lambda: os.kill(os.getpid(), signal.SIGTERM))
    with contextlib.ExitStack() as ending:
        ending.callback(store.close)
        ending.callback(series.close)
        if publisher is not None:
            ending.callback(publisher.close)
        if settings.metrics_port is not None:
            metrics = MetricsServer(heart, settings.metrics_host, settings.metrics_port)
            ending.callback(metrics.close)
            log.info("metrics: http://%s:%d/metrics", settings.metrics_host, metrics.port)
        if upkeep is not None:
            upkeep.start()
            ending.callback(upkeep.stop)
        heart.start()
        ending.callback(heart.stop)
        code = run_worker(*apps)
    return 1 if upkeep is not None and upkeep.failure is not None else code


def leave(code: int) -> int:
    """The exit code of a worker whose stores are closed; where a thread still waits for a server that is away, Python
    would wait for that thread without end, so the process ends here."""
    lingering = [t.name for t in threading.enumerate() if t is not threading.main_thread() and not t.daemon]
    if lingering:
        log.warning("ending without %s: what they wait for is away", ", ".join(lingering))
        logging.shutdown()
        os._exit(code)
    return code


def _annotations(settings: Settings, store: StateStore, desk_url: str) -> AlertAnnotations | None:
    if settings.grafana_url is None:
        return None
    if settings.grafana_token is None:
        raise SettingsError("METERWATCH_GRAFANA_TOKEN is missing: Grafana is set, but not how to sign in")
    client = AnnotationClient(settings.grafana_url, settings.grafana_token.get_secret_value())
    return AlertAnnotations(store, client, desk_url=desk_url)
