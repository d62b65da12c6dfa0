"""A feed through real servers, each process as in reality: publisher, area stage (judge), archive stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks.child import Account, unwatched
from benchmarks.plan import Child, Plan, child
from benchmarks.report import count, percent, process_table, split_table, table, what_bounds
from benchmarks.stage_clock import cpu_ticks, ticks_per_second
from metering.ports import Role
from monitor.pacing import Pacing
from monitor.replay import Drive, ReplayPlan
from monitor.settings import Settings
from monitor.stores import open_store
from monitor.through_log import Waiting, Workers, environment
from simulator.feeds.feed import Feed
from streams.topics import AREAS, ensure_topics
from tests.system.servers import InfluxServer, KafkaServer, PostgresServer, Server

PARTITIONS = 12


@dataclass(slots=True)
class Cluster:
    """The servers of one benchmark; `postgres` None = the state in a SQLite file, which admits one worker."""

    kafka: KafkaServer
    influx: InfluxServer
    postgres: PostgresServer | None

    @property
    def servers(self) -> list[Server]:
        return [s for s in (self.kafka, self.influx, self.postgres) if s is not None]

    def settings(self, folder: Path) -> Settings:
        """A run's own topics, bucket and database."""
        access = self.influx.new_bucket()
        database = f"sqlite:///{folder / 'state.sqlite'}" if self.postgres is None else self.postgres.new_database()
        return Settings.model_validate(
            {
                "kafka_url": self.kafka.bootstrap,
                "topic_prefix": f"bench-{uuid4().hex[:8]}.",
                "partitions": PARTITIONS,
                "influx_url": access.url,
                "influx_token": access.token,
                "influx_org": access.org,
                "influx_bucket": access.bucket,
                "database_url": database,
            }
        )

    def cpu_s(self) -> dict[str, float]:
        return {server.name: family_cpu_s(server.pid) for server in self.servers}


@dataclass(frozen=True, slots=True)
class KafkaRun:
    """One feed through the cluster. `wall_s` is from the publisher's first reading to the last effect of any worker."""

    publisher: Account
    workers: Sequence[Account]
    servers_cpu_s: Mapping[str, float]

    @property
    def readings(self) -> int:
        return int(self.publisher.told["readings"])

    @property
    def wall_s(self) -> float:
        return max(worker.last_s for worker in self.workers) - self.publisher.first_s

    @property
    def own_cpu_s(self) -> float:
        return self.publisher.cpu_s + sum(worker.cpu_s for worker in self.workers)


def run_on_postgresql(plan: Plan) -> list[str]:
    """Kafka, InfluxDB and PostgreSQL: first from a full log, so that no worker starves, then while it is published."""
    with ExitStack() as running:
        cluster = Cluster(
            running.enter_context(KafkaServer()),
            running.enter_context(InfluxServer()),
            running.enter_context(PostgresServer()),
        )
        backlog = drive(plan, cluster, ("judge", "archive"), live=False)
        live = None if plan.quick else drive(plan, cluster, ("judge", "archive"), live=True)
    readings = backlog.readings
    return [
        (
            f"Feed: {plan.feed_text}; {readings:,} readings in JSON frames, {PARTITIONS} partitions. Publisher, area stage and "
            "archive stage are processes of their own; PostgreSQL runs without fsync, as the tests' servers do."
        ),
        "",
        "From a full log (everything published before the workers start):",
        "",
        *process_table([backlog.publisher, *backlog.workers], readings),
        *split_table([backlog.publisher, *backlog.workers], readings),
        *server_table(backlog),
        *([] if live is None else while_published(live)),
        *(line for worker in backlog.workers for line in (what_bounds(worker), "")),
    ]


