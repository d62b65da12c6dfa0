"""What the archive says of whom, and when that changes: meter exchanges, moves between areas, meters booked in the wrong area.

Physics stays with the customers' rows of the worlds; only the meter that stands at a row, and the area it is booked in, change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from metering.archive import Meter, WorkOrder
from metering.messages import MeterEvent
from metering.times import LocalCalendar
from simulator.world.world import World

#: One meter in 30 is exchanged in a year (its verification period ends, or it failed); by day, within two hours.
EXCHANGES_PER_METER_YEAR = 1 / 30
#: One area in six hands a customer or two over to its neighbour in a year.
MOVES_PER_AREA_YEAR = 1 / 6
#: Meters that are booked in a neighbouring area from the start: two in a thousand; three in a hundred where topology is hard.
MISBOOKED_SHARE, MISBOOKED_SHARE_HARD = 0.002, 0.03
FOREVER_S = 2**62
#: What `life.csv` calls a meter that is booked in the wrong area.
ARCHIVE_ERROR = "archive_error"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stay:
    """Which meter stands at a customer's row of a world, from `from_s` until `until_s`."""

    area: int
    row: int
    meter: Meter
    from_s: int = -FOREVER_S
    until_s: int = FOREVER_S


@dataclass(frozen=True, slots=True)
class BookingChange:
    """A change for `life.csv`: what happened to which meter, and when."""

    kind: str
    meter_id: str
    start_s: int
    end_s: int | None = None


@dataclass(frozen=True, eq=False)
class Bookings:
    """All stays; `presence` by area and row where a customer is connected for part of the time only."""

    stays: tuple[Stay, ...]
    changes: tuple[BookingChange, ...] = ()
    works: tuple[WorkOrder, ...] = ()
    events: tuple[MeterEvent, ...] = ()
    presence: Mapping[int, Mapping[int, tuple[int, int]]] = field(default_factory=dict)

    @property
    def touched(self) -> frozenset[tuple[int, int]]:
        """(area, row) of every customer whose meter or booking is not plain: no place for a labelled case."""
        plain = {(s.area, s.row): 0 for s in self.stays}
        for stay in self.stays:
            plain[stay.area, stay.row] += 1
        changed = {c.meter_id for c in self.changes}
        return frozenset((s.area, s.row) for s in self.stays if plain[s.area, s.row] > 1 or s.meter.meter_id in changed)

    def standing(self, area: int, row: int, moment_s: int) -> str | None:
        """The meter that stands at a customer's row at that moment; None while the customer hangs elsewhere."""
        here = (stay for stay in self._by_row[area, row] if stay.from_s <= moment_s < stay.until_s)
        return next((stay.meter.meter_id for stay in here), None)

    @cached_property
    def _by_row(self) -> Mapping[tuple[int, int], Sequence[Stay]]:
        found: dict[tuple[int, int], list[Stay]] = {}
        for stay in self.stays:
            found.setdefault((stay.area, stay.row), []).append(stay)
        return found

    def archive_meters(self, worlds: Sequence[World]) -> tuple[Meter, ...]:
        """The rows of meters.csv: each area's supply meter, then its customers' meters in order of row and time."""
        by_area: dict[int, list[Stay]] = {}
        for stay in self.stays:
            by_area.setdefault(stay.area, []).append(stay)
        return tuple(
            meter
            for world in worlds
            for meter in (
                world.supply,
                *(s.meter for s in sorted(by_area[world.number], key=lambda s: (s.row, s.from_s))),
            )
        )


class MeterCodes:
    """Which meter reports at each row of the province's columns (supply meter and customers, area by area)."""

    def __init__(self, worlds: Sequence[World], bookings: Bookings) -> None:
        first = np.cumsum([0, *(len(world.meters) for world in worlds)])
        self.rows = int(first[-1])
        names: dict[str, int] = {}
        self._codes = np.full(self.rows, -1, dtype=np.int64)
        self._changes: list[tuple[int, int, int]] = []
        for world in worlds:
            self._codes[first[world.number]] = names.setdefault(world.supply.meter_id, len(names))
        for stay in sorted(bookings.stays, key=lambda s: (s.area, s.row, s.from_s)):
            row = int(first[stay.area]) + 1 + stay.row
            code = names.setdefault(stay.meter.meter_id, len(names))
            if self._codes[row] < 0:
                self._codes[row] = code
            else:
                self._changes.append((row, stay.from_s, code))
        self.names = list(names)

    def of(self, start_s: NDArray[np.int64]) -> NDArray[np.int64]:
        """The meter's code of every reading, (intervals, rows), an index into `names`."""
        codes = np.repeat(self._codes[None, :], len(start_s), axis=0)
        for row, from_s, code in self._changes:
            codes[start_s >= from_s, row] = code
        return codes


