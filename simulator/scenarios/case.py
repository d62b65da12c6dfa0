"""One labelled abnormality at one place: what it changes on the way from an appliance to a reading.

A scenario is a subclass of `Case` in a file of its own. It overrides the one or two steps it acts on; every step is
called once per window with views into that window's arrays, to be changed in place where `active` is true.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from metering.archive import Meter, Outage
from metering.messages import MeterEvent
from metering.truth import TruthCase
from simulator.hours import Active, Hours, Rows, spell_draw
from simulator.world.network import Network

__all__ = ["Active", "Case", "Chance", "Hours", "Place", "Registration", "Rows", "spell_draw"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a case could be: a customer (`row` counts customers) or a whole area (`row` is -1, `meter` its supply meter).

    `mean_kw` is the customer's or the area's mean demand; an area's customers have `customer_kw` (customers,) each and
    contracts of `contracts_kw` together.
    """

    meter: Meter
    row: int
    network: Network
    mean_kw: float
    customer_kw: Rows = field(default_factory=lambda: np.empty(0), compare=False, repr=False)
    contracts_kw: float = 0.0


@dataclass(frozen=True, slots=True)
class Chance:
    """What a case is drawn with. `hard` asks for small and well-hidden ones."""

    rng: np.random.Generator
    feed_end_s: int
    hard: bool = False

    def between(self, low: float, high: float) -> float:
        """Uniform between two numbers."""
        return float(self.rng.uniform(low, high))

    def severity(self, low: float, high: float) -> float:
        """How bad it is, from `low` (small) to `high`: a Beta(2, 1.5) between them; in hard feeds the small third of it."""
        share = float(self.rng.beta(2.0, 1.5))
        return low + (high - low) * (share / 3 if self.hard else share)

    def happens(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def one_of(self, count: int) -> int:
        """A number from 0 to count - 1."""
        return int(self.rng.integers(count))

    def salt(self) -> int:
        """A seed for `spell_draw`."""
        return int(self.rng.integers(2**31))

    def end_s(self, start_s: int, probability: float = 0.1, days: tuple[float, float] = (14.0, 42.0)) -> int | None:
        """With `probability` a case ends by itself after so many days, if the feed lasts that long; None: it lasts."""
        ends, lasts_d = self.rng.random() < probability, self.rng.uniform(*days)
        end_s = start_s + int(lasts_d * 24) * 3600
        return end_s if ends and end_s < self.feed_end_s else None

    def event(self, place: Place, start_s: int, code: str, probability: float) -> MeterEvent | None:
        """What the meter reports of it some minutes after the onset, if it does; in hard feeds half as often."""
        minutes, draw = int(self.rng.integers(1, 15)), self.rng.random()
        reports = draw < (probability / 2 if self.hard else probability)
        return MeterEvent(place.meter.meter_id, start_s + 60 * minutes, code) if reports else None


@dataclass(frozen=True, slots=True)
class Registration:
    """What one customer's meter is about to register; all (phases, intervals), current signed by the power's direction.

    `power_kw` is what each phase's element measures, `energy_kwh` what it adds to the register; negative = backwards.
    `reactive_kvar` is what flows through the element beside it.
    """

    voltage_v: Rows
    current_a: Rows
    power_kw: Rows
    reactive_kvar: Rows
    energy_kwh: Rows

    def scale(self, factor: Rows | float, phase: int | slice, active: Active) -> None:
        """A current circuit that gives only a share of its current: what it measures falls with it."""
        share = np.broadcast_to(np.asarray(factor, dtype=np.float64), active.shape)[active]
        for rows in (self.current_a, self.power_kw, self.reactive_kvar, self.energy_kwh):
            rows[phase, active] *= share


@dataclass(frozen=True)
class Case:
    """A case from `start_s` until `end_s` (None: to the end of the feed)."""

    place: Place
    start_s: int
    end_s: int | None

    scenario: ClassVar[str]
    """The simulator's own word for it."""
    abnormality: ClassVar[str]
    """The catalogue's code of what an inspection would find."""
    of_area: ClassVar[bool] = False
    remembers: ClassVar[bool] = False
    """Whether it needs what the meter reported before (`Hours.before`)."""

    @classmethod
    def suits(cls, place: Place) -> bool:
        """Whether the abnormality can be at `place` at all."""
        raise NotImplementedError

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        """A case at `place`, its severity drawn from the scenario's stated distributions."""
        raise NotImplementedError

    @property
    def severity(self) -> float:
        """How bad it is, 0 (hardly there) to 1."""
        return 1.0

    @property
    def hidden(self) -> bool:
        """Whether a visit may well overlook it."""
        return False

    @property
    def story(self) -> str:
        """One line for the answer sheet, with the parameters that were drawn."""
        return self.scenario.replace("_", " ")

    def active(self, start_s: NDArray[np.int64]) -> Active:
        """In which intervals the case is present."""
        return np.asarray((start_s >= self.start_s) & (start_s < (2**62 if self.end_s is None else self.end_s)))

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        """Change what the customer's appliances draw, (intervals,)."""

    def change_area_demand(self, demand_kw: Rows, contracted_kw: Rows, hours: Hours, active: Active) -> None:
        """Change what all of an area's customers draw, (customers, intervals); `contracted_kw` (customers,), infinite if unknown."""

    def change_phases(self, drawn_kw: Rows, hours: Hours, active: Active) -> None:
        """Change how much the customer draws from each phase, (phases, intervals)."""

    def change_lag(self, lag: Rows, hours: Hours, active: Active) -> None:
        """Change the reactive power per active power of what is drawn, (phases, intervals)."""

    def generate(self, generation_kw: Rows, hours: Hours, active: Active) -> None:
        """Add generation behind the meter, (phases, intervals)."""

    def divert(self, drawn_kw: Rows, past_meter_kw: Rows, hours: Hours, active: Active) -> None:
        """Say how much of what is drawn does not pass the meter; both (phases, intervals)."""

    def tap(self, tapped_kw: Rows, hours: Hours, active: Active) -> None:
        """Add load without any meter at the nodes of the line, (segments * 3, intervals)."""

    def add_resistance(self, joint_ohm: Rows, hours: Hours, active: Active) -> None:
        """Add resistance in series with the line segments' conductors, (segments * 3, intervals)."""

    def disturb(self, conductor_v: Rows, drawn_kw: Rows, hours: Hours, active: Active) -> None:
        """Change the voltage at the meters' terminals, both (conductors, intervals) of the whole area."""

    def register(self, registration: Registration, hours: Hours, active: Active) -> None:
        """Change what a customer's meter measures, phase by phase."""

    def report(self, reported: Mapping[str, Rows], hours: Hours, active: Active) -> None:
        """Change what the meter reports: columns of the reading by name, each (intervals,), and `register_step_kwh`.

        `register_step_kwh` is what the register moves in the interval (NaN: it is set to zero there). An energy of NaN
        is a reading that never arrives.
        """

    def report_area(self, reported: Mapping[str, Rows], hours: Hours, active: Active) -> None:
        """Change what all meters of an area report, each (meters, intervals) with the supply meter first."""

    def events(self) -> tuple[MeterEvent, ...]:
        """What the meter itself reported about it."""
        return ()

    def outages(self) -> tuple[Outage, ...]:
        """Outages of the area that belong to it."""
        return ()

    @property
    def account_ends_s(self) -> int | None:
        """When the archive ends the service of its meter; None: the account goes on."""
        return None

    @property
    def truth(self) -> TruthCase:
        return TruthCase(self.place.meter.meter_id, self.abnormality, self.start_s, self.end_s)
