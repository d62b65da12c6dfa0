"""Flat days of local time, lived through with one event of benign life: what it adds, scales and generates, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from metering.times import DAY_S, LocalCalendar
from simulator.hours import Hours
from simulator.life import LifeEvent
from simulator.world.load_profiles import HOLIDAY, WEEKEND, WORKDAY

Rows = NDArray[np.float64]
CHINA = LocalCalendar("Asia/Shanghai")
#: A Monday.
FIRST_DAY = date(2026, 3, 2)


@dataclass(frozen=True)
class Days:
    """`count` days from `first_day`, in windows of `per_window` intervals; every customer draws `demand_kw`."""

    count: int = 14
    first_day: date = FIRST_DAY
    interval_minutes: int = 15
    per_window: int = 1000
    temperature_c: float = 20.0
    sunshine: float = 0.5
    demand_kw: float = 1.0
    days_off: frozenset[date] = field(default_factory=frozenset)
    calendar: LocalCalendar = CHINA

    def at(self, day: int, hour: float = 0.0) -> int:
        return self.calendar.day_start(self.first_day + timedelta(days=day)) + round(hour * 3600)

    @property
    def per_day(self) -> int:
        return 24 * 60 // self.interval_minutes

    @property
    def start_s(self) -> NDArray[np.int64]:
        """Of all intervals; the calendar here never shifts its clocks."""
        return self.at(0) + 60 * self.interval_minutes * np.arange(self.count * self.per_day, dtype=np.int64)

    @property
    def hour(self) -> Rows:
        """The local hour in the middle of each interval."""
        return np.asarray(((self.start_s - self.at(0)) % DAY_S) / 3600 + self.interval_minutes / 120)

    @property
    def weekday(self) -> NDArray[np.int64]:
        """Of each interval, 0 = Monday."""
        return np.asarray((self.first_day.weekday() + (self.start_s - self.at(0)) // DAY_S) % 7)

    def windows(self) -> Iterator[tuple[slice, Hours]]:
        for number in range(self.count):
            day = self.first_day + timedelta(days=number)
            kind = HOLIDAY if day in self.days_off else WEEKEND if day.weekday() >= 5 else WORKDAY
            begins, ends = number * self.per_day, (number + 1) * self.per_day
            for first in range(begins, ends, self.per_window):
                part = slice(first, min(first + self.per_window, ends))
                length = part.stop - part.start
                yield (
                    part,
                    Hours(
                        self.start_s[part],
                        self.hour[part],
                        self.interval_minutes / 60,
                        np.random.default_rng(first),
                        kind,
                        np.full(length, self.temperature_c),
                        np.full(length, self.sunshine),
                    ),
                )

    def demand(self, event: LifeEvent, customers: int = 1) -> Rows:
        """With the event, (intervals,); of an area's event (customers, intervals)."""
        shape = (self.count * self.per_day,) if event.row >= 0 else (customers, self.count * self.per_day)
        demand_kw = np.full(shape, self.demand_kw)
        for part, hours in self.windows():
            event.change_demand(demand_kw[..., part], hours, event.active(hours.start_s))
        return demand_kw

    def generation(self, event: LifeEvent, phases: int = 1) -> Rows:
        generation_kw = np.zeros((phases, self.count * self.per_day))
        for part, hours in self.windows():
            event.generate(generation_kw[:, part], hours, event.active(hours.start_s))
        return generation_kw

    def by_day(self, values: Rows) -> Rows:
        """(days, intervals of a day)."""
        return values.reshape(self.count, self.per_day)
