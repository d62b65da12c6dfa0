"""Areas to show something in: a few weeks lived twice, once with what a card is about and once without it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from metering.archive import Outage
from simulator.area_day import AreaSimulation, AreaWindow, Window
from simulator.life import LifeEvent
from simulator.metering_chain import REGISTER_STEP
from simulator.plan import area_place
from simulator.province import Province
from simulator.recipe import Recipe
from simulator.registers import RegisterCount
from simulator.scenarios.case import Case, Place
from simulator.world.world import World

Rows = NDArray[np.float64]
Active = NDArray[np.bool_]
DAYS, ONSET_DAY, INTERVAL_MINUTES = 28, 14, 15
PER_DAY = 24 * 60 // INTERVAL_MINUTES
INTERVAL_H = INTERVAL_MINUTES / 60
#: A Monday; four weeks without a holiday, with heating by night and sun by day.
START = date(2026, 3, 2)
CUSTOMERS, AREAS, SEED = 80, 20, 4


@dataclass(frozen=True, eq=False)
class Lived:
    """One area through the weeks. Rows of `columns` are meters, the supply meter first; all (rows, intervals).

    `columns` has `register_kwh` besides. `drawn_kw` is by conductor and net of generation, `tapped_kw` all load without a
    meter, `case_kwh` (days,) what the first case drew and its meter did not show.
    """

    world: World
    columns: Mapping[str, Rows]
    drawn_kw: Rows
    tapped_kw: Rows
    supplied_kva: Rows
    case_kwh: Rows

    @property
    def net_kwh(self) -> Rows:
        """What the meters report, export taken off; NaN where nothing was reported."""
        return np.asarray(self.columns["energy_kwh"] - self.columns["export_kwh"])

    @cached_property
    def sold_kwh(self) -> Rows:
        """The customers' meters together, (intervals,); NaN where one of them is silent."""
        return np.asarray(self.net_kwh[1:].sum(axis=0))

    def drawn_by(self, row: int) -> Rows:
        """What a customer's connection truly draws, net of generation (kW), (intervals,)."""
        return np.asarray(self.drawn_kw[self.world.network.conductors_of(row)].sum(axis=0))


@dataclass(eq=False)
class Stage:
    """Areas of 80 customers through four weeks, and the days lived without anything in them."""

    start: date = START
    climate: str = "cold_plateau"
    areas: int = AREAS
    customers: int = CUSTOMERS
    days: int = DAYS
    onset_day: int = ONSET_DAY
    _without: tuple[int, Lived] | None = None

    @cached_property
    def province(self) -> Province:
        recipe = Recipe(
            areas=self.areas,
            meters_per_area=self.customers,
            days=self.days,
            seed=SEED,
            interval_minutes=INTERVAL_MINUTES,
            packs=("clean",),
            start=self.start,
            climate=self.climate,
        )
        return Province(recipe)

    @property
    def worlds(self) -> Sequence[World]:
        return self.province.worlds

    @cached_property
    def windows(self) -> tuple[Window, ...]:
        return tuple(self.province.windows())

    @cached_property
    def start_s(self) -> NDArray[np.int64]:
        return np.concatenate([window.start_s for window in self.windows])

    @property
    def onset_s(self) -> int:
        return int(self.windows[self.onset_day].start_s[0])

    @property
    def end_s(self) -> int:
        return self.province.end_s

    @cached_property
    def mean_c(self) -> float:
        return float(np.mean([window.mean_c for window in self.windows]))

    def day_of(self, moment_s: int) -> int:
        """The number of the local day that holds a moment."""
        return (self.province.calendar.day_of(moment_s) - self.start).days

    def an_area(self, *settlements: str) -> int:
        """The first area that lies in the first of these settlements that there is."""
        found = [n for name in settlements for n, world in enumerate(self.worlds) if world.settlement == name]
        if not found:
            raise ValueError(f"none of {len(self.worlds)} areas is {' or '.join(settlements)}")
        return found[0]

    def places(self, of_area: bool) -> Iterator[tuple[int, Place]]:
        """Every area, or every customer of every area, with the number of its area."""
        for number, world in enumerate(self.worlds):
            if of_area:
                yield number, area_place(world, self.mean_c)
                continue
            mean_kw = world.customers.load.mean_kw(self.mean_c)
            for row, meter in enumerate(world.customers.meters):
                yield number, Place(meter, row, world.network, float(mean_kw[row]))

    def without(self, number: int) -> Lived:
        """The area with nothing in it; the last one asked for is kept."""
        if self._without is None or self._without[0] != number:
            self._without = number, self.live(AreaSimulation(self.worlds[number], seed=SEED))
        return self._without[1]

    def with_cases(self, number: int, *cases: Case) -> Lived:
        return self.live(AreaSimulation(self.worlds[number], seed=SEED, cases=cases))

    def with_life(self, number: int, *life: LifeEvent) -> Lived:
        return self.live(AreaSimulation(self.worlds[number], seed=SEED, life=life))

    def with_outages(self, number: int, *outages: Outage) -> Lived:
        return self.live(AreaSimulation(self.worlds[number], seed=SEED, outages=outages))

    def live(self, simulation: AreaSimulation) -> Lived:
        world = simulation.world
        lived = [simulation.window(window) for window in self.windows]
        columns = {name: np.concatenate([w.columns[name] for w in lived], axis=1) for name in lived[0].columns}
        columns["register_kwh"] = _registers(columns.pop(REGISTER_STEP), columns["energy_kwh"])
        return Lived(
            world,
            columns,
            np.concatenate([w.drawn_kw for w in lived], axis=1),
            np.concatenate([w.tapped_kw.sum(axis=0) for w in lived]),
            np.concatenate([_kva(w) for w in lived]),
            np.array([w.unmetered_kwh[0] if w.unmetered_kwh else 0.0 for w in lived]),
        )


def _kva(window: AreaWindow) -> Rows:
    return np.asarray(np.hypot(window.flow.supplied_kw, window.flow.supplied_kvar).sum(axis=0))


def _registers(step_kwh: Rows, energy_kwh: Rows) -> Rows:
    """Registers at the end of each interval, (meters, intervals); NaN where no reading came."""
    meters = np.arange(len(step_kwh))
    counting = RegisterCount(len(meters), meters, "every", np.random.default_rng([SEED, 20]))
    codes = np.repeat(meters[None, :], step_kwh.shape[1], axis=0)
    register_kwh = counting.count(step_kwh.T.copy(), codes, np.ones(step_kwh.shape[1], dtype=np.bool_)).T
    return np.asarray(np.where(np.isnan(energy_kwh), np.nan, register_kwh))


def by_day(values: Rows) -> Rows:
    """(..., intervals) -> (..., days, intervals of a day)."""
    return np.asarray(values.reshape(*values.shape[:-1], -1, PER_DAY))


def daily_sum(values: Rows) -> Rows:
    """Sums by day of what was reported, (days,); a day with less than half of its readings is NaN."""
    days = by_day(values)
    known = np.isfinite(days)
    return np.where(known.mean(axis=-1) >= 0.5, np.nansum(days, axis=-1), np.nan)


def daily_loss(supplied_kwh: Rows, sold_kwh: Rows) -> Rows:
    """Line loss of each day in per cent of what was supplied, over the intervals in which both are known."""
    known = np.isfinite(supplied_kwh) & np.isfinite(sold_kwh)
    supplied = daily_sum(np.where(known, supplied_kwh, np.nan))
    sold = daily_sum(np.where(known, sold_kwh, np.nan))
    return np.asarray(100 * (supplied - sold) / np.where(supplied > 0, supplied, np.nan))
