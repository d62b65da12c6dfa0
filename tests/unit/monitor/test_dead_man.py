"""The dead man's switch over real HTTP: asked once a minute, and its absence harms nothing here."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from metering.archive import Archive, Meter
from metering.errors import SettingsError
from monitor.dead_man import EVERY_S, DeadMansSwitch
from monitor.heart import Heart, PulseTaker
from operations.watch import Watch
from storage.memory import MemoryStore


class Outside(ThreadingHTTPServer):
    """Counts who asks; answers with `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/ping/secret"


class _Handler(BaseHTTPRequestHandler):
    server: Outside

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        return

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def outside() -> Iterator[Outside]:
    server = Outside()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_it_is_asked_once_a_minute(outside: Outside) -> None:
    now = [1000.0]
    switch = DeadMansSwitch(outside.url, lambda: now[0])
    switch.hold()
    switch.hold()
    now[0] += EVERY_S
    switch.hold()
    assert outside.asked == ["/ping/secret"] * 2


def test_that_it_is_away_is_said_once_without_its_address(outside: Outside, caplog: pytest.LogCaptureFixture) -> None:
    now = [1000.0]
    switch = DeadMansSwitch(outside.url, lambda: now[0])
    outside.status = 500
    for _ in range(3):
        switch.hold()
        now[0] += EVERY_S
    assert switch.failing
    assert len(caplog.records) == 1
    assert "secret" not in caplog.text
    outside.status = 200
    switch.hold()
    assert not switch.failing


def test_only_whoever_judges_holds_it(outside: Outside) -> None:
    store = MemoryStore()
    archive = Archive("small", 15, "UTC", (Meter("M1", "SP1", "C1", "A1", "customer"),))

    def heart(owner: str) -> Heart:
        watch = Watch(store, archive, 1, owner)
        return Heart(PulseTaker(owner, "desk"), watch, switch=DeadMansSwitch(outside.url))

    first, second = heart("w1"), heart("w2")
    first.beat()
    second.beat()
    assert len(outside.asked) == 1


def test_an_address_that_cannot_work_is_refused() -> None:
    with pytest.raises(SettingsError, match="METERWATCH_HEARTBEAT_URL"):
        DeadMansSwitch("hc.example/ping")
