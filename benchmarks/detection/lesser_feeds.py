"""Feeds that carry less than a simulated province does: fewer columns, no supply meters, one value a day, a bare archive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection.worlds import Less
from metering.archive import Archive, Area, Meter
from metering.messages import Finding, MeterEvent
from metering.times import DAY_S
from simulator.feeds.feed_readings import ReadingBatch
from simulator.feeds.publication import FeedSource

#: Share of the daily values that never come.
DAILY_MISSING = 0.25
#: A day of which less was measured has no value; what is missing of another is scaled up.
LEAST_OF_A_DAY = 0.9
_WAITS_FOR_STRAGGLERS_S = 2 * DAY_S
_VOLTAGES = ("voltage_v", "voltage_a_v", "voltage_b_v", "voltage_c_v")


def lesser(source: FeedSource, less: Less, seed: int) -> FeedSource:
    """`source` with less in it; itself where `less` is empty."""
    archive = source.archive
    if less == "kwh_only":
        return LesserFeed(source, archive, columns=("energy_kwh",), tells_events=False)
    if less == "no_voltage":
        return LesserFeed(source, archive, columns=None, leaves_out=_VOLTAGES)
    if less == "no_supply":
        return LesserFeed(source, _without_supply(archive), columns=None)
    if less == "bare_archive":
        return LesserFeed(source, bare(archive), columns=None)
    if less == "daily_kwh":
        daily = replace(_without_supply(archive), interval_minutes=1440)
        return DailyFeed(source, daily, np.random.default_rng([seed, 1440]))
    return source


def _without_supply(archive: Archive) -> Archive:
    return replace(archive, meters=tuple(m for m in archive.meters if m.role != "supply"))


def bare(archive: Archive) -> Archive:
    """The five required columns; of a meter that moved its last place, for without dates it can stand in one only."""
    last = {m.meter_id: m for m in archive.meters}
    meters = (Meter(m.meter_id, m.service_point, m.customer_id, m.transformer_area, m.role) for m in last.values())
    return replace(archive, meters=tuple(meters), tariffs=())


class LesserFeed:
    """`source` with fewer columns, and only the meters of `archive`."""

    def __init__(
        self,
        source: FeedSource,
        archive: Archive,
        *,
        columns: Sequence[str] | None,
        leaves_out: Sequence[str] = (),
        tells_events: bool = True,
    ) -> None:
        self._source, self._archive = source, archive
        self._columns, self._leaves_out, self._tells_events = columns, leaves_out, tells_events
        self._known = np.empty(0, dtype=np.bool_)

    @property
    def archive(self) -> Archive:
        return self._archive

    def readings(self) -> Iterator[ReadingBatch]:
        for batch in self._source.readings():
            kept = self._kept(batch)
            names = (n for n in batch.columns if self._columns is None or n in self._columns)
            yield ReadingBatch(
                batch.times_s[kept],
                batch.meter_codes[kept],
                batch.meter_names,
                {n: batch.columns[n][kept] for n in names if n not in self._leaves_out},
            )

    def _kept(self, batch: ReadingBatch) -> NDArray[np.intp]:
        """Rows of meters that the archive knows."""
        new = batch.meter_names[len(self._known) :]
        if new:
            known = np.array([name in self._archive.areas_of_meter for name in new], dtype=np.bool_)
            self._known = np.concatenate([self._known, known])
        return np.flatnonzero(self._known[batch.meter_codes])

    def area(self, transformer_area: str) -> Area:
        return self._archive.areas[transformer_area]

    def area_of(self, meter_id: str, epoch_s: int) -> str:
        return self._archive.area_of(meter_id, epoch_s) or self._source.area_of(meter_id, epoch_s)

    def events(self) -> Iterator[MeterEvent]:
        return self._told(self._source.events())

    def later_events(self) -> Sequence[MeterEvent]:
        return tuple(self._told(iter(self._source.later_events())))

    def _told(self, events: Iterator[MeterEvent]) -> Iterator[MeterEvent]:
        return (e for e in events if self._tells_events and e.meter_id in self._archive.areas_of_meter)

    def findings(self) -> list[Finding]:
        return self._source.findings()


class DailyFeed(LesserFeed):
    """One energy a local day and meter, a quarter of them missing, sent two days later when stragglers are in."""

    def __init__(self, source: FeedSource, archive: Archive, rng: np.random.Generator) -> None:
        super().__init__(source, archive, columns=("energy_kwh",), tells_events=False)
        self._rng = rng
        self._step_s = 60 * source.archive.interval_minutes

    def readings(self) -> Iterator[ReadingBatch]:
        calendar = self._archive.calendar
        open_days: dict[int, dict[tuple[int, int], float]] = {}
        names: Sequence[str] = ()
        clock_s = 0
        for batch in super().readings():
            names = batch.meter_names
            rows = zip(
                batch.times_s.tolist(), batch.meter_codes.tolist(), batch.columns["energy_kwh"].tolist(), strict=True
            )
            for time_s, code, kwh in rows:
                day_s = calendar.day_start(calendar.day_of(time_s))
                open_days.setdefault(day_s, {})[code, time_s] = kwh
            clock_s = max(clock_s, int(batch.times_s.max(initial=0)))
            while open_days and min(open_days) + DAY_S + _WAITS_FOR_STRAGGLERS_S <= clock_s:
                first_s = min(open_days)
                yield self._day(first_s, open_days.pop(first_s), names)
        for day_s in sorted(open_days):
            yield self._day(day_s, open_days[day_s], names)

    def _day(self, day_s: int, readings: dict[tuple[int, int], float], names: Sequence[str]) -> ReadingBatch:
        codes = np.array([code for code, _ in readings], dtype=np.int64)
        kwh = np.fromiter(readings.values(), dtype=np.float64)
        known = kwh == kwh
        sums = np.bincount(codes[known], kwh[known], len(names))
        counts = np.bincount(codes[known], minlength=len(names))
        whole = self._archive.calendar.day_end(self._archive.calendar.day_of(day_s)) - day_s
        share = counts * self._step_s / whole
        comes = (share >= LEAST_OF_A_DAY) & (self._rng.random(len(names)) >= DAILY_MISSING)
        sent = np.flatnonzero(comes)
        return ReadingBatch(
            np.full(len(sent), day_s, dtype=np.int64),
            sent.astype(np.int32),
            names,
            {"energy_kwh": sums[sent] / share[sent]},
        )
