"""Phase swap: voltages and currents of different phases meet in the meter's elements after a wrong connection.

In eight of ten cases two phases' voltages are exchanged, in the others all three are moved on by one. An element with
the voltage of another phase measures U I cos(phi -/+ 120 degrees): at balanced load the sum of two exchanged phases and
the right one is near zero, and one or two elements run backwards. The neutral's current is what it was. Which phases:
uniform. Half of the connections leave an opened terminal cover in the events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from metering.messages import MeterEvent
from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Registration, Rows
from simulator.world.network import neutral_current_a

EXCHANGED = ((1, 0, 2), (2, 1, 0), (0, 2, 1))
MOVED_ON = ((1, 2, 0), (2, 0, 1))


@dataclass(frozen=True)
class PhaseSwap(Case):
    voltage_of: tuple[int, int, int]
    """The phase whose voltage each element gets."""
    cover: MeterEvent | None = None

    scenario = "phase_swap"
    abnormality = "wrong_wiring"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.meter.phases == 3 and place.mean_kw > 0.4 and not place.meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        wirings = EXCHANGED if chance.happens(0.8) else MOVED_ON
        cover = chance.event(place, start_s, "terminal_cover_open", 0.5)
        return cls(place, start_s, chance.end_s(start_s), wirings[chance.one_of(len(wirings))], cover)

    @property
    def severity(self) -> float:
        return sum(own != of for own, of in enumerate(self.voltage_of)) / 3

    @property
    def story(self) -> str:
        order = "".join("abc"[phase] for phase in self.voltage_of)
        return f"the elements of phases a, b, c get the voltages of {', '.join(order)}"

    def register(self, registration: Registration, hours: Hours, active: Active) -> None:
        own = np.arange(3)
        turned = np.deg2rad(120 * (np.array(self.voltage_of) - own))[:, None]
        voltage_v = registration.voltage_v[list(self.voltage_of)]
        ratio = voltage_v / np.maximum(registration.voltage_v, 1.0)
        power_kw, kvar = registration.power_kw.copy(), registration.reactive_kvar.copy()
        seen_kw = ratio * (power_kw * np.cos(turned) + kvar * np.sin(turned))
        seen_kwh = ratio * (registration.energy_kwh * np.cos(turned) + kvar * hours.interval_h * np.sin(turned))
        seen_kvar = ratio * (kvar * np.cos(turned) - power_kw * np.sin(turned))
        current_a = np.copysign(registration.current_a, seen_kw)
        registration.voltage_v[:, active] = voltage_v[:, active]
        registration.current_a[:, active] = current_a[:, active]
        registration.power_kw[:, active] = seen_kw[:, active]
        registration.reactive_kvar[:, active] = seen_kvar[:, active]
        registration.energy_kwh[:, active] = seen_kwh[:, active]

    def report(self, reported: Mapping[str, Rows], hours: Hours, active: Active) -> None:  # noqa: ARG002 - at any hour
        # the current circuits are where they were: a sign says how an element counts, not how the neutral's current flows
        ratio = self.place.meter.ct_ratio or 1.0
        flowing_a = np.abs([reported[name][active] for name in ("current_a_a", "current_b_a", "current_c_a")])
        reported["neutral_current_a"][active] = np.round(neutral_current_a(flowing_a) / ratio, 3) * ratio

    def events(self) -> tuple[MeterEvent, ...]:
        return () if self.cover is None else (self.cover,)
