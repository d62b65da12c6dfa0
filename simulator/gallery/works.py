"""The cards of what the utility and the weather do: outages, a storm, exchanged and moved meters, a wrong booking."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from metering.archive import Outage
from simulator.area_day import AreaSimulation
from simulator.gallery.benign import NAMES_ZH
from simulator.gallery.cards import BENIGN, Card, place_facts
from simulator.gallery.figure import Scene, figure_of
from simulator.gallery.stage import INTERVAL_H, INTERVAL_MINUTES, SEED, Lived, Rows, Stage
from simulator.plan import OUTAGES_PER_AREA_DAY, STORM_AREAS_SHARE, Span, draw_outages, draw_storm
from simulator.world.bookings import (
    EXCHANGES_PER_METER_YEAR,
    MISBOOKED_SHARE,
    MOVES_PER_AREA_YEAR,
    BookingChange,
    Bookings,
    Stay,
    draw_bookings,
)
from simulator.world.world import World

OUTAGE = (
    f"Outage: the whole area is without supply for 10 minutes to 4 hours, mostly short, at any hour. {OUTAGES_PER_AREA_DAY:.3f} outages "
    "per area and day, six in ten of this kind. Meters report nothing meanwhile; the terminal and a quarter of the meters "
    "report that power went and came. From afar it is a stopped register or missing readings."
)
PLANNED = (
    "Planned outage: work on the line takes the supply of the whole area for 2 to 6 hours from the morning on. It stands in the outage "
    "records with a work order around it; four in ten outages are of this kind."
)
STORM = (
    f"Storm: {STORM_AREAS_SHARE:.0%} of all areas lose their supply within an hour and a half on one evening, and come back in steps: half "
    "within five hours, the last after fourteen. Only the pack `storm` has one."
)
EXCHANGE = (
    f"Meter exchange: one meter in {1 / EXCHANGES_PER_METER_YEAR:.0f} a year is replaced by day, under a work order, with its terminals open. "
    "The new one has a number of its own at the same service point, and its register begins at zero. From afar the register "
    "falls and a cover is opened."
)
MOVE = (
    f"Topology change: one area in {1 / MOVES_PER_AREA_YEAR:.0f} a year hands a customer over to its neighbour; the archive says when. Its "
    "habits stay, the voltage it sees is another line's. Shown is the balance of the area it leaves."
)
MISBOOKED = (
    f"Archive error: {1000 * MISBOOKED_SHARE:.0f} meters in a thousand (hard: more) are booked in a neighbouring area from the first day. The area "
    "in which the customer hangs has its energy as a loss, the neighbour gains as much. Nobody steals. Shown is the balance of the area it hangs in."
)


def work_cards(stage: Stage) -> Iterator[Card]:
    yield from outage_cards(stage)
    for kind in ("meter_exchange", "topology_change", "archive_error"):
        yield booking_card(stage, kind)


def outage_cards(stage: Stage) -> Iterator[Card]:
    """An unplanned and a planned outage of middle length, and a storm as one area lives through it."""
    span = Span(stage.province.calendar, stage.start, stage.days, INTERVAL_MINUTES)
    usual = draw_outages(stage.worlds, span, SEED)
    storm = draw_storm(stage.worlds, span, SEED)
    hit = sum(bool(of_area) for of_area in storm)
    several = f"; it takes {hit} of {len(stage.worlds)} areas"
    for key, definition, outages, more in (
        ("outage", OUTAGE, [o for of_area in usual for o in of_area if not o.planned], ""),
        ("planned_outage", PLANNED, [o for of_area in usual for o in of_area if o.planned], ""),
        ("storm", STORM, [o for of_area in storm for o in of_area], several),
    ):
        midst = [o for o in outages if 7 <= stage.day_of(o.start_s) <= 21]
        midst.sort(key=lambda o: (o.end_s - o.start_s, o.transformer_area))
        yield _outage_card(stage, key, definition, midst[len(midst) // 2], more)


def _outage_card(stage: Stage, key: str, definition: str, outage: Outage, more: str) -> Card:
    number = next(n for n, world in enumerate(stage.worlds) if world.name == outage.transformer_area)
    with_it, without = stage.with_outages(number, outage), stage.without(number)
    begins = stage.province.calendar.local(outage.start_s)
    story = f"without supply from {begins:%H:%M} for {(outage.end_s - outage.start_s) / 3600:.1f} h{more}"
    scene = Scene(key, stage, -1, with_it, without, with_it.net_kwh[0] / INTERVAL_H, (), stage.day_of(outage.start_s))
    return _card(scene, definition, story)


def booking_card(stage: Stage, kind: str) -> Card:
    worlds, bookings, change = _drawn(stage, kind)
    stays = [stay for stay in bookings.stays if stay.meter.meter_id == change.meter_id]
    if kind == "meter_exchange":
        return _exchange_card(stage, stays[0], change)
    if kind == "topology_change":
        return _move_card(stage, worlds, bookings, stays, change)
    return _misbooked_card(stage, stays[0])


def _drawn(stage: Stage, kind: str) -> tuple[tuple[World, ...], Bookings, BookingChange]:
    """The first draw of a province's bookings that holds one of the kind, in the middle of the weeks, at a customer of note."""
    for attempt in range(200):
        rng = np.random.default_rng([SEED, 40, attempt])
        worlds, bookings = draw_bookings(
            stage.worlds, stage.province.calendar, stage.start, stage.days, 60 * INTERVAL_MINUTES, hard=False, rng=rng
        )
        for change in bookings.changes:
            lasts = kind == "archive_error" or 8 <= stage.day_of(change.start_s) <= 19
            if (
                change.kind == kind
                and lasts
                and not (kind == "meter_exchange" and change.meter_id.endswith("N"))
                and _of_note(stage, bookings, change)
            ):
                return worlds, bookings, change
    raise ValueError(f"no {kind} in 200 draws of the bookings of {len(stage.worlds)} areas")


