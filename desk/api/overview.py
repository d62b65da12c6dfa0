"""How all stands, for control rooms and whoever else shows it: counts, areas, hazards, what to do next."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from desk.api.access import CallerOf, Parts, PartsOf, scoped
from desk.api.overview_schemas import AreaOut, AreasOut, Overview
from metering.errors import StoreUnavailable
from operations.control_room import Standing, areas_now, balances, ranked_areas, standing

router = APIRouter(prefix="/overview", tags=["overview"])
STANDING_SECONDS, BALANCE_SECONDS = 2.0, 30.0
ROWS, AREAS = 8, 24


@router.get("", response_model=Overview, summary="How all stands", **scoped("alerts:read"))
def overview(
    parts: PartsOf,
    caller: CallerOf,
    areas: Annotated[int, Query(ge=0, le=100, description="how many areas, of the first")] = AREAS,
) -> Overview:
    """Counts are of what is open now, at most two seconds old; losses are at most half a minute old, and null while the time-series
    store is away."""
    records = parts.records

    def read() -> Standing:
        return standing(records.store, now_s=records.now_s(), clock_s=records.log_clock_s(), rows=ROWS)

    now = records.moments.get("standing", STANDING_SECONDS, read)
    tasks = caller.may("tasks:read")
    return Overview.of(now, _areas(parts, now, areas, tasks=tasks), names=caller.sees_names, tasks=tasks)


def _areas(parts: Parts, now: Standing, areas: int, *, tasks: bool) -> AreasOut:
    records = parts.records
    names = ranked_areas(records.archive, now.cases, areas)
    try:
        lost = records.moments.get(
            "balances",
            BALANCE_SECONDS,
            lambda: balances(records.series, records.archive, names, now.clock_s),
            key=frozenset(names),
        )
    except StoreUnavailable:
        lost = {}  # alerts are shown while the time-series store is away
    found = areas_now(records.archive, now.cases, names, lost)
    return AreasOut(
        count=len(records.archive.areas),
        meters=records.customers,
        ranked=tuple(AreaOut.of(area, tasks=tasks) for area in found),
    )
