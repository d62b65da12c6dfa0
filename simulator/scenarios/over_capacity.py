"""Over capacity: demand beyond the contracted capacity for long spells, by equipment nobody declared.

On most days (70 to 100 %) the customer runs added equipment for four to eleven hours and draws 1.25 to 1.8 times the
contracted capacity while it runs (hard: up to 1.43 times). The meter measures all of it. One in ten ends by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows, spell_draw


@dataclass(frozen=True)
class OverCapacity(Case):
    ratio: float
    from_hour: float
    spell_h: float
    days_share: float
    salt: int

    scenario = "over_capacity"
    abnormality = "over_capacity"

    @classmethod
    def suits(cls, place: Place) -> bool:
        contracted_kw = place.meter.contracted_kw
        return place.row >= 0 and contracted_kw is not None and contracted_kw <= 60 and not place.meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        by_day = place.meter.customer_class != "residential"
        return cls(
            place,
            start_s,
            chance.end_s(start_s),
            ratio=chance.severity(1.25, 1.8),
            from_hour=chance.between(7, 11) if by_day else chance.between(15, 20),
            spell_h=chance.between(4, 11),
            days_share=chance.between(0.7, 1.0),
            salt=chance.salt(),
        )

    @property
    def severity(self) -> float:
        return min((self.ratio - 1) / 0.8, 1.0)

    @property
    def story(self) -> str:
        return (
            f"draws {self.ratio:.2f} times the contract for {self.spell_h:.0f} h from {self.from_hour:.0f} h "
            f"on {self.days_share:.0%} of the days"
        )

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        contracted_kw = self.place.meter.contracted_kw
        assert contracted_kw is not None  # noqa: S101 - suits() asked for it
        # days are counted from the onset, so that a spell past midnight is one spell
        since_h = (hours.start_s - self.start_s) / 3600
        first_h = (since_h[0] - hours.local_hour[0] + self.from_hour) % 24
        spell, into_h = np.divmod(since_h - first_h, 24)
        runs = spell_draw(np.maximum(spell + 1, 0).astype(np.int64), self.salt) < self.days_share
        on = active & runs & (into_h < self.spell_h)
        level_kw = contracted_kw * self.ratio * (1 + 0.03 * hours.rng.standard_normal(len(demand_kw)))
        demand_kw[on] = np.maximum(demand_kw, level_kw)[on]
