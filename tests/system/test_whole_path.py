"""A feed through real Kafka, InfluxDB and PostgreSQL: the same bytes and the same points as in one loop without them."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from tests.replay.poisoned_feed import PoisonedFeed
from tests.system.servers import InfluxAccess, KafkaServer
from tests.system.whole_path import (
    SESSION_TIMEOUT_S,
    Undisturbed,
    assert_as_undisturbed,
    assert_same_points,
    done,
    duckdb_rows,
    marks_of,
    on_servers,
    results,
    run_settings,
)

pytestmark = [
    pytest.mark.system,
    # kafka-python leaves the socket of a connection that failed to the collector
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"),
]


# --- the same bytes whichever way the feed goes


def test_the_feed_has_alerts_tasks_and_points_of_every_kind_to_compare(direct: Undisturbed) -> None:
    assert direct.report["alerts"] >= 8
    assert direct.report["tasks"] >= 5
    assert direct.report["findings"] >= 3
    assert all(direct.rows.values()), {name: len(found) for name, found in direct.rows.items()}


def test_one_worker_on_kafka_and_sqlite_gives_the_same_bytes(
    feed: PoisonedFeed, direct: Undisturbed, kafka_server: KafkaServer, tmp_path: Path
) -> None:
    done({}, "replay", feed.folder, "--out", tmp_path / "run", "--through", "kafka", "--kafka", kafka_server.bootstrap)
    assert results(tmp_path / "run") == direct.results
    assert_same_points(duckdb_rows(tmp_path / "run", direct.span), direct.rows)


def test_two_workers_on_kafka_postgresql_and_influxdb_give_the_same_bytes_and_points(
    feed: PoisonedFeed,
    direct: Undisturbed,
    kafka_server: KafkaServer,
    fresh_database: str,
    fresh_bucket: InfluxAccess,
    topic_prefix: str,
    tmp_path: Path,
) -> None:
    settings = run_settings(kafka_server.bootstrap, topic_prefix, fresh_database, fresh_bucket)
    with on_servers(settings, feed.folder, tmp_path, "both", "both") as (replay, _):
        assert_as_undisturbed(replay, direct, fresh_bucket)


def test_judges_and_archivers_may_be_processes_of_their_own(
    feed: PoisonedFeed,
    direct: Undisturbed,
    kafka_server: KafkaServer,
    fresh_database: str,
    fresh_bucket: InfluxAccess,
    topic_prefix: str,
    tmp_path: Path,
) -> None:
    settings = run_settings(kafka_server.bootstrap, topic_prefix, fresh_database, fresh_bucket)
    with on_servers(settings, feed.folder, tmp_path, "judge", "archive") as (replay, _):
        assert_as_undisturbed(replay, direct, fresh_bucket)


# --- whatever happens to the workers


@pytest.mark.parametrize("seed", [1])
def test_workers_killed_and_frozen_ten_times_leave_the_same_bytes_and_points(
    seed: int,
    feed: PoisonedFeed,
    direct: Undisturbed,
    kafka_server: KafkaServer,
    fresh_database: str,
    fresh_bucket: InfluxAccess,
    topic_prefix: str,
    tmp_path: Path,
) -> None:
    dice = random.Random(seed)
    blows = ["kill", "freeze"] * 5
    dice.shuffle(blows)
    # saved every few messages: more places where a save can be cut in two, and time for ten blows
    settings = run_settings(kafka_server.bootstrap, topic_prefix, fresh_database, fresh_bucket)
    settings["checkpoint_messages"] = 4
    in_mid_stream = 0
    with on_servers(settings, feed.folder, tmp_path, "both", "both") as (replay, workers):
        for left, blow in zip(range(len(blows), 0, -1), blows, strict=True):
            share = max(replay.handled(), 0) / replay.messages
            replay.until_handled(min(0.97, share + dice.uniform(0.1, 1.9) * max(0.0, 0.97 - share) / (left + 1)))
            in_mid_stream += replay.handled() < replay.messages
            victim = dice.randrange(2)
            if blow == "kill":
                workers.kill9(victim)
                workers.start(victim)
            else:
                workers.freeze(victim)
                # the blow itself: silent for longer than Kafka waits, so that the other worker takes its partitions
                threading.Event().wait(SESSION_TIMEOUT_S + dice.uniform(1.0, 4.0))
                workers.thaw(victim)
        assert in_mid_stream >= 8, f"only {in_mid_stream} of {len(blows)} blows fell while the feed went through"
        assert_as_undisturbed(replay, direct, fresh_bucket)
    epochs = [mark.epoch for role in ("judge", "archive") for mark in marks_of(fresh_database, role)]
    assert max(epochs) > 5, "partitions have changed hands again and again"
