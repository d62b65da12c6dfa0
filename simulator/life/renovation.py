"""Renovation: for 3 to 8 weeks workers with tools are there instead of the people who live or sell there.

In a year 3 of 100 homes and 5 of 100 shops. 5 to 15 % of the usual use is left. From 8 to 18 h, on 90 % of the workdays, 50 % of the days at
weekends and 0 % of the holidays, a tool of 0.8 to 2.5 kW runs in 45 % of the half hours with 30 to 100 % of its power. In 60 % another
level follows (`renovated`). From afar it is a bypass by night, or power taken before the meter in the evening: the hours in
which homes use most are dead while the day shows people.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.hours import Active, Hours, Rows
from simulator.life.event import (
    Customer,
    FeedDays,
    LifeEvent,
    Range,
    between,
    by_class,
    day_draw,
    half_hour_draw,
    new_salt,
    percent,
    spread,
    what_stays_on_kw,
)
from simulator.life.renovated import Renovated

LASTS_WEEKS: Range = (3, 8)
LEAVES: Range = (0.05, 0.15)
WORKING_HOURS: Range = (8, 18)
WORKS_ON = (0.9, 0.5, 0.0)  # workday, weekend, holiday
TOOL_RUNS = 0.45
TOOL_KW: Range = (0.8, 2.5)
TOOL_LOAD: Range = (0.3, 1.0)
ANOTHER_LEVEL = 0.6


@dataclass(frozen=True)
class Renovation(LifeEvent):
    left_kw: float
    tool_kw: float
    salt: int

    kind = "renovation"
    per_year = by_class(residential=0.03, commercial=0.05)
    changes = (
        f"{spread(LASTS_WEEKS, 'weeks')} with {percent(LEAVES)} of the use and tools of {spread(TOOL_KW, 'kW')} by day; "
        f"in {percent(ANOTHER_LEVEL)} another level after it"
    )
    resembles = "a bypass in the evening and by night"
    longest_days = 7 * LASTS_WEEKS[1]
    conflicts = True
    empties = True

    @classmethod
    def draw(cls, customer: Customer, when: float, feed: FeedDays, rng: np.random.Generator) -> tuple[LifeEvent, ...]:
        ends_s = feed.at(when + 7 * between(rng, LASTS_WEEKS), 18)
        left_kw = between(rng, LEAVES) * customer.base_kw
        works = cls(customer.row, feed.at(when, 8), ends_s, left_kw, between(rng, TOOL_KW), new_salt(rng))
        if rng.random() >= ANOTHER_LEVEL:
            return (works,)
        return works, Renovated.after(customer.row, ends_s, rng)

    @property
    def story(self) -> str:
        return f"renovated: {self.left_kw:.2f} kW is left, tools of {self.tool_kw:.1f} kW by day"

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        there = day_draw(hours, self.salt) < WORKS_ON[hours.kind_of_day]
        draw = half_hour_draw(hours, self.start_s, self.salt + 1)
        runs = there & hours.between(*WORKING_HOURS) & (draw < TOOL_RUNS)
        # how far below its chance the draw fell is uniform again
        low, high = TOOL_LOAD
        tool_kw = np.where(runs, self.tool_kw * (low + (high - low) * draw / TOOL_RUNS), 0.0)
        left_kw = what_stays_on_kw(self.left_kw, hours, self.start_s, self.salt + 2)
        demand_kw[active] = (np.minimum(demand_kw, left_kw) + tool_kw)[active]
