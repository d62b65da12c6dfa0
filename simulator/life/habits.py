"""Another habit in a customer's own load: what its hour of the day would be by the new shape, over the old one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.hours import Hours, Rows
from simulator.world.load_profiles import (
    COMMERCIAL_HABITS,
    HABITS,
    INDUSTRIAL_HABITS,
    RESIDENTIAL_HABITS,
    SHAPES,
    SLOTS,
)


@dataclass(frozen=True, slots=True)
class Habit:
    """A shape of `load_profiles` by its number, lived `shift_h` hours later."""

    number: int
    shift_h: float = 0.0

    @property
    def name(self) -> str:
        return HABITS[self.number].replace("_", " ")

    def shape(self, hours: Hours) -> Rows:
        """Relative load of each interval, 1 on average over a workday."""
        slot = ((hours.local_hour - self.shift_h) % 24 * SLOTS / 24).astype(np.intp) % SLOTS
        return np.asarray(SHAPES[self.number, hours.kind_of_day, slot])

    @property
    def highest(self) -> float:
        """The shape's highest value on a workday."""
        return float(SHAPES[self.number, 0].max())

    def others(self) -> tuple[int, ...]:
        """The numbers of the other habits of the same class of customer."""
        alike = next(h for h in (RESIDENTIAL_HABITS, COMMERCIAL_HABITS, INDUSTRIAL_HABITS) if HABITS[self.number] in h)
        return tuple(n for n, habit in enumerate(HABITS) if habit in alike and n != self.number)
