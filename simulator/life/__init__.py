"""Benign life, by name: what customers do that looks like theft or a fault from afar and is none. One short file per kind.

A customer has at most one lasting event (and what leads to it or follows from it), besides what passes: absences, guests, parties and
Chinese New Year. Where nobody is there, nothing passes. To add a kind: a file with a subclass of `event.LifeEvent` whose docstring
is its definition with the distributions it draws from; its class here; `python -m docs.tables`; a test of what it changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from metering.archive import CustomerClass
from metering.times import LocalCalendar
from simulator.life.air_conditioner import AirConditioner
from simulator.life.appliance_broken import ApplianceBroken
from simulator.life.closure import Closure
from simulator.life.crane import Crane
from simulator.life.electric_vehicle import ElectricVehicle
from simulator.life.event import Customer, FeedDays, LifeEvent
from simulator.life.growth import Growth
from simulator.life.guests import Guests
from simulator.life.heat_pump import HeatPump
from simulator.life.holiday_absence import AT_HOLIDAYS, HolidayAbsence, long_holidays
from simulator.life.new_tenant import NewTenant
from simulator.life.new_year import draw_new_year, new_years_around
from simulator.life.new_year_absence import NewYearAbsence
from simulator.life.new_year_return import NewYearReturn
from simulator.life.night_care import NightCare
from simulator.life.party import Party
from simulator.life.power_saving import PER_AREA_YEAR, PowerSaving
from simulator.life.renovated import Renovated
from simulator.life.renovation import Renovation
from simulator.life.retrofit import Retrofit
from simulator.life.seasonal_business import SeasonalBusiness
from simulator.life.shift_change import ShiftChange
from simulator.life.solar import Solar
from simulator.life.vacancy import Vacancy
from simulator.life.working_from_home import WorkingFromHome
from simulator.world.world import Customers

__all__ = ["KINDS", "LASTING", "PASSING", "LifeEvent", "draw_life"]

#: A customer has at most one of them.
LASTING: tuple[type[LifeEvent], ...] = (
    Vacancy,
    NewTenant,
    Closure,
    SeasonalBusiness,
    Renovation,
    Retrofit,
    Growth,
    ShiftChange,
    ElectricVehicle,
    Solar,
    HeatPump,
    AirConditioner,
    WorkingFromHome,
    NightCare,
    ApplianceBroken,
    Crane,
)
#: They come to anybody, again and again, one at a time.
PASSING: tuple[type[LifeEvent], ...] = (HolidayAbsence, Guests, Party)
#: What came of a renovation stays, too.
STAYING: tuple[type[LifeEvent], ...] = (*LASTING, Renovated)
KINDS: tuple[type[LifeEvent], ...] = (*STAYING, *PASSING, NewYearAbsence, NewYearReturn, PowerSaving)
YEAR_DAYS = 365.25
CLASSES: tuple[CustomerClass, ...] = get_args(CustomerClass)
#: Days off of New Year may begin before and end after the part of it that the feed holds.
AROUND = timedelta(days=3)


def draw_life(
    customers: Customers,
    calendar: LocalCalendar,
    first_day: date,
    days: int,
    days_off: frozenset[date],
    rng: np.random.Generator,
    *,
    new_year: bool = True,
    exodus: float = 1.0,
    before: Sequence[LifeEvent] | None = None,
) -> tuple[LifeEvent, ...]:
    """The benign life of one area over some days, by customer and time; what concerns the whole area comes last.

    Kinds come at their rates per year, so that half as many days hold half as many; what began before the first day and still
    lasts is there from the start. `new_year` says whether people keep Chinese New Year, `exodus` how many more homes than usual move for it. Where the days follow others in the
    same area, `before` is the life drawn for those: nothing is drawn twice, and what was drawn goes on.
    """
    feed = FeedDays(calendar, first_day, days, follow=before is not None)
    going_on = [e for e in before or () if e.end_s is None or e.end_s > feed.start_s]
    lasting = _lasting(customers, {e.row for e in going_on if isinstance(e, STAYING)}, feed, rng)
    festivals = new_years_around(feed) if new_year else ()
    passing = draw_new_year(customers, festivals, feed, rng, exodus)
    passing += _over_long_holidays(customers, days_off, festivals, feed, rng)
    for kind in PASSING:
        passing += _passing(kind, customers, feed, rng)
    present = _one_at_a_time(_within(passing, feed), (*going_on, *lasting))
    of_customers = sorted((*lasting, *present), key=lambda event: (event.row, event.start_s, event.kind))
    return (*of_customers, *_within(_of_area(customers, feed, rng), feed))


def _lasting(customers: Customers, settled: set[int], feed: FeedDays, rng: np.random.Generator) -> list[LifeEvent]:
    """One draw per customer decides which lasting kind comes, if any; to `settled` rows none comes.

    In a feed so long that a customer would have more than one, all become rarer by the same factor.
    """
    draws = rng.random(len(customers))
    draws[list(settled)] = 1.0
    classes = np.array([meter.customer_class or "" for meter in customers.meters])
    events: list[LifeEvent] = []
    for customer_class in CLASSES:
        kinds = [kind for kind in LASTING if customer_class in kind.per_year or customer_class in kind.standing]
        if not kinds:
            continue
        limits = _limits(kinds, customer_class, feed)
        rows = np.flatnonzero((classes == customer_class) & (draws < limits[-1]))
        for row, which in zip(rows, np.searchsorted(limits, draws[rows], side="right"), strict=True):
            kind, customer = kinds[int(which) // 2], Customer.at(customers, int(row))
            if not kind.suits(customer):
                continue
            if which % 2 == 0:
                events += [e for e in kind.draw_standing(customer, feed, rng) if feed.touches(e.start_s, e.end_s)]
            else:
                when = float(rng.uniform(-feed.reach(kind.longest_days), feed.days))
                events += _within(kind.draw(customer, when, feed, rng), feed)
    return events


def _limits(kinds: Sequence[type[LifeEvent]], customer_class: CustomerClass, feed: FeedDays) -> NDArray[np.float64]:
    """Upper limits of a uniform draw: for each kind first that it stands, then that it begins, (2 * kinds,)."""
    stands = [0.0 if feed.follow else kind.standing.get(customer_class, 0.0) for kind in kinds]
    begins = [
        kind.per_year.get(customer_class, 0.0) * (feed.days + feed.reach(kind.longest_days)) / YEAR_DAYS
        for kind in kinds
    ]
    chances = np.column_stack([stands, begins]).ravel()
    return np.cumsum(chances / max(1.0, float(chances.sum())))


def _passing(kind: type[LifeEvent], customers: Customers, feed: FeedDays, rng: np.random.Generator) -> list[LifeEvent]:
    reach = feed.reach(kind.longest_days)
    per_year = [kind.per_year.get(m.customer_class, 0.0) if m.customer_class else 0.0 for m in customers.meters]
    counts = rng.poisson(np.array(per_year) * (feed.days + reach) / YEAR_DAYS)
    events: list[LifeEvent] = []
    for row in np.repeat(np.arange(len(customers)), counts):
        customer, when = Customer.at(customers, int(row)), float(rng.uniform(-reach, feed.days))
        if kind.suits(customer):
            events += kind.draw(customer, when, feed, rng)
    return events


def _over_long_holidays(
    customers: Customers,
    days_off: frozenset[date],
    festivals: Sequence[date],
    feed: FeedDays,
    rng: np.random.Generator,
) -> list[LifeEvent]:
    """Homes left over long holidays; New Year has absences of its own."""
    homes = [row for row, meter in enumerate(customers.meters) if meter.customer_class == "residential"]
    near = frozenset(d for d in days_off if feed.day(-AROUND.days) <= d <= feed.day(feed.days) + AROUND)
    events: list[LifeEvent] = []
    for first, last in long_holidays(near):
        if not any(first - AROUND <= festival <= last + AROUND for festival in festivals):
            away = rng.random(len(homes)) < AT_HOLIDAYS
            events += [
                HolidayAbsence.over(Customer.at(customers, homes[at]), (first, last), feed, rng)
                for at in np.flatnonzero(away)
            ]
    return events


def _of_area(customers: Customers, feed: FeedDays, rng: np.random.Generator) -> list[LifeEvent]:
    reach = feed.reach(PowerSaving.longest_days)
    count = int(rng.poisson(PER_AREA_YEAR * (feed.days + reach) / YEAR_DAYS))
    whens = np.sort(rng.uniform(-reach, feed.days, count))
    return [PowerSaving.in_area(customers, float(when), feed, rng) for when in whens]


def _within(events: Iterable[LifeEvent], feed: FeedDays) -> list[LifeEvent]:
    """What touches the feed, without what changed for good before it: there the customer has always been so."""
    return [
        event
        for event in events
        if feed.touches(event.start_s, event.end_s)
        and (event.start_s >= feed.start_s or (event.end_s is not None and not feed.follow))
    ]


def _one_at_a_time(passing: Iterable[LifeEvent], present: Iterable[LifeEvent]) -> list[LifeEvent]:
    """In the order given, without what would come to an empty house or before the last one has passed."""
    taken: dict[int, list[LifeEvent]] = {}
    for event in present:
        if event.empties or not isinstance(event, STAYING):
            taken.setdefault(event.row, []).append(event)
    kept = []
    for event in passing:
        others = taken.setdefault(event.row, [])
        if not any(_meet(event, other) for other in others):
            others.append(event)
            kept.append(event)
    return kept


def _meet(one: LifeEvent, other: LifeEvent) -> bool:
    return (other.end_s is None or one.start_s < other.end_s) and (one.end_s is None or other.start_s < one.end_s)
