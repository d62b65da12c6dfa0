"""From what was measured to the order in which it arrives: late, repeated and corrected readings find their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.float64]
#: What a wrong multiplier changes.
FACTORED = ("energy_kwh", "export_kwh")


class ArrivalOrder:
    """Takes windows of readings with their delays and gives them out in order of arrival; keeps only what is on its way.

    Readings on time arrive with their interval, in archive order; what comes later stands behind those of the interval
    in which it arrives. Counters tell what became of them.
    """

    def __init__(self, names: Sequence[str], step_s: int) -> None:
        self._names = tuple(names)
        self._step_s = step_s
        self._arrival_s: list[NDArray[np.int64]] = []
        self._start_s: list[NDArray[np.int64]] = []
        self._meter: list[NDArray[np.int64]] = []
        self._columns: dict[str, list[Grid]] = {name: [] for name in self._names}
        self.written = self.lost = self.late = self.repeated = self.corrected = 0

    def add(
        self,
        start_s: NDArray[np.int64],
        codes: NDArray[np.int64],
        columns: Mapping[str, Grid],
        delay_s: NDArray[np.int64],
        repeat_delay_s: NDArray[np.int64],
        wrong_factor: Grid,
    ) -> None:
        """A window: meter codes, columns and delays (intervals, rows) as `communication.Arrivals` tells; NaN energy is no reading.

        What comes before the next interval's end is in time, though it stands behind what was not delayed at all.
        """
        measured = ~np.isnan(columns["energy_kwh"])
        arrives = measured & (delay_s >= 0)
        again = arrives & (repeat_delay_s >= 0)
        factored = again & (wrong_factor != 1.0)
        first, wrong = dict(columns), np.zeros_like(again)
        for name in FACTORED if factored.any() else ():
            if name in first:
                first[name] = np.where(factored, np.round(columns[name] * wrong_factor, 4), columns[name])
                wrong |= factored & (np.nan_to_num(first[name]) != np.nan_to_num(columns[name]))
        self.lost += int((measured & (delay_s < 0)).sum())
        self.late += int((arrives & (delay_s >= self._step_s)).sum())
        self.repeated += int((again & ~wrong).sum())
        self.corrected += int(wrong.sum())
        self._put(start_s, codes, first, arrives, delay_s, again=False)
        self._put(start_s, codes, columns, again, delay_s + repeat_delay_s, again=True)

    def _put(
        self,
        start_s: NDArray[np.int64],
        codes: NDArray[np.int64],
        columns: Mapping[str, Grid],
        chosen: NDArray[np.bool_],
        delay_s: NDArray[np.int64],
        *,
        again: bool,
    ) -> None:
        interval, row = np.nonzero(chosen)
        arrival_s = start_s[interval] + delay_s[interval, row] // self._step_s * self._step_s
        # among those that arrive in one interval, what is on time comes first
        behind = again | (delay_s[interval, row] > 0)
        self._arrival_s.append(2 * arrival_s + behind)
        self._start_s.append(start_s[interval])
        self._meter.append(codes[interval, row])
        for name in self._names:
            self._columns[name].append(columns[name][chosen])

    def due(self, until_s: int | None) -> tuple[NDArray[np.int64], NDArray[np.int64], dict[str, Grid]]:
        """What has arrived before `until_s` (None: everything), as (interval starts, meter codes, columns)."""
        arrival = np.concatenate(self._arrival_s)
        order = np.argsort(arrival, kind="stable")
        ready = len(order) if until_s is None else int(np.searchsorted(arrival[order], 2 * until_s))
        now, later = order[:ready], order[ready:]
        start_s, meter = np.concatenate(self._start_s), np.concatenate(self._meter)
        due: dict[str, Grid] = {}
        for name in self._names:
            values = np.concatenate(self._columns[name])
            due[name] = values[now]
            self._columns[name] = [values[later]]
        self._arrival_s, self._start_s, self._meter = [arrival[later]], [start_s[later]], [meter[later]]
        self.written += ready
        return start_s[now], meter[now], due
