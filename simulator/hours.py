"""What a case or an event of benign life is told about a window of time: when it is, what the weather is, what was before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]
Active = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Hours:
    """One window at one place; arrays are (intervals,).

    `start_s` are interval starts (UTC seconds), `local_hour` the local hour in the middle of each, `kind_of_day` is
    `load_profiles.WORKDAY`, `WEEKEND` or `HOLIDAY`, `sunshine` the share (0..1) of full sun. `rng` draws for this case and window only.
    `before` holds what the meter reported over the 48 hours before the window, by column, for cases that ask for it.
    """

    start_s: NDArray[np.int64]
    local_hour: Rows
    interval_h: float
    rng: np.random.Generator
    kind_of_day: int = 0
    temperature_c: Rows = field(default_factory=lambda: np.empty(0))
    sunshine: Rows = field(default_factory=lambda: np.empty(0))
    before: Mapping[str, Rows] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.start_s)

    @property
    def per_day(self) -> int:
        """Intervals of a day."""
        return round(24 / self.interval_h)

    def between(self, from_hour: float, to_hour: float) -> Active:
        """Which intervals lie between two local hours, past midnight where `from_hour` is the later one.

        >>> hours = Hours(np.zeros(3, np.int64), np.array([1.5, 12.5, 23.5]), 1.0, np.random.default_rng(0))
        >>> hours.between(22, 6).tolist(), hours.between(9, 17).tolist()
        ([True, False, True], [False, True, False])
        """
        since = (self.local_hour - from_hour) % 24
        return np.asarray(since < (to_hour - from_hour) % 24)

    def ramp(self, from_s: int, days: float) -> Rows:
        """Rises from 0 at `from_s` to 1 after so many days, and stays there; with 0 days it is 1 from the start.

        >>> hours = Hours(np.array([0, 86_400, 864_000]), np.zeros(3), 1.0, np.random.default_rng(0))
        >>> hours.ramp(0, 4).tolist()
        [0.0, 0.25, 1.0]
        """
        if days <= 0:
            return np.asarray((self.start_s >= from_s).astype(np.float64))
        return np.asarray(np.clip((self.start_s - from_s) / (days * 86_400), 0.0, 1.0))

    def spell(self, from_s: int, hours: float) -> NDArray[np.int64]:
        """The number of the spell of so many hours since `from_s` that each interval lies in, 0 first."""
        return np.asarray(np.maximum((self.start_s - from_s) // round(hours * 3600), 0), dtype=np.int64)

    def earlier(self, column: str, now: Rows, shift: NDArray[np.int64]) -> Rows:
        """The column as it was `shift` (>= 0) intervals before each interval; `now` is the window's own part of it.

        Where the past is not known (the feed's first two days), the window's own value stands for it. With several rows of
        shifts, (n, intervals), the answer has as many.
        """
        past = self.before.get(column, np.empty(0))
        joined = np.concatenate([past, now])
        index = len(past) + np.arange(len(now)) - shift
        return np.where(index >= 0, joined[np.clip(index, 0, None)], now)

    def since_midnight(self) -> NDArray[np.int64]:
        """How many intervals lie between local midnight and each interval."""
        return np.asarray(np.floor(self.local_hour / self.interval_h + 1e-9), dtype=np.int64)

    def local_day(self, turns_at: float = 0.0) -> NDArray[np.int64]:
        """A number for the local day that each interval lies in; days turn at a local hour: with 12, a night is one day.

        >>> hours = Hours(3600 * np.arange(20, 28), np.arange(20.5, 28.5) % 24, 1.0, np.random.default_rng(0))
        >>> hours.local_day().tolist(), hours.local_day(12).tolist()
        ([0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0, 0])
        """
        since_h = (self.local_hour - turns_at) % 24 - self.interval_h / 2
        turned_s = np.rint(self.start_s - 3600 * since_h).astype(np.int64)
        return np.asarray(turned_s // 86_400)


def spell_draw(spell: NDArray[np.int64], salt: int) -> Rows:
    """A number in [0, 1) for each spell of what comes and goes: the same in whatever windows the feed is made.

    >>> spell_draw(np.array([0, 1, 2, 3]), 7).round(3).tolist()
    [0.181, 0.56, 0.69, 0.804]
    """
    # splitmix64, whose output passes for random whatever its input
    mixed = (spell.astype(np.uint64) + np.uint64(salt) * np.uint64(1 << 20)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)) / 2.0**53)
