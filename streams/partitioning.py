"""Which partition an area's messages ride in: one rule for the publisher, the wiring and the tests."""

from __future__ import annotations

from aiokafka.partitioner import murmur2


def message_key(transformer_area: str) -> bytes:
    """The Kafka key of everything that concerns one transformer area."""
    return transformer_area.encode()


def partition_of(transformer_area: str, partitions: int) -> int:
    """The partition of an area's log, as Kafka's default partitioner (murmur2) places its key.

    >>> [partition_of(area, 12) for area in ("area-1", "area-2", "area-3")]
    [10, 8, 2]
    """
    return int(murmur2(message_key(transformer_area)) & 0x7FFFFFFF) % partitions
