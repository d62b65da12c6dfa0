"""A province before its first reading: everything drawn, nothing lived through yet; and how it is lived on beyond its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np

from metering.archive import Archive, Meter, Outage, WorkOrder
from metering.errors import FeedError
from metering.messages import MeterEvent
from metering.times import LocalCalendar, iso
from simulator.area_day import AreaSimulation, Window
from simulator.communication import Communication, Reliability
from simulator.downstream_prices import draw_downstream_prices
from simulator.life import LifeEvent, draw_life
from simulator.metering_chain import HARD_ERRORS, MeterErrors
from simulator.plan import (
    Span,
    case_in_the_storm,
    draw_cases,
    draw_outages,
    draw_storm,
    draw_works,
    outage_events,
    spurious_events,
)
from simulator.recipe import Recipe
from simulator.scenarios.case import Case
from simulator.world.bookings import FOREVER_S, BookingChange, Bookings, MeterCodes, draw_bookings
from simulator.world.climates import climate_of
from simulator.world.resampled_shapes import ResampledShapes
from simulator.world.weather import Weather
from simulator.world.world import World, build_area, kind_of_day, public_holidays, tariffs

#: A day is simulated in several windows where it holds more readings than this, so that memory does not grow with the feed.
READINGS_PER_WINDOW = 2_000_000
#: How far holidays are known beyond a feed's end, for a province that is lived on.
HOLIDAYS_BEYOND_DAYS = 3 * 366


class Province:
    """What a recipe gives: worlds, their archive, and all that will happen in the recipe's days.

    A province is lived through once, window by window (`simulator.stream`). `extend` plans as many days again.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        reliability: Reliability | None = None,
        drawing: Callable[[int, int], None] | None = None,
    ) -> None:
        self.recipe = recipe
        self.calendar = LocalCalendar(recipe.zone)
        self.days = recipe.days
        self._climate = climate_of(recipe.climate)
        self._shapes = ResampledShapes.read(Path(recipe.shapes)) if recipe.shapes else None
        self._pack, self._hard, self._seed = recipe.pack, recipe.is_hard, recipe.seed
        self._reliability = Reliability() if reliability is None else reliability
        span = Span(self.calendar, recipe.start, recipe.days, recipe.interval_minutes)
        self._holidays = public_holidays(self._climate.country, recipe.start, recipe.days + HOLIDAYS_BEYOND_DAYS)
        self.weather = self._weather()
        worlds, self.bookings = draw_bookings(
            self._build_worlds(drawing or _untold),
            self.calendar,
            recipe.start,
            recipe.days,
            span.grid.step_s,
            hard=self._hard,
            rng=np.random.default_rng([self._seed, 18]),
        )
        self.worlds: tuple[World, ...] = worlds
        self.codes = MeterCodes(worlds, self.bookings)
        self.cases: tuple[Case, ...] = ()
        self.life: list[list[LifeEvent]] = [[] for _ in worlds]
        self.outages: list[list[Outage]] = [[] for _ in worlds]
        self.works: list[WorkOrder] = list(self.bookings.works)
        self.events: list[MeterEvent] = list(self.bookings.events)
        self.simulations = tuple(
            AreaSimulation(
                world,
                seed=self._seed,
                errors=HARD_ERRORS if self._hard else MeterErrors(),
                presence=self.bookings.presence.get(world.number),
            )
            for world in worlds
        )
        self.communications = tuple(
            Communication(len(w.meters), self._reliability, [self._seed, 9, w.number]) for w in worlds
        )
        self._number_of: dict[str, int] = {world.name: world.number for world in worlds}
        self._plan(span, drawing or _untold)
        self.archive = self._archive()
        self.simulated_until_s = span.start_s
        """Up to here windows are made or being made: nothing before it can be changed any more."""

    @property
    def first_day(self) -> date:
        return self.recipe.start

    @property
    def seed(self) -> int:
        return self._seed

    @property
    def end_s(self) -> int:
        """The end of the days planned so far."""
        return self.calendar.day_start(self.first_day + timedelta(days=self.days))

    @property
    def intervals(self) -> int:
        """How many metering intervals the days planned so far have."""
        return (self.end_s - self.calendar.day_start(self.first_day)) // (60 * self.recipe.interval_minutes)

    def extend(self) -> Sequence[MeterEvent]:
        """Plan as many days again: new cases, benign life and outages in the same worlds. Returns the new events.

        The cases of the days before end in the new ones, one after another: they are found and mended, so that a province that is
        lived on for years holds about as many as at first.
        """
        known = len(self.events)
        block = self.days // self.recipe.days
        span = Span(
            self.calendar,
            self.first_day + timedelta(days=self.days),
            self.recipe.days,
            self.recipe.interval_minutes,
            block,
        )
        self.days += self.recipe.days
        self.weather = self._weather()
        rng = np.random.default_rng([self._seed, 21, block])
        recent = self._cases_before(span)
        for case, mended_s in zip(recent, rng.integers(span.start_s, span.end_s, len(recent)), strict=True):
            self.interrupt(case, span.grid.floor(int(mended_s)), FOREVER_S)
        self._plan(span, _untold)
        return self.events[known:]

    def interrupt(self, case: Case, from_s: int, until_s: int) -> None:
        """The case is not there in that time: it was mended, or its owner lies low. Raises `FeedError` for what is simulated already."""
        if from_s < self.simulated_until_s:
            raise FeedError(
                f"{case.place.meter.meter_id}: {iso(from_s)} is simulated already; change a case from "
                f"{iso(self.simulated_until_s)} on"
            )
        simulation = self.simulations[self._number_of_place(case)]
        simulation.interrupt(simulation.cases.index(case), from_s, until_s)

    def _number_of_place(self, case: Case) -> int:
        return self._number_of[case.place.meter.transformer_area]

    def _cases_before(self, span: Span) -> list[Case]:
        """Cases of the days planned last; those of earlier ones are over."""
        return [case for case in self.cases if case.start_s >= 2 * span.start_s - span.end_s]

    def _weather(self) -> Weather:
        return Weather(self._climate, self._seed, self.first_day, self.days, self.recipe.zone)

    def _build_worlds(self, drawing: Callable[[int, int], None]) -> tuple[World, ...]:
        low, high = self.recipe.sizes
        count = self.recipe.areas
        sizes = np.random.default_rng([self._seed, 19]).integers(low, high + 1, count)
        worlds = []
        for number in range(count):
            size = int(sizes[number])
            worlds.append(build_area(number, count, size, self._seed, climate=self._climate, shapes=self._shapes))
            drawing(number + 1, 2 * count)
        return tuple(worlds)

    def _plan(self, span: Span, drawing: Callable[[int, int], None]) -> None:
        seed, block = self._seed, span.block
        worlds = self.worlds
        life = []
        for w in worlds:
            rng = np.random.default_rng([seed, 3, w.number, block])
            life.append(
                draw_life(
                    w.customers,
                    self.calendar,
                    span.first_day,
                    span.days,
                    self._holidays,
                    rng,
                    new_year=self._climate.country == "CN",
                    exodus=self._pack.exodus,
                    before=self.life[w.number] if block else None,
                )
            )
            drawing(len(worlds) + w.number + 1, 2 * len(worlds))
        if block:  # the archive is written: nobody can declare panels any more
            life = [tuple(event for event in events if not event.declares_generation) for events in life]
        outages = draw_outages(worlds, span, seed)
        if self._pack.storm and block == 0:
            storm = draw_storm(worlds, span, seed)
            outages = tuple((*usual, *stormy) for usual, stormy in zip(outages, storm, strict=True))
        occupied = {
            (number, event.row)
            for number, events in enumerate(life)
            for event in (*self.life[number], *events)
            if event.conflicts and (event.end_s is None or event.end_s > span.start_s)
        }
        occupied |= {(self._number_of_place(c), c.place.row) for c in self._cases_before(span)} | self.bookings.touched
        cases = draw_cases(worlds, occupied, self._pack, span, self.recipe.share_of_cases, self._hard, seed)
        if block:
            cases = tuple(case for case in cases if case.account_ends_s is None)
        if self._pack.storm and block == 0:
            occupied |= {(self._number_of_place(case), case.place.row) for case in cases}
            cases += case_in_the_storm(worlds, storm, occupied, span, seed)
        own: dict[int, list[Case]] = {}
        for case in cases:
            own.setdefault(self._number_of_place(case), []).append(case)
        for number, simulation in enumerate(self.simulations):
            self.life[number] += life[number]
            simulation.add_life(life[number], outages[number])
            simulation.add_cases(own.get(number, ()))
        # a case may have outages of its own: the simulation knows them from the case
        outages = tuple(
            (*usual, *(o for c in own.get(number, ()) for o in c.outages())) for number, usual in enumerate(outages)
        )
        works, work_events = draw_works(worlds, self.bookings, outages, span, seed)
        events = [
            *work_events,
            *outage_events(worlds, self.bookings, outages, span, seed),
            *spurious_events(worlds, self.bookings, self._pack, span, seed),
        ]
        events += [event for case in cases for event in case.events()]
        self.events += sorted(events, key=lambda e: (e.event_time_s, e.meter_id, e.code))
        self.works += works
        self.cases += cases
        for number, added in enumerate(outages):
            self.outages[number] += added
            self.communications[number].plan(span.start_s, span.end_s, added)

    def _archive(self) -> Archive:
        recipe = self.recipe
        self.events.sort(key=lambda e: (e.event_time_s, e.meter_id, e.code))
        prices = tariffs(recipe.start)
        span = Span(self.calendar, recipe.start, recipe.days, recipe.interval_minutes)
        return Archive(
            name=recipe.name,
            interval_minutes=recipe.interval_minutes,
            timezone=recipe.zone,
            meters=tuple(self._declared(meter) for meter in self.bookings.archive_meters(self.worlds)),
            holidays=frozenset(d for d in self._holidays if d < self.first_day + timedelta(days=self.days)),
            outages=tuple(o for of_area in self.outages for o in of_area),
            works=tuple(sorted(self.works, key=lambda w: (w.start_s, w.meter_id or "", w.transformer_area or ""))),
            tariffs=prices,
            downstream_prices=draw_downstream_prices(self.worlds, self.cases, self.bookings, prices, span, self._seed),
            licence="CC0-1.0 (simulated)",
        )

    def _declared(self, meter: Meter) -> Meter:
        """With the generation that is built during the days, as its owner declares it, and with the end of an account."""
        declared = replace(meter, has_generation=True) if meter.service_point in self._declaring else meter
        ends_s = self._closed_accounts.get(meter.meter_id)
        return declared if ends_s is None else replace(declared, valid_to_s=ends_s)

    @cached_property
    def _closed_accounts(self) -> Mapping[str, int]:
        """When the accounts end that a case closes, by meter."""
        ends = ((case.place.meter.meter_id, case.account_ends_s) for case in self.cases)
        return {meter_id: ends_s for meter_id, ends_s in ends if ends_s is not None}

    @cached_property
    def _declaring(self) -> frozenset[str]:
        """The service points where generation is built and declared."""
        return frozenset(
            world.customers.meters[event.row].service_point
            for world, events in zip(self.worlds, self.life, strict=True)
            for event in events
            if event.declares_generation
        )

    def changes(self) -> list[BookingChange]:
        """Benign life and bookings by name, for `life.csv`: in order of time."""
        found = list(self.bookings.changes)
        for world, events in zip(self.worlds, self.life, strict=True):
            for event in events:
                meter = world.supply if event.row < 0 else world.customers.meters[event.row]
                found.append(BookingChange(event.kind, meter.meter_id, event.start_s, event.end_s))
        return sorted(found, key=lambda c: (c.start_s, c.meter_id, c.kind))

    def windows(self) -> Iterator[Window]:
        """The time in order, each window within one local day, until the days planned so far are over."""
        calendar, step_s = self.calendar, 60 * self.recipe.interval_minutes
        number = 0
        while number < self.days:
            day = self.first_day + timedelta(days=number)
            start_s = np.arange(calendar.day_start(day), calendar.day_end(day), step_s, dtype=np.int64)
            parts = max(1, min(len(start_s), -(-self.codes.rows * len(start_s) // READINGS_PER_WINDOW)))
            for part in np.array_split(start_s, parts):
                midday = (calendar.local(int(s) + step_s // 2) for s in part)
                local_hour = np.array([m.hour + m.minute / 60 + m.second / 3600 for m in midday])
                yield Window(
                    day=day,
                    day_number=number,
                    kind_of_day=kind_of_day(day, self._holidays),
                    start_s=part,
                    interval_h=step_s / 3600,
                    local_hour=local_hour,
                    temperature_c=self.weather.temperature_c(day, local_hour),
                    sunshine=self.weather.sunshine(day, local_hour),
                    clearness=self.weather.clearness(day),
                    mean_c=self.weather.mean_c(day),
                )
            number += 1


def _untold(done: int, total: int) -> None:
    """Progress that nobody follows."""


__all__ = ["Bookings", "Province"]
