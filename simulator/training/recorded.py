"""What was written, read back for an exercise: the asked meters' readings whole, their areas' balances day by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metering.archive import Meter
from simulator.feeds.feed import Feed
from simulator.province import Province
from simulator.training.points import Point

Rows = NDArray[np.float64]
Single = NDArray[np.float32]
VOLTAGES = ("voltage_v", "voltage_a_v", "voltage_b_v", "voltage_c_v")


@dataclass(frozen=True, eq=False)
class Recorded:
    """Readings on one grid, NaN where none came. `readings[service point][column]` are (intervals,), of whichever meter stood there.

    `day_of` (intervals,) numbers the local day of each; by area and day are `loss_percent`, and the `lowest_v` and `highest_v` that any
    customer saw; `sold_kwh` is what the customers' meters reported together.
    """

    start_s: NDArray[np.int64]
    day_of: NDArray[np.intp]
    interval_h: float
    readings: Mapping[str, Mapping[str, Single]]
    loss_percent: Mapping[str, Rows]
    sold_kwh: Mapping[str, Rows]
    lowest_v: Mapping[str, Rows]
    highest_v: Mapping[str, Rows]

    @property
    def days(self) -> int:
        return int(self.day_of[-1]) + 1

    def daily(self, values: Rows | Single) -> Rows:
        """Sum of each day, (days,), its missing intervals as the others of the day; NaN where fewer than a quarter are known."""
        known = np.isfinite(values)
        total = np.bincount(self.day_of, np.where(known, values, 0.0), self.days)
        count, all_of_day = np.bincount(self.day_of, known, self.days), np.bincount(self.day_of, minlength=self.days)
        whole = np.divide(total * all_of_day, count, out=np.full(self.days, np.nan), where=count > 0)
        return np.where(count >= 0.25 * all_of_day, whole, np.nan)

    def daily_mean(self, values: Rows | Single) -> Rows:
        return np.asarray(self.daily(values) / np.bincount(self.day_of, minlength=self.days))

    def by_day(self, values: Single) -> Rows:
        """(days, intervals of a day); days with an hour more or less at the change of the clock are cut or filled with NaN."""
        per_day = round(24 / self.interval_h)
        first = np.searchsorted(self.day_of, np.arange(self.days))
        within = np.arange(len(values)) - first[self.day_of]
        table = np.full((self.days, per_day), np.nan)
        fits = within < per_day
        table[self.day_of[fits], within[fits]] = values[fits]
        return table


def read_back(feed: Feed, province: Province, points: Sequence[Point]) -> Recorded:
    """Read the feed's readings once."""
    gathering = _Gathering(feed, province, points)
    for batch in feed.readings_file.batches(frozenset(gathering.row_of)):
        rows = np.array([gathering.row_of.get(name, -1) for name in batch.meter_names], dtype=np.intp)[
            batch.meter_codes
        ]
        gathering.add(rows, batch.times_s, batch.columns)
    return gathering.recorded()


