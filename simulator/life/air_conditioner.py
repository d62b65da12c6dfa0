"""Air conditioner: bought, and used on hot days; for good.

In a year 4 of 100 homes, 3 of 100 shops and 3 of 100 public buildings. Its power is 0.7 to 2.5 kW, no more than 40 % of the contract; for others
than homes 10 to 25 % of the contract. With each degree above 24 to 27 °C it draws 15 to 40 % of that more; homes cool from 17 to 7 h, on 30 %
of the days all day, others from 8 to 21 h. From afar it is over-capacity on hot days and a bypass when summer ends. Where it
never gets hot nothing shows.
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
)

ABOVE_C: Range = (24, 27)
PER_DEGREE: Range = (0.15, 0.4)
HOME_KW: Range = (0.7, 2.5)
HOME_CONTRACT_SHARE = 0.4
CONTRACT_SHARE: Range = (0.1, 0.25)
HOME_HOURS: Range = (17, 7)
HOME_ALL_DAY = 0.3
BUSINESS_HOURS: Range = (8, 21)


@dataclass(frozen=True)
class AirConditioner(LifeEvent):
    power_kw: float
    per_degree: float
    above_c: float
    at_home: bool
    salt: int

    kind = "air_conditioner"
    per_year = by_class(residential=0.04, commercial=0.03, public=0.03)
    who = "without cooling, with a contract"
    changes = (
        f"{spread(HOME_KW, 'kW')} at home, else {percent(CONTRACT_SHARE)} of the contract, "
        f"rising with each degree above {spread(ABOVE_C, '°C')}"
    )
    resembles = "over-capacity on hot days, a bypass when summer ends"
    lifts_ceiling = True

    @classmethod
    def suits(cls, customer: Customer) -> bool:
        return customer.contracted_kw > 0 and not customer.cools

    @classmethod
    def draw(cls, customer: Customer, when: float, feed: FeedDays, rng: np.random.Generator) -> tuple[LifeEvent, ...]:
        if customer.at_home:
            power_kw = min(between(rng, HOME_KW), HOME_CONTRACT_SHARE * customer.contracted_kw)
        else:
            power_kw = between(rng, CONTRACT_SHARE) * customer.contracted_kw
        return (
            cls(
                customer.row,
                feed.at(when, 12),
                None,
                round(power_kw, 2),
                between(rng, PER_DEGREE),
                between(rng, ABOVE_C),
                customer.at_home,
                new_salt(rng),
            ),
        )

    @property
    def story(self) -> str:
        return f"an air conditioner of {self.power_kw:.1f} kW cools above {self.above_c:.0f} °C"

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        duty = np.clip(self.per_degree * (hours.temperature_c - self.above_c), 0, 1)
        if self.at_home:
            on = hours.between(*HOME_HOURS) | (day_draw(hours, self.salt) < HOME_ALL_DAY)
        else:
            on = hours.between(*BUSINESS_HOURS)
        cycle = 0.8 + 0.4 * half_hour_draw(hours, self.start_s, self.salt + 1)
        demand_kw[active] += np.where(on, self.power_kw * np.minimum(duty * cycle, 1), 0.0)[active]
