"""Puts messages onto the log: a feed in real or compressed time, findings and decisions as they come."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from threading import BoundedSemaphore, Event
from types import TracebackType
from typing import Any, Literal, Protocol, Self

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from metering.errors import SettingsError, StoreError, StoreUnavailable
from metering.messages import ArrivedFrame, Message
from streams.codecs import Codec, Headers, encode
from streams.memory_transport import MemoryBroker, PartitionLog
from streams.partitioning import message_key, partition_of
from streams.relay_journal import Relayed, RelayJournal
from streams.topics import AREAS, bootstrap_servers

Speed = float | Literal["max"]
Sent = tuple[str | None, Message, float]
"""(transformer area, or None for every partition; message; event time in seconds at which it is due)"""

_NO_LIMIT_MS = 2**31 - 1
_FIRST_CONTACT_MS = 10_000
#: kafka-python buffers without bound; beyond so many unconfirmed messages the feed waits.
MOST_UNCONFIRMED = 8_192


@dataclass(slots=True)
class Published:
    """What was put onto the log. A message sent to every partition counts once per partition."""

    messages: int = 0
    frames: int = 0
    readings: int = 0
    seconds: float = 0.0
    next_offsets: dict[int, int] = field(default_factory=dict)


class Publisher(Protocol):
    def publish(self, sent: Iterable[Sent], speed: Speed | Pace = "max", *, stop: Event | None = None) -> Published: ...
    def send(self, transformer_area: str | None, message: Message) -> None: ...
    def close(self) -> None: ...


@dataclass(slots=True)
class Pace:
    """Event time laid onto wall time: `speed` 900 plays a quarter of an hour per second, 1 is real time."""

    speed: Speed
    _origin: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.speed != "max" and not self.speed > 0:
            raise SettingsError(f"speed {self.speed}: give a number above 0 (1 is real time) or max")

    @classmethod
    def since(cls, event_time_s: float, now_s: float) -> Self:
        """Real time, in which it is `event_time_s` now: what is older is due at once."""
        return cls(1.0, (event_time_s, now_s))

    def due_in_s(self, event_time_s: float, now_s: float) -> float:
        """Seconds from `now_s` until a message of this event time is due; the first one sets the origin."""
        if self.speed == "max":
            return 0.0
        if self._origin is None:
            self._origin = (event_time_s, now_s)
        first_s, began_s = self._origin
        return max(0.0, began_s + (event_time_s - first_s) / self.speed - now_s)


class KafkaPublisher:
    """Publishes to Kafka, keyed by transformer area, in order per partition, each message once.

    The producer is idempotent and retries without limit: while Kafka is away it waits, and neither loses, doubles nor
    reorders anything. `StoreError` if the broker refuses a message for good. Use as a context manager.
    """

    def __init__(self, kafka_url: str, codec: Codec = "json", *, topic: str = AREAS.name) -> None:
        self._topic = topic
        self._codec: Codec = codec
        self._refused: list[Exception] = []
        self._ends: dict[int, int] = {}
        self._room = BoundedSemaphore(MOST_UNCONFIRMED)
        try:
            self._producer: Any = KafkaProducer(
                bootstrap_servers=bootstrap_servers(kafka_url),
                acks="all",
                enable_idempotence=True,
                delivery_timeout_ms=_NO_LIMIT_MS,
                max_block_ms=_FIRST_CONTACT_MS,
                linger_ms=20,
                batch_size=256 * 1024,
                reconnect_backoff_max_ms=1_000,
                request_timeout_ms=15_000,
            )
        except KafkaError as error:
            raise StoreUnavailable(f"Kafka at {kafka_url} cannot be reached: {error}") from error
        try:
            self.partitions = len(self._producer.partitions_for(topic))
        except KafkaError as error:
            self._producer.close()
            raise StoreError(
                f"topic {topic} does not exist at {kafka_url}: create the topics first (meterwatch provision)"
            ) from error
        # from here on a broker that is away is waited for
        self._producer.config["max_block_ms"] = _NO_LIMIT_MS

    def publish(self, sent: Iterable[Sent], speed: Speed | Pace = "max", *, stop: Event | None = None) -> Published:
        """Send all of `sent`, each when its event time is due; returns once the broker has everything.

        `stop` ends it early, with what was begun flushed.
        """
        pace = speed if isinstance(speed, Pace) else Pace(speed)
        halted, done, began_s = stop or Event(), Published(), time.monotonic()
        for transformer_area, message, event_time_s in sent:
            wait_s = pace.due_in_s(event_time_s, time.monotonic())
            if (wait_s and halted.wait(wait_s)) or halted.is_set():
                break
            copies = self._put(transformer_area, message)
            done.messages += copies
            if isinstance(message, ArrivedFrame):
                done.frames += 1
                done.readings += message.reading_count
            self._raise_refusal()
        self.flush()
        done.seconds = time.monotonic() - began_s
        done.next_offsets = dict(self._ends)
        return done

    def send(self, transformer_area: str | None, message: Message) -> None:
        """Send one message and return once the broker has it."""
        self._put(transformer_area, message)
        self.flush()

    def send_encoded(self, transformer_area: str, value: bytes, headers: Headers) -> None:
        """Send wire bytes as they are and return once the broker has them."""
        self._put_encoded(
            partition_of(transformer_area, self.partitions), message_key(transformer_area), value, headers
        )
        self.flush()

    def flush(self) -> None:
        """Return once the broker has everything sent so far. Raises `StoreError` if it refused a message."""
        while True:
            try:
                self._producer.flush(timeout=60)
            except KafkaTimeoutError:
                continue
            break
        self._raise_refusal()

    def close(self) -> None:
        self._producer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _put(self, transformer_area: str | None, message: Message) -> int:
        value, headers = encode(message, self._codec)
        if transformer_area is not None:
            partition = partition_of(transformer_area, self.partitions)
            self._put_encoded(partition, message_key(transformer_area), value, headers)
            return 1
        for partition in range(self.partitions):
            self._put_encoded(partition, None, value, headers)
        return self.partitions

    def _put_encoded(self, partition: int, key: bytes | None, value: bytes, headers: Headers) -> None:
        while not self._room.acquire(timeout=1.0):
            self._raise_refusal()
        try:
            future = self._producer.send(self._topic, value=value, key=key, headers=headers, partition=partition)
        except KafkaError as error:
            self._room.release()
            raise StoreError(f"a message of {len(value)} bytes cannot be sent: {error}") from error
        future.add_callback(self._confirmed)
        future.add_errback(self._refuse)

    def _refuse(self, error: Exception) -> None:
        self._refused.append(error)
        self._room.release()

    def _confirmed(self, metadata: Any) -> None:
        self._room.release()
        self._ends[metadata.partition] = max(self._ends.get(metadata.partition, 0), metadata.offset + 1)

    def _raise_refusal(self) -> None:
        if self._refused:
            raise StoreError(f"Kafka refused a message: {self._refused[0]!r}") from self._refused[0]


class MemoryPublisher:
    """The same onto ``memory://``: appended at once, in the loop's own thread, without waiting for readers.

    With a `journal` what is sent encoded keeps its place among the feed's messages, also when another process feeds anew.
    """

    def __init__(
        self,
        broker_url: str,
        codec: Codec = "json",
        *,
        topic: str = AREAS.name,
        journal: RelayJournal | None = None,
    ) -> None:
        self._broker = MemoryBroker.at(broker_url)
        self._topic = topic
        self._codec: Codec = codec
        self._journal = journal

    @property
    def partitions(self) -> int:
        return len(self._broker.logs(self._topic))

    def publish(self, sent: Iterable[Sent], speed: Speed | Pace = "max", *, stop: Event | None = None) -> Published:
        """Append all of `sent`. Only at full speed: real time would hold the event loop (`streams.embedded` waits)."""
        if speed != "max":
            raise SettingsError("memory:// is fed at full speed here; use streams.embedded for other speeds")
        done, began_s = Published(), time.monotonic()
        for transformer_area, message, _ in sent:
            if stop is not None and stop.is_set():
                break
            done.messages += self.put(transformer_area, message)
            if isinstance(message, ArrivedFrame):
                done.frames += 1
                done.readings += message.reading_count
        done.seconds = time.monotonic() - began_s
        done.next_offsets = {p: log.end for p, log in enumerate(self._broker.logs(self._topic))}
        return done

    def send(self, transformer_area: str | None, message: Message) -> None:
        self.put(transformer_area, message)

    def send_encoded(self, transformer_area: str, value: bytes, headers: Headers) -> None:
        partition = partition_of(transformer_area, self.partitions)
        if self._journal is not None:
            if self._journal.holds(value):
                return
            end = self._broker.logs(self._topic)[partition].end
            self._journal.add(partition, end, Relayed(transformer_area, value, headers))
        self._broker.append(self._topic, message_key(transformer_area), value, headers, partition=partition)

    def close(self) -> None:
        """Nothing is held."""

    def put(self, transformer_area: str | None, message: Message, saved: dict[int, int] | None = None) -> int:
        """Append one message where it belongs; what lies below `saved` (next offset by partition) is only counted."""
        places = (
            range(self.partitions) if transformer_area is None else (partition_of(transformer_area, self.partitions),)
        )
        key = None if transformer_area is None else message_key(transformer_area)
        logs = self._broker.logs(self._topic)
        encoded: tuple[bytes, Headers] | None = None
        for partition in places:
            self.put_between(partition, saved)
            if self._skips(logs[partition], partition, saved):
                continue
            encoded = encoded or encode(message, self._codec)
            self._broker.append(self._topic, key, *encoded, partition=partition)
        return len(places)

    def put_between(self, partition: int, saved: Mapping[int, int] | None = None) -> None:
        """What the journal holds at the partition's end, as long as it holds anything there."""
        log = self._broker.logs(self._topic)[partition]
        while self._journal is not None and (relayed := self._journal.at(partition, log.end)) is not None:
            if not self._skips(log, partition, saved):
                area, value, headers = relayed
                self._broker.append(self._topic, message_key(area), value, headers, partition=partition)

    def _skips(self, log: PartitionLog, partition: int, saved: Mapping[int, int] | None) -> bool:
        return log.end < (saved or {}).get(partition, 0) and self._broker.skip(self._topic, partition)
