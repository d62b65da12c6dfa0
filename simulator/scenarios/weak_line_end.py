"""Undervoltage: the end of a line was patched with a conductor that is too thin, and its voltage sinks whenever people cook.

All three phases of one of a line's segments, with at least 12 conductors behind it, get as much resistance as takes 6
to 11 V (hard: 6 to 8 V), Beta(2, 1.5) between them, at a winter's mean load, at most 0.6 ohm; at the evening's peak
three to six times that. The meters are right. One in five is rebuilt after two to six weeks. Truth names the supply
meter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows
from simulator.scenarios.line_section import conductors_behind, mean_current_a, segments_with
from simulator.world.network import PHASE_COUNT

MOST_OHM = 0.6


@dataclass(frozen=True)
class WeakLineEnd(Case):
    ohm: float
    segment: int

    scenario = "weak_line_end"
    abnormality = "undervoltage"
    of_area = True

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row < 0 and len(_outer(place)) > 0

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        outer = _outer(place)
        segment = outer[chance.one_of(len(outer))]
        ohm = min(chance.severity(6, 11) / mean_current_a(place, segment), MOST_OHM)
        return cls(place, start_s, chance.end_s(start_s, 0.2), ohm, segment)

    @property
    def severity(self) -> float:
        return min(self.ohm * mean_current_a(self.place, self.segment) / 11, 1.0)

    @property
    def story(self) -> str:
        customers = len(set(self.place.network.conductor_customer[conductors_behind(self.place.network, self.segment)]))
        return f"{self.ohm:.2f} ohm too much from segment {self.segment + 1} on, {customers} customers behind it"

    def add_resistance(self, joint_ohm: Rows, hours: Hours, active: Active) -> None:  # noqa: ARG002 - without chance
        first = self.segment * PHASE_COUNT
        joint_ohm[first : first + PHASE_COUNT, active] += self.ohm


def _outer(place: Place) -> tuple[int, ...]:
    """Segments beyond a line's first that feed customers enough for their peaks not to coincide."""
    per_line = place.network.segments // place.network.lines
    return tuple(s for s in segments_with(place.network, 12) if s % per_line > 0)
