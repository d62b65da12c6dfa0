"""The dead-letter topic read and written, on Kafka and on `memory://`, and the commands that people give about it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from metering.errors import MeterwatchError, StoreError, StoreUnavailable
from streams.codecs import Headers
from streams.dead_letters import DeadLetter, DeadLetterBook, DeadLetterSource, accepted_headers, retried_headers
from streams.memory_transport import MemoryBroker
from streams.topics import AREAS, DEAD_LETTERS, bootstrap_servers

_READ_TIMEOUT_MS = 10_000


def dead_letter_source(broker_url: str, topic: str = DEAD_LETTERS.name) -> DeadLetterSource:
    """The reader of the dead-letter topic behind ``kafka://`` or ``memory://``; it connects at its first reading."""
    if broker_url.startswith("memory://"):
        return _MemoryDeadLetters(MemoryBroker.at(broker_url), topic)
    return _KafkaDeadLetters(broker_url, topic)


@dataclass(slots=True)
class _MemoryDeadLetters:
    broker: MemoryBroker
    topic: str
    _next: dict[int, int] = field(default_factory=dict)

    def read_new(self, book: DeadLetterBook) -> None:
        for partition, records in enumerate(self.broker.logs(self.topic)):
            for record in records.read(self._next.get(partition, 0), len(records.records)):
                book.read(record.key, record.value, record.headers)
                self._next[partition] = record.offset + 1

    def close(self) -> None:
        """Nothing is held."""


@dataclass(slots=True)
class _KafkaDeadLetters:
    kafka_url: str
    topic: str
    _consumer: Any = None
    _next: dict[int, int] = field(default_factory=dict)

    def read_new(self, book: DeadLetterBook) -> None:
        try:
            consumer = self._connected()
            places = list(consumer.assignment())
            ends = consumer.end_offsets(places)
            while any(consumer.position(place) < ends[place] for place in places):
                for records in consumer.poll(timeout_ms=500).values():
                    for record in records:
                        book.read(record.key, record.value, record.headers)
                        self._next[record.partition] = record.offset + 1
        except KafkaError as error:
            self.close()
            raise StoreUnavailable(f"the dead letters at {self.kafka_url} cannot be read: {error}") from error

    def _connected(self) -> Any:
        if self._consumer is None:
            consumer = KafkaConsumer(
                bootstrap_servers=bootstrap_servers(self.kafka_url),
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                request_timeout_ms=_READ_TIMEOUT_MS,
            )
            partitions = consumer.partitions_for_topic(self.topic)
            if not partitions:
                consumer.close()
                raise StoreError(f"topic {self.topic} does not exist at {self.kafka_url}: create the topics first")
            consumer.assign([TopicPartition(self.topic, p) for p in sorted(partitions)])
            consumer.seek_to_beginning()
            for partition, next_offset in self._next.items():
                consumer.seek(TopicPartition(self.topic, partition), next_offset)
            self._consumer = consumer
        return self._consumer

    def close(self) -> None:
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None


# --- what people do about them


def list_dead_letters(broker_url: str, *, dead_letters: str = DEAD_LETTERS.name) -> DeadLetterBook:
    """Everything the dead-letter topic says; `open_letters()` of it are those not retried."""
    book = DeadLetterBook()
    source = dead_letter_source(broker_url, dead_letters)
    try:
        source.read_new(book)
    finally:
        source.close()
    return book


def retry_dead_letters(
    broker_url: str,
    by: str,
    *,
    chosen: Collection[tuple[int, int]] | None = None,
    areas: str = AREAS.name,
    dead_letters: str = DEAD_LETTERS.name,
) -> list[DeadLetter]:
    """Put open letters onto the areas topic again, unchanged, with the keys they had; returns them.

    `chosen` names letters by (partition, offset); None means all. Use it after the reader was mended (a newer schema
    is understood now): a letter that still cannot be read comes back as a new one.
    """
    letters = [
        letter
        for letter in list_dead_letters(broker_url, dead_letters=dead_letters).open_letters()
        if chosen is None or (letter.partition, letter.offset) in chosen
    ]
    with _Sender(broker_url) as sender:
        for letter in letters:
            sender.send(areas, letter.key, letter.value, list(letter.headers))
            sender.send(dead_letters, None, b"", retried_headers(letter.topic, letter.partition, letter.offset, by))
    return letters


def accept_dead_letters(
    broker_url: str,
    by: str,
    *,
    partitions: Collection[int] | None = None,
    areas: str = AREAS.name,
    dead_letters: str = DEAD_LETTERS.name,
) -> dict[int, int]:
    """Let paused partitions go on in spite of the letters so far; returns the last accepted offset by partition.

    Raises `MeterwatchError` without a name: somebody answers for what is not counted.
    """
    if not by.strip():
        raise MeterwatchError("say who accepts the dead letters: --by NAME")
    book = list_dead_letters(broker_url, dead_letters=dead_letters)
    accepted: dict[int, int] = {}
    with _Sender(broker_url) as sender:
        for partition, offsets in sorted(book.refused.items()):
            if partitions is None or partition in partitions:
                accepted[partition] = offsets[-1]
                sender.send(dead_letters, None, b"", accepted_headers(areas, partition, offsets[-1], by))
    return accepted


@dataclass(slots=True)
class _Sender:
    """Sends a few records and returns from each once the broker has it."""

    broker_url: str
    _producer: Any = None

    def __enter__(self) -> _Sender:
        if not self.broker_url.startswith("memory://"):
            try:
                self._producer = KafkaProducer(bootstrap_servers=bootstrap_servers(self.broker_url), acks="all")
            except KafkaError as error:
                raise StoreUnavailable(f"Kafka at {self.broker_url} cannot be reached: {error}") from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._producer is not None:
            self._producer.close()

    def send(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        if self._producer is None:
            MemoryBroker.at(self.broker_url).append(topic, key, value, headers)
            return
        if key is None and value is None:
            value = b""  # the producer takes no record with neither; such a letter cannot be read this way either
        try:
            self._producer.send(topic, key=key, value=value, headers=headers).get(timeout=30)
        except KafkaError as error:
            raise StoreUnavailable(f"Kafka at {self.broker_url} did not take the record: {error}") from error