def _of_note(stage: Stage, bookings: Bookings, change: BookingChange) -> bool:
    stay = next(s for s in bookings.stays if s.meter.meter_id == change.meter_id)
    world = stage.worlds[stay.area]
    mean_kw = world.customers.load.mean_kw(stage.mean_c)[stay.row]
    return world.settlement != "industrial_estate" and mean_kw > 0.5


def _exchange_card(stage: Stage, stay: Stay, change: BookingChange) -> Card:
    lived, at = stage.without(stay.area), int(np.searchsorted(stage.start_s, change.end_s or change.start_s))
    register_kwh = lived.columns["register_kwh"].copy()
    energy_kwh = lived.columns["energy_kwh"][stay.row + 1]
    register_kwh[stay.row + 1, at:] = np.cumsum(energy_kwh[at:])
    with_it = replace(lived, columns={**lived.columns, "register_kwh": register_kwh})
    when = stage.province.calendar.local(int(stage.start_s[at]))
    story = f"exchanged at {when:%H:%M}; the old register stood at {register_kwh[stay.row + 1, at - 1]:,.0f} kWh, the new one begins at 0"
    events = [(0.5, "terminal_cover_open")]
    scene = Scene(
        "meter_exchange",
        stage,
        stay.row,
        with_it,
        lived,
        lived.drawn_by(stay.row),
        events,
        stage.day_of(int(stage.start_s[at])),
    )
    return _card(scene, EXCHANGE, story)


def _move_card(
    stage: Stage, worlds: tuple[World, ...], bookings: Bookings, stays: list[Stay], change: BookingChange
) -> Card:
    here, there = sorted(stays, key=lambda s: s.from_s)
    left = _with_presence(stage, worlds[here.area], bookings.presence[here.area])
    joined = _with_presence(stage, worlds[there.area], bookings.presence[there.area])
    gone = stage.start_s >= change.start_s
    columns = {name: values.copy() for name, values in left.columns.items()}
    for name, values in joined.columns.items():
        columns[name][here.row + 1, gone] = values[there.row + 1, gone]
    # the same meter counts on
    counted_kwh = np.nan_to_num(columns["energy_kwh"][here.row + 1]).cumsum()
    columns["register_kwh"][here.row + 1] = columns["register_kwh"][here.row + 1, 0] + counted_kwh - counted_kwh[0]
    with_it = replace(left, columns=columns)
    booked_kwh = np.nansum(left.net_kwh[1:], axis=0)
    drawn_kw = np.where(gone, joined.drawn_by(there.row), left.drawn_by(here.row))
    story = (
        f"from {worlds[here.area].name} to {worlds[there.area].name}, where other lines and another transformer feed it"
    )
    scene = Scene(
        "topology_change",
        stage,
        here.row,
        with_it,
        stage.without(here.area),
        drawn_kw,
        (),
        stage.day_of(change.start_s),
        booked_kwh,
    )
    return _card(scene, MOVE, story)


def _with_presence(stage: Stage, world: World, presence: Mapping[int, tuple[int, int]]) -> Lived:
    return stage.live(AreaSimulation(world, seed=SEED, presence=presence))


def _misbooked_card(stage: Stage, stay: Stay) -> Card:
    lived = stage.without(stay.area)
    own: Rows = lived.net_kwh[stay.row + 1]
    story = f"hangs in {lived.world.name} and is booked in {stay.meter.transformer_area}: {own.sum() / stage.days:.0f} kWh a day are missing in the balance"
    scene = Scene(
        "archive_error", stage, stay.row, lived, lived, lived.drawn_by(stay.row), (), None, lived.sold_kwh - own
    )
    return _card(scene, MISBOOKED, story)


def _card(scene: Scene, definition: str, story: str) -> Card:
    facts = place_facts(scene.without, scene.row)
    return Card(scene.name, BENIGN, "", "", NAMES_ZH[scene.name], definition, story, facts, figure_of(scene))
