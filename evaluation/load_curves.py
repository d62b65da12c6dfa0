"""Load curves of a few meters out of a feed's readings: energy by day, and the typical day before and after an onset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from metering.archive import Archive
from metering.times import DAY_S, LocalCalendar

COMPARED_S = 28 * DAY_S
#: A day of which less was measured is a gap in the curve.
LEAST_MEASURED = 0.5
HOURS = 24
#: Beyond it a feed's marked times lie, which are none.
_NO_TIME_S = -(2**60)


class Readings(Protocol):
    """A batch of a feed: interval starts, meter codes into names, and columns of which one is `energy_kwh`; (rows,)."""

    @property
    def times_s(self) -> NDArray[np.int64]: ...
    @property
    def meter_codes(self) -> NDArray[np.int32]: ...
    @property
    def meter_names(self) -> Sequence[str]: ...
    @property
    def columns(self) -> Mapping[str, NDArray[np.float64]]: ...


@dataclass(frozen=True, slots=True, eq=False)
class LoadCurve:
    """One meter's readings in time order: interval starts (readings,) and energy in kWh, the last value of each interval."""

    times_s: NDArray[np.int64]
    energy_kwh: NDArray[np.float64]
    interval_minutes: int
    calendar: LocalCalendar

    def by_day(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """(local days as ordinals, kWh a day), without holes between; NaN where less than half of a day was measured.

        A day that was measured in part is the mean demand of that part, taken for the whole day.
        """
        if not len(self.times_s):
            return np.empty(0, dtype=np.int64), np.empty(0)
        first, starts_s, day = self._days()
        count = np.bincount(day, minlength=len(starts_s) - 1)
        energy = np.bincount(day, weights=self.energy_kwh, minlength=len(starts_s) - 1)
        intervals = np.diff(starts_s) / (60 * self.interval_minutes)
        with np.errstate(invalid="ignore", divide="ignore"):
            daily = np.where(count >= LEAST_MEASURED * intervals, energy * intervals / count, np.nan)
        return first + np.arange(len(daily)), daily

    def typical_day(self, from_s: int, to_s: int) -> NDArray[np.float64] | None:
        """Mean demand (kW) by hour of the local day over [from_s, to_s), (24,); None where intervals are longer than an
        hour or nothing was measured."""
        inside = (from_s <= self.times_s) & (self.times_s < to_s)
        if self.interval_minutes > 60 or not inside.any():
            return None
        _, starts_s, day = self._days()
        hour = np.minimum((self.times_s - starts_s[day]) // 3600, HOURS - 1)[inside]
        count = np.bincount(hour, minlength=HOURS)
        energy = np.bincount(hour, weights=self.energy_kwh[inside], minlength=HOURS)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(count > 0, energy / count * 60 / self.interval_minutes, np.nan)

    def _days(self) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
        """(first day, the days' starts and the last one's end, each reading's day as an index)."""
        first, last = (self.calendar.day_of(int(t)).toordinal() for t in (self.times_s[0], self.times_s[-1]))
        starts_s = np.array([self.calendar.day_start(date.fromordinal(d)) for d in range(first, last + 2)])
        return first, starts_s, np.searchsorted(starts_s, self.times_s, side="right") - 1


def collect_curves(batches: Iterable[Readings], meter_ids: Iterable[str], archive: Archive) -> dict[str, LoadCurve]:
    """The load curves of some meters, from one pass over a feed. What no connection carries, and what is below zero, is
    left out, as the run set it aside."""
    wanted = frozenset(meter_ids)
    parts: dict[str, list[tuple[NDArray[np.int64], NDArray[np.float64]]]] = {m: [] for m in sorted(wanted)}
    for batch in batches:
        names = [(code, name) for code, name in enumerate(batch.meter_names) if name in wanted]
        energy = batch.columns["energy_kwh"]
        for code, name in names:
            rows = np.flatnonzero(
                (batch.meter_codes == code) & np.isfinite(energy) & (energy >= 0) & (batch.times_s > _NO_TIME_S)
            )
            parts[name].append((batch.times_s[rows], energy[rows]))
    return {name: _curve(name, found, archive) for name, found in parts.items()}


def _curve(
    meter_id: str, parts: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]], archive: Archive
) -> LoadCurve:
    times_s = np.concatenate([t for t, _ in parts]) if parts else np.empty(0, dtype=np.int64)
    energy = np.concatenate([e for _, e in parts]) if parts else np.empty(0)
    meter = archive.meter(meter_id)
    if meter is not None:
        possible = energy <= meter.impossible_above_kw * archive.interval_minutes / 60
        times_s, energy = times_s[possible], energy[possible]
    # of an interval that came more than once the last one holds
    unique_s, last = np.unique(times_s[::-1], return_index=True)
    return LoadCurve(unique_s, energy[::-1][last], archive.interval_minutes, archive.calendar)