def draw_bookings(
    worlds: Sequence[World],
    calendar: LocalCalendar,
    first_day: date,
    days: int,
    step_s: int,
    *,
    hard: bool,
    rng: np.random.Generator,
) -> tuple[tuple[World, ...], Bookings]:
    """Draw exchanges, moves and wrong bookings. The worlds come back changed: a customer that moves has a row in both areas."""
    drawing = _Drawing(list(worlds), calendar, first_day, days, step_s, rng)
    years = days / 365.25
    drawing.move_customers(int(rng.poisson(MOVES_PER_AREA_YEAR * len(worlds) * years)) if len(worlds) > 1 else 0)
    customers = sum(len(world.customers) for world in worlds)
    drawing.exchange_meters(int(rng.poisson(EXCHANGES_PER_METER_YEAR * customers * years)))
    share = MISBOOKED_SHARE_HARD if hard else MISBOOKED_SHARE
    drawing.book_wrongly(int(rng.poisson(share * customers)) if len(worlds) > 1 else 0)
    return tuple(drawing.worlds), drawing.bookings()


class _Drawing:
    """The state of `draw_bookings`: worlds and stays as they are changed one after another."""

    def __init__(
        self,
        worlds: list[World],
        calendar: LocalCalendar,
        first_day: date,
        days: int,
        step_s: int,
        rng: np.random.Generator,
    ) -> None:
        self.worlds = worlds
        self._calendar, self._first_day, self._days, self._step_s, self._rng = calendar, first_day, days, step_s, rng
        self._taken: set[tuple[int, int]] = set()
        self._changes: list[BookingChange] = []
        self._works: list[WorkOrder] = []
        self._events: list[MeterEvent] = []
        self._presence: dict[int, dict[int, tuple[int, int]]] = {}
        self._replaced: dict[tuple[int, int], list[Stay]] = {}

    def bookings(self) -> Bookings:
        stays: list[Stay] = []
        for world in self.worlds:
            for row, meter in enumerate(world.customers.meters):
                stays += self._replaced.get((world.number, row), [Stay(world.number, row, meter)])
        return Bookings(tuple(stays), tuple(self._changes), tuple(self._works), tuple(self._events), self._presence)

    def _moment(self) -> int:
        """A working moment between the third and the last day but two, on the interval grid."""
        first = min(2, self._days - 1)
        day = self._first_day + timedelta(days=int(self._rng.integers(first, max(self._days - 2, first + 1))))
        moment_s = self._calendar.day_start(day) + 60 * int(self._rng.integers(540, 1020))
        return moment_s - (moment_s - self._calendar.day_start(day)) % self._step_s

    def _free(self) -> Iterator[tuple[int, int]]:
        """Places without a change so far, in a random order without end."""
        for _ in range(10_000):
            area = int(self._rng.integers(len(self.worlds)))
            row = int(self._rng.integers(len(self.worlds[area].customers)))
            if (area, row) not in self._taken:
                yield area, row

    def _neighbour(self, area: int) -> int:
        return area + 1 if area % 2 == 0 and area + 1 < len(self.worlds) else max(area - 1, 0)

    def exchange_meters(self, count: int) -> None:
        for (area, row), _ in zip(self._free(), range(count), strict=False):
            at_s = self._moment()
            old = self.worlds[area].customers.meters[row]
            new = replace(old, meter_id=f"{old.meter_id}N", valid_from_s=at_s)
            self._replaced[area, row] = [
                Stay(area, row, replace(old, valid_to_s=at_s), until_s=at_s),
                Stay(area, row, new, from_s=at_s),
            ]
            self._taken.add((area, row))
            self._changes.append(BookingChange("meter_exchange", new.meter_id, at_s, at_s + self._step_s))
            self._changes.append(BookingChange("meter_exchange", old.meter_id, at_s - self._step_s, at_s))
            for meter_id in (old.meter_id, new.meter_id):
                self._works.append(WorkOrder("meter_exchange", at_s - 3600, at_s + 3600, meter_id=meter_id))
            self._events.append(MeterEvent(old.meter_id, at_s - 600, "terminal_cover_open"))
            self._events.append(MeterEvent(new.meter_id, at_s + 60, "terminal_cover_open"))

    def move_customers(self, count: int) -> None:
        """A customer is connected to the neighbouring transformer: it leaves its row here and takes over one there."""
        for (area, row), _ in zip(self._free(), range(count), strict=False):
            there = self._neighbour(area)
            meter = self.worlds[area].customers.meters[row]
            alike = [
                n
                for n, other in enumerate(self.worlds[there].customers.meters)
                if other.phases == meter.phases and (there, n) not in self._taken
            ]
            if there == area or not alike:
                continue
            target, at_s = alike[int(self._rng.integers(len(alike)))], self._moment()
            self.worlds[there] = _with_customer_of(self.worlds[there], target, self.worlds[area], row)
            moved = replace(self.worlds[there].customers.meters[target], valid_from_s=at_s)
            self._replaced[area, row] = [Stay(area, row, replace(meter, valid_to_s=at_s), until_s=at_s)]
            self._replaced[there, target] = [Stay(there, target, moved, from_s=at_s)]
            self._presence.setdefault(area, {})[row] = (-FOREVER_S, at_s)
            self._presence.setdefault(there, {})[target] = (at_s, FOREVER_S)
            self._taken |= {(area, row), (there, target)}
            self._changes.append(BookingChange("topology_change", meter.meter_id, at_s))

    def book_wrongly(self, count: int) -> None:
        """The archive names the neighbouring area; the customer hangs where it always hung."""
        for (area, row), _ in zip(self._free(), range(count), strict=False):
            there = self._neighbour(area)
            if there == area:
                continue
            meter, other = self.worlds[area].customers.meters[row], self.worlds[there]
            segments = sorted({m.segment for m in other.customers.meters if m.segment is not None})
            booked = replace(
                meter,
                transformer_area=other.name,
                feeder=other.supply.feeder,
                segment=segments[int(self._rng.integers(len(segments)))] if segments else None,
            )
            self._replaced[area, row] = [Stay(area, row, booked)]
            self._taken.add((area, row))
            self._changes.append(
                BookingChange(ARCHIVE_ERROR, meter.meter_id, self._calendar.day_start(self._first_day))
            )


