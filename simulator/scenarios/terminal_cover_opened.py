"""Terminal cover opened: something was done at the meter's terminals, and its own record says that they were laid bare.

The meter reports the opening within minutes of the onset, always. Four in five find something changed there: on three-phase meters three in
ten times a loosened voltage link, of which 0 to 30 % of the voltage is left (uniform), else a wire from the line's to the load's terminal
that takes 30 to 90 % of the current (Beta(2, 1.5); hard: up to 50 %) of one phase or all. A fifth lose nothing. One in ten ends by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from metering.messages import MeterEvent
from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Registration, Rows
from simulator.scenarios.shunt import Shunt


@dataclass(frozen=True)
class TerminalCoverOpened(Case):
    minutes: int
    """From the onset to the meter's report."""
    shunt: Shunt | None = None
    loose_phase: int | None = None
    voltage_left: float = 1.0

    scenario = "terminal_cover_opened"
    abnormality = "terminal_cover_open"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.mean_kw > 0.2 and not place.meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        phases, end_s, minutes = place.meter.phases or 1, chance.end_s(start_s), 1 + chance.one_of(14)
        share, voltage_left = chance.severity(0.3, 0.9), chance.between(0.0, 0.3)
        if not chance.happens(0.8):
            return cls(place, start_s, end_s, minutes)
        if phases > 1 and chance.happens(0.3):
            return cls(place, start_s, end_s, minutes, None, chance.one_of(phases), voltage_left)
        return cls(place, start_s, end_s, minutes, Shunt.draw(phases, share, chance))

    @property
    def severity(self) -> float:
        if self.shunt is not None:
            return self.shunt.share
        return 0.1 if self.loose_phase is None else (1 - self.voltage_left) / 3

    @property
    def story(self) -> str:
        if self.shunt is not None:
            return f"the terminal cover opened and a wire set across: {self.shunt.story}"
        if self.loose_phase is not None:
            left = f"{self.voltage_left:.0%} of its voltage left"
            return f"the terminal cover opened and the voltage link of phase {'abc'[self.loose_phase]} loosened, {left}"
        return "the terminal cover opened and nothing done"

    def register(self, registration: Registration, hours: Hours, active: Active) -> None:
        if self.shunt is not None:
            self.shunt.register(registration, hours, active)
        if self.loose_phase is not None:
            left = self.voltage_left * np.clip(1 + 0.02 * hours.rng.standard_normal(len(hours)), 0, 2)[active]
            r = registration
            for rows in (r.voltage_v, r.power_kw, r.reactive_kvar, r.energy_kwh):
                rows[self.loose_phase, active] *= left

    def report(self, reported: Mapping[str, Rows], hours: Hours, active: Active) -> None:  # noqa: ARG002 - at any hour
        if self.shunt is not None:
            self.shunt.report(self.place.meter, reported, active)

    def events(self) -> tuple[MeterEvent, ...]:
        return (MeterEvent(self.place.meter.meter_id, self.start_s + 60 * self.minutes, self.abnormality),)
