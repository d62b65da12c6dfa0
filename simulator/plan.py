"""What will happen in a span of a feed: which cases where and when, outages, work orders and the events meters send about nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from metering.archive import Outage, WorkOrder
from metering.messages import MeterEvent
from metering.times import DAY_S, IntervalGrid, LocalCalendar
from simulator.packs import Pack
from simulator.scenarios import SCENARIOS
from simulator.scenarios.case import Case, Chance, Place
from simulator.world.bookings import Bookings
from simulator.world.equipment import PUMP_RUNS
from simulator.world.world import World

OUTAGES_PER_AREA_DAY = 1 / 60
WORKS_PER_METER_DAY = 1 / 1500
WARM_UP_DAYS = 28
#: Events that meters send for no reason, by how often each is seen.
SPURIOUS_CODES = ("cover_open", "terminal_cover_open", "magnetic_field", "clock_fault", "clock_fault", "power_off")
#: A storm takes nine areas in ten, area after area within an hour and a half, for two to fourteen hours.
STORM_AREAS_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of local days that is planned at once: `[first_day, first_day + days)`; `block` numbers it, 0 first."""

    calendar: LocalCalendar
    first_day: date
    days: int
    interval_minutes: int
    block: int = 0

    @property
    def start_s(self) -> int:
        return self.calendar.day_start(self.first_day)

    @property
    def end_s(self) -> int:
        return self.calendar.day_start(self.first_day + timedelta(days=self.days))

    @property
    def grid(self) -> IntervalGrid:
        return IntervalGrid(self.calendar, self.interval_minutes)

    def onsets(self) -> tuple[int, int]:
        """First and last moment at which a case may begin: after a warm-up of 28 days (a third of a shorter feed) in the
        first block, and in time to be seen."""
        lasts_s = self.end_s - self.start_s
        warm_s = self.start_s + (min(WARM_UP_DAYS * DAY_S, lasts_s // 3) if self.block == 0 else 0)
        step_s = self.grid.step_s
        return warm_s + step_s, max(self.end_s - min(5 * DAY_S, (self.end_s - warm_s) // 3), warm_s + step_s)


def draw_cases(
    worlds: Sequence[World],
    occupied: Iterable[tuple[int, int]],
    pack: Pack,
    span: Span,
    prevalence: float,
    hard: bool,
    seed: int,
) -> tuple[Case, ...]:
    """Labelled cases at different places; `occupied` are (area, row) where none may be: what is there would hide it."""
    if not (pack.weights or pack.area_weights) or prevalence == 0:
        return ()
    rng = np.random.default_rng([seed, 11, span.block])
    chance = Chance(rng, span.end_s, hard)
    first_s, last_s = span.onsets()

    def onset() -> int:
        return span.grid.floor(int(rng.integers(first_s, last_s + 1)))

    places = _places(worlds, frozenset(occupied))
    order = rng.permutation(len(places)).tolist()
    taken: set[int] = set()
    cases: list[Case] = []
    customers = sum(len(world.customers) for world in worlds)
    quotas = _quotas(pack.weights, round(prevalence * customers), least=2 if pack.one_of_each else 0)
    # the rarest kinds of customer are chosen first, or three-phase scenarios would find none left;
    # what finds no place all the same goes to the commonest scenario
    suited = {name: [i for i in order if SCENARIOS[name].suits(places[i])] for name in quotas}
    left = 0
    commonest = sorted(pack.weights, key=lambda n: -pack.weights[n])[:1]
    for name in (*sorted(quotas, key=lambda n: len(suited[n])), *commonest):
        wanted = quotas.pop(name, left)
        for index in suited[name]:
            if wanted == 0:
                break
            if index not in taken:
                taken.add(index)
                wanted -= 1
                cases.append(SCENARIOS[name].draw(places[index], onset(), chance))
        left += wanted
    for at, name in _areas_with_a_case(worlds, pack, prevalence, rng) if pack.area_weights else ():
        cases.append(SCENARIOS[name].draw(at, onset(), chance))
    return tuple(sorted(cases, key=lambda c: (c.start_s, c.place.meter.meter_id)))


def area_place(world: World, mean_c: float = 0.0) -> Place:
    """The whole area as a place of a case, with its demand at a mean temperature outside."""
    customer_kw = world.customers.load.mean_kw(mean_c)
    contracts_kw = sum(meter.contracted_kw or 0.0 for meter in world.customers.meters)
    return Place(world.supply, -1, world.network, float(customer_kw.sum()), customer_kw, contracts_kw)


def _places(worlds: Sequence[World], occupied: frozenset[tuple[int, int]]) -> list[Place]:
    places = []
    for world in worlds:
        mean_kw = _lasting_kw(world)
        places += [
            Place(meter, row, world.network, float(mean_kw[row]))
            for row, meter in enumerate(world.customers.meters)
            if (world.number, row) not in occupied
        ]
    return places


def _lasting_kw(world: World) -> NDArray[np.float64]:
    """What each customer draws in any season: a case at a field whose pump rests could not be told from none."""
    load = world.customers.load
    seasons_kw = np.minimum(load.mean_kw(0.0), load.mean_kw(17.0))
    return np.asarray(seasons_kw - PUMP_RUNS * load.equipment.pump_kw)


def _areas_with_a_case(
    worlds: Sequence[World], pack: Pack, prevalence: float, rng: np.random.Generator
) -> list[tuple[Place, str]]:
    """Different areas and the scenario of each; a scenario that suits none of those left is left out."""
    count = max(1, min(len(worlds), round(len(worlds) * pack.areas_with_a_case * prevalence)))
    if pack.one_of_each:
        count = min(len(worlds), max(count, len(pack.area_weights)))
    quotas = _quotas(pack.area_weights, count, least=1 if pack.one_of_each else 0)
    names = [name for name, wanted in quotas.items() for _ in range(wanted)]
    rng.shuffle(names)
    free = [area_place(worlds[int(number)]) for number in rng.permutation(len(worlds))]
    placed = []
    for name in names:
        at = next((place for place in free if SCENARIOS[name].suits(place)), None)
        if at is not None:
            free.remove(at)
            placed.append((at, name))
    return placed


def _quotas(weights: Mapping[str, float], total: int, *, least: int = 0) -> dict[str, int]:
    """Whole numbers that add up to `total`, shared by largest remainder; or `least` of each, whatever the total.

    >>> _quotas({"bypass": 0.5, "voltage_loss": 0.3, "over_capacity": 0.2}, 5)
    {'bypass': 3, 'voltage_loss': 1, 'over_capacity': 1}
    """
    exact = {name: total * weight / sum(weights.values()) for name, weight in weights.items()}
    quotas = {name: int(share) for name, share in exact.items()}
    by_remainder = sorted(exact, key=lambda n: (quotas[n] - exact[n], list(exact).index(n)))
    for name in by_remainder[: total - sum(quotas.values())]:
        quotas[name] += 1
    return {name: max(count, least) for name, count in quotas.items()}


def draw_outages(worlds: Sequence[World], span: Span, seed: int) -> tuple[tuple[Outage, ...], ...]:
    """Outages by area: planned ones by day for two to six hours, others at any time for 10 minutes to 4 hours."""
    found = []
    for world in worlds:
        rng = np.random.default_rng([seed, 12, world.number, span.block])
        of_area = []
        for number in range(span.days):
            happens, planned = rng.random() < OUTAGES_PER_AREA_DAY, bool(rng.random() < 0.4)
            minute, lasts = rng.random(), rng.random()
            if not happens:
                continue
            midnight_s = span.calendar.day_start(span.first_day + timedelta(days=number))
            begins_s = midnight_s + 60 * int(480 + 240 * minute if planned else 1200 * minute)
            lasts_s = 60 * int(120 + 240 * lasts if planned else 10 + 230 * lasts**2)
            of_area.append(Outage(world.name, begins_s, begins_s + lasts_s, planned))
        found.append(tuple(of_area))
    return tuple(found)


def draw_storm(worlds: Sequence[World], span: Span, seed: int) -> tuple[tuple[Outage, ...], ...]:
    """One storm, on an evening after two thirds of the span: areas fall out one after another and come back in steps."""
    rng = np.random.default_rng([seed, 15, span.block])
    day = span.first_day + timedelta(days=min(span.days - 1, round(span.days * 0.65)))
    begins_s = span.calendar.day_start(day) + 17 * 3600 + 60 * int(rng.integers(0, 90))
    found = []
    for _ in worlds:
        hit = rng.random() < STORM_AREAS_SHARE
        falls_s = begins_s + 60 * int(rng.integers(0, 90))
        # crews restore feeder by feeder: half within five hours, the last after fourteen
        lasts_s = 60 * int(120 + 720 * float(rng.beta(1.2, 2.2)))
        found.append((falls_s, falls_s + lasts_s) if hit else None)
    return tuple(
        () if times is None else (Outage(world.name, times[0], times[1], planned=False),)
        for world, times in zip(worlds, found, strict=True)
    )


def case_in_the_storm(
    worlds: Sequence[World],
    outages: Sequence[Sequence[Outage]],
    occupied: Iterable[tuple[int, int]],
    span: Span,
    seed: int,
) -> tuple[Case, ...]:
    """A bypass that begins in the darkness: two hours into an area's outage."""
    rng = np.random.default_rng([seed, 16, span.block])
    scenario, taken = SCENARIOS["bypass"], frozenset(occupied)
    for number in rng.permutation(len(worlds)).tolist():
        if not outages[number]:
            continue
        places = [p for p in _places([worlds[number]], taken) if scenario.suits(p)]
        if places:
            begins_s = span.grid.floor(outages[number][0].start_s + 2 * 3600)
            place = places[int(rng.integers(len(places)))]
            return (scenario.draw(place, begins_s, Chance(rng, begins_s, hard=False)),)
    return ()


def draw_works(
    worlds: Sequence[World], bookings: Bookings, outages: Sequence[Sequence[Outage]], span: Span, seed: int
) -> tuple[tuple[WorkOrder, ...], list[MeterEvent]]:
    """Work orders, and the covers opened under them; planned outages carry a work order of the whole area."""
    works: list[WorkOrder] = []
    events: list[MeterEvent] = []
    for world, of_area in zip(worlds, outages, strict=True):
        rng = np.random.default_rng([seed, 13, world.number, span.block])
        works += [
            WorkOrder("line_maintenance", o.start_s - 1800, o.end_s + 1800, transformer_area=world.name)
            for o in of_area
            if o.planned
        ]
        for _ in range(int(rng.poisson(WORKS_PER_METER_DAY * len(world.customers) * span.days))):
            row = int(rng.integers(len(world.customers)))
            day_s = span.calendar.day_start(span.first_day + timedelta(days=int(rng.integers(span.days))))
            begins_s = day_s + 60 * int(rng.integers(510, 1020))
            ends_s = begins_s + 60 * int(rng.integers(45, 180))
            kind = ("meter_check", "terminal_repair", "module_change")[int(rng.integers(3))]
            opened: tuple[int, str] | None = None
            if rng.random() < 0.7:
                code = "cover_open" if rng.random() < 0.4 else "terminal_cover_open"
                opened = begins_s + 60 * int(rng.integers(5, 40)), code
            meter_id = bookings.standing(world.number, row, begins_s)
            if meter_id is None:
                continue
            works.append(WorkOrder(kind, begins_s, ends_s, meter_id=meter_id))
            if opened is not None and meter_id == bookings.standing(world.number, row, opened[0]):
                events.append(MeterEvent(meter_id, *opened))
    return tuple(works), events


def outage_events(
    worlds: Sequence[World], bookings: Bookings, outages: Sequence[Sequence[Outage]], span: Span, seed: int
) -> list[MeterEvent]:
    """Power off and on from a quarter of the meters of an area in outage, and from its terminal."""
    events: list[MeterEvent] = []
    for world, of_area in zip(worlds, outages, strict=True):
        rng = np.random.default_rng([seed, 14, world.number, span.block])
        for outage in of_area:
            reports = rng.random(len(world.meters)) < 0.25
            reports[0] = True  # the terminal at the transformer has a battery of its own
            moments = [(outage.start_s, "power_off")]
            moments += [(outage.end_s, "power_on")] if outage.end_s < span.end_s else []
            for moment_s, code in moments:
                rows = (place - 1 for place in np.flatnonzero(reports).tolist() if place)
                there = (world.supply.meter_id, *(bookings.standing(world.number, row, moment_s) for row in rows))
                events += [MeterEvent(meter_id, moment_s, code) for meter_id in there if meter_id is not None]
    return events


def spurious_events(worlds: Sequence[World], bookings: Bookings, pack: Pack, span: Span, seed: int) -> list[MeterEvent]:
    """What a meter reports for no reason, at any hour and without a work order."""
    events: list[MeterEvent] = []
    weeks = span.days / 7
    for world in worlds:
        rng = np.random.default_rng([seed, 17, world.number, span.block])
        rate = pack.spurious_events_per_1000_meter_weeks * len(world.customers) / 1000 * weeks
        for _ in range(int(rng.poisson(rate))):
            row = int(rng.integers(len(world.customers)))
            code = SPURIOUS_CODES[int(rng.integers(len(SPURIOUS_CODES)))]
            moment_s = int(rng.integers(span.start_s, span.end_s)) // 60 * 60
            meter_id = bookings.standing(world.number, row, moment_s)
            if meter_id is not None:
                events.append(MeterEvent(meter_id, moment_s, code))
    return events
