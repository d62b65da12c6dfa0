"""The servers that other system tests rely on: they answer, keep their data over a crash, and freeze when told to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from tests.system.servers import InfluxAccess, InfluxServer, KafkaServer, PostgresServer, Server, wait_until

pytestmark = pytest.mark.system


def _psycopg_url(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def test_kafka_keeps_its_log_over_a_crash() -> None:
    with KafkaServer() as server:
        admin = KafkaAdminClient(bootstrap_servers=server.bootstrap)
        admin.create_topics([NewTopic("areas", num_partitions=2, replication_factor=1)])
        admin.close()
        producer = KafkaProducer(bootstrap_servers=server.bootstrap, acks="all")
        producer.send("areas", b"one", partition=1).get(timeout=30)
        producer.close()
        server.kill9()
        assert not server.running
        server.start()
        consumer = KafkaConsumer(bootstrap_servers=server.bootstrap, auto_offset_reset="earliest")
        consumer.assign([TopicPartition("areas", 1)])
        values: list[bytes] = []

        def arrived() -> bool:
            for records in consumer.poll(timeout_ms=200).values():
                values.extend(record.value for record in records)
            return bool(values)

        wait_until(arrived, "the message is there after the crash")
        consumer.close()
        assert values == [b"one"]


def test_influxdb_keeps_its_points_over_a_crash() -> None:
    with InfluxServer() as server:
        access = server.new_bucket("crash")
        _write_one_point(access)
        server.kill9()
        server.start()
        assert _count_points(access) == 1


def _write_one_point(access: InfluxAccess) -> None:
    with InfluxDBClient(access.url, access.token, org=access.org) as client:
        client.write_api(write_options=SYNCHRONOUS).write(
            access.bucket, record=b"m v=1.0 1767225600", write_precision="s"
        )


def _count_points(access: InfluxAccess) -> int:
    with InfluxDBClient(access.url, access.token, org=access.org) as client:
        tables = client.query_api().query(f'from(bucket: "{access.bucket}") |> range(start: 2025-01-01T00:00:00Z)')
        return sum(len(table.records) for table in tables)


def test_postgres_keeps_what_was_committed_over_a_crash() -> None:
    with PostgresServer() as server:
        url = _psycopg_url(server.new_database())
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE t (v integer)")
            connection.execute("INSERT INTO t VALUES (7)")
        server.kill9()
        server.start()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT v FROM t").fetchall() == [(7,)]


def test_a_frozen_postgres_answers_nobody_until_it_goes_on() -> None:
    with PostgresServer() as server:
        url = _psycopg_url(server.url)
        server.pause()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url, connect_timeout=2)
        server.resume()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_restart_keeps_port_and_data() -> None:
    with PostgresServer() as server:
        before = server.url
        first_pid = server.pid
        server.restart()
        assert server.url == before
        assert server.pid != first_pid
        with psycopg.connect(_psycopg_url(server.url)) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_every_test_gets_a_corner_of_its_own(
    fresh_bucket: InfluxAccess, influx: InfluxAccess, fresh_database: str, postgres_url: str, topic_prefix: str
) -> None:
    assert fresh_bucket.bucket != influx.bucket
    assert fresh_database != postgres_url
    assert topic_prefix.endswith("-")
    with psycopg.connect(_psycopg_url(fresh_database)) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


def test_a_destroyed_server_leaves_nothing_behind() -> None:
    server: Server = PostgresServer().start()
    folder = server.folder
    server.destroy()
    assert not server.running
    assert not folder.exists()


def test_a_server_ends_with_the_process_that_started_it_even_if_that_is_killed() -> None:
    program = (
        "import os, signal; from tests.system.servers import PostgresServer; server = PostgresServer().start(); "
        "print(server.pid, server.folder, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False)
    pid, folder = killed.stdout.split()
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the server is gone")
    wait_until(lambda: not Path(folder).exists(), "its folder is gone")
