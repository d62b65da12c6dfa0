"""`memory://`: the log inside one process, as a Faust transport, so that the very same app runs without any server.

Topics, partitions, groups, generations and commits behave as Kafka's do; several apps (judge, archive) may read one broker URL
under groups of their own, and several members of one group share its partitions. What every reading group has committed is
forgotten, so the log stays small as long as its feeder waits for its readers (`MemoryBroker.backlog`). Nothing survives
the process: after a crash the feed starts again and the stages drop what they have saved already.

Everything happens in one event loop: call it from that loop's thread only.
"""

# ruff: noqa: ARG002, ASYNC109  (the signatures are Faust's)

from __future__ import annotations

import asyncio
import itertools
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, cast

from aiokafka.partitioner import murmur2
from faust.transport import base
from faust.transport.drivers import TRANSPORTS
from faust.types import TP, ConsumerMessage, RecordMetadata

from metering.errors import StoreError
from streams.lean_consumer import LeanConsumer

_FORGET_AT_LEAST = 1024


class Record(NamedTuple):
    offset: int
    timestamp_s: float
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


@dataclass(slots=True)
class PartitionLog:
    """One partition: `records` begin at offset `base`; what lies below was committed by every reader and is gone."""

    base: int = 0
    records: list[Record] = field(default_factory=list)

    @property
    def end(self) -> int:
        return self.base + len(self.records)

    def read(self, offset: int, limit: int) -> list[Record]:
        start = max(offset, self.base) - self.base
        return self.records[start : start + limit]

    def forget_below(self, offset: int) -> None:
        if offset - self.base >= _FORGET_AT_LEAST:
            del self.records[: offset - self.base]
            self.base = offset


@dataclass(slots=True)
class _Group:
    members: list[Consumer] = field(default_factory=list)
    generation: int = 0
    committed: dict[TP, int] = field(default_factory=dict)
    rebalancing: asyncio.Lock = field(default_factory=asyncio.Lock)


class MemoryBroker:
    """The logs of one broker URL and the groups that read them. It outlives its apps: an app started again goes on."""

    _by_url: ClassVar[dict[str, MemoryBroker]] = {}

    def __init__(self) -> None:
        self._topics: dict[str, list[PartitionLog]] = {}
        self._groups: dict[str, _Group] = defaultdict(_Group)
        self._readers: dict[str, set[str]] = defaultdict(set)
        self._round_robin = itertools.count()
        self._appended: set[asyncio.Event] = set()

    @classmethod
    def at(cls, url: str) -> MemoryBroker:
        """The broker behind `url`, e.g. ``memory://demo``; made on first use."""
        return cls._by_url.setdefault(url.rstrip("/"), cls())

    @classmethod
    def discard(cls, url: str) -> None:
        """Forget the broker and all its logs; apps that still run keep the old one to themselves."""
        cls._by_url.pop(url.rstrip("/"), None)

    def declare(self, topic: str, partitions: int) -> list[PartitionLog]:
        """The topic's partitions, made on first use. `StoreError` if it was declared with another number."""
        logs = self._topics.setdefault(topic, [PartitionLog() for _ in range(partitions)])
        if len(logs) != partitions:
            raise StoreError(
                f"topic {topic} has {len(logs)} partitions, not {partitions}: keep the number it was made with"
            )
        return logs

    def logs(self, topic: str) -> list[PartitionLog]:
        """The topic's partitions; an undeclared topic has one."""
        return self._topics.get(topic) or self.declare(topic, 1)

    def expect_reader(self, topic: str, group: str) -> None:
        """Keep everything of `topic` until `group` has committed it, though it has not come yet."""
        self._readers[topic].add(group)

    def partition_of(self, topic: str, key: bytes | None) -> int:
        partitions = len(self.logs(topic))
        return int(murmur2(key) & 0x7FFFFFFF if key is not None else next(self._round_robin)) % partitions

    def append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Iterable[tuple[str, bytes]] = (),
        *,
        partition: int | None = None,
        timestamp_s: float | None = None,
    ) -> RecordMetadata:
        """Put one record at the end of its partition: by key unless `partition` says which."""
        where = self.partition_of(topic, key) if partition is None else partition
        log = self.logs(topic)[where]
        offset, stamped_s = log.end, time.time() if timestamp_s is None else timestamp_s
        log.records.append(Record(offset, stamped_s, key, value, list(headers)))
        for event in self._appended:
            event.set()
        return RecordMetadata(topic, where, TP(topic, where), offset, stamped_s, 0)

    def skip(self, topic: str, partition: int) -> bool:
        """Give the next offset to a record that every reader has saved already; False where records lie before it."""
        log = self.logs(topic)[partition]
        if log.records:
            return False
        log.base += 1
        return True

    def committed(self, group: str, topic: str, partition: int) -> int | None:
        return self._groups[group].committed.get(TP(topic, partition))

    def backlog(self, topic: str) -> int:
        """Records that some reading group has not committed yet: what a feeder must keep small."""
        return sum(log.end - self._floor(topic, i, log) for i, log in enumerate(self.logs(topic)))

    def _floor(self, topic: str, partition: int, log: PartitionLog) -> int:
        place = TP(topic, partition)
        return min(
            (self._groups[g].committed.get(place, log.base) for g in sorted(self._readers[topic])), default=log.base
        )

    def _commit(self, group: str, offsets: Mapping[TP, int]) -> None:
        self._groups[group].committed.update(offsets)
        for place in offsets:
            log = self.logs(place.topic)[place.partition]
            log.forget_below(min(self._floor(place.topic, place.partition, log), log.end))

    async def rebalance(self, group: str) -> None:
        """Take all partitions from the group's members and deal them out anew, under a new generation."""
        state = self._groups[group]
        async with state.rebalancing:
            members = list(state.members)
            for member in members:
                await member.give_up()
            state.generation += 1
            hands: list[set[TP]] = [set() for _ in members]
            places = sorted({TP(t, p) for m in members for t in m.topics for p in range(len(self.logs(t)))})
            for i, place in enumerate(places):
                hands[i % len(hands)].add(place)
            for member, hand in zip(members, hands, strict=True):
                if member in state.members:
                    await member.take_over(hand, state.generation)


