"""Ratio error: after an exchange of meter and current transformers the archive books a ratio that is not theirs.

From the exchange on every current and energy is off by booked over actual ratio. The actual one is a standard ratio of
which the booked one is 0.5 to 2 times (hard: 0.75 to 4/3 times), each as likely, so about half of the errors are in the
customer's disfavour. Nobody meant it and nothing is hidden; six in ten exchanges show an opened terminal cover (hard:
three in ten). It lasts until somebody looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from metering.messages import MeterEvent
from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Registration
from simulator.scenarios.standard_ratios import SECONDARY_A, others

LEAST, MOST = 0.5, 2.0
LEAST_HARD, MOST_HARD = 0.75, 4 / 3


@dataclass(frozen=True)
class RatioError(Case):
    booked_ratio: float
    actual_ratio: float
    cover: MeterEvent | None = None

    scenario = "ratio_error"
    abnormality = "ratio_error"

    @classmethod
    def suits(cls, place: Place) -> bool:
        meter = place.meter
        by_ratio = place.row >= 0 and meter.phases == 3 and meter.ct_ratio is not None
        return by_ratio and len(others(meter.ct_ratio or 1.0, LEAST_HARD, MOST_HARD)) > 0

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        booked_ratio = place.meter.ct_ratio or 1.0
        least, most = (LEAST_HARD, MOST_HARD) if chance.hard else (LEAST, MOST)
        actual = others(booked_ratio, least, most)
        cover = chance.event(place, start_s, "terminal_cover_open", 0.6)
        return cls(place, start_s, None, booked_ratio, actual[chance.one_of(len(actual))], cover)

    @property
    def factor(self) -> float:
        """What is reported over what flows."""
        return self.booked_ratio / self.actual_ratio

    @property
    def severity(self) -> float:
        return min(abs(self.factor - 1), 1.0)

    @property
    def story(self) -> str:
        return (
            f"booked as {SECONDARY_A * self.booked_ratio:.0f}/5 A, current transformers of "
            f"{SECONDARY_A * self.actual_ratio:.0f}/5 A: {self.factor:.2f} times the energy is reported"
        )

    def register(self, registration: Registration, hours: Hours, active: Active) -> None:  # noqa: ARG002 - without chance
        registration.scale(self.factor, slice(None), active)

    def events(self) -> tuple[MeterEvent, ...]:
        return () if self.cover is None else (self.cover,)
