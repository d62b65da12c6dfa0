"""Simulated provinces as the day experts see them: figures per meter and day, without files and without the rest of the pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection.lesser_feeds import bare
from detectors.day.bank import DayBank, event_says
from detectors.day.curves import DayCurves
from metering.archive import Archive
from metering.evidence import AreaContext, AreaCurves
from metering.frame import ReadingFrame
from metering.times import DAY_S
from simulator.area_day import Window
from simulator.metering_chain import REGISTER_STEP, STANDARD_COLUMNS
from simulator.province import Province
from simulator.recipe import Recipe
from simulator.registers import RegisterCount
from simulator.world.load_profiles import HOLIDAY

Grid = NDArray[np.float64]
#: Share of its days that a feed of daily energies lacks.
_DAILY_MISSING = 0.25


@dataclass(frozen=True, slots=True)
class TrueCase:
    """A labelled case; days count from the feed's first, `until_day` is the one after its last."""

    scenario: str
    abnormality: str
    from_day: int
    until_day: int


@dataclass(frozen=True, slots=True, eq=False)
class WorldFigures:
    """`table` (days, meters, figures) float32 of all areas' meters side by side; `truth` by place in `meter_ids`."""

    names: tuple[str, ...]
    table: NDArray[np.float32]
    meter_ids: tuple[str, ...]
    is_supply: NDArray[np.bool_]
    truth: Mapping[int, TrueCase]


def world_figures(
    recipe: Recipe,
    columns: Sequence[str] | None = None,
    *,
    supply: bool = True,
    daily: bool = False,
    bare_archive: bool = False,
) -> WorldFigures:
    """Live a province through and describe every day.

    `columns` limits what the feed carries, `supply` = with supply meters; `daily` sums the day's energies into one reading,
    `bare_archive` leaves five columns of the archive.
    """
    world = _World(
        recipe, (*STANDARD_COLUMNS, "register_kwh") if columns is None else tuple(columns), supply, daily, bare_archive
    )
    names: tuple[str, ...] = ()
    days: list[NDArray[np.float32]] = []
    for window in world.province.windows():
        world.add(window)
        if window.start_s[-1] + window.step_s == world.province.calendar.day_end(window.day):
            figures = world.close_day(window)
            names = names or tuple(sorted(figures[0]))
            days.append(np.concatenate([np.stack([f[n] for n in names], axis=1) for f in figures]).astype(np.float32))
    meter_ids = [meter_id for a in world.areas.values() for meter_id in a.area.meter_ids]
    is_supply = np.concatenate([a.area.is_supply for a in world.areas.values()])
    return WorldFigures(names, np.stack(days), tuple(meter_ids), is_supply, _truth(world.province, meter_ids))


def curves_of(recipe: Recipe) -> tuple[AreaContext, list[AreaCurves]]:
    """The first area of a province: what it is, and its days by the hour."""
    world = _World(recipe, (*STANDARD_COLUMNS, "register_kwh"), supply=True)
    area = next(iter(world.areas.values()))
    curves: list[AreaCurves] = []
    for window in world.province.windows():
        world.add(window)
        if window.start_s[-1] + window.step_s == world.province.calendar.day_end(window.day):
            curves += world.close_curves(window)[:1]
    return area.context, curves


class _Area:
    def __init__(self, archive: Archive, name: str, interval_minutes: int) -> None:
        self.area = archive.areas[name]
        self.context = AreaContext(self.area, interval_minutes, archive.calendar, archive.holidays)
        self.curves, self.bank = DayCurves(self.context), DayBank(self.context)


