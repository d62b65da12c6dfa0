"""CT ratio changed: current transformers of a larger ratio are put in while the archive keeps the old, smaller one.

Every current and every energy is reported too low, by booked over actual ratio. The actual one is a standard ratio of
1.25 to 4 times the booked one, Beta(2, 1.5) along the list of them (hard: the lowest third). Half of the cases show an
event: 70 % of those an opened terminal cover, 30 % the changed ratio itself. One in ten is changed back; in one of five
the new ones carry the plates of the old.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from metering.messages import MeterEvent
from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Registration
from simulator.scenarios.standard_ratios import SECONDARY_A, others


@dataclass(frozen=True)
class CtRatioChanged(Case):
    booked_ratio: float
    actual_ratio: float
    event: MeterEvent | None = None
    old_plates: bool = False

    scenario = "ct_ratio_changed"
    abnormality = "ratio_changed"

    @classmethod
    def suits(cls, place: Place) -> bool:
        meter = place.meter
        by_ratio = place.row >= 0 and meter.phases == 3 and meter.ct_ratio is not None
        return by_ratio and not meter.has_generation and len(others(meter.ct_ratio or 1.0, 1.25, 4.0)) > 0

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        booked_ratio = place.meter.ct_ratio or 1.0
        larger = others(booked_ratio, 1.25, 4.0)
        actual_ratio = larger[min(int(chance.severity(0, len(larger))), len(larger) - 1)]
        code = "terminal_cover_open" if chance.happens(0.7) else "ratio_changed"
        event = chance.event(place, start_s, code, 0.5)
        return cls(place, start_s, chance.end_s(start_s), booked_ratio, actual_ratio, event, chance.happens(0.2))

    @property
    def severity(self) -> float:
        return 1 - self.booked_ratio / self.actual_ratio

    @property
    def hidden(self) -> bool:
        return self.old_plates

    @property
    def story(self) -> str:
        return (
            f"current transformers of {SECONDARY_A * self.actual_ratio:.0f}/5 A, booked as "
            f"{SECONDARY_A * self.booked_ratio:.0f}/5 A: {self.severity:.0%} is not registered"
        )

    def register(self, registration: Registration, hours: Hours, active: Active) -> None:  # noqa: ARG002 - without chance
        registration.scale(self.booked_ratio / self.actual_ratio, slice(None), active)

    def events(self) -> tuple[MeterEvent, ...]:
        return () if self.event is None else (self.event,)