def _with_customer_of(world: World, row: int, other: World, other_row: int) -> World:
    """The world with another world's customer in place of one of its own: same habits, same meter, this network's wires."""
    here, there = world.customers, other.customers
    load = _with_row(here.load, row, there.load, other_row)
    old, meter = here.meters[row], there.meters[other_row]
    meter = replace(meter, transformer_area=world.name, feeder=old.feeder, segment=old.segment, phase=old.phase)
    arrays = {
        name: _with_row(getattr(here, name), row, getattr(there, name), other_row)
        for name in ("power_factor", "pv_kwp", "meter_gain")
    }
    customers = replace(here, meters=(*here.meters[:row], meter, *here.meters[row + 1 :]), load=load, **arrays)
    return replace(world, customers=customers)


def _with_row(rows: T, row: int, others: T, other_row: int) -> T:
    """A copy in which one customer's row is another's: of an array, or of a dataclass of arrays over customers."""
    if is_dataclass(rows) and not isinstance(rows, type):
        return replace(
            rows,
            **{f.name: _with_row(getattr(rows, f.name), row, getattr(others, f.name), other_row) for f in fields(rows)},
        )
    if not isinstance(rows, np.ndarray):
        return rows
    changed = rows.copy()
    changed[row] = others[other_row]  # type: ignore[index]  # an array like the other
    return changed