class _World:
    def __init__(
        self, recipe: Recipe, columns: Sequence[str], supply: bool, daily: bool = False, bare_archive: bool = False
    ) -> None:
        self.province = Province(recipe)
        self._archive = bare(self.province.archive) if bare_archive else self.province.archive
        self._columns, self._supply = columns, supply
        self._daily_kwh: dict[str, Grid] | None = {} if daily else None
        self._interval_minutes = 24 * 60 if daily else self._archive.interval_minutes
        self.areas = {name: _Area(self._archive, name, self._interval_minutes) for name in self._archive.areas}
        codes = self.province.codes
        self._registers = RegisterCount(
            len(codes.names),
            codes.of(np.array([-(2**61)]))[0],
            recipe.registers,
            np.random.default_rng([self.province.seed, 20]),
        )
        self._events: dict[int, list[tuple[str, int, float]]] = {}
        for event in self.province.events:
            self._note_event(event.meter_id, event.event_time_s, event.code)

    def _note_event(self, meter_id: str, event_time_s: int, code: str) -> None:
        name = self._archive.area_of(meter_id, event_time_s)
        meter, says = self._archive.meter(meter_id), event_says(code)
        if name is None or meter is None or not says or any(True for _ in self._archive.works_at(meter, event_time_s)):
            return
        if code == "power_off" and self._archive.in_outage(name, event_time_s - 900, event_time_s + 900):
            return
        day = (self._archive.calendar.day_of(event_time_s) - self.province.first_day).days
        self._events.setdefault(day, []).append((name, self.areas[name].area.row_of[meter_id], says))

    def add(self, window: Window) -> None:
        table, codes = self._arrived(window)
        key = b""
        rows: list[tuple[str, NDArray[np.intp], NDArray[np.intp]]] = []
        for own, start_s in enumerate(window.start_s.tolist()):
            if codes[own].tobytes() != key or not rows:
                key = codes[own].tobytes()
                rows = self._rows(codes[own], start_s)
            for name, sources, targets in rows:
                area = self.areas[name]
                dark = self._archive.in_outage(name, start_s, start_s + window.step_s)
                columns = {}
                for column in self._columns:
                    filled = np.full(len(area.area), np.nan)
                    if not dark:
                        filled[targets] = table[column][own, sources]
                    if not self._supply:
                        filled[area.area.supply_rows] = np.nan
                    columns[column] = filled
                if self._daily_kwh is not None:
                    kwh = self._daily_kwh.setdefault(name, np.full(len(area.area), np.nan))
                    np.fmax(kwh, np.fmax(kwh, 0) + columns["energy_kwh"], out=kwh)
                    continue
                frame = ReadingFrame(name, start_s, self._interval_minutes, area.area.meter_ids, columns)
                area.curves.add(frame)

    def close_curves(self, window: Window) -> list[AreaCurves]:
        """The day that ends with this window, area by area."""
        if self._daily_kwh is not None:
            start_s = self.province.calendar.day_start(window.day)
            rng = np.random.default_rng([self.province.seed, 30, window.day_number])
            for name, kwh in self._daily_kwh.items():
                kwh[rng.random(len(kwh)) < _DAILY_MISSING] = np.nan
                self.areas[name].curves.add(
                    ReadingFrame(
                        name, start_s, self._interval_minutes, self.areas[name].area.meter_ids, {"energy_kwh": kwh}
                    )
                )
            self._daily_kwh = {}
        for name, row, says in self._events.get(window.day_number, ()):
            self.areas[name].curves.tell(row, says)
        sunday = window.day.weekday() == 6 or window.kind_of_day == HOLIDAY
        day_type = 2 if sunday else int(window.day.weekday() == 5)
        return [area.curves.close(window.day.toordinal(), day_type) for area in self.areas.values()]

    def close_day(self, window: Window) -> list[dict[str, Grid]]:
        found = []
        for area, closed in zip(self.areas.values(), self.close_curves(window), strict=True):
            found.append(area.bank.figures(closed))
            area.bank.learn(closed)
        return found

    def _arrived(self, window: Window) -> tuple[dict[str, Grid], NDArray[np.int64]]:
        """Columns (intervals, rows) of what arrived in time, and the codes of the rows' meters."""
        province, parts, lost = self.province, [], []
        for number, simulation in enumerate(province.simulations):
            lived = simulation.window(window)
            rng = np.random.default_rng([province.seed, 10, number, int(window.start_s[0])])
            arrivals = province.communications[number].window(window.start_s, window.step_s, rng)
            parts.append(lived.columns)
            lost.append(arrivals.delay_s != 0)
        names = (*STANDARD_COLUMNS, REGISTER_STEP)
        table = {name: np.concatenate([part[name] for part in parts]).T for name in names}
        codes = province.codes.of(window.start_s)
        last = np.array([province.calendar.day_of(int(s)) != window.day for s in window.start_s + window.step_s])
        table["register_kwh"] = self._registers.count(table[REGISTER_STEP], codes, last)
        missing = np.concatenate(lost).T
        for values in table.values():
            values[missing] = np.nan
        return table, codes

    def _rows(self, codes: NDArray[np.int64], epoch_s: int) -> list[tuple[str, NDArray[np.intp], NDArray[np.intp]]]:
        """By archive area: which rows of the province's columns stand in it, and where."""
        found: dict[str, tuple[list[int], list[int]]] = {name: ([], []) for name in self.areas}
        for row, code in enumerate(codes.tolist()):
            meter_id = self.province.codes.names[code]
            name = self._archive.area_of(meter_id, epoch_s)
            if name is not None:
                found[name][0].append(row)
                found[name][1].append(self.areas[name].area.row_of[meter_id])
        return [(name, np.array(a, dtype=np.intp), np.array(b, dtype=np.intp)) for name, (a, b) in found.items()]


def _truth(province: Province, meter_ids: Sequence[str]) -> dict[int, TrueCase]:
    place = {meter_id: n for n, meter_id in enumerate(meter_ids)}
    begin_s = province.calendar.day_start(province.first_day)
    truth = {}
    for case in province.cases:
        until_s = province.end_s if case.end_s is None else case.end_s
        truth[place[case.place.meter.meter_id]] = TrueCase(
            case.scenario, case.abnormality, (case.start_s - begin_s) // DAY_S, -(-(until_s - begin_s) // DAY_S)
        )
    return truth
