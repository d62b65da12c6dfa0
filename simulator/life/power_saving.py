"""Power saving: the authorities ask a whole area to use less at the peak, for 2 to 6 weeks.

0.25 times in a year at an area. From 17 to 22 h homes use 0 to 8 % less, works 10 to 40 % less, others 0 to 15 % less; at other hours a
third of that. From afar it is partial bypasses at many customers at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.hours import Active, Hours, Rows
from simulator.life.event import FeedDays, LifeEvent, Range, between, percent, spread
from simulator.world.world import Customers

PER_AREA_YEAR = 0.25
LASTS_WEEKS: Range = (2, 6)
PEAK_HOURS: Range = (17, 22)
HOME: Range = (0.0, 0.08)
OTHERS: Range = (0.0, 0.15)
WORKS: Range = (0.1, 0.4)


@dataclass(frozen=True)
class PowerSaving(LifeEvent):
    saved: tuple[float, ...]
    """By customer: the share saved in the peak hours."""

    kind = "power_saving"
    often = f"{PER_AREA_YEAR:g} per area and year"
    who = "a whole area"
    changes = f"for {spread(LASTS_WEEKS, 'weeks')} homes use {percent(HOME)}, works {percent(WORKS)}, others {percent(OTHERS)} less at the peak"
    resembles = "partial bypasses at many customers"
    longest_days = 7 * LASTS_WEEKS[1]

    @classmethod
    def in_area(cls, customers: Customers, when: float, feed: FeedDays, rng: np.random.Generator) -> PowerSaving:
        ends_s = feed.at(when + 7 * between(rng, LASTS_WEEKS))
        limits = {"residential": HOME, "industrial": WORKS}
        low, high = np.array([limits.get(m.customer_class or "", OTHERS) for m in customers.meters]).reshape(-1, 2).T
        saved = low + (high - low) * rng.random(len(customers))
        return cls(-1, feed.at(when), ends_s, tuple(saved.tolist()))

    @property
    def story(self) -> str:
        return f"{len(self.saved)} customers are asked to save, {max(self.saved, default=0):.0%} at most"

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        heed = np.where(hours.between(*PEAK_HOURS), 1.0, 1 / 3)
        demand_kw[:, active] *= 1 - np.outer(self.saved, heed[active])
