"""Ratio error: after an exchange of meter and current transformers the archive books a ratio that is not theirs.

From the exchange on every current and energy is off by booked over actual ratio, one of 0.5, 0.6, 2/3, 0.75, 0.8, 1.25, 4/3, 1.5 and 2,
all alike: four in nine are in the customer's disfavour (hard: 0.75, 0.8, 1.25 and 4/3 only). Nobody meant it, so nothing is hidden; six
in ten exchanges show an opened terminal cover (hard: three in ten). It lasts until somebody looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from metering.messages import MeterEvent
from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Registration

BOOKED_OVER_ACTUAL = (0.5, 0.6, 2 / 3, 0.75, 0.8, 1.25, 4 / 3, 1.5, 2.0)


@dataclass(frozen=True)
class RatioError(Case):
    booked_over_actual: float
    cover: MeterEvent | None = None

    scenario = "ratio_error"
    abnormality = "ratio_error"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.meter.phases == 3 and place.meter.ct_ratio is not None

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        choices = BOOKED_OVER_ACTUAL[3:7] if chance.hard else BOOKED_OVER_ACTUAL
        factor = choices[chance.one_of(len(choices))]
        return cls(place, start_s, None, factor, chance.event(place, start_s, "terminal_cover_open", 0.6))

    @property
    def severity(self) -> float:
        return min(abs(self.booked_over_actual - 1), 1.0)

    @property
    def story(self) -> str:
        against = "too much" if self.booked_over_actual > 1 else "too little"
        return f"the booked ratio is {self.booked_over_actual:.2f} times the actual one: {against} is billed"

    def register(self, registration: Registration, hours: Hours, active: Active) -> None:  # noqa: ARG002 - without chance
        registration.scale(self.booked_over_actual, slice(None), active)

    def events(self) -> tuple[MeterEvent, ...]:
        return () if self.cover is None else (self.cover,)
