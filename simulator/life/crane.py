"""Crane: heavy loads are lifted at a building site, or at works that build, for 2 to 10 weeks.

In a year 150 times at 100 building sites and at 10 of 100 works, of those with a contract of 20 kW or more. From 7 to 18 h, on 95 % of the
workdays, 60 % of the days at weekends and 0 % of the holidays, a crane of 8 to 30 kW, no more than 40 % of the contract, lifts in 50 % of the
quarter hours, with 10 to 50 % of its power in the mean. From afar the spikes are a register that runs away, or private resale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.hours import Active, Hours, Rows, spell_draw
from simulator.life.event import Customer, FeedDays, LifeEvent, Range, between, by_class, day_draw, new_salt, spread

LASTS_WEEKS: Range = (2, 10)
LEAST_CONTRACT_KW = 20.0
WORKING_HOURS: Range = (7, 18)
WORKS_ON = (0.95, 0.6, 0.0)  # workday, weekend, holiday
LIFTS = 0.5
CRANE_KW: Range = (8, 30)
CONTRACT_SHARE = 0.4
MEAN_SHARE: Range = (0.1, 0.5)


@dataclass(frozen=True)
class Crane(LifeEvent):
    crane_kw: float
    salt: int

    kind = "crane"
    per_year = by_class(temporary=1.5, industrial=0.10)
    who = f"with a contract of {LEAST_CONTRACT_KW:g} kW or more"
    changes = f"spikes of a crane of {spread(CRANE_KW, 'kW')} in working hours for {spread(LASTS_WEEKS, 'weeks')}"
    resembles = "a register that runs away, private resale"
    longest_days = 7 * LASTS_WEEKS[1]
    lifts_ceiling = True

    @classmethod
    def suits(cls, customer: Customer) -> bool:
        return customer.contracted_kw >= LEAST_CONTRACT_KW

    @classmethod
    def draw(cls, customer: Customer, when: float, feed: FeedDays, rng: np.random.Generator) -> tuple[LifeEvent, ...]:
        crane_kw = min(between(rng, CRANE_KW), CONTRACT_SHARE * customer.contracted_kw)
        ends_s = feed.at(when + 7 * between(rng, LASTS_WEEKS))
        return (cls(customer.row, feed.at(when), ends_s, round(crane_kw, 1), new_salt(rng)),)

    @property
    def story(self) -> str:
        return f"a crane of {self.crane_kw:g} kW lifts in working hours"

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        works = day_draw(hours, self.salt) < WORKS_ON[hours.kind_of_day]
        draw = spell_draw(hours.spell(self.start_s, 0.25), self.salt + 1)
        lifts = works & hours.between(*WORKING_HOURS) & (draw < LIFTS)
        # how far below its chance the draw fell is uniform again
        low, high = MEAN_SHARE
        demand_kw[active] += np.where(lifts, self.crane_kw * (low + (high - low) * draw / LIFTS), 0.0)[active]
