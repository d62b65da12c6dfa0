"""Ticks of a live log: wall clock minus a grace, to every partition, by one worker at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from metering.archive import Archive
from metering.messages import Tick
from metering.ports import StateStore
from metering.times import IntervalGrid

LEASE = "ticker"
LEASE_S = 30.0


@dataclass(slots=True)
class Ticker:
    """Closes each interval `grace_s` after its end: that long a concentrator may take to upload it.

    For logs that concentrators write to. A recorded feed brings its own ticks, and must not be given these.
    """

    store: StateStore
    archive: Archive
    owner: str
    send: Callable[[Tick], None]
    grace_s: float
    now: Callable[[], float] = time.time
    _sent_s: int = 0

    def tick(self) -> None:
        """Send the tick that is due, if one is. Raises `StoreUnavailable` where the store cannot be asked for the lease."""
        grid = IntervalGrid(self.archive.calendar, self.archive.interval_minutes)
        due_s = grid.floor(int(self.now() - self.grace_s))
        if due_s <= self._sent_s or not self.store.take_lease(LEASE, self.owner, LEASE_S):
            return
        standing_s = max((mark.clock_s for mark in self.store.marks("judge")), default=0)
        if due_s > standing_s:
            self.send(Tick(due_s))
        self._sent_s = due_s
