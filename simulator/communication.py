"""How readings arrive: what is lost on the way, what comes hours late, twice, or wrong first and corrected later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metering.archive import Outage
from metering.times import DAY_S

Seconds = NDArray[np.int64]
#: What a block is wrong by when its concentrator had the wrong multiplier (a decimal point), or sent its buffer empty.
BLOCK_FACTORS = (10.0, 0.1, 0.0)


@dataclass(frozen=True, slots=True)
class Reliability:
    """Rates of the daily troubles of a power-line-carrier or radio network.

    A *block* is what a concentrator uploads at once: every reading of its area in one interval.
    """

    single_missing_share: float = 0.002
    missing_runs_per_meter_day: float = 0.003
    missing_run_mean_h: float = 6.0
    mute_meter_share: float = 0.004
    """Meters that fall silent once, for two to ten days."""
    late_share: float = 0.0005
    repeated_share: float = 0.0002
    corrected_share: float = 0.0001
    late_blocks_per_day: float = 0.02
    """Of an area: its block comes one to twelve hours late."""
    repeated_blocks_per_day: float = 0.04
    """Of an area: its block is uploaded twice, two in three times within the interval, else up to four hours later."""
    corrected_blocks_per_day: float = 0.004
    """Of an area: its block comes with a wrong multiplier or as zeros, and then again as it should be."""
    concentrator_failures_per_day: float = 0.02
    """Of one to eight hours; two thirds deliver afterwards what they stored, the others lose it."""
    restart_min: tuple[float, float] = (10.0, 60.0)
    """Minutes after an outage of the area until its concentrator is back and delivers what it and the meters stored."""


#: Nothing is lost, late, doubled or wrong, but for outages of supply.
NO_TROUBLE = Reliability(0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, (0, 0))


@dataclass(frozen=True, slots=True, eq=False)
class Arrivals:
    """For one area and window, (meters, intervals): `delay_s` is 0 on time, above 0 so much after the interval's end, below 0 never.

    `repeat_delay_s` of 0 (within the same interval) or more: the reading comes again so much later; below 0: it does not.
    `wrong_factor` other than 1: what comes first is wrong by this factor, and what comes again is right.
    """

    delay_s: Seconds
    repeat_delay_s: Seconds
    wrong_factor: NDArray[np.float64]


class Communication:
    """One area's concentrator and meters; carries silences from window to window. Windows must come in order of time,
    and each stretch of days is planned before its first window."""

    def __init__(self, meters: int, reliability: Reliability, seeds: Sequence[int]) -> None:
        self._reliability = reliability
        self._seeds = tuple(seeds)
        self._silent_from_s = np.zeros(meters, dtype=np.int64)
        self._silent_until_s = self._silent_from_s.copy()
        self._mute_from_s = self._silent_from_s.copy()
        self._mute_until_s = self._silent_from_s.copy()
        self._restarts: list[tuple[int, int]] = []
        self._down_from_s = self._down_until_s = 0
        self._down_loses = False

    def plan(self, start_s: int, end_s: int, outages: Iterable[Outage]) -> None:
        """Draw what lies ahead in [start_s, end_s): meters that fall silent for days, and how late the concentrator is
        back after each of the area's outages."""
        meters, (soonest_min, latest_min) = len(self._mute_from_s), self._reliability.restart_min
        rng = np.random.default_rng([*self._seeds, start_s])
        mute = rng.random(meters) < self._reliability.mute_meter_share
        mute[0] = False  # the supply meter sits beside the concentrator
        begins = rng.integers(start_s, max(end_s, start_s + 1), meters)
        lasts = (rng.uniform(2, 10, meters) * DAY_S).astype(np.int64)
        # the last day before the span may still have to be lived through
        mute &= self._mute_until_s <= start_s - DAY_S
        self._mute_from_s = np.where(mute, begins, self._mute_from_s)
        self._mute_until_s = np.where(mute, begins + lasts, self._mute_until_s)
        self._restarts = [(from_s, back_s) for from_s, back_s in self._restarts if back_s > start_s - DAY_S]
        for outage in sorted(outages, key=lambda o: o.start_s):
            back_s = outage.end_s + int(60 * rng.uniform(soonest_min, latest_min))
            self._restarts.append((outage.start_s, back_s))

    def window(self, start_s: Seconds, step_s: int, rng: np.random.Generator) -> Arrivals:
        """What becomes of the readings of the intervals that begin at `start_s` (intervals,)."""
        shape = (len(self._silent_until_s), len(start_s))
        arrivals = Arrivals(np.zeros(shape, np.int64), np.full(shape, -1, np.int64), np.ones(shape))
        self._single_readings(arrivals, rng)
        self._silences(arrivals.delay_s, start_s, step_s, rng)
        self._blocks(arrivals, step_s, rng)
        self._concentrator(arrivals, start_s, step_s, rng)
        return arrivals

    def _single_readings(self, arrivals: Arrivals, rng: np.random.Generator) -> None:
        rates, draw = self._reliability, rng.random(arrivals.delay_s.shape)
        # one draw decides for all rare fates of a reading: their shares stand one above the other
        late = draw < rates.late_share
        arrivals.delay_s[late] = rng.integers(3, 49, int(late.sum())) * 900
        again = (draw >= 0.1) & (draw < 0.1 + rates.repeated_share)
        wrong = (draw >= 0.2) & (draw < 0.2 + rates.corrected_share)
        arrivals.repeat_delay_s[again | wrong] = _until_again_s(int((again | wrong).sum()), rng)
        arrivals.wrong_factor[wrong] = rng.uniform(0.3, 0.9, int(wrong.sum()))
        arrivals.delay_s[(draw >= 0.3) & (draw < 0.3 + rates.single_missing_share)] = -1

    def _silences(self, delay_s: Seconds, start_s: Seconds, step_s: int, rng: np.random.Generator) -> None:
        rates, window_days = self._reliability, len(start_s) * step_s / DAY_S
        for row in np.flatnonzero(rng.random(len(delay_s)) < rates.missing_runs_per_meter_day * window_days):
            begins = int(start_s[rng.integers(len(start_s))])
            ends = begins + int(3600 * rng.exponential(rates.missing_run_mean_h))
            self._silent_from_s[row], self._silent_until_s[row] = begins, ends
        for from_s, until_s in (
            (self._silent_from_s, self._silent_until_s),
            (self._mute_from_s, self._mute_until_s),
        ):
            rows = np.flatnonzero((from_s <= start_s[-1]) & (until_s > start_s[0]))
            silent = (start_s >= from_s[rows, None]) & (start_s < until_s[rows, None])
            delay_s[rows] = np.where(silent, -1, delay_s[rows])

    def _blocks(self, arrivals: Arrivals, step_s: int, rng: np.random.Generator) -> None:
        rates, intervals = self._reliability, arrivals.delay_s.shape[1]
        per_interval = step_s / DAY_S
        fates = np.array([rates.late_blocks_per_day, rates.repeated_blocks_per_day, rates.corrected_blocks_per_day])
        first, second, third = (np.cumsum(fates) * per_interval).tolist()
        draw = rng.random(intervals)
        late = np.flatnonzero(draw < first)
        again = np.flatnonzero((draw >= first) & (draw < third))
        wrong = np.flatnonzero((draw >= second) & (draw < third))
        for interval, wait_s in zip(late, rng.integers(4, 49, len(late)) * 900, strict=True):
            of_block = arrivals.delay_s[:, interval]
            of_block[of_block >= 0] = np.maximum(of_block[of_block >= 0], wait_s)
        arrivals.repeat_delay_s[:, again] = _until_again_s(len(again), rng)
        arrivals.wrong_factor[:, again] = 1.0
        arrivals.wrong_factor[:, wrong] = rng.choice(BLOCK_FACTORS, len(wrong))

    def _concentrator(self, arrivals: Arrivals, start_s: Seconds, step_s: int, rng: np.random.Generator) -> None:
        window_days = len(start_s) * step_s / DAY_S
        fails, lasts_h, loses = rng.random(), rng.uniform(1, 8), rng.random()
        begins = int(start_s[rng.integers(len(start_s))])
        if fails < self._reliability.concentrator_failures_per_day * window_days and self._down_until_s <= begins:
            self._down_from_s, self._down_until_s = begins, begins + int(lasts_h * 3600)
            self._down_loses = bool(loses < 1 / 3)
        downs = [(self._down_from_s, self._down_until_s, self._down_loses)]
        downs += [(from_s, back_s, False) for from_s, back_s in self._restarts if back_s > start_s[0]]
        for from_s, until_s, loses_it in sorted(downs):
            _hold_back(arrivals, start_s + step_s, from_s, until_s, loses_it=loses_it)


def _until_again_s(count: int, rng: np.random.Generator) -> Seconds:
    """Two in three are retransmissions within the interval, the others come up to four hours later."""
    return np.asarray(np.clip(rng.integers(-32, 17, count), 0, None) * 900, dtype=np.int64)


def _hold_back(arrivals: Arrivals, end_s: Seconds, from_s: int, until_s: int, *, loses_it: bool) -> None:
    """What would have been uploaded while the concentrator was down comes when it is back, once; or never.

    A reading is uploaded when its interval is over (`end_s`), or so much later as it is late.
    """
    moment_s = end_s[None, :] + np.maximum(arrivals.delay_s, 0)
    held = (moment_s > from_s) & (moment_s <= until_s) & (arrivals.delay_s >= 0)
    if not held.any():
        return
    arrivals.delay_s[held] = -1 if loses_it else np.broadcast_to(until_s - end_s, held.shape)[held]
    arrivals.repeat_delay_s[held] = -1
    arrivals.wrong_factor[held] = 1.0
