"""Supply phase lost: the area's meter no longer measures one of its phases, and a third of the supply seems to be missing.

In six of ten cases the phase's current transformer is open and its current zero, in the others its voltage lead is off
and 0 to 30 % of the voltage is left (uniform). The energy loses that phase's share. Phase uniform; a third come and go
(eight-hour spells, there for 40 to 80 % of the time).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows, spell_draw
from simulator.scenarios.supply_reading import ENERGIES
from simulator.world.network import neutral_current_a

SPELL_H = 8


@dataclass(frozen=True)
class SupplyPhaseLost(Case):
    phase: int
    circuit: str
    """`current` or `voltage`."""
    remaining: float
    present_share: float
    salt: int

    scenario = "supply_phase_lost"
    abnormality = "negative_loss"
    of_area = True

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row < 0

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        phase, open_ct, left = chance.one_of(3), chance.happens(0.6), chance.between(0.0, 0.3)
        present_share = chance.between(0.4, 0.8) if chance.happens(1 / 3) else 1.0
        circuit, remaining = ("current", 0.0) if open_ct else ("voltage", left)
        return cls(place, start_s, chance.end_s(start_s), phase, circuit, remaining, present_share, chance.salt())

    @property
    def severity(self) -> float:
        return (1 - self.remaining) * self.present_share

    @property
    def story(self) -> str:
        return (
            f"the supply meter has {self.remaining:.0%} of the {self.circuit} of phase {'abc'[self.phase]}, "
            f"{self.present_share:.0%} of the time"
        )

    def report(self, reported: Mapping[str, Rows], hours: Hours, active: Active) -> None:
        spell = hours.spell(self.start_s, SPELL_H)
        lost = active & ((spell_draw(spell, self.salt) < self.present_share) | (spell == 0))
        apparent = [np.abs(reported[f"voltage_{p}_v"] * reported[f"current_{p}_a"]) for p in "abc"]
        share = apparent[self.phase] / np.maximum(np.sum(apparent, axis=0), 1e-9)
        for name in ENERGIES:
            reported[name][lost] = (reported[name] * (1 - (1 - self.remaining) * share))[lost].round(4)
        unit = "a" if self.circuit == "current" else "v"
        column = reported[f"{self.circuit}_{'abc'[self.phase]}_{unit}"]
        column[lost] = (self.remaining * column[lost]).round(3)
        seen_a = np.array([reported[f"current_{p}_a"] for p in "abc"])
        reported["neutral_current_a"][lost] = neutral_current_a(seen_a)[lost].round(3)
