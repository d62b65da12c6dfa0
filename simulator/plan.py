"""What will happen in a feed: which cases where and when, outages, work orders and the events meters send about nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from metering.archive import Outage, WorkOrder
from metering.errors import FeedError
from metering.messages import MeterEvent
from metering.times import DAY_S, IntervalGrid, LocalCalendar
from simulator.life import LifeEvent
from simulator.scenarios import SCENARIOS
from simulator.scenarios.case import Case, Chance, Place
from simulator.world import World


@dataclass(frozen=True, slots=True)
class Pack:
    """A mixture of scenarios. `weights` share the labelled customers among abnormalities; empty = none at all.

    `areas_with_high_loss` is the share of areas with a tap per unit of prevalence.
    """

    weights: Mapping[str, float]
    areas_with_high_loss: float = 0.0
    spurious_events_per_1000_meter_weeks: float = 0.0


PACKS: Mapping[str, Pack] = {
    "clean": Pack({}),
    "mixed": Pack(
        {"bypass": 0.4, "register_stopped": 0.13, "voltage_loss": 0.15, "over_capacity": 0.18, "power_reversed": 0.14},
        areas_with_high_loss=2.0,
        spurious_events_per_1000_meter_weeks=0.3,
    ),
}
OUTAGES_PER_AREA_DAY = 1 / 60
WORKS_PER_METER_DAY = 1 / 1500
WARM_UP_DAYS = 28
BENIGN_CONFLICTS = frozenset({"vacancy", "new_tenant", "closure"})


def choose_packs(names: Sequence[str]) -> Pack:
    """The packs' sum; `FeedError` names the packs there are."""
    unknown = [name for name in names if name not in PACKS]
    if unknown or not names:
        raise FeedError(f"no pack {', '.join(map(repr, unknown)) or 'named'}: choose from {', '.join(PACKS)}")
    weights: dict[str, float] = {}
    for name in names:
        for code, weight in PACKS[name].weights.items():
            weights[code] = weights.get(code, 0.0) + weight
    return Pack(
        weights,
        max(PACKS[name].areas_with_high_loss for name in names),
        max(PACKS[name].spurious_events_per_1000_meter_weeks for name in names),
    )


