"""Bad joint: a clamp or a stretch of line has gone bad, and heats with the square of what flows through it.

The resistance grows over 7 to 28 days to what takes 8 to 24 V (hard: to 13 V), Beta(2, 1.5) between them, at a winter's
mean load, within 0.02 to 0.25 ohm; on one phase (40 %) or all three, at the head of a line. The area's loss rises, most
at the evening's peak, and voltages behind it dip under load; no meter is wrong. Truth names the supply meter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows
from simulator.scenarios.line_section import mean_current_a
from simulator.world.network import PHASE_COUNT

LEAST_OHM, MOST_OHM = 0.02, 0.25


@dataclass(frozen=True)
class BadJoint(Case):
    ohm: float
    segment: int
    phases: tuple[int, ...]
    grows_days: float

    scenario = "bad_joint"
    abnormality = "high_loss"
    of_area = True

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row < 0

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        network = place.network
        per_line = network.segments // network.lines
        segment = chance.one_of(network.lines) * per_line
        phases = (chance.one_of(PHASE_COUNT),) if chance.happens(0.4) else tuple(range(PHASE_COUNT))
        ohm = chance.severity(8, 24) / max(mean_current_a(place, segment), 1.0)
        return cls(place, start_s, None, min(max(ohm, LEAST_OHM), MOST_OHM), segment, phases, chance.between(7, 28))

    @property
    def severity(self) -> float:
        drop_v = self.ohm * mean_current_a(self.place, self.segment)
        return min(drop_v / 24 * (0.4 + 0.2 * len(self.phases)), 1.0)

    @property
    def story(self) -> str:
        where = "phase " + "".join("abc"[p] for p in self.phases)
        return f"{1000 * self.ohm:.0f} milliohm in a joint of segment {self.segment + 1}, {where}, within {self.grows_days:.0f} days"

    def add_resistance(self, joint_ohm: Rows, hours: Hours, active: Active) -> None:
        # a joint is bad from the onset on and gets worse
        grown_ohm = self.ohm * (0.15 + 0.85 * hours.ramp(self.start_s, self.grows_days))
        for phase in self.phases:
            joint_ohm[self.segment * PHASE_COUNT + phase, active] += grown_ohm[active]
