"""Register stopped: the register stands still while voltage is there and current flows.

From the onset every interval's energy is zero; three in ten run again now and then (for hours, up to a fifth of the time).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.scenarios.case import Active, Case, Hours, Place, Registration, spell_draw


@dataclass(frozen=True)
class RegisterStopped(Case):
    runs_share: float
    """Share of the six-hour spells in which the register runs after all."""
    salt: int

    abnormality = "register_stopped"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.mean_kw > 0.15 and not place.meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, feed_end_s: int, rng: np.random.Generator) -> Self:  # noqa: ARG003 - it lasts
        intermittent, share = rng.random() < 0.3, rng.uniform(0.05, 0.2)
        return cls(place, start_s, None, float(share) if intermittent else 0.0, int(rng.integers(2**31)))

    def register(self, registration: Registration, hours: Hours, active: Active) -> None:
        spell = (hours.start_s - self.start_s) // (6 * 3600)
        runs = (spell_draw(np.maximum(spell, 0), self.salt) < self.runs_share) & (spell > 0)
        registration.energy_kwh[:, active & ~runs] = 0.0
