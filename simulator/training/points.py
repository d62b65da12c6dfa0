"""Which service points an exercise asks about: abnormal ones, harmless ones that look like it, and ordinary ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from metering.archive import Meter
from metering.times import DAY_S
from simulator.province import Province
from simulator.scenarios.case import Case
from simulator.world.bookings import BookingChange

CUSTOMER_CASES, AREA_CASES, LOOK_ALIKES, ORDINARY = 22, 3, 13, 2
STREAM = 41
WORK_ORDER, NOTHING, ORDINARY_KIND = "opened_under_a_work_order", "event_about_nothing", "ordinary"
#: Benign life that passes by itself and may be at any customer.
PASSING = frozenset({"holiday_absence", "guests", "party", "new_year_absence", "new_year_return"})
#: Shown only where nothing else happens: an empty house booked in the wrong area leaves nothing to be seen.
BOOKINGS = frozenset({"meter_exchange", "topology_change", "archive_error"})
#: What asks for days on both sides to be seen; a holiday has to be long, or nobody would wonder.
ROOM_DAYS, LONG_ABSENCE_DAYS = 10, 4
TAMPERING = frozenset({"cover_open", "terminal_cover_open", "magnetic_field"})


@dataclass(frozen=True)
class Point:
    """One question: all meters that stood at a service point in order of time, and what it truly is.

    `kind` is a scenario, a kind of benign life, or one of the words above; exactly one of `case` and `change` is given, or none.
    """

    meters: tuple[Meter, ...]
    kind: str
    case: Case | None = None
    change: BookingChange | None = None

    @property
    def meter(self) -> Meter:
        return self.meters[-1]

    @property
    def meter_ids(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(meter.meter_id for meter in self.meters))

    @property
    def of_area(self) -> bool:
        return self.meter.role == "supply"

    @property
    def since_s(self) -> int | None:
        found = self.case or self.change
        return None if found is None else found.start_s

    @property
    def until_s(self) -> int | None:
        found = self.case or self.change
        return None if found is None else found.end_s


def choose_points(province: Province) -> tuple[Point, ...]:
    """The exercise in its order, the same for the same province."""
    rng = np.random.default_rng([province.seed, STREAM])
    choice = _Choice(province, rng)
    points = [*choice.cases(), *choice.look_alikes(), *choice.ordinary()]
    return tuple(points[n] for n in rng.permutation(len(points)))


class _Choice:
    """What may be asked about, and what was chosen so far: no service point twice."""

    def __init__(self, province: Province, rng: np.random.Generator) -> None:
        self._province, self._rng = province, rng
        self._start_s, self._end_s = province.calendar.day_start(province.first_day), province.end_s
        self._at: dict[str, list[Meter]] = {}
        for meter in province.archive.meters:
            self._at.setdefault(meter.service_point, []).append(meter)
        self._point_of = {meter.meter_id: meter.service_point for meter in province.archive.meters}
        self._taken = {self._point_of[case.place.meter.meter_id] for case in province.cases}
        self._changes = province.changes()
        self._lasting: dict[str, list[BookingChange]] = {}
        for change in self._changes:
            if change.kind not in PASSING:
                self._lasting.setdefault(change.meter_id, []).append(change)
        self._changed = self._points(c.meter_id for c in self._changes if c.kind not in PASSING)
        # where a whole area is abnormal its balance answers no question about a customer
        self._loud = {case.place.meter.transformer_area for case in province.cases if case.of_area}
        self._reporting = self._points(e.meter_id for e in province.events if e.code in TAMPERING)

    def _points(self, meter_ids: Iterable[str]) -> frozenset[str]:
        return frozenset(self._point_of[meter_id] for meter_id in meter_ids if meter_id in self._point_of)

    def cases(self) -> Iterator[Point]:
        """Of customers and of areas one case of each abnormality, as many as fit."""
        for of_area, count in ((False, CUSTOMER_CASES), (True, AREA_CASES)):
            by_code: dict[str, list[Case]] = {}
            for case in self._province.cases:
                if case.of_area == of_area and case.start_s < self._end_s - ROOM_DAYS * DAY_S:
                    by_code.setdefault(case.abnormality, []).append(case)
            codes = self._shuffled(sorted(by_code))[:count]
            for code in codes:
                points = [
                    Point(self._meters(case.place.meter.meter_id), case.scenario, case=case) for case in by_code[code]
                ]
                yield self._one_of(points)

    def look_alikes(self) -> Iterator[Point]:
        """One of each kind of benign life that is there to be seen, as many as fit."""
        found: dict[str, list[Point]] = {}
        for change in self._changes:
            if self._to_be_seen(change):
                found.setdefault(change.kind, []).append(
                    Point(self._meters(change.meter_id), change.kind, change=change)
                )
        for point in (*self._opened_under_orders(), *self._reported_for_nothing()):
            found.setdefault(point.kind, []).append(point)
        left = LOOK_ALIKES
        for kind in self._shuffled(sorted(found)):
            free = [point for point in found[kind] if point.meter.service_point not in self._taken]
            if left and free:
                point = self._one_of(free)
                self._taken.add(point.meter.service_point)
                left -= 1
                yield point

    def _to_be_seen(self, change: BookingChange) -> bool:
        if change.kind in BOOKINGS and {c.kind for c in self._lasting[change.meter_id]} != {change.kind}:
            return False
        if change.kind == "archive_error":
            return True
        long_enough = change.end_s is None or change.end_s - change.start_s >= LONG_ABSENCE_DAYS * DAY_S
        if change.kind == "holiday_absence" and not long_enough:
            return False
        first_s, last_s = self._start_s + ROOM_DAYS * DAY_S, self._end_s - ROOM_DAYS * DAY_S
        known = change.meter_id in self._point_of
        return known and first_s <= change.start_s <= last_s

    def _opened_under_orders(self) -> Iterator[Point]:
        for work in self._province.works:
            if work.meter_id is None or self._point_of.get(work.meter_id) in self._changed:
                continue
            opened = [
                event
                for event in self._province.events
                if event.meter_id == work.meter_id
                and event.code in TAMPERING
                and work.start_s <= event.event_time_s < work.end_s
            ]
            if opened:
                change = BookingChange(WORK_ORDER, work.meter_id, work.start_s, work.end_s)
                yield Point(self._meters(work.meter_id), WORK_ORDER, change=change)

    def _reported_for_nothing(self) -> Iterator[Point]:
        archive = self._province.archive
        for event in self._province.events:
            meter = archive.meter(event.meter_id)
            if event.code not in TAMPERING or meter is None or meter.service_point in self._changed:
                continue
            if not any(archive.works_at(meter, event.event_time_s)):
                change = BookingChange(NOTHING, event.meter_id, event.event_time_s, event.event_time_s)
                yield Point(self._meters(event.meter_id), NOTHING, change=change)

    def ordinary(self) -> Iterator[Point]:
        """Customers at whom nothing happened that stays."""
        quiet = [
            point
            for point, meters in self._at.items()
            if meters[0].role == "customer"
            and meters[0].transformer_area not in self._loud
            and point not in self._taken
            and point not in self._changed
            and point not in self._reporting
        ]
        for point in self._shuffled(quiet)[:ORDINARY]:
            yield Point(tuple(self._at[point]), ORDINARY_KIND)

    def _one_of(self, points: Sequence[Point]) -> Point:
        """By chance; if there is one, in an area that is not abnormal as a whole, and no farm, whose pumps may rest."""
        for telling in (self._is_quiet_and_used, self._is_quiet, lambda _point: True):
            found = [point for point in points if telling(point)]
            if found:
                return found[int(self._rng.integers(len(found)))]
        raise ValueError("no point to choose from")

    def _is_quiet(self, point: Point) -> bool:
        return not {meter.transformer_area for meter in point.meters} & self._loud

    def _is_quiet_and_used(self, point: Point) -> bool:
        return self._is_quiet(point) and point.meter.customer_class != "agricultural"

    def _meters(self, meter_id: str) -> tuple[Meter, ...]:
        meters = self._at[self._point_of[meter_id]]
        return tuple(sorted(meters, key=lambda m: m.valid_from_s or 0))

    def _shuffled(self, words: Sequence[str]) -> list[str]:
        return [words[n] for n in self._rng.permutation(len(words))]
