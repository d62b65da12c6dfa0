"""`simulate`: a feed folder with its truth, drawn from a seed, written in a stream."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metering.archive import Archive
from metering.errors import FeedError
from metering.messages import MeterEvent
from metering.times import IntervalGrid, LocalCalendar
from simulator.area_day import STANDARD_COLUMNS, AreaSimulation, Window
from simulator.arrival_order import ArrivalOrder
from simulator.communication import Communication, Reliability
from simulator.feed_writer import FeedWriter
from simulator.life import draw_life
from simulator.plan import choose_packs, draw_cases, draw_outages, draw_works, spurious_events
from simulator.scenarios.case import Case
from simulator.weather import COLD_PLATEAU, Weather
from simulator.world import World, build_area, kind_of_day, public_holidays, tariffs

#: A day is simulated in several windows where it holds more readings than this, so that memory does not grow with the feed.
READINGS_PER_WINDOW = 1_000_000
WORKERS = 2


@dataclass(frozen=True, slots=True)
class SimulationSummary:
    """What was written. `readings` counts rows of the file: also repeated ones and corrections, and none that was lost."""

    folder: Path
    areas: int
    customers: int
    days: int
    intervals: int
    readings: int
    lost: int
    late: int
    repeated: int
    corrected: int
    events: int
    cases: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        abnormal = ", ".join(f"{code} {count}" for code, count in self.cases.items()) or "none"
        return (
            f"{self.readings:,} readings of {self.customers:,} customers in {self.areas:,} transformer areas over "
            f"{self.days} days; late {self.late:,}, repeated {self.repeated:,}, corrected {self.corrected:,}, "
            f"lost on the way {self.lost:,}; {self.events:,} meter events; abnormal: {abnormal}"
        )


@dataclass(frozen=True, eq=False)
class Province:
    """Everything that is drawn before the first reading: a recipe that gives the same feed each time it is run."""

    archive: Archive
    worlds: tuple[World, ...]
    simulations: tuple[AreaSimulation, ...]
    communications: tuple[Communication, ...]
    cases: tuple[Case, ...]
    events: tuple[MeterEvent, ...]
    weather: Weather
    first_day: date
    days: int
    seed: int

    def windows(self) -> Iterator[Window]:
        """The feed's time in order, each window within one local day."""
        calendar = self.archive.calendar
        grid = IntervalGrid(calendar, self.archive.interval_minutes)
        meters = len(self.archive.meters)
        for number in range(self.days):
            day = self.first_day + timedelta(days=number)
            start_s = np.arange(calendar.day_start(day), calendar.day_end(day), grid.step_s, dtype=np.int64)
            parts = max(1, min(len(start_s), -(-meters * len(start_s) // READINGS_PER_WINDOW)))
            for part in np.array_split(start_s, parts):
                midday = (calendar.local(int(s) + grid.step_s // 2) for s in part)
                local_hour = np.array([m.hour + m.minute / 60 + m.second / 3600 for m in midday])
                yield Window(
                    day=day,
                    day_number=number,
                    kind_of_day=kind_of_day(day, self.archive.holidays),
                    start_s=part,
                    interval_h=grid.step_s / 3600,
                    local_hour=local_hour,
                    temperature_c=self.weather.temperature_c(day, local_hour),
                    sunshine=self.weather.sunshine(day, local_hour),
                )


def prepare(
    *,
    areas: int = 20,
    meters_per_area: int = 50,
    days: int = 60,
    seed: int = 1,
    interval_minutes: int = 15,
    packs: Sequence[str] = ("mixed",),
    prevalence: float = 0.08,
    start: date = date(2026, 1, 1),
    timezone: str = "Asia/Shanghai",
    registers: bool = False,
    reliability: Reliability | None = None,
) -> Province:
    """Draw the world, its benign life and its cases. Arguments as for `simulate`."""
    pack = choose_packs(packs)
    _check(areas, meters_per_area, days, interval_minutes, prevalence)
    if seed < 0:
        raise FeedError(f"seed = {seed}: give a whole number from 0")
    reliability = Reliability() if reliability is None else reliability
    calendar = LocalCalendar(timezone)
    start_s, end_s = calendar.day_start(start), calendar.day_start(start + timedelta(days=days))
    days_off = public_holidays("CN", start, days)
    worlds = tuple(build_area(number, areas, meters_per_area, seed) for number in range(areas))
    life = [
        draw_life(w.customers, calendar, start, days, days_off, np.random.default_rng([seed, 3, w.number]))
        for w in worlds
    ]
    cases = draw_cases(worlds, life, pack, calendar, start, days, interval_minutes, prevalence, seed)
    outages = draw_outages(worlds, calendar, start, days, seed)
    works, work_events = draw_works(worlds, outages, calendar, start, days, seed)
    archive = Archive(
        name=f"simulated {'+'.join(packs)}, seed {seed}",
        interval_minutes=interval_minutes,
        timezone=timezone,
        meters=tuple(meter for world in worlds for meter in world.meters),
        holidays=days_off,
        outages=tuple(o for of_area in outages for o in of_area),
        works=works,
        tariffs=tariffs(start),
        licence="CC0-1.0 (simulated)",
    )
    events = [*work_events, *spurious_events(worlds, outages, pack, start_s, end_s, seed)]
    events += [event for case in cases for event in case.events()]
    by_area: dict[str, list[Case]] = {}
    for case in cases:
        by_area.setdefault(case.place.meter.transformer_area, []).append(case)
    simulations = tuple(
        AreaSimulation(
            world,
            seed=seed,
            life=life[world.number],
            cases=by_area.get(world.name, ()),
            outages=outages[world.number],
        )
        for world in worlds
    )
    communications = tuple(
        Communication(len(w.meters), start_s, end_s, reliability, np.random.default_rng([seed, 9, w.number]))
        for w in worlds
    )
    return Province(
        archive=archive,
        worlds=worlds,
        simulations=simulations,
        communications=communications,
        cases=cases,
        events=tuple(sorted(events, key=lambda e: (e.event_time_s, e.meter_id, e.code))),
        weather=Weather(COLD_PLATEAU, seed, start, days, timezone),
        first_day=start,
        days=days,
        seed=seed,
    )


def _check(areas: int, meters_per_area: int, days: int, interval_minutes: int, prevalence: float) -> None:
    if areas < 1 or meters_per_area < 1 or days < 1:
        raise FeedError(f"areas = {areas}, meters per area = {meters_per_area}, days = {days}: give at least 1 of each")
    if not 1 <= interval_minutes <= 60 or 60 % interval_minutes:
        raise FeedError(
            f"interval of {interval_minutes} minutes: the simulator makes 1 to 60 minutes that divide an hour"
        )
    if not 0 <= prevalence <= 0.5:
        raise FeedError(f"prevalence = {prevalence}: give a share of the customers from 0 to 0.5")


def simulate(
    out: Path,
    *,
    areas: int = 20,
    meters_per_area: int = 50,
    days: int = 60,
    seed: int = 1,
    interval_minutes: int = 15,
    packs: Sequence[str] = ("mixed",),
    prevalence: float = 0.08,
    start: date = date(2026, 1, 1),
    timezone: str = "Asia/Shanghai",
    registers: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> SimulationSummary:
    """Write a feed of simulated meters with its truth into the folder `out`; the same arguments give the same bytes.

    `meters_per_area` counts customers; every area has a supply meter besides. `prevalence` is the share of customers with a
    labelled abnormality in packs that have any. `registers` adds `register_kwh`. `progress(days done, days)` is called
    after each day. Raises `FeedError` for an unknown pack, for numbers out of range, and where `out` holds a feed already.
    """
    province = prepare(
        areas=areas,
        meters_per_area=meters_per_area,
        days=days,
        seed=seed,
        interval_minutes=interval_minutes,
        packs=packs,
        prevalence=prevalence,
        start=start,
        timezone=timezone,
        registers=registers,
    )
    names = (*STANDARD_COLUMNS, "register_kwh") if registers else STANDARD_COLUMNS
    order = ArrivalOrder([m.meter_id for m in province.archive.meters], names, interval_minutes * 60)
    intervals = 0
    with FeedWriter(out, province.archive, reading_columns=names) as feed, ThreadPoolExecutor(WORKERS) as workers:
        for window, columns, delays in _streamed(province, names, workers):
            intervals += len(window.start_s)
            order.add(window.start_s, columns, *delays)
            feed.write_readings(*order.due(int(window.start_s[-1]) + window.step_s))
            if progress is not None and window.start_s[-1] + window.step_s == province.archive.calendar.day_end(
                window.day
            ):
                progress(window.day_number + 1, days)
        feed.write_readings(*order.due(2**62))
        feed.write_events(province.events)
        feed.write_truth(sorted((c.truth for c in province.cases), key=lambda t: (t.start_s, t.meter_id)))
    return SimulationSummary(
        folder=out,
        areas=areas,
        customers=areas * meters_per_area,
        days=days,
        intervals=intervals,
        readings=order.written,
        lost=order.lost,
        late=order.late,
        repeated=order.repeated,
        corrected=order.corrected,
        events=len(province.events),
        cases=dict(sorted(Counter(c.abnormality for c in province.cases).items())),
    )


Delays = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
AreaPart = tuple[Mapping[str, NDArray[np.float64]], Delays]


def _streamed(
    province: Province, names: Sequence[str], workers: ThreadPoolExecutor
) -> Iterator[tuple[Window, dict[str, NDArray[np.float64]], Delays]]:
    """Windows with the columns of all meters, (intervals, meters); the next window is made while one is written."""

    def of_area(number: int, window: Window) -> AreaPart:
        columns = {k: v.T.copy() for k, v in province.simulations[number].window(window).columns.items()}
        rng = np.random.default_rng([province.seed, 10, number, int(window.start_s[0])])
        arrivals = province.communications[number].window(window.start_s, window.step_s, rng)
        delays = arrivals.delay_s.T.copy(), arrivals.repeat_delay_s.T.copy(), arrivals.wrong_factor.T.copy()
        return columns, delays

    begun: tuple[Window, list[Future[AreaPart]]] | None = None
    for window in province.windows():
        # an area's windows follow each other: the last one must be done before this one begins
        made = None if begun is None else (begun[0], *_side_by_side([part.result() for part in begun[1]], names))
        begun = window, [workers.submit(of_area, number, window) for number in range(len(province.worlds))]
        if made is not None:
            yield made
    if begun is not None:
        yield (begun[0], *_side_by_side([part.result() for part in begun[1]], names))


def _side_by_side(parts: Sequence[AreaPart], names: Sequence[str]) -> tuple[dict[str, NDArray[np.float64]], Delays]:
    """The areas' columns (intervals, meters) as one, areas in archive order."""
    columns = {name: np.concatenate([columns[name] for columns, _ in parts], axis=1) for name in names}
    delays = [delays for _, delays in parts]
    return columns, (
        np.concatenate([d[0] for d in delays], axis=1),
        np.concatenate([d[1] for d in delays], axis=1),
        np.concatenate([d[2] for d in delays], axis=1),
    )
