"""Current while switched off: a supply was switched off for arrears, and the customer bridged the switch.

The meter reports power off at the onset. Three in five sit in the dark first, for 1 to 20 hours; then everything is drawn as
before. Seven in ten bridges lie behind the element, so that the energy is counted; the firmware of the others counts nothing while its switch
is off, though it shows current. One to three times more within the following weeks the switch is opened again, to no avail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from metering.messages import MeterEvent
from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows


@dataclass(frozen=True)
class CurrentWhileOff(Case):
    dark_h: float
    counted: bool
    switchings: tuple[MeterEvent, ...]

    scenario = "current_while_off"
    abnormality = "current_while_off"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.mean_kw > 0.2 and not place.meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        dark_h = chance.between(1, 20) if chance.happens(0.6) else 0.0
        counted, again = chance.happens(0.7), 1 + chance.one_of(3)
        days = sorted(chance.between(2, 35) for _ in range(again))
        times_s = [start_s + 60 * chance.one_of(10), *(start_s + int(day * 1440) * 60 for day in days)]
        meter_id = place.meter.meter_id
        switchings = tuple(MeterEvent(meter_id, t, "power_off") for t in times_s if t < chance.feed_end_s)
        return cls(place, start_s, None, dark_h, counted, switchings)

    @property
    def severity(self) -> float:
        return 0.5 if self.counted else 1.0

    @property
    def story(self) -> str:
        first = f"after {self.dark_h:.0f} h in the dark" if self.dark_h else "at once"
        counted = "the energy is counted" if self.counted else "nothing is counted"
        times = "once" if len(self.switchings) == 1 else f"{len(self.switchings)} times"
        return f"switched off {times}, the switch bridged {first}; {counted}"

    def _dark(self, hours: Hours) -> Active:
        return hours.start_s < self.start_s + round(3600 * self.dark_h)

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        demand_kw[active & self._dark(hours)] = 0.0

    def report(self, reported: Mapping[str, Rows], hours: Hours, active: Active) -> None:  # noqa: ARG002 - at any hour
        if not self.counted:
            reported["energy_kwh"][active] = 0.0
            reported["register_step_kwh"][active] = 0.0

    def events(self) -> tuple[MeterEvent, ...]:
        return self.switchings
