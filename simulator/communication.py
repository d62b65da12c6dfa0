"""How readings arrive: what is lost on the way, what comes hours late, twice, or wrong first and corrected later."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metering.times import DAY_S


@dataclass(frozen=True, slots=True)
class Reliability:
    """Rates of the daily troubles of a power-line-carrier or radio network."""

    single_missing_share: float = 0.002
    missing_runs_per_meter_day: float = 0.003
    missing_run_mean_h: float = 6.0
    mute_meter_share: float = 0.004
    """Meters that fall silent once, for two to ten days."""
    late_share: float = 0.0005
    repeated_share: float = 0.0002
    corrected_share: float = 0.0001
    concentrator_failures_per_day: float = 0.02
    """Of one to eight hours; two thirds deliver afterwards what they stored, the others lose it."""


@dataclass(frozen=True, slots=True, eq=False)
class Arrivals:
    """For one area and window, (meters, intervals): `delay_s` is 0 on time, above 0 late, below 0 never.

    `repeat_delay_s` of 0 (within the same interval) or more: the reading comes again so much later; below 0: it does not.
    `wrong_factor` other than 1: what comes first is wrong by this factor, and what comes again is right.
    """

    delay_s: NDArray[np.int64]
    repeat_delay_s: NDArray[np.int64]
    wrong_factor: NDArray[np.float64]


class Communication:
    """One area's concentrator and meters; carries silences from window to window."""

    def __init__(
        self, meters: int, start_s: int, end_s: int, reliability: Reliability, rng: np.random.Generator
    ) -> None:
        self._reliability = reliability
        self._silent_from_s = np.full(meters, start_s, dtype=np.int64)
        self._silent_until_s = self._silent_from_s.copy()
        self._down_from_s = self._down_until_s = start_s
        self._down_loses = False
        mute = rng.random(meters) < reliability.mute_meter_share
        mute[0] = False  # the supply meter sits beside the concentrator
        begins = rng.integers(start_s, max(end_s, start_s + 1), meters)
        lasts = (rng.uniform(2, 10, meters) * DAY_S).astype(np.int64)
        self._mute_from_s = np.where(mute, begins, 2**62)
        self._mute_until_s = np.where(mute, begins + lasts, 2**62)

    def window(self, start_s: NDArray[np.int64], step_s: int, rng: np.random.Generator) -> Arrivals:
        meters, shape = len(self._silent_until_s), (len(self._silent_until_s), len(start_s))
        rates = self._reliability
        window_days = len(start_s) * step_s / DAY_S
        delay_s = np.zeros(shape, dtype=np.int64)
        draw = rng.random(shape)
        # one draw decides for all rare fates of a reading: their shares stand one above the other
        late = draw < rates.late_share
        delay_s[late] = rng.integers(3, 49, int(late.sum())) * 900
        again = (draw >= 0.1) & (draw < 0.1 + rates.repeated_share)
        wrong = (draw >= 0.2) & (draw < 0.2 + rates.corrected_share)
        repeat_delay_s = np.full(shape, -1, dtype=np.int64)
        # two in three are retransmissions within the interval, the others come up to four hours later
        repeat_delay_s[again | wrong] = np.clip(rng.integers(-32, 17, int((again | wrong).sum())), 0, None) * 900
        wrong_factor = np.ones(shape)
        wrong_factor[wrong] = rng.uniform(0.3, 0.9, int(wrong.sum()))
        delay_s[(draw >= 0.3) & (draw < 0.3 + rates.single_missing_share)] = -1

        for row in np.flatnonzero(rng.random(meters) < rates.missing_runs_per_meter_day * window_days):
            begins = int(start_s[rng.integers(len(start_s))])
            ends = begins + int(3600 * rng.exponential(rates.missing_run_mean_h))
            self._silent_from_s[row], self._silent_until_s[row] = begins, ends
        silent = (start_s[None, :] >= self._silent_from_s[:, None]) & (start_s[None, :] < self._silent_until_s[:, None])
        delay_s[silent] = -1
        mute = (start_s[None, :] >= self._mute_from_s[:, None]) & (start_s[None, :] < self._mute_until_s[:, None])
        delay_s[mute] = -1
        self._concentrator(delay_s, repeat_delay_s, start_s, window_days, rng)
        return Arrivals(delay_s, repeat_delay_s, wrong_factor)

    def _concentrator(
        self,
        delay_s: NDArray[np.int64],
        repeat_delay_s: NDArray[np.int64],
        start_s: NDArray[np.int64],
        window_days: float,
        rng: np.random.Generator,
    ) -> None:
        fails, lasts_h, loses = rng.random(), rng.uniform(1, 8), rng.random()
        begins = int(start_s[rng.integers(len(start_s))])
        if fails < self._reliability.concentrator_failures_per_day * window_days and self._down_until_s <= begins:
            self._down_from_s, self._down_until_s = begins, begins + int(lasts_h * 3600)
            self._down_loses = bool(loses < 1 / 3)
        down = (start_s >= self._down_from_s) & (start_s < self._down_until_s)
        if down.any():
            waits = np.where(self._down_loses, -1, self._down_until_s - start_s[down])
            held = delay_s[:, down]
            delay_s[:, down] = np.where(held < 0, held, np.broadcast_to(waits, held.shape))
            repeat_delay_s[:, down] = -1
