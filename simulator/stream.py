"""Living through a province: its windows simulated area by area on two threads, its readings in order of arrival."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metering.times import IntervalGrid
from simulator.area_day import REGISTER_STEP, STANDARD_COLUMNS, AreaWindow, Window
from simulator.arrival_order import ArrivalOrder
from simulator.province import Province
from simulator.registers import RegisterCount

WORKERS = 2
#: A window's readings are brought into order of arrival in pieces of so many, or of one interval where that is more.
READINGS_PER_PIECE = 250_000
Delays = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
Grid = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Arrived:
    """Readings in order of arrival, arrays of shape (rows,): starts (UTC seconds), codes into `ProvinceStream.meter_names`, columns.

    `intervals` is how many intervals of the province were over when they had arrived, and had not been before: 0 for what comes after
    the last.
    """

    start_s: NDArray[np.int64]
    codes: NDArray[np.int64]
    columns: Mapping[str, Grid]
    intervals: int


@dataclass(frozen=True, slots=True, eq=False)
class _AreaPart:
    columns: Mapping[str, Grid]
    delays: Delays
    unmetered_kwh: Sequence[float]


class ProvinceStream:
    """The readings of a province, once. `unmetered_kwh[case number, day number]` grows as the windows go by.

    `endless` plans as many days again whenever the days are over; `extended` is then told, and the account begins anew.
    """

    def __init__(self, province: Province, *, endless: bool = False) -> None:
        self._province = province
        self._endless = endless
        recipe = province.recipe
        self._grid = IntervalGrid(province.calendar, recipe.interval_minutes)
        self.names: tuple[str, ...] = STANDARD_COLUMNS
        if recipe.registers != "none":
            self.names = (*STANDARD_COLUMNS, "register_kwh")
        self.order = ArrivalOrder(self.names, self._grid.step_s)
        first_codes = province.codes.of(np.array([-(2**61)]))[0]
        self._registers = RegisterCount(
            len(province.codes.names), first_codes, recipe.registers, np.random.default_rng([province.seed, 20])
        )
        self.unmetered_kwh: dict[tuple[int, int], float] = {}
        """(number of the case in `Province.cases`, day number) -> energy drawn and not shown."""
        self.extended: Callable[[], None] = lambda: None
        self.lived: Callable[[int, Window, AreaWindow], None] = lambda _area, _window, _lived: None
        """Told what truly happened in an area's window, from the thread that made it."""
        self._numbers: list[list[int]] = []

    @property
    def meter_names(self) -> Sequence[str]:
        return self._province.codes.names

    def arrivals(self) -> Iterator[Arrived]:
        """All readings, in pieces of a window; the next window is made while one is used."""
        with ThreadPoolExecutor(WORKERS) as workers:
            for window, parts in self._windows(workers):
                self._account(window, parts)
                pieces = max(
                    1, min(len(window.start_s), self._province.codes.rows * len(window.start_s) // READINGS_PER_PIECE)
                )
                for piece in np.array_split(np.arange(len(window.start_s)), pieces):
                    within = slice(int(piece[0]), int(piece[-1]) + 1)
                    self._put(window, parts, within)
                    start_s, codes, columns = self.order.due(int(window.start_s[within][-1]) + window.step_s)
                    yield Arrived(start_s, codes, columns, len(piece))
        start_s, codes, columns = self.order.due(None)
        yield Arrived(start_s, codes, columns, 0)

    def _windows(self, workers: ThreadPoolExecutor) -> Iterator[tuple[Window, list[_AreaPart]]]:
        windows = self._time()
        begun: tuple[Window, list[Future[_AreaPart]]] | None = None
        while True:
            # an area's windows follow each other, and more days are planned only while none is being made
            made = None if begun is None else (begun[0], [part.result() for part in begun[1]])
            window = next(windows, None)
            begun = None
            if window is not None:
                self._province.simulated_until_s = int(window.start_s[-1]) + window.step_s
                begun = window, [workers.submit(self._of_area, n, window) for n in range(len(self._province.worlds))]
            if made is not None:
                yield made
            if begun is None:
                return

    def _time(self) -> Iterator[Window]:
        province = self._province
        for window in province.windows():
            last = window.day_number == province.days - 1 and window.start_s[-1] + window.step_s >= province.end_s
            if last and self._endless:
                province.extend()
                self.unmetered_kwh.clear()  # nobody could keep the account of a feed without end
                self.extended()
            yield window

    def _of_area(self, number: int, window: Window) -> _AreaPart:
        province = self._province
        lived = province.simulations[number].window(window)
        self.lived(number, window, lived)
        columns = {k: v.T.copy() for k, v in lived.columns.items()}
        rng = np.random.default_rng([province.seed, 10, number, int(window.start_s[0])])
        arrivals = province.communications[number].window(window.start_s, window.step_s, rng)
        delays = arrivals.delay_s.T.copy(), arrivals.repeat_delay_s.T.copy(), arrivals.wrong_factor.T.copy()
        return _AreaPart(columns, delays, lived.unmetered_kwh)

    def _put(self, window: Window, parts: Sequence[_AreaPart], within: slice) -> None:
        """The areas side by side, in archive order, onto their way to the reader; the intervals of the window that lie within."""
        start_s = window.start_s[within]
        columns = {n: np.concatenate([part.columns[n][within] for part in parts], axis=1) for n in STANDARD_COLUMNS}
        codes = self._province.codes.of(start_s)
        if "register_kwh" in self.names:
            steps = np.concatenate([part.columns[REGISTER_STEP][within] for part in parts], axis=1)
            ends_s = start_s + window.step_s
            last_of_day = np.array([self._province.calendar.day_of(int(s)) != window.day for s in ends_s])
            register_kwh = self._registers.count(steps, codes, last_of_day)
            register_kwh[np.isnan(columns["energy_kwh"])] = np.nan
            columns["register_kwh"] = register_kwh
        delays = [np.concatenate([part.delays[n][within] for part in parts], axis=1) for n in range(3)]
        self.order.add(start_s, codes, columns, delays[0], delays[1], delays[2])

    def _account(self, window: Window, parts: Sequence[_AreaPart]) -> None:
        for number, part in enumerate(parts):
            numbers = self._case_numbers(number)
            for position, kwh in enumerate(part.unmetered_kwh):
                if kwh:
                    key = numbers[position], window.day_number
                    self.unmetered_kwh[key] = self.unmetered_kwh.get(key, 0.0) + kwh

    def _case_numbers(self, area: int) -> list[int]:
        """Of each case of an area's simulation its number in the province."""
        province = self._province
        if sum(map(len, self._numbers)) < len(province.cases):
            number_of = {id(case): n for n, case in enumerate(province.cases)}
            self._numbers = [[number_of[id(case)] for case in s.cases] for s in province.simulations]
        return self._numbers[area] if self._numbers else []
