"""The one order in which a feed goes onto the log: frames, ticks, meter events and findings; replay and publish use it alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from metering.archive import Archive, Area
from metering.messages import ArrivedFrame, Finding, MeterEvent, MeterEvents, Tick
from metering.times import LATE_LIMIT_S, IntervalGrid
from simulator.feeds.feed_frames import AreaFinder, ArrivingRows, FrameBuilder, Piece
from simulator.feeds.feed_readings import UNREADABLE_TIME, ReadingBatch

#: How many rows on either side of a newer interval start have a say in whether it is believed.
WITNESSES = 32
#: A silence longer than this is stepped over by one tick instead of one per interval.
LONGEST_TICKED_GAP_S = LATE_LIMIT_S


class FeedSource(Protocol):
    """What can be published: a feed folder (`simulator.feeds.feed.Feed`) or one that is lived through (`simulator.feeds.living.LivingFeed`)."""

    @property
    def archive(self) -> Archive: ...
    def readings(self) -> Iterator[ReadingBatch]: ...
    def area(self, transformer_area: str) -> Area: ...
    def area_of(self, meter_id: str, epoch_s: int) -> str: ...
    def events(self) -> Iterator[MeterEvent]: ...
    def later_events(self) -> Sequence[MeterEvent]: ...
    def findings(self) -> list[Finding]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Sent:
    """One message and its way: to the partition of its transformer area, or (None: a tick) to every partition.

    `event_time_s` is where the publisher's clock stands when it is sent: it never goes back, whatever the rows say.
    """

    transformer_area: str | None
    message: ArrivedFrame | Tick | MeterEvents | Finding
    event_time_s: int


def publication(feed: FeedSource, *, only_area: str | None = None, final: bool = True) -> Iterator[Sent]:
    """The messages of a feed in the one order, lazily: a batch of rows and the next 32 rows are read ahead, no more.

    Rows are gathered into frames while the clock stays in one interval; a believable newer interval start sends them,
    then ticks. Rows of other intervals become frames of their own where they arrive. The sum of `reading_count` is the
    number of rows with an energy. `only_area` leaves out the messages of all other areas and keeps every tick. `final`
    ends the feed: the events and findings that are left, then a final tick. Where a batch ends carries no meaning.
    """
    return _clock_first(_Publisher(feed, only_area).messages(final))


def _clock_first(messages: Iterator[Sent]) -> Iterator[Sent]:
    """The first tick goes before everything, so that even a first frame dated years ahead is seen as such."""
    held: list[Sent] = []
    for sent in messages:
        if isinstance(sent.message, Tick):
            yield sent
            yield from held
            yield from messages
            return
        held.append(sent)
    yield from held


class _Publisher:
    def __init__(self, feed: FeedSource, only_area: str | None) -> None:
        if only_area is not None:
            feed.area(only_area)
        archive = feed.archive
        self._feed = feed
        self._only_area = only_area
        self._grid = IntervalGrid(archive.calendar, archive.interval_minutes)
        self._areas = AreaFinder(archive)
        self._reports = _Reports(feed, only_area)
        self._clock_s: int | None = None
        self._ticked_s = 0
        self._gathered: list[Piece] = []
        self._stray: list[Piece] = []
        self._stray_time_s = UNREADABLE_TIME
        self._builder: FrameBuilder | None = None
        self._stray_builder: FrameBuilder | None = None
        self._seen_s = np.empty(0, dtype=np.int64)

    def messages(self, final: bool) -> Iterator[Sent]:
        waiting: ArrivingRows | None = None
        for batch in self._feed.readings():
            if self._builder is None:
                self._builder, self._stray_builder = (
                    FrameBuilder(self._areas, batch.meter_names, self._grid.interval_minutes, self._only_area)
                    for _ in range(2)
                )
            rows = self._areas.rows(batch)
            waiting = rows if waiting is None else waiting.followed_by(rows)
            ready = len(waiting) - WITNESSES
            if ready > 0:
                yield from self._arrive(waiting, ready)
                waiting = waiting.after(ready)
        if waiting is not None:
            yield from self._arrive(waiting, len(waiting))
        yield from self._send_stray()
        yield from self._send_gathered()
        if self._clock_s is not None:
            end_s = self._grid.next(self._clock_s)
            yield from self._tick(end_s)
        if final:
            yield from self._reports.up_to(None, self._ticked_s)
            yield Sent(None, Tick(self._ticked_s, final=True), self._ticked_s)

    def _arrive(self, rows: ArrivingRows, ready: int) -> Iterator[Sent]:
        """Handle the rows before `ready`; the others are witnesses only."""
        times_s = rows.times_s
        around_s = np.concatenate([self._seen_s, times_s])
        offset = len(self._seen_s)
        changes = np.flatnonzero(times_s[1:ready] != times_s[: ready - 1]) + 1
        firsts = [0, *changes.tolist()]
        for first, end, time_s in zip(firsts, [*firsts[1:], ready], times_s[firsts].tolist(), strict=True):
            if self._stray and time_s == self._stray_time_s:
                self._stray.append((rows, first, end))  # the run was cut by the end of a batch
                continue
            yield from self._send_stray()
            if time_s in (self._clock_s, UNREADABLE_TIME):
                self._gathered.append((rows, first, end))
            elif self._believes(time_s, around_s, offset + first):
                yield from self._move_to(time_s)
                self._gathered.append((rows, first, end))
            else:
                self._stray_time_s = time_s
                self._stray.append((rows, first, end))
        self._seen_s = around_s[: offset + ready][-WITNESSES:].copy()

    def _believes(self, time_s: int, around_s: NDArray[np.int64], row: int) -> bool:
        """Whether a newer time is that of the stream: it is on the grid and enough of the rows around it agree.

        The rows after it must mostly be as new. Further ahead than the next interval, two in five of the rows around it
        must be about as new (rows that the feed does not have before it count against). The first time of all must have
        company close to it.
        """
        clock_s, step_s = self._clock_s, self._grid.step_s
        if (clock_s is not None and time_s < clock_s) or not self._grid.holds(time_s):
            return False
        after = around_s[row + 1 : row + 1 + WITNESSES]
        if 2 * np.count_nonzero(after >= time_s) < len(after) - np.count_nonzero(after == UNREADABLE_TIME):
            return False
        if clock_s is None:
            return not len(after) or bool(((after >= time_s) & (after <= self._grid.next(time_s))).any())
        if time_s == self._grid.next(clock_s):
            return True
        # near the end of the feed fewer rows can say so: then none of them may be older
        readable_after = after[after != UNREADABLE_TIME]
        if len(after) < WITNESSES and (not len(readable_after) or readable_after.min() < time_s - step_s):
            return False
        around = around_s[max(0, row - len(after)) : row + 1 + len(after)]
        readable = 1 + 2 * len(after) - np.count_nonzero(around == UNREADABLE_TIME)
        return bool(5 * np.count_nonzero(around >= time_s - step_s) >= 2 * readable)

    def _move_to(self, time_s: int) -> Iterator[Sent]:
        if self._clock_s is None:
            self._clock_s = time_s
            yield from self._tick(time_s)
            return
        yield from self._send_gathered()
        end_s = self._grid.next(self._clock_s)
        yield from self._tick(end_s)
        if time_s - end_s > LONGEST_TICKED_GAP_S:
            yield from self._tick(time_s)
        while end_s < time_s:
            end_s = self._grid.next(end_s)
            if end_s > self._ticked_s:
                yield from self._tick(end_s)
        self._clock_s = time_s

    def _send_gathered(self) -> Iterator[Sent]:
        if self._gathered and self._builder is not None:
            # without any believable time only rows of unreadable time are left: their interval says nothing
            start_s = self._grid.floor(0) if self._clock_s is None else self._clock_s
            end_s = self._grid.next(start_s)
            gathered, self._gathered = self._gathered, []
            for frame in self._builder.frames(gathered, start_s):
                yield Sent(frame.transformer_area, frame, end_s)

    def _send_stray(self) -> Iterator[Sent]:
        if self._stray and self._stray_builder is not None:
            stray, self._stray = self._stray, []
            for frame in self._stray_builder.frames(stray, self._stray_time_s):
                yield Sent(frame.transformer_area, frame, self._ticked_s)

    def _tick(self, time_s: int) -> Iterator[Sent]:
        yield from self._reports.up_to(time_s, time_s)
        self._ticked_s = time_s
        yield Sent(None, Tick(time_s), time_s)


class _Reports:
    """Meter events and findings, each waiting for the first tick that is not before it."""

    def __init__(self, feed: FeedSource, only_area: str | None) -> None:
        self._feed, self._only_area = feed, only_area
        self._events: list[MeterEvent] = self._kept(feed.events())
        self._findings = [f for f in feed.findings() if only_area in (None, f.transformer_area)]
        self._next_event = 0
        self._next_finding = 0

    def _kept(self, events: Iterable[MeterEvent]) -> list[MeterEvent]:
        feed, only_area = self._feed, self._only_area
        kept = [e for e in events if only_area in (None, feed.area_of(e.meter_id, e.event_time_s))]
        return sorted(kept, key=lambda event: event.event_time_s)

    def up_to(self, time_s: int | None, clock_s: int) -> Iterator[Sent]:
        """What waits for a tick at `time_s` (None: everything): events by area, then findings by (found_at, id)."""
        by_area: dict[str, list[MeterEvent]] = {}
        later = self._feed.later_events()
        if later:
            waiting = self._events[self._next_event :]
            self._events, self._next_event = sorted([*waiting, *self._kept(later)], key=lambda e: e.event_time_s), 0
        events, findings = self._events, self._findings
        while self._next_event < len(events):
            event = events[self._next_event]
            if time_s is not None and event.event_time_s > time_s:
                break
            by_area.setdefault(self._feed.area_of(event.meter_id, event.event_time_s), []).append(event)
            self._next_event += 1
        for area, own in by_area.items():
            yield Sent(area, MeterEvents(area, tuple(own)), clock_s)
        while self._next_finding < len(findings):
            finding = findings[self._next_finding]
            if time_s is not None and finding.found_at_s > time_s:
                break
            self._next_finding += 1
            yield Sent(finding.transformer_area, finding, clock_s)
