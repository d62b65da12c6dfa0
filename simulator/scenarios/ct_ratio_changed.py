"""CT ratio changed: current transformers of a larger ratio are put in while the archive keeps the old, smaller one.

Every current and every energy is reported too low, by booked over actual ratio. The actual ratio is 1.25, 4/3, 1.5, 2, 2.5, 3 or 4
times the booked one: the step of that list is Beta(2, 1.5) along it (hard: 1.25 to 1.5). Half of the cases show an event: 70 % of
those an opened terminal cover, 30 % the changed ratio itself. One in ten is changed back; one in five looks as it should from outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from metering.messages import MeterEvent
from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Registration

TOO_LARGE = (1.25, 4 / 3, 1.5, 2.0, 2.5, 3.0, 4.0)


@dataclass(frozen=True)
class CtRatioChanged(Case):
    actual_over_booked: float
    event: MeterEvent | None
    old_plates: bool = False
    """Whether the new transformers carry the plates of the old ones."""

    scenario = "ct_ratio_changed"
    abnormality = "ratio_changed"

    @classmethod
    def suits(cls, place: Place) -> bool:
        meter = place.meter
        return place.row >= 0 and meter.phases == 3 and meter.ct_ratio is not None and not meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        step = int(chance.severity(0, len(TOO_LARGE)))
        code = "terminal_cover_open" if chance.happens(0.7) else "ratio_changed"
        event = chance.event(place, start_s, code, 0.5)
        return cls(
            place,
            start_s,
            chance.end_s(start_s),
            TOO_LARGE[min(step, len(TOO_LARGE) - 1)],
            event,
            chance.happens(0.2),
        )

    @property
    def severity(self) -> float:
        return 1 - 1 / self.actual_over_booked

    @property
    def hidden(self) -> bool:
        return self.old_plates

    @property
    def story(self) -> str:
        booked = self.place.meter.ct_ratio or 1.0
        return (
            f"current transformers of {5 * booked * self.actual_over_booked:.0f}/5 A, booked as {5 * booked:.0f}/5 A: "
            f"{self.severity:.0%} is not registered"
        )

    def register(self, registration: Registration, hours: Hours, active: Active) -> None:  # noqa: ARG002 - without chance
        registration.scale(1 / self.actual_over_booked, slice(None), active)

    def events(self) -> tuple[MeterEvent, ...]:
        return () if self.event is None else (self.event,)
