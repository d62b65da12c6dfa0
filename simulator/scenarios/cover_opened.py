"""Cover opened: the meter's cover was taken off, as its own record says, and mostly a shunt was soldered in.

The meter reports the opening within minutes of the onset, always. Three in four get a shunt that takes 20 to 80 % of the current (Beta(2, 1.5)
between them; hard: up to 40 %) of one phase or all; a quarter lose nothing: somebody looked, or could not do it. A good shunt under a
cover put back is overlooked by one visit in three. One in ten ends by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from metering.messages import MeterEvent
from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Registration, Rows
from simulator.scenarios.shunt import Shunt


@dataclass(frozen=True)
class CoverOpened(Case):
    minutes: int
    """From the onset to the meter's report."""
    shunt: Shunt | None
    put_back: bool = False

    scenario = "cover_opened"
    abnormality = "cover_open"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.mean_kw > 0.2 and not place.meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        share = chance.severity(0.2, 0.8) if chance.happens(0.75) else 0.0
        shunt = Shunt.draw(place.meter.phases or 1, share, chance)
        put_back = shunt is not None and chance.happens(1 / 3)
        return cls(place, start_s, chance.end_s(start_s), 1 + chance.one_of(14), shunt, put_back)

    @property
    def severity(self) -> float:
        return 0.1 if self.shunt is None else self.shunt.share

    @property
    def hidden(self) -> bool:
        return self.put_back

    @property
    def story(self) -> str:
        done = "and nothing done" if self.shunt is None else f"and a shunt set in: {self.shunt.story}"
        return f"the meter's cover opened {done}"

    def register(self, registration: Registration, hours: Hours, active: Active) -> None:
        if self.shunt is not None:
            self.shunt.register(registration, hours, active)

    def report(self, reported: Mapping[str, Rows], hours: Hours, active: Active) -> None:  # noqa: ARG002 - at any hour
        if self.shunt is not None:
            self.shunt.report(self.place.meter, reported, active)

    def events(self) -> tuple[MeterEvent, ...]:
        return (MeterEvent(self.place.meter.meter_id, self.start_s + 60 * self.minutes, self.abnormality),)
