"""Drives one stage along the partitions this worker holds: nothing lost, nothing doubled.

The rules, each for a way in which a log can mislead (DESIGN.md section 4):
- the stage's own store says which offset comes next; what lies below it is dropped, a gap is sought back to;
- a partition is taken over at its first event of a generation, never earlier; events of an older generation are dropped;
- a message is acknowledged only after a save that holds it, and what is committed to Kafka is exactly what was saved;
- a partition that another owner has taken is dropped, unacknowledged, until it is taken over anew;
- a store that is away stops consumption and is tried without limit; a store that refuses stops the worker.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from metering.errors import MeterwatchError, StoreUnavailable, UnreadableMessage
from operations.stage import Stage
from streams.codecs import decode, stated_reading_count
from streams.dead_letters import DeadLetterBook, DeadLetterLimit, DeadLetterSource

log = logging.getLogger("meterwatch.streams")
T = TypeVar("T")

REVOCATION_SAVE_S = 2.0
FINISH_SAVE_S = 10.0
_FIRST_RETRY_S, _LAST_RETRY_S = 0.1, 5.0
_FIRST_RESEEK_S, _LAST_RESEEK_S = 1.0, 30.0
_SEEKS_BEFORE_A_HOLE_IS_BELIEVED = 4
_QUIET_S = 1.0
_PATIENCE_S = 10.0
_WEIGH_EVERY_S = 10.0


class Log(Protocol):
    """What the driver needs of the log besides its events."""

    keeps_its_offsets: bool
    """Whether the log outlives this process, so that it can never end before what was saved."""

    def generation(self) -> int: ...
    def assigned(self) -> Collection[int]: ...
    async def seek(self, partition: int, offset: int) -> None: ...
    async def position(self, partition: int) -> int | None: ...
    async def first_offset(self, partition: int) -> int: ...
    async def end_offsets(self, partitions: Collection[int]) -> Mapping[int, int]: ...
    def pause(self, partition: int) -> None: ...
    def resume(self, partition: int) -> None: ...
    async def bury(self, message: Any, reason: str) -> None:
        """Write the message to the dead letters and return once the broker has it; `StoreUnavailable` otherwise."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """How one partition in this worker's hands stands: messages that wait in the log (None: it did not say), how long the
    oldest handled message has waited for its save (seconds), and whether dead letters paused it."""

    waiting: int | None
    unsaved_s: float
    paused: bool


@dataclass(slots=True)
class _Held:
    """One partition in this worker's hands. `next_offset` counts what was handled, saved or not."""

    partition: int
    next_offset: int
    unsaved: list[Any] = field(default_factory=list)
    lost_at: float | None = None
    paused: bool = False
    sought_at: float | None = None
    seeks: int = 0

    @property
    def reseek_after_s(self) -> float:
        """What was under way before a seek may still come; only after this is it worth seeking again."""
        return min(_LAST_RESEEK_S, _FIRST_RESEEK_S * 2.0 ** max(0, self.seeks - 1))


