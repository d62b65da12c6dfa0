"""Register reset: the register is set to zero, once or a few times, so that what it had counted cannot be billed.

At the onset, and in four of ten cases once to three times more, 5 to 25 days apart. The meter's record of a change of parameters tells
of each with probability 0.4 (hard: 0.2). After a third of the resets nothing is registered for one to twelve hours, until the
counting is switched on again. Voltage and current tell the truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from metering.messages import MeterEvent
from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows


@dataclass(frozen=True)
class RegisterReset(Case):
    resets_s: tuple[int, ...]
    silent_h: tuple[float, ...]
    """After each reset: for how long nothing is registered."""
    changes: tuple[MeterEvent, ...] = ()

    scenario = "register_reset"
    abnormality = "register_falls"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.mean_kw > 0.15

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        more = 1 + chance.one_of(3) if chance.happens(0.4) else 0
        apart_s = [0, *(int(chance.between(5, 25) * 24) * 3600 for _ in range(more))]
        resets_s = [int(reset_s) for reset_s in start_s + np.cumsum(apart_s) if reset_s < chance.feed_end_s]
        silent_h = tuple(chance.between(1, 12) if chance.happens(1 / 3) else 0.0 for _ in resets_s)
        reported = [chance.event(place, reset_s, "ratio_changed", 0.4) for reset_s in resets_s]
        changes = tuple(event for event in reported if event is not None)
        return cls(place, start_s, None, tuple(resets_s), silent_h, changes)

    @property
    def severity(self) -> float:
        return min(0.3 + 0.2 * len(self.resets_s), 1.0)

    @property
    def story(self) -> str:
        times = "once" if len(self.resets_s) == 1 else f"{len(self.resets_s)} times"
        silent_h = sum(self.silent_h)
        quiet = f", and {silent_h:.0f} h go unregistered afterwards" if silent_h else ""
        return f"the register is set to zero {times}{quiet}"

    def report(self, reported: Mapping[str, Rows], hours: Hours, active: Active) -> None:
        interval_s = round(hours.interval_h * 3600)
        for reset_s, silent_h in zip(self.resets_s, self.silent_h, strict=True):
            silent = active & (hours.start_s >= reset_s) & (hours.start_s < reset_s + 3600 * silent_h)
            reported["energy_kwh"][silent] = 0.0
            reported["register_step_kwh"][silent] = 0.0
        for reset_s in self.resets_s:
            reset = active & (hours.start_s <= reset_s) & (hours.start_s + interval_s > reset_s)
            reported["register_step_kwh"][reset] = np.nan

    def events(self) -> tuple[MeterEvent, ...]:
        return self.changes
