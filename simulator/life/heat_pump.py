"""Heat pump: electric heating where coal or gas was burnt; for good.

In a year 2 of 100 homes, 2 of 100 shops and 3 of 100 public buildings. Its power is 1.2 to 4 kW, no more than 45 % of the contract; for others
than homes 15 to 30 % of the contract. With each degree below 13 to 17 °C it draws 3 to 8 % of that more, and with each above 27 °C, where
it cools, a third as much. From afar it is over-capacity in the cold; when the cold ends it is a bypass.
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
    percent,
    spread,
)

BELOW_C: Range = (13, 17)
PER_DEGREE: Range = (0.03, 0.08)
HOME_KW: Range = (1.2, 4)
HOME_CONTRACT_SHARE = 0.45
CONTRACT_SHARE: Range = (0.15, 0.3)
COOLS_ABOVE_C = 27.0


@dataclass(frozen=True)
class HeatPump(LifeEvent):
    power_kw: float
    per_degree: float
    below_c: float
    salt: int

    kind = "heat_pump"
    per_year = by_class(residential=0.02, commercial=0.02, public=0.03)
    who = "without a heat pump, with a contract"
    changes = (
        f"{spread(HOME_KW, 'kW')} at home, else {percent(CONTRACT_SHARE)} of the contract, "
        f"rising with each degree below {spread(BELOW_C, '°C')}"
    )
    resembles = "over-capacity in the cold, a bypass when it ends"
    lifts_ceiling = True

    @classmethod
    def suits(cls, customer: Customer) -> bool:
        return customer.contracted_kw > 0 and not customer.pumps_heat

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
                between(rng, BELOW_C),
                new_salt(rng),
            ),
        )

    @property
    def story(self) -> str:
        return f"a heat pump of {self.power_kw:.1f} kW heats below {self.below_c:.0f} °C"

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        heats = self.per_degree * (self.below_c - hours.temperature_c)
        cools = self.per_degree * (hours.temperature_c - COOLS_ABOVE_C) / 3
        duty = np.clip(np.maximum(heats, cools), 0, 1)
        cycle = 0.85 + 0.3 * half_hour_draw(hours, self.start_s, self.salt)
        demand_kw[active] += (self.power_kw * np.minimum(duty * cycle, 1))[active]
