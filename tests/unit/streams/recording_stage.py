"""A small stage for the tests: it keeps what it was given, and a store that several owners can share."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from metering.errors import StoreUnavailable
from metering.messages import Message
from metering.ports import Role
from tests.unit.streams.samples import content


@dataclass
class SharedStore:
    """What outlives an owner: epochs and, per partition, the lines saved so far."""

    epochs: dict[int, int] = field(default_factory=dict)
    next_offsets: dict[int, int] = field(default_factory=dict)
    lines: dict[int, list[tuple[int, Any]]] = field(default_factory=dict)
    away_for: int = 0
    """How many of the next calls find the store away."""

    def reach(self) -> None:
        if self.away_for > 0:
            self.away_for -= 1
            raise StoreUnavailable("the test's store is away")

    def messages(self, partition: int) -> list[Any]:
        return [line[1] for line in self.lines.get(partition, [])]

    @property
    def total(self) -> int:
        return sum(map(len, self.lines.values()))


@dataclass
class RecordingStage:
    """Follows the contract of `operations.stage.Stage` on a `SharedStore`, and complains where its caller does not."""

    store: SharedStore
    role: Role = "judge"
    begun: list[int] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)
    saves: int = 0
    _epoch: dict[int, int] = field(default_factory=dict)
    _next: dict[int, int] = field(default_factory=dict)
    _fresh: dict[int, list[tuple[int, Any]]] = field(default_factory=dict)
    _busy: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, partition: int) -> int:
        with self._alone():
            self.store.reach()
            self.begun.append(partition)
            self._epoch[partition] = self.store.epochs[partition] = self.store.epochs.get(partition, 0) + 1
            self._fresh[partition] = []
            self._next[partition] = self.store.next_offsets.get(partition, 0)
            return self._next[partition]

    def handle(self, partition: int, offset: int, message: Message) -> None:
        with self._alone():
            self._enter(partition, offset, content(message))

    def refuse(self, partition: int, offset: int, reading_count: int) -> None:
        with self._alone():
            self._enter(partition, offset, ("refused", reading_count))

    def _enter(self, partition: int, offset: int, line: Any) -> None:
        assert offset == self._next[partition], f"offset {offset} where {self._next[partition]} comes next"
        self._next[partition] = offset + 1
        self._fresh[partition].append((offset, line))

    def save(self) -> frozenset[int]:
        with self._alone():
            self.store.reach()
            self.saves += 1
            lost = set()
            for partition in list(self._epoch):
                if self.store.epochs[partition] != self._epoch[partition]:
                    lost.add(partition)
                    self._forget(partition)
                    continue
                self.store.lines.setdefault(partition, []).extend(self._fresh[partition])
                self.store.next_offsets[partition] = self._next[partition]
                self._fresh[partition] = []
            return frozenset(lost)

    def drop(self, partition: int) -> None:
        with self._alone():
            self.dropped.append(partition)
            self._forget(partition)

    def _forget(self, partition: int) -> None:
        for memory in (self._epoch, self._next, self._fresh):
            memory.pop(partition, None)

    def _alone(self) -> _OneThread:
        return _OneThread(self._busy)


@dataclass
class _OneThread:
    lock: threading.Lock

    def __enter__(self) -> None:
        assert self.lock.acquire(blocking=False), "two threads in one stage"

    def __exit__(self, *_: object) -> None:
        self.lock.release()
