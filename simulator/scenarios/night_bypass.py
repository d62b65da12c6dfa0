"""Night bypass: a switch or a plug leads the load past the meter at night, when nobody comes to look.

From an hour between 20 and 24 h, for five to nine hours, 60 to 100 % of the power flows past the meter (Beta(2, 1.5) between them;
hard: up to 73 %), on 75 to 100 % of the nights, the first one among them. A third is built out of sight. One in five opens a cover for
it; one in ten ends by itself. By day everything is metered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from metering.messages import MeterEvent
from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows, spell_draw


@dataclass(frozen=True)
class NightBypass(Case):
    share: float
    from_hour: float
    to_hour: float
    nights_share: float
    salt: int
    cover: MeterEvent | None = None
    out_of_sight: bool = False

    scenario = "night_bypass"
    abnormality = "bypass"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.mean_kw > 0.25 and not place.meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        share, from_hour = chance.severity(0.6, 1.0), chance.between(20.0, 24.0)
        return cls(
            place,
            start_s,
            chance.end_s(start_s),
            share,
            from_hour,
            to_hour=(from_hour + chance.between(5.0, 9.0)) % 24,
            nights_share=chance.between(0.75, 1.0),
            salt=chance.salt(),
            cover=chance.event(place, start_s, "terminal_cover_open", 0.2),
            out_of_sight=chance.happens(1 / 3),
        )

    @property
    def severity(self) -> float:
        return 0.5 * self.share * self.nights_share

    @property
    def hidden(self) -> bool:
        return self.out_of_sight

    @property
    def story(self) -> str:
        return (
            f"{self.share:.0%} of the power flows past the meter from {self.from_hour:.1f} to {self.to_hour:.1f} h "
            f"on {self.nights_share:.0%} of the nights"
        )

    def divert(self, drawn_kw: Rows, past_meter_kw: Rows, hours: Hours, active: Active) -> None:
        # the first day's night is always one: the case begins where the truth says so
        first = hours.start_s < self.start_s + 86_400
        used = first | (spell_draw(hours.local_day(12.0), self.salt) < self.nights_share)
        on = active & used & hours.between(self.from_hour, self.to_hour)
        wobble = 1 + 0.03 * hours.rng.standard_normal(len(hours))
        past_meter_kw[:, on] = (np.clip(self.share * wobble, 0, 1) * drawn_kw)[:, on]

    def events(self) -> tuple[MeterEvent, ...]:
        return () if self.cover is None else (self.cover,)
