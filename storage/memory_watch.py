"""Heartbeats and standings of the watch as plain dictionaries: the part of `MemoryStore` that is about the monitor itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from metering.watch import Heartbeat, Pulse, WatchStanding
from storage.watch_rows import pulse_content, pulse_of, standing_of, standing_row


@dataclass(slots=True)
class MemoryWatch:
    """Not thread-safe by itself: `MemoryStore` holds its lock around every call."""

    beats: dict[str, tuple[float, Pulse]] = field(default_factory=dict)
    stands: dict[tuple[str, str], WatchStanding] = field(default_factory=dict)

    def beat(self, pulse: Pulse, now: float) -> None:
        self.beats[pulse.owner] = (now, pulse_of(pulse_content(pulse)))

    def end_beats(self, owners: Iterable[str]) -> None:
        for owner in owners:
            self.beats.pop(owner, None)

    def heartbeats(self, now: float) -> list[Heartbeat]:
        return [Heartbeat(pulse, max(0.0, now - at)) for _, (at, pulse) in sorted(self.beats.items())]

    def standings(self) -> list[WatchStanding]:
        return [self.stands[key] for key in sorted(self.stands)]

    def save(self, standings: Sequence[WatchStanding]) -> None:
        self.stands |= {(each.rule, each.subject): standing_of(standing_row(each)) for each in standings}

    def forget(self, keys: Iterable[tuple[str, str]]) -> None:
        for key in keys:
            self.stands.pop(key, None)
