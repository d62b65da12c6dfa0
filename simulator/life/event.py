"""One benign change at a customer or in a whole area, and what its kind has to state.

A kind of benign life is a subclass of `LifeEvent` in a file of its own, which reads like its definition: what happens, with which
distributions, and why it looks like theft or a fault from afar. It carries no label: whoever reports it makes a false case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from types import MappingProxyType
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from metering.archive import CustomerClass, Meter
from metering.times import LocalCalendar
from simulator.hours import Active, Hours, Rows, spell_draw
from simulator.world.world import Customers

Range = tuple[float, float]
#: How far what stays on in an empty place wavers from half hour to half hour.
STAYS_ON: Range = (0.4, 1.6)
#: What pages call the classes of customers.
CLASS_WORDS: Mapping[CustomerClass, str] = {
    "residential": "homes",
    "commercial": "shops",
    "industrial": "works",
    "agricultural": "farms",
    "public": "public buildings",
    "temporary": "building sites",
}


@dataclass(frozen=True, slots=True)
class FeedDays:
    """Local days that life is drawn for, by their number from the first; numbers may lie outside.

    `follow` says that they follow days whose life is drawn already: then nothing begins before the first of them.
    """

    calendar: LocalCalendar
    first_day: date
    days: int
    follow: bool = False

    def day(self, number: float) -> date:
        return self.first_day + timedelta(days=int(np.floor(number)))

    def at(self, number: float, hour: float = 0.0) -> int:
        """The UTC second of a local hour of the day of that number."""
        return self.calendar.day_start(self.day(number)) + round(hour * 3600)

    def reach(self, longest_days: float) -> float:
        """How many days before the first one something may have begun that still lasts."""
        return 0.0 if self.follow else longest_days

    def touches(self, start_s: int, end_s: int | None) -> bool:
        """Whether a time from `start_s` to `end_s` (None: for good) and the days have a moment in common."""
        return start_s < self.end_s and (end_s is None or end_s > self.start_s)

    @property
    def start_s(self) -> int:
        return self.at(0)

    @property
    def end_s(self) -> int:
        return self.at(self.days)


@dataclass(frozen=True, slots=True)
class Customer:
    """What a kind of life may know of the customer it comes to. `habit` and `shift_h` are those of `load_profiles`.

    `closed_at_new_year` is from how many days before New Year's Day until how many after it a business stands still (0, 0: it does not).
    """

    row: int
    meter: Meter
    habit: int
    shift_h: float
    standby_kw: float
    scale_kw: float
    generates: bool
    charges: bool
    pumps_heat: bool
    cools: bool
    closed_at_new_year: tuple[int, int]

    @classmethod
    def at(cls, customers: Customers, row: int) -> Customer:
        load, meter = customers.load, customers.meters[row]
        equipment = load.equipment
        return cls(
            row,
            meter,
            int(load.habit[row]),
            float(load.shift_h[row]),
            float(load.standby_kw[row]),
            float(load.scale_kw[row]),
            generates=bool(meter.has_generation) or bool(customers.pv_kwp[row] > 0),
            charges=bool(equipment.charger_kw[row] > 0),
            pumps_heat=bool(equipment.heat_pump_thermal_kw_per_k[row] > 0),
            cools=bool(equipment.cooling_kw_per_k[row] > 0),
            closed_at_new_year=(int(load.closed_before[row]), int(load.closed_after[row])),
        )

    @property
    def contracted_kw(self) -> float:
        return self.meter.contracted_kw or 0.0

    @property
    def base_kw(self) -> float:
        """What is drawn in the mean without heating, cooling and vehicles."""
        return self.standby_kw + self.scale_kw

    @property
    def at_home(self) -> bool:
        return self.meter.customer_class == "residential"


@dataclass(frozen=True)
class LifeEvent:
    """One benign change at the customer of `row` (-1: the whole area), from `start_s` to `end_s` (None: for good)."""

    row: int
    start_s: int
    end_s: int | None

    kind: ClassVar[str]
    per_year: ClassVar[Mapping[CustomerClass, float]] = MappingProxyType({})
    """How many begin per year and customer of the class that it can come to."""
    standing: ClassVar[Mapping[CustomerClass, float]] = MappingProxyType({})
    """The share of those customers that have it from before the feed to beyond its end."""
    often: ClassVar[str] = ""
    """How often in words, where the rates do not say it all."""
    who: ClassVar[str] = ""
    """Which customers of those classes, where not all of them."""
    changes: ClassVar[str]
    resembles: ClassVar[str]
    """What it looks like from afar."""
    longest_days: ClassVar[float] = 0.0
    """What began so long before the feed may still last at its start; 0 for what is for good."""

    conflicts: ClassVar[bool] = False
    """No labelled abnormality is placed at such a customer: nobody could tell it."""
    empties: ClassVar[bool] = False
    """Nobody is there: no guests come and nobody leaves."""
    lifts_ceiling: ClassVar[bool] = False
    """The customer may draw up to the contract while others stay below their main switch."""
    declares_generation: ClassVar[bool] = False
    """The archive says that this customer generates."""

    @classmethod
    def suits(cls, customer: Customer) -> bool:
        """Whether it can come to this customer at all, whose class has a rate."""
        del customer
        return True

    @classmethod
    def draw(cls, customer: Customer, when: float, feed: FeedDays, rng: np.random.Generator) -> tuple[LifeEvent, ...]:
        """What begins at a customer `when` days after the feed's start; several events where one leads to another."""
        raise NotImplementedError

    @classmethod
    def draw_standing(cls, customer: Customer, feed: FeedDays, rng: np.random.Generator) -> tuple[LifeEvent, ...]:
        """What has been so since before the feed and stays so."""
        return tuple(replace(event, start_s=feed.start_s, end_s=None) for event in cls.draw(customer, 0.0, feed, rng))

    @property
    def story(self) -> str:
        """One line with the parameters that were drawn."""
        return self.kind.replace("_", " ")

    def active(self, start_s: NDArray[np.int64]) -> Active:
        """In which intervals it is present."""
        return np.asarray((start_s >= self.start_s) & (start_s < (2**62 if self.end_s is None else self.end_s)))

    def change_demand(self, demand_kw: Rows, hours: Hours, active: Active) -> None:
        """Change what the appliances draw, in place: (intervals,) of the customer, (customers, intervals) of an area."""

    def generate(self, generation_kw: Rows, hours: Hours, active: Active) -> None:
        """Add generation behind the meter, (phases, intervals), in place."""


