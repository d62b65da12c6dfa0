"""What a control room shows at one time: what is open and where, what came in, and what is wrong with the monitor itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from metering.archive import Archive
from metering.catalogue import CATALOGUE
from metering.open_cases import OpenCases
from metering.ports import SeriesRow, StateStore, TimeSeries
from metering.times import DAY_S
from metering.watch import WatchStanding

#: Up to this many areas one query for all is cheaper than one for each that is asked about.
READ_AT_ONCE = 60
HAZARDS = tuple(code for code, kind in CATALOGUE.items() if kind.lane == "hazard")
SET_ASIDE = "set_aside."


@dataclass(frozen=True, slots=True)
class Intake:
    """How many readings came in, and what became of them; `set_aside` by reason, the most first."""

    accepted: int
    set_aside: Mapping[str, int]
    late: int
    dead_lettered: int

    @property
    def readings_in(self) -> int:
        return self.accepted + sum(self.set_aside.values()) + self.late + self.dead_lettered


@dataclass(frozen=True, slots=True)
class Standing:
    """`now_s` dates people's moves, `clock_s` is up to when readings are judged; `last_closed_day` is an ordinal."""

    now_s: int
    clock_s: int
    cases: OpenCases
    intake: Intake
    last_closed_day: int | None
    watch: tuple[WatchStanding, ...]


@dataclass(frozen=True, slots=True)
class AreaNow:
    """One transformer area. `loss_share` is the loss over the supplied energy of the last 24 hours that could be balanced, None
    where none could; `loss_course` the same by hour."""

    transformer_area: str
    meters: int
    open_alerts: int
    hazards: int
    open_tasks: int
    loss_share: float | None
    loss_course: tuple[float | None, ...]


def intake_of(counters: Mapping[str, int]) -> Intake:
    """
    >>> intake_of({"readings_accepted": 8, "set_aside.negative": 2, "frames": 1}).readings_in
    10
    """
    set_aside = {name.removeprefix(SET_ASIDE): n for name, n in counters.items() if name.startswith(SET_ASIDE) and n}
    return Intake(
        counters.get("readings_accepted", 0),
        dict(sorted(set_aside.items(), key=lambda item: (-item[1], item[0]))),
        counters.get("readings_late", 0),
        counters.get("readings_dead_lettered", 0),
    )


def standing(store: StateStore, *, now_s: int, clock_s: int, rows: int) -> Standing:
    """`rows` alerts and tasks of each list. Raises `StoreUnavailable`."""
    return Standing(
        now_s,
        clock_s,
        store.open_cases(now_s=now_s, marked=HAZARDS, rows=rows),
        intake_of(store.counters()),
        store.last_closed_day(),
        tuple(store.watch_standings()),
    )


def ranked_areas(archive: Archive, cases: OpenCases, areas: int) -> list[str]:
    """The first `areas`: those with hazards first, then by open alerts, then by name."""
    alerts, hazards = cases.alerts_by_area, cases.marked_by_area
    order = sorted(archive.areas, key=lambda name: (-hazards.get(name, 0), -alerts.get(name, 0), name))
    return order[:areas]


def areas_now(
    archive: Archive, cases: OpenCases, names: Sequence[str], balances: Mapping[str, Sequence[SeriesRow]]
) -> list[AreaNow]:
    return [
        AreaNow(
            name,
            int(np.count_nonzero(~archive.areas[name].is_supply)),
            cases.alerts_by_area.get(name, 0),
            cases.marked_by_area.get(name, 0),
            cases.tasks_by_area.get(name, 0),
            *loss_of(balances.get(name, ())),
        )
        for name in names
    ]


def balances(
    series: TimeSeries, archive: Archive, areas: Sequence[str], clock_s: int
) -> Mapping[str, tuple[SeriesRow, ...]]:
    """The last 24 hours of the energy balance of `areas`, by area. Raises `StoreUnavailable`."""
    start_s = clock_s - DAY_S
    if len(archive.areas) > READ_AT_ONCE:
        return {
            area: tuple(series.read("area_balance", start_s=start_s, end_s=clock_s, tags={"transformer_area": area}))
            for area in areas
        }
    found: dict[str, list[SeriesRow]] = {area: [] for area in areas}
    for row in series.read("area_balance", start_s=start_s, end_s=clock_s):
        found.setdefault(row.tags["transformer_area"], []).append(row)
    return {area: tuple(rows) for area, rows in found.items()}


def loss_of(rows: Sequence[SeriesRow]) -> tuple[float | None, tuple[float | None, ...]]:
    """(loss over supplied energy, its course by hour) of the intervals that could be balanced."""
    supplied: dict[int, float] = {}
    lost: dict[int, float] = {}
    for row in rows:
        hour = row.time_s // 3600
        supplied.setdefault(hour, 0.0)
        lost.setdefault(hour, 0.0)
        if "loss_kwh" in row.fields and "supplied_kwh" in row.fields:
            supplied[hour] += row.fields["supplied_kwh"]
            lost[hour] += row.fields["loss_kwh"]
    whole = sum(supplied.values())
    course = tuple(lost[h] / supplied[h] if supplied[h] > 0 else None for h in sorted(supplied))
    return (sum(lost.values()) / whole if whole > 0 else None), course
