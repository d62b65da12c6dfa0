"""The app drives a stage over `memory://`: in order, once, whatever happens to the store, the group and the messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from metering.errors import StoreError, StoreUnavailable
from metering.messages import Message, Tick
from streams.app import StageApp, create_app
from streams.codecs import encode
from streams.dead_letter_log import accept_dead_letters, list_dead_letters, retry_dead_letters
from streams.dead_letters import DeadLetterLimit
from streams.memory_transport import MemoryBroker
from streams.topics import AREAS, DEAD_LETTERS
from tests.unit.streams.recording_stage import RecordingStage, SharedStore
from tests.unit.streams.samples import content, frame

PARTITIONS = 3
PATIENCE_S = 30.0


class Bench:
    """A broker, a store, and whatever apps a test starts on them."""

    def __init__(self) -> None:
        self.url = f"memory://{uuid4().hex}"
        self.broker = MemoryBroker.at(self.url)
        self.broker.declare(AREAS.name, PARTITIONS)
        self.broker.declare(DEAD_LETTERS.name, 1)
        self.store = SharedStore()

    def send(self, message: Message, partition: int = 0) -> int:
        value, headers = encode(message)
        return int(self.broker.append(AREAS.name, b"k", value, headers, partition=partition).offset)

    def send_garbage(self, partition: int = 0) -> int:
        headers = [("kind", b"frame"), ("schema", b"1"), ("codec", b"json"), ("count", b"7")]
        return int(self.broker.append(AREAS.name, b"k", b"{oops", headers, partition=partition).offset)

    @asynccontextmanager
    async def app(
        self, stage: RecordingStage | None = None, *, group: str = "judge", **options: Any
    ) -> AsyncIterator[StageApp]:
        options = {"checkpoint_every_s": 0.1} | options
        made = create_app(
            stage or RecordingStage(self.store), broker_url=self.url, group=group, partitions=PARTITIONS, **options
        )
        await made.start()
        try:
            yield made
        finally:
            await made.stop()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110  (it polls what threads and stages change)
                await asyncio.sleep(0.01)


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_every_message_is_handled_once_and_in_the_order_of_its_partition(bench: Bench) -> None:
    sent: dict[int, list[Any]] = {p: [] for p in range(PARTITIONS)}
    async with bench.app():
        for i in range(300):
            message = frame(f"area-{i}", 900 * i)
            sent[i % PARTITIONS].append(content(message))
            bench.send(message, i % PARTITIONS)
        await bench.until(lambda: bench.store.total == 300)
    assert {p: bench.store.messages(p) for p in range(PARTITIONS)} == sent


async def test_an_app_started_again_goes_on_where_it_stopped(bench: Bench) -> None:
    for round_ in range(3):
        async with bench.app() as app:
            for i in range(20):
                bench.send(Tick(900 * (20 * round_ + i)))
            await bench.until(lambda want=20 * (round_ + 1): bench.store.total == want)  # type: ignore[misc]
        assert app.driver.counters["redelivered"] == 0
    assert [tick.time_s for tick in bench.store.messages(0)] == [900 * i for i in range(60)]


async def test_what_was_handled_but_not_yet_saved_is_saved_when_the_app_stops(bench: Bench) -> None:
    async with bench.app(checkpoint_every_s=3600.0) as app:
        for i in range(10):
            bench.send(Tick(i))
        await bench.until(lambda: app.driver.counters["handled"] == 10)
        assert bench.store.total == 0
    assert bench.store.total == 10
    assert bench.broker.committed("judge", AREAS.name, 0) == 10


async def test_offsets_saved_by_the_store_win_over_those_committed_to_the_log(bench: Bench) -> None:
    async with bench.app():
        for i in range(30):
            bench.send(Tick(i))
        await bench.until(lambda: bench.store.total == 30)
    # the store comes back from a backup: it knows only the first ten
    bench.store.next_offsets[0] = 10
    del bench.store.lines[0][10:]
    async with bench.app():
        # nothing new is sent: the worker must notice by itself that it stands too far ahead
        await bench.until(lambda: bench.store.total == 30)
    assert [tick.time_s for tick in bench.store.messages(0)] == list(range(30))


async def test_messages_deleted_before_they_were_read_are_counted_and_do_not_stop_the_rest(bench: Bench) -> None:
    class Tolerant(RecordingStage):
        def begin(self, partition: int) -> int:
            next_offset = super().begin(partition)
            self._next[partition] = 7  # what the log still holds
            return next_offset

    for _ in range(7):
        bench.broker.skip(AREAS.name, 0)
    async with bench.app(Tolerant(bench.store)) as app:
        for i in range(5):
            bench.send(Tick(i))
        await bench.until(lambda: bench.store.total == 5)
        assert app.driver.counters["gone_from_log"] == 7
        assert app.driver.failure is None


async def test_a_topic_that_was_made_anew_is_not_taken_for_handled(bench: Bench) -> None:
    bench.store.next_offsets[0] = 50
    async with bench.app() as app:
        app.driver._log.keeps_its_offsets = True
        bench.send(Tick(0))
        async with asyncio.timeout(PATIENCE_S):
            await app.driver.failed.wait()
        assert "partition 0 ends at offset 1, but 50 is saved as next" in str(app.driver.failure)


async def test_a_redelivered_message_changes_nothing(bench: Bench) -> None:
    for i in range(30):
        bench.send(Tick(i))
    async with bench.app():
        await bench.until(lambda: bench.store.total == 30)
    bench.broker._groups["judge"].committed.clear()
    async with bench.app() as app:
        bench.send(Tick(30))
        await bench.until(lambda: bench.store.total == 31)
        assert app.driver.counters["redelivered"] == 30
    assert [tick.time_s for tick in bench.store.messages(0)] == list(range(31))


async def test_a_new_generation_takes_every_partition_over_again_and_loses_nothing(bench: Bench) -> None:
    stage = RecordingStage(bench.store)
    async with bench.app(stage) as app:
        for i in range(200):
            bench.send(Tick(i), i % PARTITIONS)
            if i % 50 == 49:
                await bench.until(lambda: len(app.driver.handled()) == PARTITIONS)
                await bench.broker.rebalance("judge")
        await bench.until(lambda: bench.store.total == 200)
    assert {p: bench.store.epochs[p] for p in range(PARTITIONS)} == {p: stage.begun.count(p) for p in range(PARTITIONS)}
    assert min(bench.store.epochs.values()) > 1
    for p in range(PARTITIONS):
        assert [tick.time_s for tick in bench.store.messages(p)] == list(range(p, 200, PARTITIONS))


async def test_two_members_share_the_partitions_and_one_that_leaves_hands_them_over(bench: Bench) -> None:
    first, second = RecordingStage(bench.store), RecordingStage(bench.store)
    async with bench.app(first):
        async with bench.app(second):
            for i in range(60):
                bench.send(Tick(i), i % PARTITIONS)
            await bench.until(lambda: bench.store.total == 60)
            assert second.begun
        for i in range(60, 120):
            bench.send(Tick(i), i % PARTITIONS)
        await bench.until(lambda: bench.store.total == 120)
    for p in range(PARTITIONS):
        assert [tick.time_s for tick in bench.store.messages(p)] == list(range(p, 120, PARTITIONS))


async def test_two_groups_read_the_same_log_each_for_itself(bench: Bench) -> None:
    archived = SharedStore()
    async with bench.app(), bench.app(RecordingStage(archived, role="archive"), group="archive"):
        for i in range(50):
            bench.send(Tick(i))
        await bench.until(lambda: bench.store.total == 50 and archived.total == 50)
    assert bench.store.messages(0) == archived.messages(0)


async def test_a_partition_that_another_owner_took_is_dropped_until_it_is_ours_again(bench: Bench) -> None:
    stage = RecordingStage(bench.store)
    async with bench.app(stage) as app:
        bench.send(Tick(0))
        await bench.until(lambda: bench.store.total == 1)
        bench.store.epochs[0] += 1
        bench.send(Tick(1))
        await bench.until(lambda: app.driver.counters["partitions_lost"] == 1)
        bench.send(Tick(2))
        await bench.until(lambda: app.driver.counters["dropped"] == 1)
        assert bench.store.next_offsets[0] == 1
        await bench.broker.rebalance("judge")
        await bench.until(lambda: bench.store.total == 3)
    assert [tick.time_s for tick in bench.store.messages(0)] == [0, 1, 2]


async def test_a_lost_partition_that_nobody_claims_is_taken_back(bench: Bench) -> None:
    async with bench.app(session_timeout_s=0.5) as app:
        bench.send(Tick(0))
        await bench.until(lambda: bench.store.total == 1)
        bench.store.epochs[0] += 1
        for i in range(1, 10):
            bench.send(Tick(i))
        await bench.until(lambda: bench.store.total == 10)
        assert app.driver.counters["partitions_lost"] == 1
    assert [tick.time_s for tick in bench.store.messages(0)] == list(range(10))


async def test_a_store_that_is_away_delays_and_loses_nothing(bench: Bench) -> None:
    bench.store.away_for = 3
    async with bench.app() as app:
        for i in range(20):
            bench.send(Tick(i))
        await bench.until(lambda: bench.store.total == 20)
        bench.store.away_for = 2
        for i in range(20, 40):
            bench.send(Tick(i))
        await bench.until(lambda: bench.store.total == 40)
        assert app.driver.counters["store_waits"] == 5
        assert app.driver.failure is None
    assert [tick.time_s for tick in bench.store.messages(0)] == list(range(40))


async def test_a_store_that_refuses_stops_the_worker_with_its_words(bench: Bench) -> None:
    class Refused(RecordingStage):
        def save(self) -> frozenset[int]:
            raise StoreError("the schema is from another year: run the migrations")

    async with bench.app(Refused(bench.store)) as app:
        bench.send(Tick(0))
        async with asyncio.timeout(PATIENCE_S):
            await app.driver.failed.wait()
        assert "run the migrations" in str(app.driver.failure)
    assert bench.broker.committed("judge", AREAS.name, 0) in (None, 0)


async def test_a_stage_that_breaks_stops_the_worker_and_names_the_message(bench: Bench) -> None:
    class Broken(RecordingStage):
        def handle(self, partition: int, offset: int, message: Message) -> None:
            if offset == 2:
                raise ZeroDivisionError("a rule divided by nothing")
            super().handle(partition, offset, message)

    async with bench.app(Broken(bench.store)) as app:
        for i in range(5):
            bench.send(Tick(i))
        async with asyncio.timeout(PATIENCE_S):
            await app.driver.failed.wait()
        assert "partition 0 offset 2" in str(app.driver.failure)
    assert bench.store.next_offsets.get(0, 0) <= 2


async def test_what_cannot_be_read_is_buried_with_its_reason_and_the_rest_goes_on(bench: Bench) -> None:
    async with bench.app():
        bench.send(Tick(0))
        at = bench.send_garbage()
        bench.send(Tick(1))
        await bench.until(lambda: bench.store.total == 3)
    assert bench.store.messages(0) == [Tick(0), ("refused", 7), Tick(1)]
    (letter,) = list_dead_letters(bench.url).open_letters()
    assert (letter.topic, letter.partition, letter.offset, letter.reading_count) == (AREAS.name, 0, at, 7)
    assert letter.value == b"{oops"
    assert letter.key == b"k"
    assert "not JSON" in letter.reason


async def test_two_stages_that_meet_one_unreadable_message_leave_one_letter(bench: Bench) -> None:
    archived = SharedStore()
    async with bench.app(), bench.app(RecordingStage(archived, role="archive"), group="archive"):
        bench.send_garbage()
        bench.send(Tick(1))
        await bench.until(lambda: bench.store.total == 2 and archived.total == 2)
    assert [len(log.records) for log in bench.broker.logs(DEAD_LETTERS.name)] == [1]


async def test_a_letter_is_acknowledged_only_after_the_dead_letter_topic_has_it(bench: Bench) -> None:
    refusals = 3

    async with bench.app() as app:
        bury = app.driver._log.bury

        async def unwilling(message: Any, reason: str) -> None:
            nonlocal refusals
            if refusals:
                refusals -= 1
                assert bench.store.next_offsets.get(0, 0) == 0
                raise StoreUnavailable("the broker is away")
            await bury(message, reason)

        app.driver._log.bury = unwilling  # type: ignore[method-assign]
        bench.send_garbage()
        await bench.until(lambda: bench.store.total == 1)
    assert refusals == 0
    assert len(list_dead_letters(bench.url).letters) == 1


async def test_too_many_dead_letters_pause_their_partition_until_somebody_accepts(bench: Bench) -> None:
    limit = DeadLetterLimit(share=0.1, window=100, least=20)
    async with bench.app(dead_letter_limit=limit) as app:
        for _ in range(5):
            bench.send_garbage()
        for i in range(10):
            bench.send(Tick(i))
            bench.send(Tick(i), partition=1)
        await bench.until(lambda: len(bench.store.messages(1)) == 10 and len(bench.store.messages(0)) == 3)
        assert app.driver.counters["partitions_paused"] == 1
    # a restart finds the same letters and stops at the same place
    async with bench.app(dead_letter_limit=limit) as app:
        await bench.until(lambda: app.driver.counters["partitions_paused"] == 1)
        assert len(bench.store.messages(0)) == 3
        assert accept_dead_letters(bench.url, by="Li Wei") == {0: 2}
        await bench.until(lambda: len(bench.store.messages(0)) == 15)
    assert bench.store.messages(0) == [("refused", 7)] * 5 + [Tick(i) for i in range(10)]


async def test_a_retried_letter_comes_back_as_it_was_and_is_retried_once(bench: Bench) -> None:
    async with bench.app():
        bench.send_garbage()
        await bench.until(lambda: bench.store.total == 1)
        assert len(retry_dead_letters(bench.url, by="Li Wei")) == 1
        await bench.until(lambda: bench.store.total == 2)
    again = list_dead_letters(bench.url)
    assert len(again.letters) == 2
    assert len(again.open_letters()) == 1
    assert {letter.value for letter in again.letters.values()} == {b"{oops"}


async def test_a_worker_that_stands_still_while_messages_wait_fails(bench: Bench) -> None:
    async with bench.app(stall_after_s=0.5) as app:
        bench.send(Tick(0))
        await bench.until(lambda: bench.store.total == 1)

        async def deaf(event: Any) -> None:
            pass

        app.driver.offer = deaf  # type: ignore[method-assign]
        bench.send(Tick(1))
        async with asyncio.timeout(PATIENCE_S):
            await app.driver.failed.wait()
        assert "no message handled for 0.5 s though 1 wait" in str(app.driver.failure)


async def test_what_every_group_has_committed_is_forgotten(bench: Bench) -> None:
    bench.broker.expect_reader(AREAS.name, "archive")
    async with bench.app(checkpoint_every_messages=100):
        for i in range(3000):
            bench.send(Tick(i))
        await bench.until(lambda: bench.store.total == 3000)
        assert bench.broker.backlog(AREAS.name) == 3000
        async with bench.app(RecordingStage(archived := SharedStore(), role="archive"), group="archive"):
            await bench.until(lambda: archived.total == 3000)
            await bench.until(lambda: bench.broker.backlog(AREAS.name) == 0)
    log = bench.broker.logs(AREAS.name)[0]
    assert log.end == 3000
    assert len(log.records) < 1024