def draw_cases(
    worlds: Sequence[World],
    life: Sequence[Sequence[LifeEvent]],
    pack: Pack,
    calendar: LocalCalendar,
    first_day: date,
    days: int,
    interval_minutes: int,
    prevalence: float,
    seed: int,
) -> tuple[Case, ...]:
    """Labelled cases at different places; onsets spread after a warm-up of 28 days, or a third of a shorter feed."""
    if not pack.weights or prevalence == 0:
        return ()
    rng = np.random.default_rng([seed, 11])
    grid = IntervalGrid(calendar, interval_minutes)
    start_s = calendar.day_start(first_day)
    end_s = calendar.day_start(first_day + timedelta(days=days))
    warm_s = start_s + min(WARM_UP_DAYS * DAY_S, (end_s - start_s) // 3)
    last_s = max(end_s - min(5 * DAY_S, (end_s - warm_s) // 3), warm_s + grid.step_s)

    def onset() -> int:
        return grid.floor(int(rng.integers(warm_s + grid.step_s, last_s + 1)))

    chance = Chance(rng, end_s)
    customers = sum(len(world.customers) for world in worlds)
    places = _places(worlds, life)
    order = rng.permutation(len(places))
    taken: set[int] = set()
    cases: list[Case] = []
    quotas = _quotas(pack.weights, round(prevalence * customers))
    # the rarest kinds of customer are chosen first, or three-phase scenarios would find none left;
    # what finds no place all the same goes to the commonest scenario
    rarest_first = sorted(quotas, key=lambda c: sum(SCENARIOS[c].suits(p) for p in places))
    left = 0
    for code in (*rarest_first, max(pack.weights, key=lambda c: pack.weights[c])):
        scenario, wanted = SCENARIOS[code], quotas.pop(code, left)
        for index in order:
            if wanted == 0:
                break
            if int(index) not in taken and scenario.suits(places[index]):
                taken.add(int(index))
                wanted -= 1
                cases.append(scenario.draw(places[index], onset(), chance))
        left += wanted
    tapped = min(len(worlds), round(len(worlds) * pack.areas_with_high_loss * prevalence))
    for number in rng.permutation(len(worlds))[: max(tapped, 1)]:
        world = worlds[number]
        mean_kw = float(world.customers.load.mean_kw(0.0).sum())
        place = Place(world.supply, -1, world.network, mean_kw)
        cases.append(SCENARIOS["line_tap"].draw(place, onset(), chance))
    return tuple(sorted(cases, key=lambda c: (c.start_s, c.place.meter.meter_id)))


def _places(worlds: Sequence[World], life: Sequence[Sequence[LifeEvent]]) -> list[Place]:
    """Every customer at whom a case could be told from the empty house it might be."""
    places = []
    for world, events in zip(worlds, life, strict=True):
        conflicting = {event.row for event in events if event.kind in BENIGN_CONFLICTS}
        mean_kw = world.customers.load.mean_kw(0.0)
        places += [
            Place(meter, row, world.network, float(mean_kw[row]))
            for row, meter in enumerate(world.customers.meters)
            if row not in conflicting
        ]
    return places


def _quotas(weights: Mapping[str, float], total: int) -> dict[str, int]:
    """Whole numbers that add up to `total`, shared by largest remainder.

    >>> _quotas({"bypass": 0.5, "voltage_loss": 0.3, "over_capacity": 0.2}, 5)
    {'bypass': 3, 'voltage_loss': 1, 'over_capacity': 1}
    """
    exact = {code: total * weight / sum(weights.values()) for code, weight in weights.items()}
    quotas = {code: int(share) for code, share in exact.items()}
    by_remainder = sorted(exact, key=lambda c: (quotas[c] - exact[c], list(exact).index(c)))
    for code in by_remainder[: total - sum(quotas.values())]:
        quotas[code] += 1
    return quotas


def draw_outages(
    worlds: Sequence[World], calendar: LocalCalendar, first_day: date, days: int, seed: int
) -> tuple[tuple[Outage, ...], ...]:
    """Outages by area: planned ones by day for two to six hours, others at any time for 10 minutes to 4 hours."""
    found = []
    for world in worlds:
        rng = np.random.default_rng([seed, 12, world.number])
        of_area = []
        for number in range(days):
            happens, planned = rng.random() < OUTAGES_PER_AREA_DAY, bool(rng.random() < 0.4)
            minute, lasts = rng.random(), rng.random()
            if not happens:
                continue
            midnight_s = calendar.day_start(first_day + timedelta(days=number))
            begins_s = midnight_s + 60 * int(480 + 240 * minute if planned else 1200 * minute)
            lasts_s = 60 * int(120 + 240 * lasts if planned else 10 + 230 * lasts**2)
            of_area.append(Outage(world.name, begins_s, begins_s + lasts_s, planned))
        found.append(tuple(of_area))
    return tuple(found)


def draw_works(
    worlds: Sequence[World],
    outages: Sequence[Sequence[Outage]],
    calendar: LocalCalendar,
    first_day: date,
    days: int,
    seed: int,
) -> tuple[tuple[WorkOrder, ...], list[MeterEvent]]:
    """Work orders, and the covers opened under them; planned outages carry a work order of the whole area."""
    works: list[WorkOrder] = []
    events: list[MeterEvent] = []
    for world, of_area in zip(worlds, outages, strict=True):
        rng = np.random.default_rng([seed, 13, world.number])
        works += [
            WorkOrder("line_maintenance", o.start_s - 1800, o.end_s + 1800, transformer_area=world.name)
            for o in of_area
            if o.planned
        ]
        for _ in range(int(rng.poisson(WORKS_PER_METER_DAY * len(world.customers) * days))):
            meter = world.customers.meters[int(rng.integers(len(world.customers)))]
            day_s = calendar.day_start(first_day + timedelta(days=int(rng.integers(days))))
            begins_s = day_s + 60 * int(rng.integers(510, 1020))
            ends_s = begins_s + 60 * int(rng.integers(45, 180))
            kind = ("meter_check", "terminal_repair", "module_change")[int(rng.integers(3))]
            works.append(WorkOrder(kind, begins_s, ends_s, meter_id=meter.meter_id))
            if rng.random() < 0.7:
                code = "cover_open" if rng.random() < 0.4 else "terminal_cover_open"
                events.append(MeterEvent(meter.meter_id, begins_s + 60 * int(rng.integers(5, 40)), code))
    return tuple(sorted(works, key=lambda w: (w.start_s, w.meter_id or "", w.transformer_area or ""))), events


def spurious_events(
    worlds: Sequence[World], outages: Sequence[Sequence[Outage]], pack: Pack, start_s: int, end_s: int, seed: int
) -> list[MeterEvent]:
    """Power off and on from some meters of an area in outage, and events that a meter sends for no reason."""
    events: list[MeterEvent] = []
    for world, of_area in zip(worlds, outages, strict=True):
        rng = np.random.default_rng([seed, 14, world.number])
        for outage in of_area:
            reports = rng.random(len(world.meters)) < 0.25
            reports[0] = True  # the terminal at the transformer has a battery of its own
            for meter in (m for m, does in zip(world.meters, reports, strict=True) if does):
                events.append(MeterEvent(meter.meter_id, outage.start_s, "power_off"))
                if outage.end_s < end_s:
                    events.append(MeterEvent(meter.meter_id, outage.end_s, "power_on"))
        weeks = (end_s - start_s) / (7 * DAY_S)
        rate = pack.spurious_events_per_1000_meter_weeks * len(world.customers) / 1000 * weeks
        for _ in range(int(rng.poisson(rate))):
            meter = world.customers.meters[int(rng.integers(len(world.customers)))]
            code = ("cover_open", "magnetic_field", "clock_fault", "clock_fault")[int(rng.integers(4))]
            events.append(MeterEvent(meter.meter_id, int(rng.integers(start_s, end_s)) // 60 * 60, code))
    return events
