"""A replay through the log: `memory://` in this process, or Kafka with workers of its own or workers that are running."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from metering.errors import MeterwatchError, StoreUnavailable
from metering.ports import Role
from monitor.replay import Drive
from monitor.settings import PREFIX, Settings, capacity_of
from monitor.stores import open_series
from monitor.upkeep import Upkeep
from monitor.worker import WorkerRole, make_app, stages
from simulator.feeds.publication import Sent
from streams.embedded import EmbeddedRun
from streams.publisher import KafkaPublisher
from streams.topics import AREAS, ensure_topics

LOOK_EVERY_S = 0.05
#: Without any progress of the workers for so long, a replay through Kafka gives up with what it knows.
STALLED_AFTER_S = 180.0
MEMORY_PARTITIONS = 4
ROLES: tuple[Role, ...] = ("judge", "archive")


def through_memory(drive: Drive) -> None:
    """The workers' Faust apps on the in-process log, unchanged."""
    settings = drive.settings.model_copy(update={"partitions": MEMORY_PARTITIONS, "topic_prefix": ""})
    drive.store.fix_partitions(AREAS.name, settings.partitions)
    series = open_series(settings) if drive.plan.keep_series else None
    broker_url = f"memory://replay-{os.getpid()}-{time.monotonic_ns()}"

    async def run() -> None:
        role: WorkerRole = "judge" if series is None else "both"
        apps = [
            make_app(s, settings, broker_url)
            for s in stages(role, settings, drive.feed.archive, drive.store, series, "replay")
        ]
        upkeep = Upkeep(
            drive.store,
            drive.feed.archive,
            settings.partitions,
            "replay",
            series,
            capacity=capacity_of(settings),
        )
        embedded = EmbeddedRun(
            *apps,
            broker_url=broker_url,
            partitions=settings.partitions,
            codec=settings.codec,
            journal=drive.journal,
        )
        async with embedded:
            await feed_memory(drive, embedded, upkeep)

    try:
        asyncio.run(run())
    finally:
        if series is not None:
            series.close()


def saved_by_all(drive: Drive, roles: tuple[Role, ...]) -> dict[int, int]:
    """Next offset by partition that every role has saved: what a run that goes on need not put onto the log again."""
    by_role = [{m.partition: m.next_offset for m in drive.store.marks(role)} for role in roles]
    return {p: min(offsets.get(p, 0) for offsets in by_role) for p in range(MEMORY_PARTITIONS)}


def saved_by_any(drive: Drive) -> dict[int, int]:
    """Next offset by partition up to which some role has saved: so long the log was."""
    ends: dict[int, int] = {}
    for mark in (m for role in ROLES for m in drive.store.marks(role)):
        ends[mark.partition] = max(ends.get(mark.partition, 0), mark.next_offset)
    return ends


async def feed_memory(drive: Drive, embedded: EmbeddedRun, upkeep: Upkeep) -> None:
    """The feed onto the in-process log, chunk by chunk, until everything is judged, archived, closed and delivered."""
    saved = saved_by_all(drive, ROLES if drive.plan.keep_series else ("judge",))
    for chunk in drive.chunks():
        feeding = ((s.transformer_area, s.message, float(s.event_time_s)) for s in shown(drive, chunk))
        await embedded.feed(feeding, already_saved=saved)
        await embedded.settle()
        await asyncio.to_thread(upkeep.round)
    if not embedded.reaches(saved):
        raise MeterwatchError(
            f"{drive.plan.out} holds the outcome of more messages than its feed and its journal of what people decided have: "
            "one of the two was changed or removed. Give --out a new folder"
        )
    drive.show()


def through_kafka(drive: Drive) -> None:
    """Publish to Kafka and wait until the workers have judged, archived and delivered everything, chunk by chunk."""
    settings, kafka_url = drive.settings, drive.settings.kafka_url or ""
    ensure_topics(kafka_url, settings.partitions, prefix=settings.topic_prefix)
    topic = settings.topic_prefix + AREAS.name
    drive.store.fix_partitions(topic, settings.partitions)
    roles: tuple[Role, ...] = ROLES if drive.plan.keep_series else ("judge",)
    with KafkaPublisher(kafka_url, settings.codec, topic=topic) as publisher, workers(drive) as watch:
        waiting = Waiting(drive, roles, watch)
        for chunk in drive.chunks():
            done = publisher.publish(
                (s.transformer_area, s.message, float(s.event_time_s)) for s in shown(drive, chunk)
            )
            waiting.until_handled(done.next_offsets)
        drive.show()


