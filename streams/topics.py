"""The topics, in one list, and their making on a Kafka cluster."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from metering.errors import StoreError, StoreUnavailable

DEFAULT_PARTITIONS = 12
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `partitions` None means the number chosen at set-up, which never changes afterwards: it decides
    which worker holds an area's past."""

    name: str
    partitions: int | None
    retention_days: int
    cleanup_policy: Literal["delete"]
    holds: str


AREAS = Topic(
    "meterwatch.areas",
    None,
    retention_days=7,
    cleanup_policy="delete",
    holds="Frames, meter events, findings and decisions of the transformer areas, keyed by area, and the ticks, in every "
    "partition. Retention covers the longest time a worker may be down.",
)
DEAD_LETTERS = Topic(
    "meterwatch.dead-letters",
    1,
    retention_days=30,
    cleanup_policy="delete",
    holds="Messages that could not be read, with reason and position, and what was decided about them.",
)
TOPICS = (AREAS, DEAD_LETTERS)


def topics_table() -> str:
    """The topics as the Markdown table that the runbook carries (a test holds the two together)."""
    lines = ["| topic | partitions | retention | cleanup | holds |", "|---|---|---|---|---|"]
    for topic in TOPICS:
        partitions = f"{DEFAULT_PARTITIONS} (chosen at set-up)" if topic.partitions is None else str(topic.partitions)
        lines.append(
            f"| `{topic.name}` | {partitions} | {topic.retention_days} days | {topic.cleanup_policy} | {topic.holds} |"
        )
    return "\n".join(lines)


def bootstrap_servers(kafka_url: str) -> list[str]:
    """`kafka://host:port[;host:port]` or bare `host:port[,host:port]` as kafka-python wants it."""
    return [part.removeprefix("kafka://").rstrip("/") for part in kafka_url.replace(";", ",").split(",") if part]


def ensure_topics(
    kafka_url: str,
    partitions: int = DEFAULT_PARTITIONS,
    *,
    replication: int = -1,
    prefix: str = "",
    create: bool = True,
) -> dict[str, int]:
    """Make the missing topics and hold the present ones to the list; returns partitions by topic.

    Without `create` it only looks: nothing is made or set, and a missing topic is a `StoreError`.

    `replication` -1 is the cluster's default; `prefix` goes before every name (a cluster shared with others). `StoreError` if a topic has another number of partitions,
    `StoreUnavailable` if the cluster cannot be reached.
    """
    try:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers(kafka_url), request_timeout_ms=15_000)
    except KafkaError as error:
        raise StoreUnavailable(f"Kafka at {kafka_url} cannot be reached: {error}") from error
    try:
        topics = [replace(t, name=prefix + t.name) for t in TOPICS]
        if not create:
            there = set(admin.list_topics())
            return {t.name: _look(admin, t, partitions, there) for t in topics}
        return {t.name: _ensure(admin, t, partitions, replication) for t in topics}
    except KafkaError as error:
        raise StoreUnavailable(f"Kafka at {kafka_url} did not answer: {error}") from error
    finally:
        admin.close()


def _ensure(admin: KafkaAdminClient, topic: Topic, partitions: int, replication: int) -> int:
    wanted = topic.partitions or partitions
    config = {"retention.ms": str(topic.retention_days * _DAY_MS), "cleanup.policy": topic.cleanup_policy}
    try:
        admin.create_topics([NewTopic(topic.name, wanted, replication, topic_configs=config)])
    except TopicAlreadyExistsError:
        pass
    else:
        return wanted
    present = _present(admin, topic, wanted)
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name, config)])
    return present


def _look(admin: KafkaAdminClient, topic: Topic, partitions: int, there: Collection[str]) -> int:
    if topic.name not in there:
        raise StoreError(f"topic {topic.name} is not there yet: run `meterwatch provision`")
    return _present(admin, topic, topic.partitions or partitions)


def _present(admin: KafkaAdminClient, topic: Topic, wanted: int) -> int:
    (found,) = admin.describe_topics([topic.name])
    present = len(found["partitions"])
    if present != wanted:
        raise StoreError(
            f"topic {topic.name} has {present} partitions, but {wanted} are asked for: areas would change their "
            f"partition and lose their order. Set partitions to {present}, or start over with a new topic and a new store"
        )
    return present
