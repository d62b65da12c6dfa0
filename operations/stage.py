"""What drives a stage along the log: the same object is run by replay, by `memory://` and by Kafka workers."""

from __future__ import annotations

from typing import Protocol

from metering.messages import Message
from metering.ports import Role


class Stage(Protocol):
    """A stage handles the messages of the partitions it holds, in order, and saves what came of them.

    Its output is a function of each partition's messages alone: where a save falls carries no meaning. All calls come
    from one thread at a time. `handle` is synchronous and short (< 20 ms); `begin` and `save` do input and output and
    may raise `StoreUnavailable` (nothing happened, try again) or `StoreError` (stop).
    """

    role: Role

    def begin(self, partition: int) -> int:
        """Take the partition over: discard what memory holds of it, raise its epoch; returns the next offset to handle.

        Messages below that offset were handled and saved before: the caller drops them. If the first message offered
        lies beyond it, the caller seeks back to it.
        """
        ...

    def handle(self, partition: int, offset: int, message: Message) -> None: ...

    def refuse(self, partition: int, offset: int, reading_count: int) -> None:
        """Count a message that could not be decoded and lies in the dead letters."""
        ...

    def save(self) -> frozenset[int]:
        """Save everything since the last save. Returns the partitions that another owner has taken: their memory is
        discarded here, their messages must be dropped and not acknowledged until `begin`."""
        ...

    def drop(self, partition: int) -> None:
        """Forget the partition without saving (it was revoked)."""
        ...
