"""Dead letters: messages that could not be read, with why and where they stood, and what a person decided about them.

The dead-letter topic is a log of three kinds of record, told apart by the header `dead.what`: a `letter` (the message as it
came: key, value, own headers), `accepted` (a person lets a partition go on in spite of its letters up to an offset), and `retried`.
So the limit, too, is a function of a log: a worker that takes a partition over finds the same letters and stops at the same place.
"""

from __future__ import annotations

import logging
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from metering.errors import SettingsError
from streams.codecs import Headers, stated_reading_count

log = logging.getLogger("meterwatch.streams")

WHAT, TOPIC, PARTITION, OFFSET, REASON, BY = (
    "dead.what",
    "dead.topic",
    "dead.partition",
    "dead.offset",
    "dead.reason",
    "dead.by",
)
_REASON_LIMIT = 500


@dataclass(frozen=True, slots=True)
class DeadLetterLimit:
    """A partition pauses when more than `share` of its last `window` messages could not be read.

    Positions are offsets, so the limit falls at the same message however often the worker restarts. A young
    partition, or one just accepted, is measured as if it had `least` messages: with the defaults 51 letters stop it.
    """

    share: float = 0.05
    window: int = 10_000
    least: int = 1_000

    def __post_init__(self) -> None:
        if not (0 < self.share <= 1 and 0 < self.least <= self.window):
            raise SettingsError(f"dead letter limit {self}: give 0 < share <= 1 and 0 < least <= window")

    def is_passed(self, offset: int, refused: Sequence[int], accepted_through: int) -> bool:
        """Whether the partition pauses after `offset`; `refused` are offsets in rising order.

        >>> DeadLetterLimit().is_passed(99, range(50), -1), DeadLetterLimit().is_passed(99, range(51), -1)
        (False, True)
        """
        start = max(offset - self.window, accepted_through) + 1
        inside = bisect_left(refused, offset + 1) - bisect_left(refused, start)
        return inside > self.share * max(self.least, offset + 1 - start)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message that could not be read: where it stood, why, and all of it."""

    topic: str
    partition: int
    offset: int
    reason: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    reading_count: int


@dataclass(slots=True)
class DeadLetterBook:
    """What the dead-letter topic says, read record by record; a letter that was delivered twice stands once."""

    letters: dict[tuple[int, int], DeadLetter] = field(default_factory=dict)
    refused: dict[int, list[int]] = field(default_factory=dict)
    accepted_through: dict[int, int] = field(default_factory=dict)
    retried: set[tuple[int, int]] = field(default_factory=set)
    keep_letters: bool = True
    strangers: int = 0
    """Records that somebody else put onto the topic; they mean nothing here."""

    def read(self, key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> None:
        own = {name: word.decode(errors="replace") for name, word in headers if name.startswith("dead.")}
        try:
            what, partition, offset = own[WHAT], int(own[PARTITION]), int(own[OFFSET])
        except (KeyError, ValueError):
            self.strangers += 1
            log.warning("the dead-letter topic holds a record that Meterwatch did not write: %r", value and value[:80])
            return
        if what == "accepted":
            self.accepted_through[partition] = max(offset, self.accepted_through.get(partition, -1))
        elif what == "retried":
            self.retried.add((partition, offset))
        elif (partition, offset) not in self.letters:
            self.refuse(partition, offset)
            if self.keep_letters:
                original = tuple((name, word) for name, word in headers if not name.startswith("dead."))
                self.letters[partition, offset] = DeadLetter(
                    own.get(TOPIC, ""), partition, offset, own.get(REASON, ""), key, value, original,
                    stated_reading_count(original),
                )  # fmt: skip

    def refuse(self, partition: int, offset: int) -> None:
        offsets = self.refused.setdefault(partition, [])
        at = bisect_left(offsets, offset)
        if at == len(offsets) or offsets[at] != offset:
            insort(offsets, offset)

    def stops(self, limit: DeadLetterLimit, partition: int, next_offset: int) -> bool:
        """Whether the partition, handled up to `next_offset`, is over the limit."""
        accepted = self.accepted_through.get(partition, -1)
        return limit.is_passed(next_offset - 1, self.refused.get(partition, ()), accepted)

    def open_letters(self) -> list[DeadLetter]:
        """Letters not retried yet, by partition and offset."""
        return [self.letters[at] for at in sorted(self.letters) if at not in self.retried]


class DeadLetterSource(Protocol):
    """Reads the dead-letter topic. Blocking; called from one thread at a time."""

    def read_new(self, book: DeadLetterBook) -> None:
        """Enter every record since the last call into `book`; `StoreUnavailable` if the log cannot be reached."""
        ...

    def close(self) -> None:
        """Let go of the connection; a later reading connects again and goes on where it was."""
        ...


def letter_headers(
    topic: str, partition: int, offset: int, reason: str, original: Iterable[tuple[str, bytes]]
) -> Headers:
    """Headers of a letter: ours first, then those the message came with."""
    own = _record_headers("letter", topic, partition, offset)
    kept = [(name, word) for name, word in original if isinstance(word, bytes) and not name.startswith("dead.")]
    return [*own, (REASON, reason[:_REASON_LIMIT].encode()), *kept]


def accepted_headers(topic: str, partition: int, through_offset: int, by: str) -> Headers:
    return [*_record_headers("accepted", topic, partition, through_offset), (BY, by.encode())]


def retried_headers(topic: str, partition: int, offset: int, by: str) -> Headers:
    return [*_record_headers("retried", topic, partition, offset), (BY, by.encode())]


def _record_headers(what: str, topic: str, partition: int, offset: int) -> Headers:
    return [
        (WHAT, what.encode()),
        (TOPIC, topic.encode()),
        (PARTITION, b"%d" % partition),
        (OFFSET, b"%d" % offset),
    ]
