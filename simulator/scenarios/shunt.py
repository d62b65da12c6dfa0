"""A wire inside the meter or across its terminals that leads part of the current around the measuring element."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from metering.archive import Meter
from simulator.scenarios.altered import scale_currents
from simulator.scenarios.case import Active, Chance, Hours, Registration, Rows


@dataclass(frozen=True, slots=True)
class Shunt:
    """It takes `share` (0..1) of the current of `phases` around the element.

    `neutral_left`: a single-phase meter's neutral circuit is left alone and still measures all of it.
    """

    share: float
    phases: tuple[int, ...]
    neutral_left: bool = False

    @classmethod
    def draw(cls, phases: int, share: float, chance: Chance) -> Self | None:
        """On one phase or all, evenly; four in ten single-phase ones leave the neutral's circuit alone. None without a share."""
        if share <= 0:
            return None
        one = phases > 1 and chance.happens(0.5)
        on = (chance.one_of(phases),) if one else tuple(range(phases))
        return cls(share, on, chance.happens(0.4) and phases == 1)

    @property
    def story(self) -> str:
        where = "phase " + "".join("abc"[phase] for phase in self.phases) if self.phases != (0,) else "the line"
        return f"{self.share:.0%} of the current of {where} around the element" + (
            ", the neutral's left alone" if self.neutral_left else ""
        )

    def register(self, registration: Registration, hours: Hours, active: Active) -> None:
        """What the elements measure falls with their current."""
        # how a shunt and a warm element share the current wanders a little
        left = np.clip(1 - self.share * (1 + 0.02 * hours.rng.standard_normal(len(hours))), 0.01, 1)
        for phase in self.phases:
            registration.scale(left, phase, active)

    def report(self, meter: Meter, reported: Mapping[str, Rows], active: Active) -> None:
        """The neutral's own circuit shows what the shunted one does not."""
        if self.neutral_left:
            whole = np.full(len(active), 1 / (1 - self.share))
            scale_currents(meter, reported, whole, active, ("neutral_current_a",))
