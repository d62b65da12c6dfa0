"""Registers: what a meter has counted since it was made, across windows, exchanges and moves to another area."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from simulator.recipe import Registers

Grid = NDArray[np.float64]


class RegisterCount:
    """One register per meter code; windows must come in order of time. A new meter begins at zero."""

    def __init__(self, meters: int, first_codes: NDArray[np.int64], mode: Registers, rng: np.random.Generator) -> None:
        self._mode = mode
        self._register_kwh = np.zeros(meters)
        # those that stand at the feed's beginning have been counting for years
        self._register_kwh[first_codes] = np.round(rng.uniform(50, 30_000, len(first_codes)), 2)

    def count(self, step_kwh: Grid, codes: NDArray[np.int64], last_of_day: NDArray[np.bool_]) -> Grid:
        """`register_kwh` at the end of each interval, (intervals, rows); NaN where it is not reported.

        A step of NaN sets the register to zero. `last_of_day` says after which intervals the day's frozen register is read.
        """
        counted = np.empty_like(step_kwh)
        for first, end in _runs(codes):
            own = codes[first]
            steps = _joined(step_kwh[first:end], own)
            counted[first:end] = self._register_kwh[own] + np.cumsum(np.nan_to_num(steps), axis=0)
            for row in np.flatnonzero(np.isnan(steps).any(axis=0)):
                counted[first:end, row] = _with_resets(float(self._register_kwh[own[row]]), steps[:, row])
            self._register_kwh[own] = counted[end - 1]
        shown = np.asarray(np.round(np.maximum(counted, 0.0), 4), dtype=np.float64)
        if self._mode == "daily":
            shown[~last_of_day] = np.nan
        return shown


def _runs(codes: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Stretches of intervals through which every row keeps its meter."""
    changes = np.flatnonzero((codes[1:] != codes[:-1]).any(axis=1)) + 1
    bounds = [0, *changes.tolist(), len(codes)]
    return list(pairwise(bounds))


def _joined(steps: Grid, own: NDArray[np.int64]) -> Grid:
    """A meter that moves has a row in both areas, of which one is silent at a time: its register counts both."""
    shared = np.flatnonzero(np.bincount(own)[own] > 1)
    if not len(shared):
        return steps
    joined = steps.copy()
    for code in np.unique(own[shared]):
        rows = np.flatnonzero(own == code)
        joined[:, rows] = steps[:, rows].sum(axis=1, keepdims=True)
    return joined


def _with_resets(register_kwh: float, steps: Grid) -> Grid:
    counted = np.empty_like(steps)
    for n, step in enumerate(steps):
        register_kwh = 0.0 if np.isnan(step) else register_kwh + step
        counted[n] = register_kwh
    return counted
