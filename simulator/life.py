"""Benign life, by name: what customers do that looks like theft from afar and is none.

Shares are of the customers of the class, over a feed of any length; starts are uniform over the feed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from metering.times import DAY_S, LocalCalendar
from simulator.world import Customers

Rows = NDArray[np.float64]
Kind = Literal["vacancy", "new_tenant", "holiday_absence", "electric_vehicle", "retrofit", "closure"]

VACANT_SHARE = 0.025
NEW_TENANT_SHARE = 0.02
ABSENT_AT_HOLIDAYS_SHARE = 0.15
ABSENT_OTHERWISE_SHARE = 0.05
ELECTRIC_VEHICLE_SHARE = 0.04
RETROFIT_SHARE = 0.02
CLOSURE_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class LifeEvent:
    """One benign change at one customer, from `start_s` to `end_s` (None: for good).

    `factor` scales the demand (vacancy, absence and closure leave that share of it); for an electric vehicle
    `charger_kw` is added on some evenings.
    """

    kind: Kind
    row: int
    start_s: int
    end_s: int | None
    factor: float = 1.0
    charger_kw: float = 0.0

    def active(self, start_s: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.asarray((start_s >= self.start_s) & (start_s < (2**62 if self.end_s is None else self.end_s)))

    def apply(self, demand_kw: Rows, start_s: NDArray[np.int64], interval_h: float, seeds: Sequence[int]) -> None:
        """Change the customer's demand (intervals,) in place; `seeds` name this customer among all."""
        active = self.active(start_s)
        if not active.any():
            return
        if self.kind == "electric_vehicle":
            demand_kw[active] += self._charging_kw(start_s, interval_h, seeds)[active]
        else:
            demand_kw[active] *= self.factor

    def _charging_kw(self, start_s: NDArray[np.int64], interval_h: float, seeds: Sequence[int]) -> Rows:
        """Evening charging on about half of the days; a charge may run past midnight, so days are counted from noon."""
        charging = np.zeros(len(start_s))
        noon_s = self.start_s + DAY_S // 2
        days = (start_s - noon_s) // DAY_S
        for day in np.unique(days):
            rng = np.random.default_rng([*seeds, int(day) + 2])
            if rng.random() < 0.5:
                begins_h, lasts_h = rng.normal(9.0, 1.5), rng.uniform(1.5, 5)
                into_h = (start_s - noon_s - day * DAY_S) / 3600
                covered = np.minimum(into_h + interval_h, begins_h + lasts_h) - np.maximum(into_h, begins_h)
                charging += self.charger_kw * np.clip(covered / interval_h, 0, 1)
        return charging


def draw_life(
    customers: Customers,
    calendar: LocalCalendar,
    first_day: date,
    days: int,
    days_off: frozenset[date],
    rng: np.random.Generator,
) -> tuple[LifeEvent, ...]:
    """The benign life of one area's customers; a customer has at most one event, holidays aside."""
    long_holidays = _long_holidays(days_off)

    def day_s(number: float) -> int:
        return calendar.day_start(first_day + timedelta(days=int(number)))

    events: list[LifeEvent] = []
    for row, meter in enumerate(customers.meters):
        draw, when, size = rng.random(), rng.uniform(0, days), rng.random()
        lasts = int(10 + 50 * size)
        if meter.customer_class == "residential":
            charger_kw = min(7.0, 0.6 * (meter.contracted_kw or 0.0))
            if draw < VACANT_SHARE:
                events.append(
                    LifeEvent("vacancy", row, day_s(when - lasts / 3), day_s(when + lasts), 0.03 + 0.1 * size)
                )
            elif draw < VACANT_SHARE + NEW_TENANT_SHARE:
                moved_in = when + 3 + 11 * size
                events.append(LifeEvent("vacancy", row, day_s(when), day_s(moved_in), 0.05))
                events.append(LifeEvent("new_tenant", row, day_s(moved_in), None, float(np.exp(rng.normal(0, 0.5)))))
            elif draw < VACANT_SHARE + NEW_TENANT_SHARE + RETROFIT_SHARE:
                events.append(LifeEvent("retrofit", row, day_s(when), None, 0.6 + 0.3 * size))
            elif draw < VACANT_SHARE + NEW_TENANT_SHARE + RETROFIT_SHARE + ELECTRIC_VEHICLE_SHARE and charger_kw > 3.3:
                since = when if size < 0.5 else 0.0
                events.append(LifeEvent("electric_vehicle", row, day_s(since), None, charger_kw=charger_kw))
            for first, last in long_holidays:
                if rng.random() < ABSENT_AT_HOLIDAYS_SHARE:
                    leaves = first - timedelta(days=int(rng.integers(0, 4)))
                    returns = last + timedelta(days=int(rng.integers(0, 5)))
                    start_s, end_s = calendar.day_start(leaves) + 36_000, calendar.day_start(returns) + 61_200
                    events.append(LifeEvent("holiday_absence", row, start_s, end_s, 0.12))
            if rng.random() < ABSENT_OTHERWISE_SHARE:
                away = rng.uniform(0, days)
                start_s = day_s(away) + 28_800
                events.append(
                    LifeEvent("holiday_absence", row, start_s, start_s + int(rng.integers(2, 12)) * DAY_S, 0.12)
                )
        elif meter.customer_class == "commercial" and draw < CLOSURE_SHARE:
            events.append(LifeEvent("closure", row, day_s(when), day_s(when + lasts / 2), 0.08))
    return tuple(events)


def _long_holidays(days_off: frozenset[date]) -> list[tuple[date, date]]:
    """Runs of at least three days off, weekends counted in."""
    runs: list[tuple[date, date]] = []
    for day in sorted(days_off):
        if runs and (day - runs[-1][1]).days <= 3:
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return [(first, last) for first, last in runs if (last - first).days >= 2]
