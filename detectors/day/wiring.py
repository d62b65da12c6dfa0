"""Who hangs where: lines, steps and phases as the archive tells them, and what a day's voltages and currents are along them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.day.memory import F64
from metering.archive import NOMINAL_VOLTAGE_V, Area, Meter
from metering.evidence import AreaCurves
from metering.readings import PHASES

Index = NDArray[np.intp]
#: A phase below this share of nominal has lost its voltage: that is no drop along a line.
_LOST_BELOW = 0.6
#: So many others are near; one of another phase counts as so many steps farther (twice that if neither has all three).
_NEAREST = 7
_STRANGE = 1.5
#: What a registered kilowatt-hour an hour is in amperes where the feed carries no currents.
_AMPERES_PER_KW = 1000 / (0.95 * NOMINAL_VOLTAGE_V)


class Groups:
    """Meters by a label; a label of None is in no group. Answers are (hours, groups) or (hours, meters)."""

    def __init__(self, labels: Sequence[Hashable | None]) -> None:
        distinct = sorted({label for label in labels if label is not None}, key=repr)
        number = {label: n for n, label in enumerate(distinct)}
        self.of = np.array([-1 if label is None else number[label] for label in labels], dtype=np.intp)
        members = [np.flatnonzero(self.of == n) for n in range(len(distinct))]
        size = max((len(rows) for rows in members), default=0)
        self.count = len(members)
        #: (groups, largest) rows of the members; -1 beyond a group's end.
        self.members = np.full((self.count, size), -1, dtype=np.intp)
        for n, rows in enumerate(members):
            self.members[n, : len(rows)] = rows

    def gathered(self, values: NDArray[Any]) -> NDArray[Any]:
        """(hours, groups, largest) of (hours, meters), NaN beyond a group's end."""
        return np.where(self.members >= 0, values[:, self.members], values.dtype.type(np.nan))

    def spread(self, by_group: F64) -> F64:
        """(hours, meters) of (hours, groups), NaN off-group."""
        if not self.count:
            return np.full((len(by_group), len(self.of)), np.nan)
        return np.where(self.of >= 0, by_group.take(self.of, axis=1), np.nan)

    def median(self, values: F64) -> F64:
        """(hours, groups), NaN where no member is known.

        >>> Groups(["x", "x", "x", None]).median(np.array([[1.0, 5.0, np.nan, 9.0]])).tolist()
        [[3.0]]
        """
        ordered = np.sort(self.gathered(values), axis=2)
        known = (ordered == ordered).sum(axis=2)
        return _middle(ordered, known)

    def median_of_others(self, values: F64, fewest: int) -> F64:
        """Each meter's median of the other members, (hours, meters); NaN where fewer than `fewest` of them are known.

        >>> Groups(["x"] * 4).median_of_others(np.array([[1.0, 2.0, 3.0, 9.0]]), 3).tolist()
        [[3.0, 3.0, 2.0, 2.0]]
        """
        if not self.count or not self.members.size:
            return np.full(values.shape, np.nan)
        own = values.astype(np.float32)
        ordered = np.sort(self.gathered(own), axis=2)
        known = np.count_nonzero(ordered == ordered, axis=2)
        largest = ordered.shape[2]
        flat, first = ordered.ravel(), np.arange(known.size).reshape(known.shape) * largest
        group = np.maximum(self.of, 0)

        def at(place: Index) -> F64:
            """(hours, meters): what stands at a place, (hours, groups), of each meter's group."""
            return np.asarray(flat[first + np.clip(place, 0, largest - 1)].take(group, axis=1))

        # without one's own value, what lay behind it moves up by one
        has, n = own == own, known.take(group, axis=1)
        low, high = (known - 2) // 2, (known - 1) // 2
        at_low, at_high = at(low), at(high)
        without_low = np.where(has & (own <= at_low), at(low + 1), at_low)
        without_high = np.where(has & (own <= at_high), at(high + 1), at_high)
        others = np.where(has, 0.5 * (without_low + without_high), 0.5 * (at_high + at(known // 2)))
        return np.where((n - has >= fewest) & (self.of >= 0), others, np.nan)

    def mean_of_others(self, values: F64) -> F64:
        """Each meter's mean of the other known members, (hours, meters); NaN where there is none."""
        known = values == values
        filled = np.where(known, values, 0.0)
        inside = self.of >= 0
        belongs = np.zeros((len(self.of), max(self.count, 1)))
        belongs[np.flatnonzero(inside), self.of[inside]] = 1.0
        sums, counts = filled @ belongs, known @ belongs
        group = np.maximum(self.of, 0)
        others = counts[:, group] - known
        return np.where(inside & (others > 0.5), (sums[:, group] - filled) / np.maximum(others, 1.0), np.nan)


def _middle(ordered: NDArray[Any], known: Index) -> F64:
    """Medians of values sorted along the last axis, NaN last, of which so many are known."""
    if not ordered.shape[2]:
        return np.full(ordered.shape[:2], np.nan)
    largest = ordered.shape[2]
    flat = ordered.ravel()
    first = np.arange(known.size).reshape(known.shape) * largest
    low, high = flat[first + np.maximum(known - 1, 0) // 2], flat[first + np.minimum(known // 2, largest - 1)]
    return np.where(known > 0, 0.5 * (low + high), np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class DayElectric:
    """A day's voltages and currents by phase, (24, 3, meters). A single-phase meter stands in its own phase; where the archive
    does not know which, in none (`drop_v` and `own_a` know it all the same).

    `bus_v` is (24, 3); `drop_v` and `own_a`, (24, meters), are means over a meter's phases: volts below the busbar, and amperes.
    """

    bus_v: F64
    volts: F64
    amperes: F64
    drop_v: F64
    own_a: F64


class Wiring:
    """An area's lines as the archive tells them; `AREA-L<line>-<step>` in `segment`, letters in `phase`; all of it may be unknown.

    A meter whose segment is not known hangs with all its like on one line of one step; one whose phase is not known, on all phases alike.
    """

    def __init__(self, area: Area) -> None:
        self._area = area
        self.meter_ids = area.meter_ids
        self.customer = ~area.is_supply
        self.three_phase = self.customer & ((area.phases == 3) | np.array([m.phase == "abc" for m in area.meters]))
        phase = [_phase_of(m) for m in area.meters]
        own = np.array([[p == q for p in phase] for q in range(len(PHASES))], dtype=np.bool_)
        #: (3, meters): on which phases a meter has a voltage of its own.
        self.carries = self.customer & (self.three_phase | own)
        share = np.where(self.carries.any(axis=0), self.carries, True) & self.customer
        #: (3, meters): how a meter's mean is made of its phases.
        self.share = share / np.maximum(share.sum(axis=0), 1)
        places = [_line_and_step(m.segment) for m in area.meters]
        self.line = [line for line, _ in places]
        kind = ["three" if three else p for three, p in zip(self.three_phase, phase, strict=True)]
        supply = area.is_supply
        self.by_line = Groups([None if s else (line, k) for s, line, k in zip(supply, self.line, kind, strict=True)])
        self.by_phase = Groups([None if s else k for s, k in zip(supply, kind, strict=True)])
        self.lines = Groups([None if s else line for s, line in zip(supply, self.line, strict=True)])
        self._lay(np.array([step for _, step in places]))
        self.nearest = self._nearest(_NEAREST)

    def _lay(self, step: Index) -> None:
        """How much of a meter's path each meter's current flows through: (meters, nodes + lines)."""
        line = self.lines.of
        pairs = sorted({(int(n), int(s)) for n, s in zip(line, step, strict=True) if n >= 0})
        rank: dict[tuple[int, int], int] = {}
        for n, s in pairs:
            rank[n, s] = 1 + sum(1 for other, t in pairs if other == n and t < s)
        self.node = np.array([pairs.index((int(n), int(s))) if n >= 0 else -1 for n, s in zip(line, step, strict=True)])
        #: How many segments lie between the busbar and a meter, (meters,); 0 for a supply meter.
        self.steps = np.array([rank[int(n), int(s)] if n >= 0 else 0 for n, s in zip(line, step, strict=True)])
        self.nodes = len(pairs)
        #: Nodes stand line by line, outwards.
        self.line_of_node = np.array([n for n, _ in pairs], dtype=np.intp)
        shared = np.array(
            [[min(rank[a], rank[b]) if a[0] == b[0] else 0 for b in pairs] for a in pairs], dtype=np.float64
        ).reshape(self.nodes, self.nodes)
        at_node = np.zeros((len(line), self.nodes))
        on_line = np.zeros((len(line), self.lines.count))
        rows = np.flatnonzero(line >= 0)
        at_node[rows, self.node[rows]] = 1.0
        on_line[rows, line[rows]] = 1.0
        self._flows = np.concatenate([at_node @ shared, on_line], axis=1)

    def _nearest(self, most: int) -> Index:
        """(meters, most) rows of the nearest others on the line, those of the same phase first; -1 where there are no more."""
        table = np.full((len(self.line), most), -1, dtype=np.intp)
        of_id = np.argsort(np.argsort(np.array(self.meter_ids)))
        for line in range(self.lines.count):
            rows = np.flatnonzero(self.lines.of == line)
            rows = rows[np.argsort(of_id[rows])]
            steps, kind, three = self.steps[rows], self.by_phase.of[rows], self.three_phase[rows]
            strange = (kind[:, None] != kind) * np.where(three[:, None] | three, 1.0, 2.0)
            apart = np.abs(steps[:, None] - steps) + _STRANGE * strange
            np.fill_diagonal(apart, np.inf)
            nearest = np.argsort(apart, axis=1, kind="stable")[:, : min(most, len(rows) - 1)]
            table[rows[:, None], np.arange(nearest.shape[1])] = rows[nearest]
        return table

    def blocks(self, most: int, *, by_line: bool) -> tuple[Index, Index, Index]:
        """Meters in blocks of at most `most`, those of a phase (of a line and phase) together, outwards: ((blocks, largest) rows, -1 beyond a
        block's end; each block's number phase * lines + line, or phase; (3, meters) each meter's place in the blocks laid end to end, -1 = none).

        A meter of three phases, or of an unknown one, stands in all three.
        """
        ids = np.argsort(np.argsort(np.array(self.meter_ids)))
        outwards = np.lexsort((ids, self.steps, self.lines.of))
        lines = self.lines.count if by_line else 1
        line = self.lines.of if by_line else np.zeros(len(self.line), dtype=np.intp)
        blocks: list[Index] = []
        groups: list[int] = []
        for group in range(len(PHASES) * lines):
            phase, number = divmod(group, lines)
            members = outwards[(line[outwards] == number) & (self.share[phase, outwards] > 0)]
            if len(members):
                parts = np.array_split(members, -(-len(members) // most))
                blocks += parts
                groups += [group] * len(parts)
        largest = max((len(block) for block in blocks), default=0)
        table = np.full((len(blocks), largest), -1, dtype=np.intp)
        place = np.full((len(PHASES), len(self.line)), -1, dtype=np.intp)
        for n, block in enumerate(blocks):
            table[n, : len(block)] = block
            place[groups[n] // lines, block] = n * largest + np.arange(len(block))
        return table, np.array(groups, dtype=np.intp), place

    def median_nearby(self, values: F64, fewest: int) -> F64:
        """(hours, meters): median of each meter's nearest others; NaN where fewer than `fewest` of them are known."""
        beyond_any = np.float32(np.inf)
        by_meter = np.ascontiguousarray(values.astype(np.float32).T)
        by_meter[by_meter != by_meter] = beyond_any
        around = by_meter[self.nearest.T]
        around[self.nearest.T < 0] = beyond_any
        known = np.count_nonzero(around < beyond_any, axis=0)
        ordered = in_order(list(around))
        middle = np.full(known.shape, np.nan)
        for count in np.flatnonzero(np.bincount(known.ravel())).tolist():
            if count >= max(fewest, 1):
                of_two = 0.5 * (ordered[(count - 1) // 2] + ordered[count // 2])
                np.copyto(middle, of_two, where=known == count)
        return np.ascontiguousarray(middle.T)

    def loading_a(self, amperes: F64) -> tuple[F64, F64]:
        """(load of each node's path, load of each line's first segment), (24, 3, nodes) and (24, 3, lines), of (24, 3, meters).

        Amperes as a phase's voltage feels them: the neutral that the three share doubles a phase's own current and takes half of
        the others' away. A path of several segments counts each segment's current once.
        """
        felt = 2.5 * amperes - 0.5 * amperes.sum(axis=1, keepdims=True)
        flows = felt @ self._flows
        return flows[:, :, : self.nodes], flows[:, :, self.nodes :]

    def of_meters(self, by_phase: F64, place: Index) -> F64:
        """(24, meters) of (24, 3, nodes or lines): at each meter's place, as the mean over its phases; 0 for supply meters."""
        at = by_phase[:, :, np.maximum(place, 0)]
        return np.asarray((at * self.share).sum(axis=1))

    def electric(self, day: AreaCurves) -> DayElectric:
        hourly = day.hourly
        volts = np.stack([hourly[f"voltage_{p}"] for p in PHASES], axis=1)
        volts = np.where(volts >= _LOST_BELOW * NOMINAL_VOLTAGE_V, volts, np.nan)
        amperes = np.stack([hourly[f"current_{p}"] for p in PHASES], axis=1)
        energy, export = hourly["energy_kwh"], hourly["export_kwh"]
        net_a = (energy - np.where(export == export, export, 0.0)) * _AMPERES_PER_KW
        amperes = np.where(amperes == amperes, amperes, net_a[:, None] * np.where(self.three_phase, 1 / 3, 1.0))
        single_v, single_a = volts[:, 0], amperes[:, 0]
        own_volts = np.where(self.three_phase, volts, single_v[:, None])
        by_phase_v = np.where(self.carries, own_volts, np.nan)
        # an unknown phase's current is thought to be spread over all three
        by_phase_a = np.where(self.three_phase, amperes, single_a[:, None] * self.share)
        bus_v = self._busbar(volts, by_phase_v, single_v)
        drops = np.where(self.share > 0, bus_v[:, :, None] - own_volts, np.nan)
        known = drops == drops
        drop_v = np.where(known, drops, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        drop_v = np.where(known.any(axis=1) & self.customer, drop_v, np.nan)
        magnitude = np.abs(by_phase_a)
        own_a = np.where(self.three_phase, magnitude.mean(axis=1), np.abs(single_a))
        own_a = np.where((energy == energy) & self.customer, own_a, np.nan)
        return DayElectric(bus_v, by_phase_v, by_phase_a, drop_v, own_a)

    def _busbar(self, volts: F64, by_phase_v: F64, single_v: F64) -> F64:
        """The supply meter's voltages; where there are none, the medians of the area's own on the phase, or of all, (24, 3)."""
        rows = self._area.supply_rows
        if len(rows):
            bus_v = _mean_along(volts[:, :, rows])
            if (bus_v == bus_v).all():
                return bus_v
        else:
            bus_v = np.full(volts.shape[:2], np.nan)
        everyone = np.where(
            self.customer, np.where(self.three_phase, _mean_along(volts.swapaxes(1, 2)), single_v), np.nan
        )
        fallback = np.stack([_row_medians(by_phase_v[:, q]) for q in range(len(PHASES))], axis=1)
        fallback = np.where(fallback == fallback, fallback, _row_medians(everyone)[:, None])
        return np.where(bus_v == bus_v, bus_v, fallback)


def in_order(several: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """Arrays of one shape, without NaN, sorted place by place: few arrays, long ones, where `np.sort` would sort many short rows.

    Reference: Batcher (1968), Sorting networks and their applications (odd-even merge).

    >>> [each.tolist() for each in in_order([np.array([3, 1]), np.array([2, 2]), np.array([1, 3])])]
    [[1, 1], [2, 2], [3, 3]]
    """
    for low, high in _comparators(len(several)):
        one, other = several[low], several[high]
        several[low], several[high] = np.minimum(one, other), np.maximum(one, other)
    return several


@cache
def _comparators(count: int) -> tuple[tuple[int, int], ...]:
    pairs: list[tuple[int, int]] = []
    size = 1
    while size < count:
        step = size
        while step:
            pairs += [
                (low, low + step)
                for first in range(step % size, count - step, 2 * step)
                for low in range(first, min(first + step, count - step))
                if low // (2 * size) == (low + step) // (2 * size)
            ]
            step //= 2
        size *= 2
    return tuple(pairs)


def _phase_of(meter: Meter) -> int:
    """0 to 2; -1 for a meter of all phases or of none that is known."""
    return PHASES.index(meter.phase) if meter.phase in PHASES else -1


def _line_and_step(segment: str | None) -> tuple[str, int]:
    """Of `AREA-L<line>-<step>`; a segment of another form is a line of its own with one step.

    >>> _line_and_step("A0001-L2-3"), _line_and_step("pole 7"), _line_and_step(None)
    (('A0001-L2', 3), ('pole 7', 1), ('', 1))
    """
    line, dash, step = (segment or "").rpartition("-")
    return (line, int(step)) if dash and step.isdigit() else (segment or "", 1)


def _mean_along(values: F64) -> F64:
    """Mean of what is known along the last axis, NaN where nothing is."""
    known = values == values
    count = known.sum(axis=-1)
    return np.where(count > 0, np.where(known, values, 0.0).sum(axis=-1) / np.maximum(count, 1), np.nan)


def _row_medians(values: F64) -> F64:
    """Median of each row's known values, NaN where there is none."""
    ordered = np.sort(values, axis=1)[:, None]
    return _middle(ordered, (ordered == ordered).sum(axis=2))[:, 0]
