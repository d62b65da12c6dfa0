"""A worker process stops when asked to, with everything saved, and says why when it cannot go on."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from uuid import uuid4

import pytest

from metering.errors import StoreError
from metering.messages import Message, Tick
from streams.app import StageApp, create_app
from streams.codecs import encode
from streams.memory_transport import MemoryBroker
from streams.run import run_worker
from streams.topics import AREAS, DEAD_LETTERS
from tests.unit.streams.recording_stage import RecordingStage, SharedStore


class Interrupting(RecordingStage):
    """Sends this process the signal that a supervisor would, while it handles its fifth message."""

    def handle(self, partition: int, offset: int, message: Message) -> None:
        super().handle(partition, offset, message)
        if offset == 4:
            os.kill(os.getpid(), signal.SIGTERM)


class Refused(RecordingStage):
    def save(self) -> frozenset[int]:
        raise StoreError("the schema is from another year: run the migrations")


def app_of(make: Callable[[SharedStore], RecordingStage], store: SharedStore) -> StageApp:
    url = f"memory://{uuid4().hex}"
    broker = MemoryBroker.at(url)
    broker.declare(AREAS.name, 1)
    broker.declare(DEAD_LETTERS.name, 1)
    for i in range(5):
        broker.append(AREAS.name, None, *encode(Tick(i)), partition=0)
    return create_app(
        make(store),
        broker_url=url,
        group="judge",
        partitions=1,
        checkpoint_every_s=3600.0 if make is Interrupting else 0.1,
    )


def test_a_worker_asked_to_stop_saves_what_it_handled_and_ends_with_0() -> None:
    assert threading.current_thread() is threading.main_thread()
    store = SharedStore()
    assert run_worker(app_of(Interrupting, store)) == 0
    assert store.messages(0) == [Tick(i) for i in range(5)]


def test_a_worker_whose_store_refuses_ends_with_1_and_says_why(caplog: pytest.LogCaptureFixture) -> None:
    assert run_worker(app_of(Refused, SharedStore())) == 1
    assert "run the migrations" in caplog.text
