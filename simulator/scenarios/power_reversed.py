"""Power reversed: one phase's current runs backwards through the meter, after a wiring fault or on purpose.

That phase's current is negative and its element counts backwards: a three-phase meter's total loses it twice, a
single-phase meter counts it all to export. Phase uniform; nine in ten last to the feed's end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Registration


@dataclass(frozen=True)
class PowerReversed(Case):
    phase: int

    scenario = "power_reversed"
    abnormality = "power_reversed"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.mean_kw > 0.2 and not place.meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        return cls(place, start_s, chance.end_s(start_s), chance.one_of(place.meter.phases or 1))

    @property
    def story(self) -> str:
        meter = self.place.meter
        phase = "abc"[self.phase] if meter.phases == 3 else meter.phase
        return f"the current of phase {phase} runs backwards through the meter"

    def register(self, registration: Registration, hours: Hours, active: Active) -> None:  # noqa: ARG002 - without chance
        registration.scale(-1.0, self.phase, active)
