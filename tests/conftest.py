"""Fixtures that several rooms share: one real server of each kind per session, and a clean corner of it per test."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.system.servers import InfluxAccess, InfluxServer, KafkaServer, PostgresServer


@pytest.fixture(scope="session")
def kafka_server() -> Iterator[KafkaServer]:
    with KafkaServer() as server:
        yield server


@pytest.fixture(scope="session")
def kafka_url(kafka_server: KafkaServer) -> str:
    """``kafka://host:port`` of the session's broker."""
    return kafka_server.url


@pytest.fixture
def topic_prefix() -> str:
    """A prefix that no other test's topics and groups carry."""
    return f"t{uuid4().hex[:10]}-"


@pytest.fixture(scope="session")
def influx_server() -> Iterator[InfluxServer]:
    with InfluxServer() as server:
        yield server


@pytest.fixture(scope="session")
def influx(influx_server: InfluxServer) -> InfluxAccess:
    """The session's InfluxDB with its first bucket."""
    return influx_server.access


@pytest.fixture
def fresh_bucket(influx_server: InfluxServer) -> InfluxAccess:
    """The session's InfluxDB with a bucket of this test's own."""
    return influx_server.new_bucket()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresServer) -> str:
    """SQLAlchemy URL of the session's first database."""
    return postgres_server.url


@pytest.fixture
def fresh_database(postgres_server: PostgresServer) -> str:
    """SQLAlchemy URL of a database of this test's own."""
    return postgres_server.new_database()
