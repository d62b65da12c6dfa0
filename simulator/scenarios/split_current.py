"""Split current: a wire leads part of the line current around the meter's element; all of it returns through the neutral's.

A single-phase meter measures energy by its line circuit, which sees 5 to 70 % of the current: the wire takes 30 to 95 % (Beta(2, 1.5);
hard: up to 52 %), a little more when much flows. The neutral circuit shows the whole current. One in four opens the terminal cover
for it, a fifth are out of sight, one in ten ends by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from metering.messages import MeterEvent
from simulator.scenarios.altered import scale_currents, show_energy
from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows


@dataclass(frozen=True)
class SplitCurrent(Case):
    share: float
    cover: MeterEvent | None = None
    out_of_sight: bool = False

    scenario = "split_current"
    abnormality = "neutral_line_difference"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.meter.phases == 1 and place.mean_kw > 0.25 and not place.meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        share = chance.severity(0.3, 0.95)
        cover = chance.event(place, start_s, "terminal_cover_open", 0.25)
        return cls(place, start_s, chance.end_s(start_s), share, cover, chance.happens(0.2))

    @property
    def severity(self) -> float:
        return self.share

    @property
    def hidden(self) -> bool:
        return self.out_of_sight

    @property
    def story(self) -> str:
        return f"{self.share:.0%} of the line current flows around the element and returns through the meter's neutral"

    def report(self, reported: Mapping[str, Rows], hours: Hours, active: Active) -> None:
        # the element grows warm and the wire does not: more current, a larger share past it
        warm = 0.04 * np.clip(np.abs(reported["current_a"]) / (self.place.meter.rated_current_a or 60.0), 0, 1)
        wobble = 0.02 * hours.rng.standard_normal(len(hours))
        left = np.clip(1 - self.share * (1 + warm + wobble), 0.01, 1)
        meter = self.place.meter
        show_energy(meter, reported, reported["energy_kwh"] * left, active)
        scale_currents(meter, reported, left, active, ("current_a",))

    def events(self) -> tuple[MeterEvent, ...]:
        return () if self.cover is None else (self.cover,)
