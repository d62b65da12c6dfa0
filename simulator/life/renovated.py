"""Renovated: the level after a renovation, for good: exp(N(0.05, 0.3)) of the former use, within 50 to 200 %.

New windows and lamps, or floor heating and a bigger kitchen. From afar it is a bypass that was built during the works.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.hours import Active, Hours, Rows
from simulator.life.event import LifeEvent, Range, percent

LEVEL_MEAN, LEVEL_SPREAD = 0.05, 0.3
LEVEL: Range = (0.5, 2.0)


@dataclass(frozen=True)
class Renovated(LifeEvent):
    level: float

    kind = "renovated"
    often = "after a renovation"
    changes = f"{percent(LEVEL)} of the former use, for good"
    resembles = "a bypass from a day on"
    lifts_ceiling = True

    @classmethod
    def after(cls, row: int, start_s: int, rng: np.random.Generator) -> Renovated:
        level = float(np.clip(np.exp(rng.normal(LEVEL_MEAN, LEVEL_SPREAD)), *LEVEL))
        return cls(row, start_s, None, level)

    @property
    def story(self) -> str:
        return f"after the renovation {self.level:.0%} of the former use"

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:  # noqa: ARG002 - at any hour
        demand_kw[active] *= self.level