class StageDriver:
    """One per stage and app. All calls come from the app's event loop; only `begin`, `save` and the dead letters'
    reader leave it for a thread, one at a time.

    `failure` is set, and `failed` with it, when the worker cannot go on. `counters` count what happened since the start.
    """

    def __init__(
        self,
        stage: Stage,
        of_log: Log,
        letters: DeadLetterSource,
        *,
        checkpoint_every_s: float = 1.0,
        checkpoint_every_messages: int = 500,
        dead_letter_limit: DeadLetterLimit | None = None,
        stall_after_s: float = 120.0,
        take_back_after_s: float = 15.0,
    ) -> None:
        self._stage = stage
        self._log = of_log
        self._letters = letters
        self._every_s = checkpoint_every_s
        self._every_messages = checkpoint_every_messages
        self._limit = dead_letter_limit or DeadLetterLimit()
        self._stall_after_s = stall_after_s
        self._take_back_after_s = take_back_after_s
        self._book = DeadLetterBook(keep_letters=False)
        self._book_tenure = -1
        self._ends: Mapping[int, int] = {}
        self._ends_tenure = -1
        self._held: dict[int, _Held] = {}
        self._to_drop: set[int] = set()
        self._turn = asyncio.Lock()
        self._running: asyncio.Future[Any] | None = None
        self._open = False
        self._tenure = 0
        self._tenure_over = asyncio.Event()
        self._assigned_at = 0.0
        self._offered_at = 0.0
        self._unsaved = 0
        self._unsaved_since = 0.0
        self._waiting_for: str | None = None
        self._log_ends: Mapping[int, int] = {}
        self._seen_at = time.monotonic()
        self.saved: dict[int, int] = {}
        """By partition, the next offset as the store has it: what may be committed to the log."""
        self.counters: Counter[str] = Counter()
        self.failure: MeterwatchError | None = None
        self.failed = asyncio.Event()

    # --- what the log tells

    def assigned(self) -> None:
        """A new generation begins; its partitions are taken over at their first event."""
        self._open = True
        self._end_tenure()
        self._assigned_at = time.monotonic()

    async def revoked(self) -> None:
        """The generation ends: save what can be saved in two seconds, forget the rest."""
        await self._let_go(REVOCATION_SAVE_S)
        self.saved.clear()

    async def finish(self) -> None:
        """The worker stops: save; what was saved is committed when the consumer stops. Safe to call twice."""
        await self._let_go(FINISH_SAVE_S)
        if self._running is None or self._running.done():
            await self._in_thread(self._letters.close)

    def handled(self) -> dict[int, int]:
        """By partition held, the next offset to handle."""
        return {partition: held.next_offset for partition, held in self._held.items()}

    def standing(self) -> dict[int, Standing]:
        """By partition held, how it stands. May be asked from another thread."""
        unsaved_s = time.monotonic() - self._unsaved_since if self._unsaved else 0.0
        ends, found = self._log_ends, {}
        for partition, held in list(self._held.items()):
            waiting = max(0, ends[partition] - held.next_offset) if partition in ends else None
            found[partition] = Standing(waiting, unsaved_s if held.unsaved else 0.0, held.paused)
        return found

    @property
    def loop_age_s(self) -> float:
        """How long ago the event loop was last seen at work (seconds). May be asked from another thread."""
        return time.monotonic() - self._seen_at

    async def checkpoint(self) -> None:
        """Save now, without waiting for the next turn of the clock."""
        async with self._turn:
            await self._settle()
            if self._open and self._unsaved and self.failure is None:
                await self._save()

    async def offer(self, event: Any) -> None:
        """One event of the log, in order per partition. Returns when it was handled or rightly dropped; never raises
        but when cancelled."""
        try:
            async with self._turn:
                await self._settle()
                await self._offer(event)
        except Exception as error:
            # an exception that left the agent would lose the event it was about
            log.exception("offering an event")
            self._fail(MeterwatchError(f"the driver of the {self._stage.role} stage failed: {error!r}"))

    async def _offer(self, event: Any) -> None:
        message = event.message
        self._offered_at = time.monotonic()
        if not self._open or self.failure is not None or message.generation_id != self._log.generation():
            self.counters["older_generation"] += 1
            return
        held = self._held.get(message.partition) or await self._take_over(message.partition)
        if held is None or held.lost_at is not None or held.paused:
            self.counters["dropped"] += 1
            return
        if message.offset < held.next_offset:
            self.counters["redelivered"] += 1
            event.ack()
            return
        if message.offset > held.next_offset and not await self._believe_gap(held, message.offset):
            return
        held.sought_at, held.seeks = None, 0
        await self._handle(held, event)
        if self._unsaved >= self._every_messages:
            await self._save()

    async def tend(self) -> None:
        """Runs beside the events until cancelled: saves by time, seeks again, takes over idle and lost partitions."""
        pulse_s = min(0.25, self._every_s / 2)
        while self.failure is None:
            await asyncio.sleep(pulse_s)
            if not self._open:
                continue
            async with self._turn:
                await self._settle()
                if self._unsaved and time.monotonic() - self._unsaved_since >= self._every_s:
                    await self._save()
                await self._tend_partitions()

    async def watch(self) -> None:
        """Runs beside the events until cancelled: fails the worker if messages wait and none is handled."""
        seen: object = None
        since = time.monotonic()
        while self.failure is None:
            await asyncio.sleep(min(1.0, self._stall_after_s / 4))
            now = (self._tenure, self.counters["handled"], self.counters["redelivered"], self._waiting_for)
            if now != seen or self._waiting_for is not None:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since >= self._stall_after_s:
                if waiting := await self._messages_waiting():
                    self._fail(
                        MeterwatchError(
                            f"{self._stage.role}: no message handled for {self._stall_after_s:g} s though "
                            f"{waiting} wait; restart the worker, and report this with its log"
                        )
                    )
                since = time.monotonic()

    async def weigh(self) -> None:
        """Runs beside the events until cancelled: asks the log now and then how much waits, for whoever watches."""
        asked_at = -_WEIGH_EVERY_S
        while True:
            self._seen_at = time.monotonic()
            if self._open and self._held and self._seen_at - asked_at >= _WEIGH_EVERY_S:
                asked_at = self._seen_at
                try:
                    self._log_ends = await self._log.end_offsets(list(self._held))
                except StoreUnavailable:
                    self._log_ends = {}  # shown as not known
            await asyncio.sleep(1.0)

    # --- one message

    async def _handle(self, held: _Held, event: Any) -> None:
        message = event.message
        place = f"partition {held.partition} offset {message.offset}"
        headers = message.headers or ()
        try:
            decoded = decode(message.value, headers)
        except UnreadableMessage as unreadable:
            reason = str(unreadable)

            async def bury() -> bool:
                await self._log.bury(message, reason)
                return True

            # both stages meet the message: the area stage writes its one letter
            if self._stage.role == "judge" and not await self._insist(bury, f"writing the dead letter of {place}"):
                return
            if self._held.get(held.partition) is not held:
                return  # its generation ended meanwhile; whoever is next writes the letter again
            log.warning("%s cannot be read and lies in the dead letters: %s", place, unreadable)
            self._book.refuse(held.partition, message.offset)
            self.counters["dead_letters"] += 1
            decoded = None
        try:
            if decoded is None:
                self._stage.refuse(held.partition, message.offset, stated_reading_count(headers))
            else:
                self._stage.handle(held.partition, message.offset, decoded)
        except MeterwatchError as error:
            self._fail(error)
            return
        except Exception as error:
            log.exception("%s of the %s stage", place, self._stage.role)
            self._fail(MeterwatchError(f"{place}: the {self._stage.role} stage failed: {error!r}"))
            return
        self.counters["handled"] += 1
        if not self._unsaved:
            self._unsaved_since = time.monotonic()
        self._unsaved += 1
        held.next_offset = message.offset + 1
        held.unsaved.append(event)
        if decoded is None and self._book.stops(self._limit, held.partition, held.next_offset):
            self._pause(held)

    async def _believe_gap(self, held: _Held, offered: int) -> bool:
        """The log offers a later message than the next one: seek back, unless the messages between are truly gone."""
        now = time.monotonic()
        if held.sought_at is not None and now - held.sought_at < held.reseek_after_s:
            return False  # still from before the seek
        first = await self._first_offset(held.partition)
        if first is None:
            return False
        if first > held.next_offset or held.seeks >= _SEEKS_BEFORE_A_HOLE_IS_BELIEVED:
            gone_until = max(first, held.next_offset + 1) if first > held.next_offset else offered
            log.error(
                "partition %d: offsets %d to %d are not in the log any more and were never handled; "
                "raise the topic's retention", held.partition, held.next_offset, gone_until - 1,
            )  # fmt: skip
            self.counters["gone_from_log"] += gone_until - held.next_offset
            held.next_offset = gone_until
            if offered == gone_until:
                return True
        await self._seek(held)
        return False

    async def _first_offset(self, partition: int) -> int | None:
        try:
            return await self._log.first_offset(partition)
        except StoreUnavailable as error:
            log.warning("partition %d: %s", partition, error)
            return None

    async def _seek(self, held: _Held) -> None:
        self.counters["seeks"] += 1
        held.sought_at = time.monotonic()
        held.seeks += 1
        try:
            await self._log.seek(held.partition, held.next_offset)
        except StoreUnavailable as error:
            log.warning("partition %d: seeking to %d: %s", held.partition, held.next_offset, error)

    # --- partitions

    async def _take_over(self, partition: int) -> _Held | None:
        tenure = self._tenure

        async def begin() -> int:
            return await self._in_thread(lambda: self._stage.begin(partition))

        async def read_letters() -> bool:
            await self._in_thread(lambda: self._letters.read_new(self._book))
            return True

        next_offset = await self._insist(begin, f"taking over partition {partition}")
        if next_offset is None or self._tenure != tenure:
            self._to_drop.add(partition)
            return None
        if self._log.keeps_its_offsets and not await self._reaches(partition, next_offset):
            self._to_drop.add(partition)
            return None
        if self._book_tenure != tenure:
            if not await self._insist(read_letters, "reading the dead letters") or self._tenure != tenure:
                self._to_drop.add(partition)
                return None
            self._book_tenure = tenure
        self.counters["partitions_begun"] += 1
        held = self._held[partition] = _Held(partition, next_offset)
        self._to_drop.discard(partition)
        self.saved[partition] = next_offset
        if self._book.stops(self._limit, partition, next_offset):
            self._pause(held)
        return held

    async def _reaches(self, partition: int, next_offset: int) -> bool:
        """Whether the log holds what was saved. A topic made anew counts from 0: all it holds would pass for handled."""
        tenure = self._tenure

        async def ask() -> Mapping[int, int]:
            # all at once: behind a fetch that waits for news, Kafka answers each question only after a second or more
            return await self._log.end_offsets({partition, *self._log.assigned()})

        if self._ends_tenure != tenure or self._ends.get(partition, -1) < next_offset:
            ends = await self._insist(ask, f"asking where partition {partition} ends")
            if ends is None or self._tenure != tenure:
                return False
            self._ends, self._ends_tenure = ends, tenure
        ends = self._ends
        if ends[partition] < next_offset:
            self._fail(
                MeterwatchError(
                    f"partition {partition} ends at offset {ends[partition]}, but {next_offset} is saved as next: the "
                    "topic was made anew or lost its end. Give the new topic another prefix, or start with a new store"
                )
            )
            return False
        return True

    async def _tend_partitions(self) -> None:
        now = time.monotonic()
        for held in list(self._held.values()):
            if held.paused:
                continue
            if held.lost_at is not None and now - held.lost_at >= self._take_back_after_s:
                # whoever took it is gone, or a generation would have ended: take it back
                del self._held[held.partition]
                await self._take_over_idle(held.partition)
            elif (
                held.sought_at is not None
                and now - held.sought_at >= held.reseek_after_s
                and self._is_overdue(held.sought_at, now)
            ):
                await self._seek(held)
        if self._is_overdue(self._assigned_at, now):
            for partition in sorted(set(self._log.assigned()) - set(self._held)):
                await self._take_over_idle(partition)
        if any(held.paused for held in self._held.values()):
            await self._look_for_acceptance()

    def _is_overdue(self, since: float, now: float) -> bool:
        """Whether an event that was due at `since` will hardly come: nothing comes at all, or it has been very long."""
        quiet_s = now - max(since, self._offered_at)
        return quiet_s >= _QUIET_S or now - since >= _PATIENCE_S

    async def _take_over_idle(self, partition: int) -> None:
        """A partition that offers nothing may stand beyond what was saved, where nothing would ever call it back."""
        held = await self._take_over(partition) if self._open else None
        if held is None or held.paused:
            return
        position = await self._log.position(partition)
        if position is not None and position > held.next_offset:
            # unless its messages are on their way, `_tend_partitions` seeks
            held.sought_at = time.monotonic()

    def _pause(self, held: _Held) -> None:
        held.paused = True
        self._log.pause(held.partition)
        self.counters["partitions_paused"] += 1
        log.error(
            "partition %d is paused at offset %d: more than %g %% of its last %d messages could not be read; look at "
            "`meterwatch dead-letters list`, then mend the sender and run `meterwatch dead-letters accept`",
            held.partition, held.next_offset, 100 * self._limit.share, self._limit.window,
        )  # fmt: skip

    async def _look_for_acceptance(self) -> None:
        try:
            await self._in_thread(lambda: self._letters.read_new(self._book))
        except StoreUnavailable as error:
            log.warning("reading the dead letters: %s", error)
            return
        for held in list(self._held.values()):
            if held.paused and not self._book.stops(self._limit, held.partition, held.next_offset):
                log.warning("partition %d goes on at offset %d: accepted", held.partition, held.next_offset)
                held.paused = False
                self._log.resume(held.partition)
                await self._seek(held)

    # --- saving

    async def _save(self) -> None:
        async def save() -> frozenset[int]:
            return await self._in_thread(self._stage.save)

        lost = await self._insist(save, "saving")
        if lost is not None:
            self._saved(lost)

    def _saved(self, lost: frozenset[int]) -> None:
        self.counters["saves"] += 1
        self._unsaved = 0
        for partition, held in self._held.items():
            if partition in lost:
                log.warning("partition %d was taken by another worker: dropped until it is ours again", partition)
                self.counters["partitions_lost"] += 1
                held.lost_at = time.monotonic()
                self.saved.pop(partition, None)
            elif held.lost_at is None:
                self.saved[partition] = held.next_offset
                for event in held.unsaved:
                    event.ack()
            held.unsaved.clear()

    def _end_tenure(self) -> None:
        self._tenure += 1
        self._tenure_over.set()
        self._tenure_over = asyncio.Event()

    async def _let_go(self, within_s: float) -> None:
        was_open, self._open = self._open, False
        self._end_tenure()
        try:
            async with asyncio.timeout(within_s):
                async with self._turn:
                    if was_open and self._unsaved and self.failure is None:
                        await self._save_while_leaving()
        except TimeoutError:
            log.warning(
                "%d messages handled but not saved in %g s: they will be handled again", self._unsaved, within_s
            )
        except MeterwatchError as error:
            self._fail(error)
        self._unsaved = 0
        self._to_drop.update(self._held)
        self._held.clear()

    async def _save_while_leaving(self) -> None:
        while True:
            try:
                self._saved(await self._in_thread(self._stage.save))
            except StoreUnavailable as error:
                log.warning("saving before leaving: %s", error)
                await asyncio.sleep(_FIRST_RETRY_S)
            else:
                return

    # --- insisting

    async def _insist(self, attempt: Callable[[], Awaitable[T]], what: str) -> T | None:
        """Try until it works, however long that takes; None if the generation ended or the worker failed meanwhile."""
        over, wait_s, tries = self._tenure_over, _FIRST_RETRY_S, 0
        try:
            while not over.is_set() and self.failure is None:
                try:
                    return await attempt()
                except StoreUnavailable as error:
                    self._waiting_for = what
                    self.counters["store_waits"] += 1
                    tries += 1
                    if tries & (tries - 1) == 0:
                        log.warning("%s: %s; trying again (%d)", what, error, tries)
                except MeterwatchError as error:
                    self._fail(error)
                except Exception as error:
                    log.exception("%s", what)
                    self._fail(MeterwatchError(f"{what} failed: {error!r}"))
                with suppress(TimeoutError):
                    await asyncio.wait_for(over.wait(), wait_s)
                wait_s = min(_LAST_RETRY_S, 2 * wait_s)
        finally:
            self._waiting_for = None
        return None

    async def _in_thread(self, call: Callable[[], T]) -> T:
        """Run in a thread, after whatever still runs there; cancelling the wait leaves the call to its end."""
        await self._settle()
        running = self._running = asyncio.ensure_future(asyncio.to_thread(call))
        running.add_done_callback(_look_at)
        return await asyncio.shield(running)

    async def _settle(self) -> None:
        """Wait for a call that was left behind, then forget the partitions that were given up."""
        while self._running is not None and not self._running.done():
            await asyncio.wait([self._running])
        while self._to_drop:
            self._stage.drop(self._to_drop.pop())

    def _fail(self, error: MeterwatchError) -> None:
        log.error("%s", error)
        if self.failure is None:
            self.failure = error
        self.failed.set()

    async def _messages_waiting(self) -> int:
        standing = {p: held.next_offset for p, held in self._held.items() if not held.paused}
        for partition in self._log.assigned():
            if partition not in self._held:
                standing[partition] = 0
        try:
            ends = await self._log.end_offsets(standing)
        except StoreUnavailable as error:
            log.warning("the log cannot be asked for its ends: %s", error)
            return 0
        return sum(max(0, end - standing[p]) for p, end in ends.items())


def _look_at(done: asyncio.Future[Any]) -> None:
    """Its error was or will be reported by whoever waits; a call left behind has nobody."""
    with suppress(asyncio.CancelledError):
        if (error := done.exception()) is not None:
            log.debug("a call left behind ended with %r", error)
