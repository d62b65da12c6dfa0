"""Servers that go away, letters that cannot be read, workers that are asked to end, a store that moves: nothing is lost."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import orjson
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from metering.messages import ArrivedFrame
from simulator.feeds.feed import Feed
from simulator.feeds.publication import publication
from storage.sql import SqlStore
from streams.codecs import encode
from streams.partitioning import partition_of
from streams.topics import AREAS, DEAD_LETTERS
from tests.replay.poisoned_feed import PoisonedFeed
from tests.system.servers import InfluxAccess, InfluxServer, KafkaServer, PostgresServer, Server, wait_until
from tests.system.whole_path import (
    PARTITIONS,
    PATIENCE_S,
    Undisturbed,
    assert_as_undisturbed,
    assert_same_points,
    done,
    duckdb_rows,
    fleet,
    influx_rows,
    meterwatch,
    on_servers,
    publish,
    results_of,
    run_settings,
    until_settled,
)

pytestmark = [
    pytest.mark.system,
    # kafka-python leaves the socket of a connection that failed to the collector
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"),
]

AWAY_S = 20.0


# --- servers that go away


@pytest.mark.parametrize("how", ["stopped", "frozen"])
@pytest.mark.parametrize("which", ["kafka", "influx", "postgres"])
def test_a_server_away_for_twenty_seconds_in_mid_stream_loses_and_doubles_nothing(
    which: str,
    how: str,
    feed: PoisonedFeed,
    direct: Undisturbed,
    kafka_server: KafkaServer,
    influx_server: InfluxServer,
    postgres_server: PostgresServer,
    fresh_database: str,
    fresh_bucket: InfluxAccess,
    topic_prefix: str,
    tmp_path: Path,
) -> None:
    server = {"kafka": kafka_server, "influx": influx_server, "postgres": postgres_server}[which]
    settings = run_settings(kafka_server.bootstrap, topic_prefix, fresh_database, fresh_bucket)
    with on_servers(settings, feed.folder, tmp_path, "both", "both") as (replay, _):
        replay.until_handled(0.25)
        left = time.monotonic()
        _leave(server, how)
        try:
            if which == "influx":
                # judging never waits for it: what it raises is in SQL long before InfluxDB is back
                raised = len(replay.store.alerts())
                replay.until_handled(0.95)
                assert len(replay.store.alerts()) > raised
                assert replay.store.point_batches(1), "what is judged waits for InfluxDB"
            threading.Event().wait(max(0.0, left + AWAY_S - time.monotonic()))
            replay.check()
        finally:
            _come_back(server, how)
        assert_as_undisturbed(replay, direct, fresh_bucket)


def _leave(server: Server, how: str) -> None:
    if how == "stopped":
        server.stop()
    else:
        server.pause()


def _come_back(server: Server, how: str) -> None:
    if how == "stopped":
        server.start()
    else:
        server.resume()


# --- letters that cannot be read


def test_what_cannot_be_read_lies_in_the_dead_letters_and_costs_nothing_else(
    feed: PoisonedFeed, direct: Undisturbed, kafka_server: KafkaServer, topic_prefix: str, tmp_path: Path
) -> None:
    settings = run_settings(kafka_server.bootstrap, topic_prefix, f"sqlite:///{tmp_path / 'state.sqlite'}")
    settings["duckdb_path"] = tmp_path / "series.duckdb"
    done(settings, "provision", "--archive", feed.folder)
    poison = _unreadable(feed.folder)
    with fleet(settings, tmp_path, "both") as workers, closing(SqlStore(str(settings["database_url"]))) as store:
        injector = threading.Thread(target=_inject, args=(settings, poison))
        injector.start()
        readings, _ = publish(settings, feed.folder)
        injector.join()
        until_settled(workers, store, _ends(settings))
        assert workers.stop() == [0], workers.logs()
        counters = store.counters()
        assert results_of(store, tmp_path) == direct.results
    assert counters["frames_dead_lettered"] == len(poison)
    assert counters["readings_dead_lettered"] == sum(count for *_, count in poison)
    assert readings + counters["readings_dead_lettered"] == (
        counters["readings_accepted"]
        + sum(n for name, n in counters.items() if name.startswith("set_aside."))
        + counters["readings_late"]
        + counters["readings_dead_lettered"]
    )
    assert_same_points(duckdb_rows(tmp_path, direct.span), direct.rows)
    assert sorted(_values(settings, DEAD_LETTERS.name)) == sorted(value for _, value, _, _ in poison)
    listed = done(settings, "dead-letters", "list")
    assert listed.startswith(f"{len(poison)} dead letters:")
    assert listed.count("area A0001") == sum(1 for area, *_ in poison if area == "A0001")
    again = done(settings, "dead-letters", "list", "--limit", 3)
    assert len(again.splitlines()) == 4


Poison = tuple[str, bytes, list[tuple[str, bytes]], int]
"""(area, value, headers, readings it claims to hold)"""


def _unreadable(feed: Path) -> list[Poison]:
    """Good frames of the feed, each spoilt as a whole: broken JSON, wrong types, an unknown schema, nonsense."""
    frames = [sent.message for sent in publication(Feed.open(feed)) if isinstance(sent.message, ArrivedFrame)]
    spoilt: list[Poison] = []
    for number, frame in enumerate(frames[100::60]):
        value, headers = encode(frame)
        body = orjson.loads(value)
        match number % 6:
            case 0:
                value = value[: len(value) // 2]
            case 1:
                value = orjson.dumps({**body, "interval_start_s": "half past seven"})
            case 2:
                value = orjson.dumps({**body, "meter_ids": 7})
            case 3:
                value = orjson.dumps({**body, "columns": [1, 2, 3]})
            case 4:
                headers = [(name, b"99" if name == "schema" else word) for name, word in headers]
            case _:
                value = b"\x00\xff not JSON at all"
        spoilt.append((frame.transformer_area, value, headers, frame.reading_count))
    return spoilt


def _inject(settings: dict[str, object], poison: list[Poison]) -> None:
    """Onto the areas topic, each under its area's key, while the feed is being published."""
    topic = f"{settings['topic_prefix']}{AREAS.name}"
    producer = KafkaProducer(bootstrap_servers=str(settings["kafka_url"]), acks="all")
    try:
        for area, value, headers, _ in poison:
            partition = partition_of(area, PARTITIONS)
            producer.send(topic, value, key=area.encode(), headers=headers, partition=partition).get(timeout=30)
    finally:
        producer.close()


