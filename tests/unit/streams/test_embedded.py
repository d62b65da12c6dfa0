"""Apps inside a running loop: fed without outgrowing memory, settled, stopped, and started again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import pytest

from metering.errors import MeterwatchError
from metering.messages import Message, Tick
from streams.app import StageApp, create_app
from streams.embedded import EmbeddedRun
from streams.memory_transport import MemoryBroker
from streams.partitioning import partition_of
from streams.publisher import Sent
from streams.topics import AREAS
from tests.unit.streams.recording_stage import RecordingStage, SharedStore
from tests.unit.streams.samples import content, frame

PARTITIONS = 4
AREA_NAMES = [f"area-{i}" for i in range(7)]


def feed(intervals: int) -> Iterator[Sent]:
    for i in range(intervals):
        for area in AREA_NAMES:
            yield area, frame(area, 900 * i), 900.0 * (i + 1)
        yield None, Tick(900 * (i + 1)), 900.0 * (i + 1)


def messages_of(partition: int, intervals: int) -> list[object]:
    return [
        content(message)
        for area, message, _ in feed(intervals)
        if area is None or partition_of(area, PARTITIONS) == partition
    ]


def app_on(url: str, store: SharedStore, group: str = "judge") -> StageApp:
    return create_app(
        RecordingStage(store), broker_url=url, group=group, partitions=PARTITIONS, checkpoint_every_messages=50
    )


@pytest.fixture
def url() -> str:
    return f"memory://{uuid4().hex}"


async def test_a_feed_passes_through_two_apps_in_the_order_of_each_partition(url: str) -> None:
    judged, archived = SharedStore(), SharedStore()
    apps = app_on(url, judged), app_on(url, archived, "archive")
    async with EmbeddedRun(*apps, broker_url=url, partitions=PARTITIONS, most_unsaved=100) as run:
        published = await run.feed(feed(60))
        await run.settle()
        assert (published.frames, published.readings) == (420, 1260)
        assert published.messages == 60 * (7 + PARTITIONS) == judged.total == archived.total
    for p in range(PARTITIONS):
        assert judged.messages(p) == archived.messages(p) == messages_of(p, 60)


async def test_the_feed_waits_for_its_readers(url: str) -> None:
    store = SharedStore()
    most = 0
    run = EmbeddedRun(app_on(url, store), broker_url=url, partitions=PARTITIONS, most_unsaved=200)

    def watched() -> Iterator[Sent]:
        nonlocal most
        for sent in feed(300):
            most = max(most, run.unsaved())
            yield sent

    async with run:
        await run.feed(watched())
        await run.settle()
    assert 100 < most < 200 + 64 * PARTITIONS


async def test_a_run_in_a_new_process_skips_what_was_saved_before(url: str) -> None:
    store = SharedStore()
    async with EmbeddedRun(app_on(url, store), broker_url=url, partitions=PARTITIONS) as run:
        await run.feed(feed(10))
        await run.settle()
    assert AREAS.name not in MemoryBroker.at(url)._topics
    app = app_on(url, store)
    async with EmbeddedRun(app, broker_url=url, partitions=PARTITIONS) as run:
        await run.feed(feed(25), already_saved=dict(store.next_offsets))
        await run.settle()
        assert app.driver.counters["redelivered"] == 0
    for p in range(PARTITIONS):
        assert store.messages(p) == messages_of(p, 25)


async def test_a_run_that_is_not_told_what_was_saved_finds_out(url: str) -> None:
    store = SharedStore()
    for intervals in (10, 25):
        async with EmbeddedRun(app_on(url, store), broker_url=url, partitions=PARTITIONS) as run:
            await run.feed(feed(intervals))
            await run.settle()
    for p in range(PARTITIONS):
        assert store.messages(p) == messages_of(p, 25)


async def test_a_failure_of_the_stage_reaches_whoever_feeds(url: str) -> None:
    class Broken(RecordingStage):
        def handle(self, partition: int, offset: int, message: Message) -> None:
            raise MeterwatchError("this stage is broken")

    app = create_app(Broken(SharedStore()), broker_url=url, group="judge", partitions=PARTITIONS)
    async with asyncio.timeout(30):
        async with EmbeddedRun(app, broker_url=url, partitions=PARTITIONS, most_unsaved=100) as run:
            with pytest.raises(MeterwatchError, match="this stage is broken"):
                await run.feed(feed(1000))


async def test_compressed_time_keeps_the_distances(url: str) -> None:
    loop = asyncio.get_running_loop()
    store = SharedStore()
    async with EmbeddedRun(app_on(url, store), broker_url=url, partitions=PARTITIONS) as run:
        began = loop.time()
        await run.feed(feed(3), speed=9000.0)
        # two intervals of 900 s at 9000-fold speed
        assert loop.time() - began >= 0.2


async def test_a_reader_waits_while_what_was_saved_before_is_only_counted(url: str) -> None:
    store = SharedStore()
    saved = store.next_offsets = {p: len(messages_of(p, 10)) for p in range(PARTITIONS)}
    async with EmbeddedRun(app_on(url, store), broker_url=url, partitions=PARTITIONS) as run:
        await run.feed(feed(10), already_saved=saved)
        await asyncio.sleep(0.05)  # long enough for the reader to look at a log of which nothing can be read
        await run.feed(feed(1))
        await run.settle()