def run_on_sqlite(plan: Plan) -> list[str]:
    """Kafka and InfluxDB with the state in SQLite: one worker does both stages."""
    with ExitStack() as running:
        cluster = Cluster(running.enter_context(KafkaServer()), running.enter_context(InfluxServer()), None)
        backlog = drive(plan, cluster, ("both",), live=False)
    readings = backlog.readings
    return [
        (
            f"Feed: {plan.feed_text}; {readings:,} readings in JSON frames, {PARTITIONS} partitions, from a full log. "
            "One worker process (`--role both`), state in a SQLite file."
        ),
        "",
        *process_table([backlog.publisher, *backlog.workers], readings),
        *split_table(backlog.workers, readings),
        *server_table(backlog),
        what_bounds(backlog.workers[0]),
    ]


def drive(plan: Plan, cluster: Cluster, roles: Sequence[str], *, live: bool) -> KafkaRun:
    """One run: `live` starts the workers first and then publishes, otherwise the other way round."""
    feed = Feed.open(plan.feed())
    folder = plan.folder / f"kafka-{uuid4().hex[:8]}"
    folder.mkdir()
    settings = cluster.settings(folder)
    store = open_store(settings)
    try:
        store.save_archive(feed.archive)
        store.fix_partitions(settings.topic_prefix + AREAS.name, PARTITIONS)
        ensure_topics(cluster.kafka.bootstrap, PARTITIONS, prefix=settings.topic_prefix)
        before = cluster.cpu_s()
        with ExitStack() as running:

            def start(role: str, *arguments: str) -> Child:
                return running.enter_context(child(folder, role, role, *arguments, env=environment(settings)))

            if live:
                workers = [start(role) for role in roles]
                for worker in workers:
                    worker.wait_ready()
                publisher = start("publish", str(feed.folder)).finish()
            else:
                publisher = start("publish", str(feed.folder)).finish()
                workers = [start(role) for role in roles]
            drive_of = Drive(
                ReplayPlan(feed.folder, folder), settings, feed, store, {}, Pacing(feed.archive, store, None), unwatched
            )
            stages: tuple[Role, ...] = ("judge", "archive")
            Waiting(drive_of, stages, Workers([w.process for w in workers])).until_handled(ends_of(publisher))
            after = cluster.cpu_s()
            accounts = [worker.finish(ask=True) for worker in workers]
    finally:
        store.close()
    return KafkaRun(publisher, accounts, {name: after[name] - before[name] for name in after})


def ends_of(publisher: Account) -> dict[int, int]:
    """Next offset by partition, as the publisher saw it (JSON has made its keys text)."""
    ends: Mapping[str, Any] = publisher.told["next_offsets"]
    return {int(partition): int(end) for partition, end in ends.items()}


def server_table(run: KafkaRun) -> list[str]:
    """What the servers took for it, start-up left out."""
    own, rows = run.own_cpu_s, []
    for name, spent in run.servers_cpu_s.items():
        rows.append([name, f"{spent:.1f}", count(1e6 * spent / run.readings), percent(spent, own)])
    return table(["server", "CPU, s", "µs per reading", "against Meterwatch's own CPU"], rows)


def while_published(live: KafkaRun) -> list[str]:
    return [
        "While it is published (workers waiting, then the whole feed at once):",
        "",
        *process_table([live.publisher, *live.workers], live.readings),
        end_to_end(live),
        "",
    ]


def end_to_end(run: KafkaRun) -> str:
    return (
        f"End to end, from the first reading published to the last one judged, archived and its points delivered: "
        f"{run.wall_s:.1f} s, {count(run.readings / run.wall_s)} readings per second; "
        f"{count(run.readings / run.own_cpu_s)} per CPU-second of publisher and workers together "
        f"({count(run.readings / (run.own_cpu_s + sum(run.servers_cpu_s.values())))} with the servers counted)."
    )


def family_cpu_s(pid: int) -> float:
    """CPU seconds so far of a process, its living descendants, and those of theirs that have ended."""
    ticks, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        try:
            ticks += sum(cpu_ticks(Path(f"/proc/{one}/stat").read_text()))
            waiting += [int(c) for c in Path(f"/proc/{one}/task/{one}/children").read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return ticks / ticks_per_second()