def shown(drive: Drive, chunk: Iterator[Sent]) -> Iterator[Sent]:
    for number, sent in enumerate(chunk):
        if number % 100 == 0:
            drive.show()
        yield sent


class Workers:
    """Worker processes of a replay; `check` raises when one has ended on its own."""

    def __init__(self, processes: list[subprocess.Popen[bytes]]) -> None:
        self._processes = processes

    def check(self) -> None:
        for process in self._processes:
            if process.poll() is not None:
                raise MeterwatchError(f"a worker ended with exit code {process.returncode}: see RUN/worker-*.log")


@contextmanager
def workers(drive: Drive) -> Iterator[Workers]:
    """Start the plan's worker processes; stop them gracefully at the end."""
    role = "both" if drive.plan.keep_series else "judge"
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for number in range(drive.plan.workers):
            with (drive.plan.out / f"worker-{number}.log").open("wb") as log:
                processes.append(
                    subprocess.Popen(  # noqa: S603 - this program itself
                        [sys.executable, "-m", "monitor.command_line", "worker", "--role", role],
                        env=environment(drive.settings),
                        stdout=log,
                        stderr=subprocess.STDOUT,
                    )
                )
        yield Workers(processes)
    finally:
        for process in processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(60)


def environment(settings: Settings) -> dict[str, str]:
    """The settings as a child process reads them from its environment."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)}
    # static members must each have a name of their own, and two cannot listen on one port
    settings = settings.model_copy(update={"instance_id": None, "metrics_port": None})
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if value is not None and value != "":
            secret = getattr(value, "get_secret_value", None)
            env[PREFIX + name.upper()] = str(secret() if secret is not None else value)
    return env


class Waiting:
    """Waits on the store, which is the truth about offsets."""

    def __init__(self, drive: Drive, roles: tuple[Role, ...], running: Workers) -> None:
        self._drive = drive
        self._roles = roles
        self._running = running

    def until_handled(self, ends: dict[int, int]) -> None:
        """All partitions saved up to `ends` by every role, their days closed, their points delivered."""
        seen, since = -1, time.monotonic()
        while True:
            self._running.check()
            try:
                done, missing = self._standing(ends)
            except StoreUnavailable as error:
                # the workers wait for the store as well
                done, missing = seen, str(error)
            if not missing:
                return
            if done != seen:
                seen, since = done, time.monotonic()
            elif time.monotonic() - since > STALLED_AFTER_S:
                raise MeterwatchError(
                    f"the workers have made no progress for {STALLED_AFTER_S:.0f} s; still to do: {missing}"
                )
            time.sleep(LOOK_EVERY_S)

    def _standing(self, ends: dict[int, int]) -> tuple[int, str]:
        """(a number that grows with progress, what is still to do or nothing)."""
        store, done = self._drive.store, 0
        for role in self._roles:
            offsets = {m.partition: m.next_offset for m in store.marks(role)}
            done += sum(offsets.values())
            behind = sum(max(0, end - offsets.get(p, 0)) for p, end in ends.items())
            if behind:
                return done, f"{behind} messages by the {role} stage"
        ready = [d for d in store.days_waiting() if self._passed(d)]
        if ready:
            return done + 1, f"{len(ready)} days to close"
        if len(self._roles) > 1 and store.point_batches(1):
            return done + 2 + sum(1 for _ in store.point_batches(50)), "points to deliver"
        return done, ""

    def _passed(self, ordinal: int) -> bool:
        closes_at_s = self._drive.feed.archive.calendar.day_close(date.fromordinal(ordinal))
        return all(m.clock_s >= closes_at_s for m in self._drive.store.marks("judge"))
