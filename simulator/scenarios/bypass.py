"""Bypass: part of what is drawn flows past the meter through a cable or clamps of the customer's own.

The share past the meter is 35 to 95 % of the customer's power, Beta(2, 1.5) between them (hard: up to 55 %). One in five is
built out of sight. One in three opens the meter's or the terminals' cover for it; one in ten ends by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from metering.messages import MeterEvent
from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows


@dataclass(frozen=True)
class Bypass(Case):
    share: float
    cover: MeterEvent | None
    out_of_sight: bool = False

    scenario = "bypass"
    abnormality = "bypass"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.mean_kw > 0.25 and not place.meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        share = chance.severity(0.35, 0.95)
        code = "cover_open" if chance.happens(0.6) else "terminal_cover_open"
        cover = chance.event(place, start_s, code, 0.35)
        return cls(place, start_s, chance.end_s(start_s), share, cover, chance.happens(0.2))

    @property
    def severity(self) -> float:
        return self.share

    @property
    def hidden(self) -> bool:
        return self.out_of_sight

    @property
    def story(self) -> str:
        return f"{self.share:.0%} of the power flows past the meter"

    def divert(self, drawn_kw: Rows, past_meter_kw: Rows, hours: Hours, active: Active) -> None:
        # clamps and second cables do not take the same share all day
        wobble = 1 + 0.04 * hours.rng.standard_normal(len(hours))
        past_meter_kw[:, active] = (np.clip(self.share * wobble, 0, 1) * drawn_kw)[:, active]

    def events(self) -> tuple[MeterEvent, ...]:
        return () if self.cover is None else (self.cover,)