def _ends(settings: dict[str, object]) -> dict[int, int]:
    """Next offset by partition of the areas topic as the broker has it."""
    consumer = KafkaConsumer(bootstrap_servers=str(settings["kafka_url"]))
    topic = f"{settings['topic_prefix']}{AREAS.name}"
    try:
        places = [TopicPartition(topic, p) for p in range(PARTITIONS)]
        return {place.partition: end for place, end in consumer.end_offsets(places).items()}
    finally:
        consumer.close()


def _values(settings: dict[str, object], topic: str) -> list[bytes]:
    """All values of a topic of one partition."""
    place = TopicPartition(f"{settings['topic_prefix']}{topic}", 0)
    consumer = KafkaConsumer(bootstrap_servers=str(settings["kafka_url"]), group_id=None)
    try:
        consumer.assign([place])
        consumer.seek_to_beginning()
        end = consumer.end_offsets([place])[place]
        found: list[bytes] = []
        while consumer.position(place) < end:
            for records in consumer.poll(timeout_ms=200).values():
                found += [record.value for record in records]
        return found
    finally:
        consumer.close()


# --- a worker is asked to end, and its store moves


def test_a_worker_asked_to_end_has_saved_and_the_run_goes_on_in_another_database(
    feed: PoisonedFeed,
    direct: Undisturbed,
    kafka_server: KafkaServer,
    fresh_database: str,
    fresh_bucket: InfluxAccess,
    topic_prefix: str,
    tmp_path: Path,
) -> None:
    sqlite_url = f"sqlite:///{tmp_path / 'first.sqlite'}"
    settings = run_settings(kafka_server.bootstrap, topic_prefix, sqlite_url, fresh_bucket)
    done(settings, "provision", "--archive", feed.folder)
    _, ends = publish(settings, feed.folder)
    total = sum(ends.values())

    def handled(store: SqlStore) -> int:
        return sum(mark.next_offset for mark in store.marks("judge"))

    with fleet(settings, tmp_path, "both") as workers, closing(SqlStore(sqlite_url)) as store:
        wait_until(lambda: handled(store) > total // 2, "half of the feed is handled", PATIENCE_S)
        assert workers.stop() == [0], workers.logs()
        stopped_at = handled(store)
        assert total // 2 < stopped_at < total
    done(settings, "backup", tmp_path / "half.zip")

    onward = settings | {"database_url": fresh_database}
    done(onward, "restore", tmp_path / "half.zip")
    with closing(SqlStore(fresh_database)) as store:
        assert handled(store) == stopped_at
        with fleet(onward, tmp_path, "both", "both") as workers:
            until_settled(workers, store, ends)
            assert workers.stop() == [0, 0], workers.logs()
        assert results_of(store, tmp_path) == direct.results
    assert_same_points(influx_rows(fresh_bucket, direct.span), direct.rows)

    done(onward, "backup", tmp_path / "whole.zip")
    back = settings | {"database_url": f"sqlite:///{tmp_path / 'second.sqlite'}"}
    done(back, "restore", tmp_path / "whole.zip")
    with closing(SqlStore(str(back["database_url"]))) as store:
        assert results_of(store, tmp_path) == direct.results
    shown = [json.loads(done(of, "state", "show", "A0001")) for of in (onward, back)]
    assert shown[0] == shown[1]
    assert shown[0]["meters"] == 13
    refused = meterwatch(back, "restore", tmp_path / "half.zip")
    assert refused.returncode == 1
    assert "is not empty" in refused.stderr


@pytest.mark.parametrize("which", ["kafka", "influx", "postgres"])
def test_a_worker_asked_to_end_while_a_server_is_away_ends_with_zero_and_its_successor_goes_on(
    which: str,
    feed: PoisonedFeed,
    direct: Undisturbed,
    kafka_server: KafkaServer,
    influx_server: InfluxServer,
    postgres_server: PostgresServer,
    fresh_database: str,
    fresh_bucket: InfluxAccess,
    topic_prefix: str,
    tmp_path: Path,
) -> None:
    server: Server = {"kafka": kafka_server, "influx": influx_server, "postgres": postgres_server}[which]
    settings = run_settings(kafka_server.bootstrap, topic_prefix, fresh_database, fresh_bucket)
    done(settings, "provision", "--archive", feed.folder)
    _, ends = publish(settings, feed.folder)
    with fleet(settings, tmp_path, "both") as workers, closing(SqlStore(fresh_database)) as store:
        wait_until(
            lambda: sum(mark.next_offset for mark in store.marks("judge")) > sum(ends.values()) // 3,
            "a third of the feed is handled",
            PATIENCE_S,
        )
        server.stop()
        try:
            assert workers.stop() == [0], workers.logs()
        finally:
            server.start()
        workers.start(0)
        until_settled(workers, store, ends)
        assert workers.stop() == [0], workers.logs()
        assert results_of(store, tmp_path) == direct.results
    assert_same_points(influx_rows(fresh_bucket, direct.span), direct.rows)


def test_a_second_worker_on_one_sqlite_file_is_refused_with_a_sentence(
    feed: PoisonedFeed, kafka_server: KafkaServer, topic_prefix: str, tmp_path: Path
) -> None:
    settings = run_settings(kafka_server.bootstrap, topic_prefix, f"sqlite:///{tmp_path / 'state.sqlite'}")
    settings["duckdb_path"] = tmp_path / "series.duckdb"
    done(settings, "provision", "--archive", feed.folder)
    publish(settings, feed.folder)
    with fleet(settings, tmp_path, "judge") as workers:
        wait_until(lambda: _begun(tmp_path / "state.sqlite") == PARTITIONS, "the first worker is at work", PATIENCE_S)
        second = meterwatch(settings | {"duckdb_path": tmp_path / "other.duckdb"}, "worker")
        assert second.returncode == 1
        assert "admits one at a time" in second.stderr
        workers.check()
        assert workers.stop() == [0]


def _begun(state: Path) -> int:
    with closing(sqlite3.connect(state, timeout=30)) as connection:
        return int(connection.execute("SELECT count(*) FROM log_partition").fetchone()[0])