class Consumer(LeanConsumer):
    """A member of the group named by its app's id."""

    consumer_stopped_errors: ClassVar[tuple[type[BaseException], ...]] = ()

    def __init__(self, transport: Transport, *args: Any, **options: Any) -> None:
        super().__init__(transport, *args, **options)
        self.broker = transport.broker
        self.group: str = self.app.conf.id
        self.topics: set[str] = set()
        self._assigned: set[TP] = set()
        self._positions: dict[TP, int] = {}
        self._wake = asyncio.Event()

    async def on_stop(self) -> None:
        await super().on_stop()
        self.broker._appended.discard(self._wake)
        state = self.broker._groups[self.group]
        if self in state.members:
            state.members.remove(self)
            self._assigned = set()
            if state.members:
                state.members[0].add_future(self.broker.rebalance(self.group))
            else:
                state.rebalancing = asyncio.Lock()

    async def create_topic(self, topic: str, partitions: int, replication: int, **options: Any) -> None:
        self.broker.declare(topic, partitions)

    # --- membership

    async def subscribe(self, topics: Iterable[str]) -> None:
        self.topics = set(topics)
        for topic in self.topics:
            self.broker.declare(topic, self.app.conf.topic_partitions)
            self.broker.expect_reader(topic, self.group)
        self.broker._appended.add(self._wake)
        state = self.broker._groups[self.group]
        if self not in state.members:
            state.members.append(self)
        # in the background: the conductor calls the subscription done only after this returns
        self.add_future(self.broker.rebalance(self.group))

    async def give_up(self) -> None:
        self.app.on_rebalance_start()
        await self.on_partitions_revoked(set(self._assigned))

    async def take_over(self, hand: set[TP], generation: int) -> None:
        self._assigned = set(hand)
        self.app.consumer_generation_id = generation
        # what a group's leader would have told Faust's assignor
        by_topic: dict[str, list[int]] = defaultdict(list)
        for place in sorted(hand):
            by_topic[place.topic].append(place.partition)
        assignor: Any = self.app.assignor
        assignor._active_tps, assignor._standby_tps = set(hand), set()
        assignor._topic_groups = dict.fromkeys(by_topic, 0)
        assignor.changelog_distribution = {str(assignor._url): dict(by_topic)}
        self._positions = {place: self._committed_or_first(place) for place in hand}
        await self.on_partitions_assigned(set(hand), generation)

    def assignment(self) -> set[TP]:
        return set(self._assigned)

    # --- reading

    async def _wait_next_records(self, timeout: float) -> tuple[Any, set[TP]]:
        if not self.flow_active:
            await self.wait(cast(Any, self.can_resume_flow))
        active = self._get_active_partitions()
        return await self._getmany(active, timeout), active

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> dict[TP, list[Record]]:
        deadline = self.loop.time() + timeout
        while not self.should_stop and self.flow_active:
            self._wake.clear()
            if found := self._read(active_partitions or set()):
                return found
            left = deadline - self.loop.time()
            if left <= 0:
                break
            try:
                await asyncio.wait_for(self._wake.wait(), left)
            except TimeoutError:
                break
        return {}

    def _read(self, active: set[TP]) -> dict[TP, list[Record]]:
        # where all that lies below the end is forgotten, or was only counted, there is nothing to read
        ready = [
            p for p in sorted(active & self._assigned) if self._log(p).records and self._positions[p] < self._log(p).end
        ]
        found: dict[TP, list[Record]] = {}
        for place in ready:
            limit = max(1, (self.app.conf.broker_max_poll_records or 500) // len(ready))
            found[place] = self._log(place).read(self._positions[place], limit)
            self._positions[place] = found[place][-1].offset + 1
        return found

    def on_buffer_drop(self, tp: TP) -> None:
        super().on_buffer_drop(tp)
        self._wake.set()

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        super().resume_partitions(tps)
        self._wake.set()

    def resume_flow(self) -> None:
        super().resume_flow()
        self._wake.set()

    def _to_message(self, tp: TP, record: Record) -> ConsumerMessage:
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            record.offset,
            record.timestamp_s,
            0,
            record.headers,
            record.key,
            record.value,
            None,
            len(record.key or b""),
            len(record.value or b""),
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    # --- positions

    def _log(self, place: TP) -> PartitionLog:
        return self.broker.logs(place.topic)[place.partition]

    def _committed_or_first(self, place: TP) -> int:
        first = self._log(place).base
        return max(first, self.broker.committed(self.group, place.topic, place.partition) or first)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        self._positions = {place: self._committed_or_first(place) for place in self._assigned}
        self._wake.set()
        return dict(self._positions)

    async def seek_to_beginning(self, *partitions: TP) -> None:
        await self.seek_wait({place: self._log(place).base for place in partitions})

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        for place, offset in partitions.items():
            await self._seek(place, offset)
            self._read_offset[place] = offset or None

    async def _seek(self, partition: TP, offset: int) -> None:
        if partition in self._assigned:
            self._positions[partition] = offset
            self._wake.set()

    async def position(self, tp: TP) -> int | None:
        return self._positions.get(tp)

    def highwater(self, tp: TP) -> int:
        return self._log(tp).end

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        return {place: self._log(place).end for place in partitions}

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        return {place: self._log(place).base for place in partitions}

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        self.broker._commit(self.group, {p: o for p, o in offsets.items() if p in self._assigned})
        return True

    def topic_partitions(self, topic: str) -> int | None:
        return len(self.broker.logs(topic))

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        return self.broker.partition_of(topic, key) if partition is None else partition


class Producer(base.Producer):
    """Appends at once: what was sent is in the log."""

    @property
    def broker(self) -> MemoryBroker:
        return cast(Transport, self.transport).broker

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: Any,
        *,
        transactional_id: str | None = None,
    ) -> asyncio.Future[RecordMetadata]:
        sent: asyncio.Future[RecordMetadata] = self.loop.create_future()
        sent.set_result(await self.send_and_wait(topic, key, value, partition, timestamp, headers))
        return sent

    async def send_and_wait(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: Any,
        *,
        transactional_id: str | None = None,
    ) -> RecordMetadata:
        pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
        return self.broker.append(topic, key, value, pairs, partition=partition, timestamp_s=timestamp)

    async def flush(self) -> None:
        await self.buffer.flush()

    async def create_topic(self, topic: str, partitions: int, replication: int, **options: Any) -> None:
        self.broker.declare(topic, partitions)

    def key_partition(self, topic: str, key: bytes | None) -> TP:
        return TP(topic, self.broker.partition_of(topic, key))

    def supports_headers(self) -> bool:
        return True


class Transport(base.Transport):
    Consumer: ClassVar[type[Consumer]] = Consumer
    Producer: ClassVar[type[Producer]] = Producer
    default_port: ClassVar[int] = 0
    driver_version = "memory"

    @property
    def broker(self) -> MemoryBroker:
        return MemoryBroker.at(str(cast(Any, self.url)[0]))


# the entry point says the same to an installed package; this serves a checkout
TRANSPORTS.aliases["memory"] = "streams.memory_transport:Transport"
