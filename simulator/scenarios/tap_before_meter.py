"""Tap before the meter: some of the customer's own appliances are fed from the line before the service line reaches the meter.

What the customer draws in all stays the same; 30 to 90 % of it (Beta(2, 1.5) between them; hard: up to 50 %) leaves the line at the pole
or in the wall, never enters the service line, and no meter sees it. Six in ten tap some circuits, a steady share; four in ten a heater,
whose share follows the cold: all of it at -5 °C, 35 % of it (the hot water) at 15 °C and above. A third is in a wall where it is hard to
find. One in ten ends by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows
from simulator.world.network import PHASE_COUNT

COLD_C, MILD_C = -5.0, 15.0
HOT_WATER_SHARE = 0.35


@dataclass(frozen=True)
class TapBeforeMeter(Case):
    share: float
    heater: bool
    in_the_wall: bool = False
    moved_kw: dict[int, Rows] = field(default_factory=dict, repr=False, compare=False)
    """What a window's demand was relieved of, by the window's start, until `tap` puts it on the line."""

    scenario = "tap_before_meter"
    abnormality = "tapping"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.mean_kw > 0.25 and not place.meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        share, heater = chance.severity(0.3, 0.9), chance.happens(0.4)
        return cls(place, start_s, chance.end_s(start_s), share, heater, chance.happens(1 / 3))

    @property
    def severity(self) -> float:
        return self.share

    @property
    def hidden(self) -> bool:
        return self.in_the_wall

    @property
    def story(self) -> str:
        what = "by a heater that follows the cold" if self.heater else "for some circuits"
        where = "in a wall" if self.in_the_wall else "at the pole"
        return f"{self.share:.0%} of the customer's power is tapped {where} before the meter, {what}"

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        share = self.share * (1 + 0.06 * hours.rng.standard_normal(len(hours)))
        if self.heater:
            share = share * np.clip((MILD_C - hours.temperature_c) / (MILD_C - COLD_C), HOT_WATER_SHARE, 1)
        moved_kw = np.where(active, np.clip(share, 0, 1) * demand_kw, 0.0)
        demand_kw -= moved_kw
        self.moved_kw[int(hours.start_s[0])] = moved_kw

    def tap(self, tapped_kw: Rows, hours: Hours, active: Active) -> None:  # noqa: ARG002 - what was moved is active only
        network = self.place.network
        own = network.conductors_of(self.place.row)
        nodes = network.conductor_segment[own] * PHASE_COUNT + network.conductor_phase[own]
        tapped_kw[nodes] += self.moved_kw.pop(int(hours.start_s[0])) / len(nodes)
