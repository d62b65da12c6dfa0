"""A server that speaks Grafana's annotation endpoints, and a client of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from grafana.client import AnnotationClient
from tests.unit.grafana.fake_grafana import TOKEN, FakeGrafana


@pytest.fixture
def server() -> Iterator[FakeGrafana]:
    fake = FakeGrafana()
    thread = threading.Thread(target=fake.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield fake
    fake.shutdown()
    thread.join()
    fake.server_close()


@pytest.fixture
def client(server: FakeGrafana) -> AnnotationClient:
    return AnnotationClient(server.url, TOKEN)