class _Gathering:
    """Net energy of all meters of the asked areas, everything of the asked meters."""

    def __init__(self, feed: Feed, province: Province, points: Sequence[Point]) -> None:
        self._step_s = 60 * province.recipe.interval_minutes
        begins_s = province.calendar.day_start(province.first_day)
        self._start_s = np.arange(begins_s, province.end_s, self._step_s, dtype=np.int64)
        days = [province.calendar.day_of(int(s)).toordinal() for s in self._start_s]
        self._day_of = np.array(days, dtype=np.intp) - province.first_day.toordinal()
        self._areas = sorted({meter.transformer_area for point in points for meter in point.meters})
        self._meters = [meter for area in self._areas for meter in feed.archive.areas[area].meters]
        self.row_of: dict[str, int] = {}
        for meter in self._meters:
            self.row_of.setdefault(meter.meter_id, len(self.row_of))
        count, intervals = len(self.row_of), len(self._start_s)
        self._net_kwh: Single = np.full((count, intervals), np.nan, dtype=np.float32)
        self._columns = tuple(name for name in feed.reading_columns if name != "temperature_c")
        self._place_of = np.full(count, -1, dtype=np.intp)
        self._points: dict[str, int] = {}
        for point in points:
            place = self._points.setdefault(point.meter.service_point, len(self._points))
            for meter_id in point.meter_ids:
                self._place_of[self.row_of[meter_id]] = place
        shape = (len(self._columns), len(self._points), intervals)
        self._readings: Single = np.full(shape, np.nan, dtype=np.float32)
        self._area_of = np.full(count, -1, dtype=np.intp)
        for meter in self._meters:
            if meter.role == "customer":
                self._area_of[self.row_of[meter.meter_id]] = self._areas.index(meter.transformer_area)
        days_of_areas = (len(self._areas), int(self._day_of[-1]) + 1)
        self._lowest_v, self._highest_v = np.full(days_of_areas, np.nan), np.full(days_of_areas, np.nan)

    def add(self, rows: NDArray[np.intp], times_s: NDArray[np.int64], columns: Mapping[str, Rows]) -> None:
        """Some readings; one for the same meter and interval as an earlier one takes its place."""
        at = (times_s - self._start_s[0]) // self._step_s
        fits = (rows >= 0) & (at >= 0) & (at < len(self._start_s)) & (times_s == self._start_s[0] + at * self._step_s)
        rows, at = rows[fits], at[fits]
        net_kwh = columns["energy_kwh"][fits] - np.nan_to_num(columns.get("export_kwh", np.zeros(len(fits)))[fits])
        self._net_kwh[rows, at] = net_kwh
        places = self._place_of[rows]
        own = places >= 0
        for number, name in enumerate(self._columns):
            self._readings[number, places[own], at[own]] = columns[name][fits][own]
        areas, days = self._area_of[rows], self._day_of[at]
        for name in VOLTAGES:
            if name in columns:
                volts = np.where(areas >= 0, columns[name][fits], np.nan)
                np.fmin.at(self._lowest_v, (areas, days), volts)
                np.fmax.at(self._highest_v, (areas, days), volts)

    def recorded(self) -> Recorded:
        bare = Recorded(self._start_s, self._day_of, self._step_s / 3600, {}, {}, {}, {}, {})
        loss, sold = {}, {}
        for area in self._areas:
            members = [m for m in self._meters if m.transformer_area == area]
            loss[area], sold[area] = self._balance(bare, members)
        readings = {
            point: {name: self._readings[number, place] for number, name in enumerate(self._columns)}
            for point, place in self._points.items()
        }
        lowest = {area: self._lowest_v[n] for n, area in enumerate(self._areas)}
        highest = {area: self._highest_v[n] for n, area in enumerate(self._areas)}
        return Recorded(self._start_s, self._day_of, self._step_s / 3600, readings, loss, sold, lowest, highest)

    def _balance(self, bare: Recorded, members: Sequence[Meter]) -> tuple[Rows, Rows]:
        """Loss in per cent and energy sold by day, over the intervals in which the supply meter and nine in ten meters report.

        A meter that is silent meanwhile counts with its own mean, as utilities do.
        """
        supply = next((self._net_kwh[self.row_of[m.meter_id]] for m in members if m.role == "supply"), None)
        if supply is None:
            return np.full(bare.days, np.nan), np.full(bare.days, np.nan)
        customers = [m for m in members if m.role == "customer"]
        here = [(self._start_s >= (m.valid_from_s or 0)) & (self._start_s < (m.valid_to_s or 2**62)) for m in customers]
        rows = [self.row_of[m.meter_id] for m in customers]
        reporting = np.sum([np.isfinite(self._net_kwh[r]) & h for r, h in zip(rows, here, strict=True)], axis=0)
        known = np.isfinite(supply) & (reporting >= 0.9 * np.sum(here, axis=0))
        count = np.bincount(bare.day_of, known, bare.days)
        supplied = bare.daily(np.where(known, supply, np.nan))
        sold = np.zeros(bare.days)
        for row, stays in zip(rows, here, strict=True):
            share = np.bincount(bare.day_of, known & stays, bare.days) / np.maximum(count, 1)
            own = bare.daily(np.where(known & stays, self._net_kwh[row], np.nan))
            typical = float(np.nanmean(own)) if np.isfinite(own).any() else 0.0
            sold += share * np.where(np.isfinite(own), own, typical)
        sold[np.isnan(supplied)] = np.nan
        return 100 * (supplied - sold) / np.where(supplied > 0, supplied, np.nan), sold
