"""One labelled abnormality at one place: what it changes on the way from an appliance to a reading.

A scenario is a subclass of `Case` in a file of its own. It overrides the one or two steps it acts on; every step is
called once per window with views into that window's arrays, to be changed in place where `active` is true.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from metering.archive import Meter
from metering.messages import MeterEvent
from metering.truth import TruthCase
from simulator.network import Network

Rows = NDArray[np.float64]
Active = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a case could be: a customer (`row` counts customers) or a whole area (`row` is -1, `meter` its supply meter)."""

    meter: Meter
    row: int
    network: Network
    mean_kw: float


@dataclass(frozen=True, slots=True)
class Hours:
    """The window: interval starts (UTC seconds), local hours of day, the interval's length, and draws for this case."""

    start_s: NDArray[np.int64]
    local_hour: Rows
    interval_h: float
    rng: np.random.Generator


@dataclass(frozen=True, slots=True)
class Registration:
    """What one customer's meter is about to report; all (phases, intervals), current signed by the power's direction.

    `power_kw` is what each phase's element measures, `energy_kwh` what it adds to the register; negative = backwards.
    """

    voltage_v: Rows
    current_a: Rows
    power_kw: Rows
    energy_kwh: Rows


@dataclass(frozen=True)
class Case:
    """A case from `start_s` until `end_s` (None: to the end of the feed)."""

    place: Place
    start_s: int
    end_s: int | None

    abnormality: ClassVar[str]
    of_area: ClassVar[bool] = False

    @classmethod
    def suits(cls, place: Place) -> bool:
        """Whether the abnormality can be at `place` at all."""
        raise NotImplementedError

    @classmethod
    def draw(cls, place: Place, start_s: int, feed_end_s: int, rng: np.random.Generator) -> Self:
        """A case at `place`, its severity drawn from the scenario's stated distributions."""
        raise NotImplementedError

    def active(self, start_s: NDArray[np.int64]) -> Active:
        """In which intervals the case is present."""
        return np.asarray((start_s >= self.start_s) & (start_s < (2**62 if self.end_s is None else self.end_s)))

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        """Change what the customer's appliances draw, (intervals,)."""

    def divert(self, drawn_kw: Rows, past_meter_kw: Rows, hours: Hours, active: Active) -> None:
        """Say how much of what is drawn does not pass the meter; both (phases, intervals)."""

    def tap(self, tapped_kw: Rows, hours: Hours, active: Active) -> None:
        """Add load without any meter, (segments * 3, intervals)."""

    def register(self, registration: Registration, hours: Hours, active: Active) -> None:
        """Change what the meter measures."""

    def events(self) -> tuple[MeterEvent, ...]:
        """What the meter itself reported about it."""
        return ()

    @property
    def truth(self) -> TruthCase:
        return TruthCase(self.place.meter.meter_id, self.abnormality, self.start_s, self.end_s)


def sometimes_ends(start_s: int, feed_end_s: int, chance: float, rng: np.random.Generator) -> int | None:
    """With `chance` a case ends by itself after two to six weeks, if the feed lasts that long."""
    ends, days = rng.random() < chance, rng.uniform(14, 42)
    end_s = start_s + int(days * 24) * 3600
    return end_s if ends and end_s < feed_end_s else None


def spell_draw(spell: NDArray[np.int64], salt: int) -> Rows:
    """A number in [0, 1) for each spell of a case that comes and goes: the same in whatever windows the feed is made.

    >>> spell_draw(np.array([0, 1, 2, 3]), 7).round(3).tolist()
    [0.181, 0.56, 0.69, 0.804]
    """
    # splitmix64, whose output passes for random whatever its input
    mixed = (spell.astype(np.uint64) + np.uint64(salt) * np.uint64(1 << 20)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)) / 2.0**53)
