"""Daily curves of a real feed's customers, and which of them a simulated customer lives through on a day.

`ResampledShapes.read` goes once through a feed and keeps the curves of at most 200 meters on at most 400 days. A
simulated customer gets a *donor* of its own class. Its days are drawn as weeks of the donor's, from the same season: so
the days within a week keep the order they had, and a holiday is taken from a holiday. Where the feed has a single day, a
customer lives each day by one of a few donors alike, since nobody has his kettle on at the same minute every day.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metering.archive import Archive, CustomerClass, Meter
from metering.errors import FeedError
from metering.times import LocalCalendar
from simulator.feeds.feed import Feed
from simulator.feeds.feed_readings import UNREADABLE_TIME, ReadingBatch
from simulator.world.days import kind_of_day
from simulator.world.load_profiles import SLOTS

Series = NDArray[np.float64]
Rows = NDArray[np.float64]
Index = NDArray[np.intp]

MOST_DONORS = 200
MOST_DAYS = 400
#: Of each class so many at least, where there are as many.
DONORS_OF_A_CLASS = 30
LONGEST_INTERVAL_MINUTES = 60
#: Quarter hours that a day must have; what lacks is interpolated.
LEAST_SLOTS = 88
WEEKS_NEAR = 8
#: So many donors with peaks alike stand in for each other where there is a single day.
DONORS_ALIKE = 6
DAYS_NEAR = 24
QUARTER_S = 900
DAYS_OF_YEAR = 365.25


class ResampledShapes:
    """`curves` (donors, days, quarter hours), each donor's of mean 1, NaN on days that it lacks."""

    def __init__(
        self,
        curves: NDArray[np.float32],
        days: Sequence[date],
        kinds: Sequence[int],
        classes: Sequence[CustomerClass | None],
        *,
        southern: bool | None = None,
        name: str = "",
    ) -> None:
        self.curves = curves
        self.classes = tuple(classes)
        self.name = name
        self._southern = southern
        self._has = ~np.isnan(curves[:, :, 0])
        self._ordinal = np.array([day.toordinal() for day in days])
        self._weekday = (self._ordinal - 1) % 7
        self._day_of_year = np.array([day.timetuple().tm_yday for day in days])
        self._kind = np.array(kinds)
        self.peak = np.nanquantile(curves.reshape(len(curves), -1), 0.9995, axis=1).astype(np.float64)
        """Per donor: what is rarely passed, in units of its mean."""

    @property
    def is_one_day(self) -> bool:
        """Whether the curves know nothing of the weather."""
        return len(self._ordinal) == 1

    @classmethod
    def read(cls, folder: Path) -> ResampledShapes:
        """Raises `FeedError` where the feed has no curves to offer."""
        feed = Feed.open(folder)
        archive = feed.archive
        if archive.interval_minutes > LONGEST_INTERVAL_MINUTES:
            raise FeedError(
                f"{folder}: intervals of {archive.interval_minutes} minutes have no shape of a day; "
                f"give a feed of {LONGEST_INTERVAL_MINUTES} minutes or less"
            )
        donors = _choose(archive, {case.meter_id for case in feed.truth()})
        sums = _Sums(donors, archive)
        for batch in feed.readings_file.batches(frozenset(sums.row_of)):
            if not sums.add(batch):
                break
        curves, days, kept = sums.curves()
        if not kept:
            raise FeedError(
                f"{folder}: no customer has a whole day of energies; load shapes need one with {LEAST_SLOTS // 4} of its hours"
            )
        latitudes = [m.latitude for m in donors if m.latitude is not None]
        return cls(
            curves,
            days,
            [kind_of_day(day, archive.holidays) for day in days],
            [donors[row].customer_class for row in kept],
            southern=float(np.mean(latitudes)) < 0 if latitudes else None,
            name=archive.name,
        )

    def assign(self, classes: Sequence[CustomerClass], rng: np.random.Generator) -> Index:
        """A donor for every customer, (customers,): of its class where there is one, else any."""
        everyone = np.arange(len(self.classes))
        of_class: Mapping[str, Index] = {
            name: np.array([row for row, found in enumerate(self.classes) if found == name], dtype=np.intp)
            for name in set(classes)
        }
        draws = rng.random(len(classes))
        pools = [of_class[name] if len(of_class[name]) else everyone for name in classes]
        return np.array([pool[int(draw * len(pool))] for pool, draw in zip(pools, draws, strict=True)], dtype=np.intp)

    def donors_on(self, day: date, donors: Index, seeds: Sequence[int]) -> Index:
        """Whose curves the customers live by on `day`: their donor's, or one like it in a feed of a single day."""
        if not self.is_one_day:
            return donors
        picks = np.random.default_rng([*seeds, 2, day.toordinal()]).integers(0, DONORS_ALIKE, len(donors))
        return self._alike[donors, picks]

    @cached_property
    def _alike(self) -> Index:
        """Per donor `DONORS_ALIKE` donors of its class whose peaks are nearest, (donors, alike)."""
        alike = np.empty((len(self.classes), DONORS_ALIKE), dtype=np.intp)
        for name in set(self.classes):
            rows = np.array([row for row, found in enumerate(self.classes) if found == name])
            in_order = rows[np.argsort(self.peak[rows], kind="stable")]
            for place, row in enumerate(in_order):
                first = max(0, min(place - DONORS_ALIKE // 2, len(in_order) - DONORS_ALIKE))
                alike[row] = np.resize(in_order[first : first + DONORS_ALIKE], DONORS_ALIKE)
        return alike

    def source_days(
        self, day: date, kinds: Index, donors: Index, seeds: Sequence[int], *, southern: bool = False
    ) -> Index:
        """Which of the feed's days each customer lives through on `day`, (customers,).

        `kinds` is each customer's own kind of day. The same `seeds` and week give the same source week.
        """
        turned = 182 if self._southern is not None and self._southern != southern else 0
        week = (day.toordinal() - 1) // 7
        picks = np.random.default_rng([*seeds, 0, week]).random(len(donors))
        # outside whole weeks each day is drawn by itself
        picks_of_day = np.random.default_rng([*seeds, 1, day.toordinal()]).random(len(donors))
        found = np.full(len(donors), -1, dtype=np.intp)
        for kind in np.unique(kinds):
            for candidates, drawn in (
                (self._same_weekday(day, int(kind), turned), picks),
                (self._nearest(day, int(kind), turned)[:DAYS_NEAR], picks_of_day),
                (self._nearest(day, None, turned), np.zeros(len(donors))),
            ):
                rows = np.flatnonzero((kinds == kind) & (found < 0))
                if len(rows) and len(candidates):
                    found[rows] = self._first_had(candidates, donors[rows], drawn[rows])
        return found

    def activity(
        self, donors: Index, source_days: Index, local_hour: Series, interval_h: float, shift_h: Series
    ) -> Rows:
        """The donors' curves at local hours (the middles of intervals), (customers, intervals), of mean 1 over the feed."""
        parts = max(1, round(4 * interval_h))
        offset_h = (np.arange(parts) + 0.5) * interval_h / parts - interval_h / 2
        hours = (local_hour[:, None] + offset_h)[None, :, :] - shift_h[:, None, None]
        slot = ((hours % 24) * 4).astype(np.intp) % SLOTS
        curves = self.curves[donors[:, None, None], source_days[:, None, None], slot]
        return np.asarray(curves.mean(axis=2, dtype=np.float64))

    def _distance(self, day: date, turned: int) -> NDArray[np.float64]:
        apart = np.abs(self._day_of_year - (day.timetuple().tm_yday + turned)) % DAYS_OF_YEAR
        return np.asarray(np.minimum(apart, DAYS_OF_YEAR - apart))

    def _same_weekday(self, day: date, kind: int, turned: int) -> Index:
        """Days of the weeks nearest in the season, on the same weekday; -1 where that day is of another kind."""
        thursday = date.fromordinal(day.toordinal() - day.weekday() + 3)
        fit = np.flatnonzero(self._weekday == day.weekday())
        # a week is as far as its Thursday: then all days of a simulated week agree on which weeks are near
        to_thursday = np.abs(self._day_of_year[fit] + 3 - day.weekday() - thursday.timetuple().tm_yday - turned)
        apart = np.minimum(to_thursday % DAYS_OF_YEAR, DAYS_OF_YEAR - to_thursday % DAYS_OF_YEAR)
        near = fit[np.argsort(apart, kind="stable")][:WEEKS_NEAR]
        return np.where(self._kind[near] == kind, near, -1)

    def _nearest(self, day: date, kind: int | None, turned: int) -> Index:
        fit = np.arange(len(self._kind)) if kind is None else np.flatnonzero(self._kind == kind)
        return fit[np.argsort(self._distance(day, turned)[fit], kind="stable")]

    def _first_had(self, candidates: Index, donors: Index, draws: Series) -> Index:
        """From a drawn place on, the first candidate day that the donor has; -1 for none."""
        start = (draws * len(candidates)).astype(np.intp)
        order = (start[:, None] + np.arange(len(candidates))) % len(candidates)
        days = candidates[order]
        has = (days >= 0) & self._has[donors[:, None], days]
        first = np.argmax(has, axis=1)
        at = np.arange(len(donors))
        return np.where(has[at, first], days[at, first], -1)


def _choose(archive: Archive, abnormal: set[str]) -> list[Meter]:
    """Donors: customers without generation and without a known case, every class among them, spread over the archive."""
    known = {meter.meter_id: meter for meter in archive.meters if meter.role == "customer"}
    sound = [meter for meter in known.values() if meter.meter_id not in abnormal]
    fit = [meter for meter in sound if not meter.has_generation] or sound or list(known.values())
    by_class: dict[str, list[Meter]] = {}
    for meter in fit:
        by_class.setdefault(meter.customer_class or "", []).append(meter)
    quota = {name: min(len(meters), DONORS_OF_A_CLASS) for name, meters in by_class.items()}
    for name, meters in sorted(by_class.items(), key=lambda item: -len(item[1])):
        quota[name] += min(len(meters) - quota[name], MOST_DONORS - sum(quota.values()))
    chosen = []
    for name, meters in by_class.items():
        chosen += [meters[i * len(meters) // quota[name]] for i in range(quota[name])]
    return chosen


class _Sums:
    """Mean power by donor, local day and quarter hour, gathered from readings."""

    def __init__(self, donors: Sequence[Meter], archive: Archive) -> None:
        self.row_of = {meter.meter_id: row for row, meter in enumerate(donors)}
        self._limit_kw = np.array([meter.impossible_above_kw for meter in donors])
        self._calendar: LocalCalendar = archive.calendar
        self._minutes = archive.interval_minutes
        self._column_of: dict[int, int] = {}
        shape = (len(donors), MOST_DAYS * SLOTS)
        self._sum = np.zeros(shape, dtype=np.float32)
        self._count = np.zeros(shape, dtype=np.uint16)
        self._first_s: int | None = None

    def add(self, batch: ReadingBatch) -> bool:
        """Whether more is wanted: not once all days are full."""
        rows = np.array([self.row_of.get(name, -1) for name in batch.meter_names])[batch.meter_codes]
        power_kw = batch.columns["energy_kwh"] * (60 / self._minutes)
        fit = (rows >= 0) & (batch.times_s != UNREADABLE_TIME) & (power_kw >= 0)
        fit[list(batch.faults)] = False
        fit[fit] = power_kw[fit] <= self._limit_kw[rows[fit]]
        times, at = np.unique(batch.times_s[fit], return_inverse=True)
        for part in range(math.ceil(self._minutes / 15)):
            places = np.array([self._place(int(t), part) for t in times], dtype=np.intp)[at]
            here = places >= 0
            np.add.at(self._sum, (rows[fit][here], places[here]), power_kw[fit][here].astype(np.float32))
            np.add.at(self._count, (rows[fit][here], places[here]), 1)
        if len(times) and self._first_s is None:
            self._first_s = int(times[0])
        return not len(times) or int(times[0]) < (self._first_s or 0) + (MOST_DAYS + 15) * 86_400

    def _place(self, start_s: int, part: int) -> int:
        """Position of a quarter hour among all days; -1 for a day beyond the first `MOST_DAYS`."""
        parts = math.ceil(self._minutes / 15)
        moment = self._calendar.local(start_s + (2 * part + 1) * 30 * self._minutes // parts)
        ordinal = moment.toordinal()
        column = self._column_of.setdefault(ordinal, len(self._column_of))
        if column >= MOST_DAYS:
            return -1
        return column * SLOTS + (moment.hour * 60 + moment.minute) // 15

    def curves(self) -> tuple[NDArray[np.float32], list[date], list[int]]:
        """Curves by donor and day in the order of the calendar, the days, and which donors have any."""
        columns = {ordinal: c for ordinal, c in self._column_of.items() if c < MOST_DAYS}
        ordinals = sorted(columns)
        taken = [columns[ordinal] for ordinal in ordinals]
        shape = (len(self.row_of), MOST_DAYS, SLOTS)
        counts = self._count.reshape(shape)[:, taken]
        with np.errstate(invalid="ignore"):
            curves = self._sum.reshape(shape)[:, taken] / counts  # NaN where nothing was counted
        whole = (counts > 0).sum(axis=2) >= LEAST_SLOTS
        curves[~whole] = np.nan
        for row, day in np.argwhere(whole & (counts == 0).any(axis=2)):
            curves[row, day] = _filled(curves[row, day])
        level = np.array([np.nanmean(of) if w.any() else 0.0 for of, w in zip(curves, whole, strict=True)])
        kept = np.flatnonzero(level > 0)
        days_kept = np.flatnonzero(whole[kept].any(axis=0))
        normalised = curves[kept][:, days_kept] / level[kept, None, None]
        return normalised.astype(np.float32), [date.fromordinal(ordinals[i]) for i in days_kept], kept.tolist()


def _filled(curve: NDArray[np.float32]) -> NDArray[np.float32]:
    """A day with its few gaps interpolated."""
    known = np.flatnonzero(~np.isnan(curve))
    return np.interp(np.arange(SLOTS), known, curve[known]).astype(np.float32)
