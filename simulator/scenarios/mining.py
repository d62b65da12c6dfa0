"""Mining: computing machines day and night on a household's tariff.

A flat load on top of the household's, all of it metered: 30 to 85 % (hard: to 48 %) of what the contract leaves free,
Beta(2, 1.5) between them, in one to four machines of equal size that are set up one by one over 0 to 20 days. Each
stands still in 4 % of its six-hour spells; fans add up to 8 % in the afternoon. It stays to the feed's end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.scenarios.added_load import on_top
from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows, spell_draw

SPELL_H = 6
STANDS_STILL = 0.04


@dataclass(frozen=True)
class Mining(Case):
    power_kw: float
    machines: int
    set_up_days: float
    salt: int

    scenario = "mining"
    abnormality = "tariff_misuse"

    @classmethod
    def suits(cls, place: Place) -> bool:
        contracted_kw = place.meter.contracted_kw
        household = place.row >= 0 and place.meter.customer_class == "residential" and not place.meter.has_generation
        return household and contracted_kw is not None and contracted_kw - 1.5 * place.mean_kw > 2.5

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        free_kw = (place.meter.contracted_kw or 0.0) - 1.5 * place.mean_kw
        power_kw = chance.severity(0.3, 0.85) * free_kw
        machines, days = 1 + chance.one_of(4), chance.between(0, 20)
        return cls(place, start_s, None, power_kw, machines, days if machines > 1 else 0.0, chance.salt())

    @property
    def severity(self) -> float:
        return min(self.power_kw / (self.place.meter.contracted_kw or self.power_kw), 1.0)

    @property
    def story(self) -> str:
        return (
            f"computing machines of {self.power_kw:.1f} kW together day and night, {self.machines} of them, set up within "
            f"{self.set_up_days:.0f} days on a household's tariff"
        )

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        running = np.zeros(len(hours))
        up = np.floor(hours.ramp(self.start_s, self.set_up_days) * (self.machines - 1) + 1)
        spell = hours.spell(self.start_s, SPELL_H)
        for machine in range(self.machines):
            stands = (spell_draw(spell, self.salt + machine) < STANDS_STILL) & (spell > 0)
            running += (up > machine) & ~stands
        fans = 1.04 + 0.04 * np.cos(2 * np.pi * (hours.local_hour - 15) / 24)
        noise = 1 + 0.01 * hours.rng.standard_normal(len(hours))
        added_kw = self.power_kw / self.machines * running * fans * noise
        demand_kw[active] = on_top(demand_kw, added_kw, self.place.meter.contracted_kw or np.inf)[active]
