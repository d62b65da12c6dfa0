"""The benchmarks by name, in the order of `results.md`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks import (
    alert_lists,
    codec_cost,
    daily_cost,
    detectors_alone,
    feed_sources,
    memory_per_meter,
    stages_cost,
    storm,
    through_kafka,
    through_memory,
)
from benchmarks.plan import Plan


@dataclass(frozen=True, slots=True)
class Benchmark:
    name: str
    title: str
    run: Callable[[Plan], Sequence[str]]


BENCHMARKS = (
    Benchmark("memory", "the whole pipeline through `memory://`, one process", through_memory.run),
    Benchmark("kafka", "Kafka, InfluxDB and PostgreSQL, a process per stage", through_kafka.run_on_postgresql),
    Benchmark("kafka-sqlite", "Kafka and InfluxDB, one worker, state in SQLite", through_kafka.run_on_sqlite),
    Benchmark("meters", "memory and state per meter", memory_per_meter.run),
    Benchmark("detectors", "the interval detectors alone", detectors_alone.run),
    Benchmark("days", "the end of a day, by part", daily_cost.run),
    Benchmark("stages", "the stages between an alert and the outbox", stages_cost.run),
    Benchmark("storm", "a storm over 50 areas with 10,000 customers: alerts and notifications", storm.run),
    Benchmark("alerts", "100,000 open alerts: lists, filters and acts through the API", alert_lists.run),
    Benchmark("alerts-postgresql", "the same on PostgreSQL", alert_lists.run_on_postgresql),
    Benchmark("codecs", "the wire: JSON and packed frames", codec_cost.run),
    Benchmark("sources", "simulator and importers", feed_sources.run),
)
NAMES = tuple(benchmark.name for benchmark in BENCHMARKS)
