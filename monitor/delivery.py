"""Every channel served at once, each in a thread of its own: one that is away, or slow, holds no other up."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from metering.errors import StoreUnavailable
from metering.notification import DESK
from metering.ports import StateStore
from operations.deliver_notifications import LEASE, Channel, Delivered, deliver_notifications

#: Between two looks for notifications to channels that nobody serves here.
STRAYS_EVERY_S = 30.0
STRAYS_AT_ONCE = 1000


class Deliveries:
    """`round` is called again and again; it waits for no receiver. `clock` is wall time, in seconds."""

    def __init__(
        self, store: StateStore, channels: Sequence[Channel], owner: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._store, self._channels, self._owner, self._clock = store, tuple(channels), owner, clock
        self._pool: ThreadPoolExecutor | None = None
        self._going: dict[str, Future[Delivered]] = {}
        self._strays: dict[str, int] = {}
        self._strays_at_s = 0.0

    def round(self) -> None:
        """Begin what is not under way. Raises `StoreUnavailable` where the outbox could not be reached."""
        away: StoreUnavailable | None = None
        for channel in self._channels:
            try:
                self._serve(channel)
            except StoreUnavailable as error:
                away = error
        if away is not None:
            raise away
        self._look_for_strays()

    @property
    def troubles(self) -> dict[str, str]:
        """By channel, why it is not told just now; every channel is named, with "" where all is well."""
        told = {channel.name: channel.trouble for channel in self._channels}
        return told | {name: _stray(count) for name, count in sorted(self._strays.items())}

    def end(self) -> None:
        """Wait for what is under way, and give the leases back."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
        for channel in self._channels:
            self._store.release_lease(LEASE + channel.name, self._owner)

    def _serve(self, channel: Channel) -> None:
        if channel.name == DESK:
            deliver_notifications(self._store, channel, self._owner, self._clock)
            return
        going = self._going.get(channel.name)
        if going is not None:
            if not going.done():
                return
            del self._going[channel.name]
            going.result()
        if self._pool is None:
            self._pool = ThreadPoolExecutor(len(self._channels), "deliver")
        self._going[channel.name] = self._pool.submit(
            deliver_notifications, self._store, channel, self._owner, self._clock
        )

    def _look_for_strays(self) -> None:
        if self._clock() < self._strays_at_s:
            return
        self._strays_at_s = self._clock() + STRAYS_EVERY_S
        served = {channel.name for channel in self._channels}
        waiting = self._store.deliveries(state="waiting", limit=STRAYS_AT_ONCE)
        counts = Counter(each.notification.channel for each in waiting if each.notification.channel not in served)
        self._strays = {name: counts[name] for name in {*counts, *self._strays}}


def _stray(count: int) -> str:
    return f"{count} wait for it, and the notify plan has no such channel" if count else ""