def by_class(
    *,
    residential: float = 0.0,
    commercial: float = 0.0,
    industrial: float = 0.0,
    agricultural: float = 0.0,
    public: float = 0.0,
    temporary: float = 0.0,
) -> Mapping[CustomerClass, float]:
    """Rates of the classes that have one.

    >>> dict(by_class(residential=0.06, public=0.0))
    {'residential': 0.06}
    """
    rates: dict[CustomerClass, float] = {
        "residential": residential,
        "commercial": commercial,
        "industrial": industrial,
        "agricultural": agricultural,
        "public": public,
        "temporary": temporary,
    }
    return MappingProxyType({customer_class: rate for customer_class, rate in rates.items() if rate > 0})


def half_hour_draw(hours: Hours, start_s: int, salt: int) -> Rows:
    """A number in [0, 1) for each half hour since `start_s`."""
    return spell_draw(hours.spell(start_s, 0.5), salt)


def day_draw(hours: Hours, salt: int) -> Rows:
    """A number in [0, 1) for each local day."""
    return spell_draw(hours.local_day(), salt)


def what_stays_on_kw(left_kw: float, hours: Hours, start_s: int, salt: int) -> Rows:
    """What an empty place draws, (intervals,): a fridge or frost protection goes on and off around `left_kw`."""
    low, high = STAYS_ON
    return np.asarray(left_kw * (low + (high - low) * half_hour_draw(hours, start_s, salt)))


def new_salt(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


def between(rng: np.random.Generator, limits: Range) -> float:
    """Uniform between two numbers."""
    return float(rng.uniform(*limits))


def mostly_short(rng: np.random.Generator, limits: Range) -> float:
    """Between two numbers, uniform in the logarithm."""
    return float(np.exp(rng.uniform(np.log(limits[0]), np.log(limits[1]))))


def percent(share: float | Range) -> str:
    """A share or a range of shares in words.

    >>> percent(0.3), percent((0.03, 0.13))
    ('30 %', '3 to 13 %')
    """
    limits = share if isinstance(share, tuple) else (share,)
    return " to ".join(f"{100 * limit:.3g}" for limit in limits) + " %"


def spread(limits: Range, unit: str) -> str:
    """A range of quantities in words.

    >>> spread((20, 240), "days")
    '20 to 240 days'
    """
    return f"{limits[0]:g} to {limits[1]:g} {unit}"
