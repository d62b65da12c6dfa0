"""Use after closure: an account was closed and the supply was not cut; after a while somebody draws from it again.

The archive ends the service of the meter at the onset. For 0 to 5 days (uniform) the place stands empty and draws 5 % of what it did;
then it draws 30 to 110 % of it (Beta(2, 1.5) between them; hard: the small third). It lasts, and every reading still arrives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from metering.times import DAY_S
from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows

EMPTY_SHARE, LONGEST_EMPTY_DAYS = 0.05, 5.0


@dataclass(frozen=True)
class UseAfterClosure(Case):
    empty_until_s: int
    share: float

    scenario = "use_after_closure"
    abnormality = "inactive_use"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.meter.customer_class in ("residential", "commercial") and place.mean_kw > 0.1

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        empty_s = round(chance.between(0.0, LONGEST_EMPTY_DAYS) * DAY_S)
        return cls(place, start_s, None, start_s + empty_s, chance.severity(0.3, 1.1))

    @property
    def severity(self) -> float:
        return min(self.share, 1.0)

    @property
    def story(self) -> str:
        empty_days = (self.empty_until_s - self.start_s) / DAY_S
        return f"account closed; empty for {empty_days:.1f} days, then {self.share:.0%} of the use before"

    @property
    def account_ends_s(self) -> int:
        return self.start_s

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        share = np.where(hours.start_s < self.empty_until_s, EMPTY_SHARE, self.share)
        demand_kw[active] *= share[active]
