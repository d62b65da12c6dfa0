"""The Faust app around one stage: one agent that drives it along the areas topic."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, cast

import faust
from aiokafka.errors import KafkaError
from faust.exceptions import ConsumerNotStarted, ProducerSendError
from faust.tables.manager import TableManager
from faust.transport.drivers import aiokafka
from faust.types import TP
from faust.types.transports import TransportT

from metering.errors import StoreUnavailable
from operations.stage import Stage
from streams import memory_transport  # noqa: F401  (registers memory://)
from streams.dead_letter_log import dead_letter_source
from streams.dead_letters import DeadLetterLimit, DeadLetterSource, letter_headers
from streams.driver import StageDriver
from streams.lean_consumer import LeanKafkaConsumer
from streams.topics import AREAS, DEAD_LETTERS

_LOG_ERRORS = (KafkaError, ConsumerNotStarted, ProducerSendError, TimeoutError, OSError)
_ASK_S = 15.0


class StageApp(faust.App):
    """A Faust app with its `driver`; started with `run_worker`, or inside a loop with `await app.start()`."""

    driver: StageDriver

    def _new_transport(self) -> TransportT:
        transport = super()._new_transport()
        if isinstance(transport, aiokafka.Transport):
            cast(Any, transport).Consumer = LeanKafkaConsumer
        return transport

    def _create_directories(self) -> None:
        """Faust makes folders for tables, which are not used here."""


class _NoTables(TableManager):
    """Faust gives an app a second to declare its tables; there are none, and a start takes no longer than it must."""

    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()


class _FaustLog:
    """The log as the driver sees it, through Faust's consumer and producer."""

    def __init__(self, app: StageApp, topic: str, dead_letter_topic: str, *, keeps_its_offsets: bool) -> None:
        self.keeps_its_offsets = keeps_its_offsets
        self._app = app
        self._topic = topic
        self._dead_letter_topic = dead_letter_topic

    def generation(self) -> int:
        return int(self._app.consumer_generation_id)

    def assigned(self) -> Collection[int]:
        try:
            return {tp.partition for tp in self._app.consumer.assignment() if tp.topic == self._topic}
        except ConsumerNotStarted:
            return ()

    async def seek(self, partition: int, offset: int) -> None:
        try:
            async with asyncio.timeout(_ASK_S):
                await self._app.consumer.seek_wait({TP(self._topic, partition): offset})
        except _LOG_ERRORS as error:
            raise StoreUnavailable(f"the log cannot be sought in: {error!r}") from error

    async def position(self, partition: int) -> int | None:
        try:
            async with asyncio.timeout(_ASK_S):
                return await self._app.consumer.position(TP(self._topic, partition))
        except _LOG_ERRORS:
            return None

    async def first_offset(self, partition: int) -> int:
        place = TP(self._topic, partition)
        try:
            async with asyncio.timeout(_ASK_S):
                return int((await self._app.consumer.earliest_offsets(place))[place])
        except _LOG_ERRORS as error:
            raise StoreUnavailable(f"the log does not say where it begins: {error!r}") from error

    async def end_offsets(self, partitions: Collection[int]) -> Mapping[int, int]:
        places = [TP(self._topic, p) for p in partitions]
        try:
            async with asyncio.timeout(_ASK_S):
                ends = await self._app.consumer.highwaters(*places)
        except _LOG_ERRORS as error:
            raise StoreUnavailable(f"the log does not say where it ends: {error!r}") from error
        return {place.partition: int(ends[place]) for place in places}

    def pause(self, partition: int) -> None:
        self._app.consumer.pause_partitions({TP(self._topic, partition)})

    def resume(self, partition: int) -> None:
        self._app.consumer.resume_partitions({TP(self._topic, partition)})

    async def bury(self, message: Any, reason: str) -> None:
        headers = letter_headers(message.topic, message.partition, message.offset, reason, message.headers or ())
        try:
            producer = await self._app.maybe_start_producer()
            await producer.send_and_wait(
                self._dead_letter_topic, message.key, message.value, None, None, cast(Any, headers)
            )
        except _LOG_ERRORS as error:
            raise StoreUnavailable(f"the dead-letter topic cannot be written: {error!r}") from error

    def commit_only_what_is_saved(self, driver: StageDriver) -> None:
        """Let Faust commit the store's offsets instead of working them out from acknowledgements.

        Its own way commits past a message that was dropped when the gap is one message wide, or when the group has not
        committed before.
        """
        consumer = cast(Any, self._app.consumer)

        def new_offset(tp: TP) -> int | None:
            consumer._acked[tp].clear()
            consumer._acked_index[tp].clear()
            return driver.saved.get(tp.partition) if tp.topic == self._topic else None

        consumer._new_offset = new_offset


def create_app(
    stage: Stage,
    *,
    broker_url: str,
    group: str,
    partitions: int,
    topic: str = AREAS.name,
    dead_letter_topic: str = DEAD_LETTERS.name,
    instance_id: str | None = None,
    checkpoint_every_s: float = 1.0,
    checkpoint_every_messages: int = 500,
    dead_letter_limit: DeadLetterLimit | None = None,
    session_timeout_s: float = 10.0,
    stall_after_s: float = 120.0,
    buffer_messages: int = 16_384,
    letters: DeadLetterSource | None = None,
) -> StageApp:
    """The app that reads `topic` as a member of `group` and drives `stage`; not started.

    `broker_url` is ``kafka://host:port`` (several joined by ``;``) or ``memory://name``; `instance_id` makes the member static, so that a restart
    within `session_timeout_s` keeps its partitions. The topics exist beforehand (`streams.topics.ensure_topics`).
    A save falls after `checkpoint_every_s` or `checkpoint_every_messages`; `stall_after_s` without progress fails.
    """
    app = StageApp(
        group,
        broker=broker_url,
        store="memory://",
        autodiscover=False,
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        topic_partitions=partitions,
        topic_replication_factor=1,
        table_standby_replicas=0,
        stream_wait_empty=False,
        stream_buffer_maxsize=buffer_messages,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=instance_id,
        broker_session_timeout=session_timeout_s,
        broker_heartbeat_interval=min(1.0, session_timeout_s / 3),
        broker_commit_interval=0.5,
        producer_acks=-1,
        TableManager=_NoTables,
    )
    of_log = _FaustLog(app, topic, dead_letter_topic, keeps_its_offsets=not broker_url.startswith("memory://"))
    driver = app.driver = StageDriver(
        stage,
        of_log,
        letters or dead_letter_source(broker_url, dead_letter_topic),
        checkpoint_every_s=checkpoint_every_s,
        checkpoint_every_messages=checkpoint_every_messages,
        dead_letter_limit=dead_letter_limit,
        stall_after_s=stall_after_s,
        take_back_after_s=1.5 * session_timeout_s,
    )
    areas = app.topic(topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

    @app.agent(areas, name=f"{group}.areas")
    async def drive(stream: Any) -> None:
        # the stream yields to the event loop before every event, so a long backlog leaves room for the desk
        async for event in stream.noack().events():
            await driver.offer(event)

    @app.on_partitions_assigned.connect(weak=False)
    async def assigned(*_: Any, **__: Any) -> None:
        of_log.commit_only_what_is_saved(driver)
        driver.assigned()

    @app.on_partitions_revoked.connect(weak=False)
    async def revoked(*_: Any, **__: Any) -> None:
        await driver.revoked()

    @app.on_before_shutdown.connect(weak=False)
    async def stopping(*_: Any, **__: Any) -> None:
        await driver.finish()

    app.task(driver.tend)
    app.task(driver.watch)
    app.task(driver.weigh)
    return app
