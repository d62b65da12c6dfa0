"""Solar: panels on the roof, newly built and declared; for good.

In a year 1.5 of 100 homes, 2 of 100 shops and 3 of 100 public buildings without generation. 3 to 10 kWp, no more than the contract, give 82 % of
the sun's share of it, less 0 to 30 % for passing clouds. From afar it is a bypass by day, and a reversed current where more comes
than is used: the archive must know it.
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
    half_hour_draw,
    new_salt,
    spread,
)

PEAK_KW: Range = (3, 10)
EFFICIENCY = 0.82
CLOUDS: Range = (0, 0.3)


@dataclass(frozen=True)
class Solar(LifeEvent):
    peak_kw: float
    salt: int

    kind = "solar"
    per_year = by_class(residential=0.015, commercial=0.02, public=0.03)
    who = f"without generation, with a contract of {PEAK_KW[0]:g} kW or more"
    changes = f"panels of {spread(PEAK_KW, 'kWp')} generate, for good; the archive knows"
    resembles = "a bypass by day, reversed current"
    conflicts = True
    declares_generation = True

    @classmethod
    def suits(cls, customer: Customer) -> bool:
        return not customer.generates and customer.contracted_kw >= PEAK_KW[0]

    @classmethod
    def draw(cls, customer: Customer, when: float, feed: FeedDays, rng: np.random.Generator) -> tuple[LifeEvent, ...]:
        peak_kw = round(min(between(rng, PEAK_KW), customer.contracted_kw), 1)
        return (cls(customer.row, feed.at(when, 9), None, peak_kw, new_salt(rng)),)

    @property
    def story(self) -> str:
        return f"panels of {self.peak_kw:g} kWp on the roof"

    def generate(self, generation_kw: Rows, hours: Hours, active: Active) -> None:
        low, high = CLOUDS
        clear = 1 - (low + (high - low) * half_hour_draw(hours, self.start_s, self.salt))
        output_kw = self.peak_kw * EFFICIENCY * hours.sunshine * clear
        generation_kw[:, active] += output_kw[active] / len(generation_kw)
