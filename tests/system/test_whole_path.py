"""A feed through real Kafka, InfluxDB and PostgreSQL: the same bytes and the same points as in one loop without them."""

from __future__ import annotations

import random
import threading
from contextlib import closing
from pathlib import Path

import pytest

from storage.sql import SqlStore
from tests.replay.poisoned_feed import PoisonedFeed
from tests.system.servers import InfluxAccess, KafkaServer
from tests.system.whole_path import (
    PATIENCE_S,
    SESSION_TIMEOUT_S,
    Undisturbed,
    assert_as_undisturbed,
    assert_same_points,
    done,
    duckdb_rows,
    fleet,
    influx_rows,
    message_count,
    on_servers,
    publishing,
    results,
    results_of,
    run_settings,
    until_handled,
    until_settled,
)

pytestmark = [
    pytest.mark.system,
    # kafka-python leaves the socket of a connection that failed to the collector
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"),
]


#: Event time runs so much faster than real time where a feed must last for ten blows: six days in two minutes.
PACE = 4320


# --- the same bytes whichever way the feed goes


def test_the_feed_has_alerts_tasks_and_points_of_every_kind_to_compare(direct: Undisturbed) -> None:
    assert direct.report["alerts"] >= 8
    assert direct.report["tasks"] >= 4
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
    shares = sorted(dice.uniform(0.02, 0.85) for _ in blows)
    settings = run_settings(kafka_server.bootstrap, topic_prefix, fresh_database, fresh_bucket)
    done(settings, "provision", "--archive", feed.folder)
    total = message_count(feed.folder)
    # a paced feed: whatever the machine's speed, what one worker can do while the other is down does not end it
    with (
        fleet(settings, tmp_path, "both", "both") as workers,
        publishing(settings, feed.folder, PACE) as publisher,
        closing(SqlStore(fresh_database)) as store,
    ):
        for share, blow in zip(shares, blows, strict=True):
            until_handled(workers, store, int(share * total))
            assert publisher.poll() is None, "the feed was over before the last blow"
            victim = dice.randrange(2)
            if blow == "kill":
                workers.kill9(victim)
                workers.start(victim)
            else:
                workers.freeze(victim)
                # the blow itself: silent for longer than Kafka waits, so that the other worker takes its partitions
                threading.Event().wait(SESSION_TIMEOUT_S + dice.uniform(1.0, 4.0))
                workers.thaw(victim)
        assert publisher.wait(PATIENCE_S) == 0
        until_handled(workers, store, total)
        until_settled(workers, store, {})
        assert workers.stop() == [0, 0], workers.logs()
        assert results_of(store, tmp_path) == direct.results
        counters = store.counters()
        assert max(mark.epoch for mark in store.marks("judge")) > 5, "partitions changed hands again and again"
    assert {r: counters.get(f"set_aside.{r}", 0) for r in direct.report["set_aside"]} == direct.report["set_aside"]
    for name in ("readings_accepted", "readings_corrected", "readings_late"):
        assert counters[name] == direct.report[name], name
    assert_same_points(influx_rows(fresh_bucket, direct.span), direct.rows)
