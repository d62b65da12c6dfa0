"""Runs apps inside a loop that is already running (the desk's, a replay's), fed over `memory://`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

from metering.messages import ArrivedFrame
from streams.app import StageApp
from streams.codecs import Codec
from streams.memory_transport import MemoryBroker
from streams.publisher import MemoryPublisher, Pace, Published, Sent, Speed
from streams.relay_journal import RelayJournal
from streams.run import raise_failure, stop_apps
from streams.topics import AREAS, DEAD_LETTERS

_YIELD_AFTER_S = 0.02
_LOOK_EVERY_S = 0.005


class EmbeddedRun:
    """Apps on one `memory://` broker, and the feed that goes through them. Use as an async context manager.

    The feed waits while `most_unsaved` messages are not saved by every app, so the log stays small whatever the length
    of the feed. Every wait raises the app's failure if one has failed.
    """

    def __init__(
        self,
        *apps: StageApp,
        broker_url: str,
        partitions: int,
        codec: Codec = "json",
        most_unsaved: int = 4_000,
        areas: str = AREAS.name,
        dead_letters: str = DEAD_LETTERS.name,
        journal: RelayJournal | None = None,
    ) -> None:
        self._apps = apps
        self._url = broker_url
        self._most_unsaved = most_unsaved
        broker = MemoryBroker.at(broker_url)
        self._logs = broker.declare(areas, partitions)
        broker.declare(dead_letters, 1)
        for app in apps:
            broker.expect_reader(areas, app.conf.id)
        self.publisher = MemoryPublisher(broker_url, codec, topic=areas, journal=journal)
        """Puts findings and decisions onto the same log, from the loop's thread."""

    async def start(self) -> None:
        for app in self._apps:
            await app.start()

    async def feed(
        self, sent: Iterable[Sent], speed: Speed = "max", *, already_saved: Mapping[int, int] | None = None
    ) -> Published:
        """Put all of `sent` onto the log, each when its event time is due, never further ahead than memory allows.

        `already_saved` (next offset by partition, the least of all stages') lets a feed that is sent again from its
        beginning skip what an earlier process has saved.
        """
        pace, done, began_s = Pace(speed), Published(), time.monotonic()
        saved = dict(already_saved or {})
        yielded_s = began_s
        for number, (transformer_area, message, event_time_s) in enumerate(sent):
            now_s = time.monotonic()
            if wait_s := pace.due_in_s(event_time_s, now_s):
                await asyncio.sleep(wait_s)
            elif now_s - yielded_s > _YIELD_AFTER_S:
                await asyncio.sleep(0)
                yielded_s = time.monotonic()
            if number % 64 == 0:
                await self._room()
            done.messages += self.publisher.put(transformer_area, message, saved)
            if isinstance(message, ArrivedFrame):
                done.frames += 1
                done.readings += message.reading_count
        for partition in range(len(self._logs)):
            self.publisher.put_between(partition, saved)
        done.seconds = time.monotonic() - began_s
        done.next_offsets = {p: log.end for p, log in enumerate(self._logs)}
        return done

    async def settle(self) -> None:
        """Wait until every app has handled and saved everything that was fed."""
        while True:
            raise_failure(self._apps)
            if self.unhandled() == 0:
                for app in self._apps:
                    await app.driver.checkpoint()
                if self.unsaved() == 0:
                    return
            await asyncio.sleep(_LOOK_EVERY_S)

    async def stop(self, *, forget_log: bool = True) -> None:
        """Save and stop the apps; the broker's logs go with them unless `forget_log` is False."""
        try:
            await stop_apps(self._apps)
        finally:
            if forget_log:
                MemoryBroker.discard(self._url)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def reaches(self, ends: Mapping[int, int]) -> bool:
        """Whether the log is as long again as it was, by partition: before that nothing new may be put onto it."""
        return all(self._logs[p].end >= end for p, end in ends.items())

    async def until_it_reaches(self, ends: Mapping[int, int]) -> None:
        while True:
            if self.reaches(ends):
                return
            await asyncio.sleep(_LOOK_EVERY_S)

    def unhandled(self) -> int:
        """Messages of the log that some app has not handled yet."""
        return max((self._behind(app.driver.handled()) for app in self._apps), default=0)

    def unsaved(self) -> int:
        """Messages of the log that some app has not saved yet."""
        return max((self._behind(app.driver.saved) for app in self._apps), default=0)

    def _behind(self, standing: Mapping[int, int]) -> int:
        return sum(log.end - max(log.base, standing.get(p, 0)) for p, log in enumerate(self._logs))

    async def _room(self) -> None:
        while self.unsaved() >= self._most_unsaved:
            raise_failure(self._apps)
            await asyncio.sleep(_LOOK_EVERY_S)
