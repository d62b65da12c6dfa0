"""The archive, to be read: where meters hang, what was switched off, who worked where."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from desk.api.access import PartsOf, scoped
from desk.api.place_schemas import MeterOut, OutageOut, Place, Places, WorkOut
from metering.archive import WorkOrder
from metering.errors import NotFound
from metering.times import to_epoch_s

router = APIRouter(prefix="/places", tags=["places"])
FOREVER_S = 2**62


@router.get("", response_model=Places, summary="The areas and their local time", **scoped("alerts:read"))
def places(parts: PartsOf) -> Places:
    """It does not change while the desk runs."""
    return Places.of(parts.records.archive, customers=parts.records.customers)


@router.get(
    "/{transformer_area}",
    response_model=Place,
    summary="An area, its meters, outages and work",
    **scoped("alerts:read"),
)
def place(
    transformer_area: str,
    parts: PartsOf,
    since: Annotated[AwareDatetime | None, Query(description="outages and work that ended later")] = None,
    until: Annotated[AwareDatetime | None, Query(description="outages and work that began earlier")] = None,
) -> Place:
    """Without any customer's name, number or address."""
    archive = parts.records.archive
    area = archive.areas.get(transformer_area)
    if area is None:
        raise NotFound(f"there is no transformer area {transformer_area}")
    start_s = 0 if since is None else to_epoch_s(since)
    end_s = FOREVER_S if until is None else to_epoch_s(until)
    here = {m.meter_id for m in area.meters}
    return Place(
        transformer_area=transformer_area,
        meters=tuple(map(MeterOut.of, area.meters)),
        outages=tuple(
            OutageOut.of(outage)
            for outage in archive.outages_by_area.get(transformer_area, ())
            if outage.start_s < end_s and start_s < outage.end_s
        ),
        works=tuple(
            WorkOut.of(work)
            for work in archive.works
            if _is_here(work, transformer_area, here) and work.start_s < end_s and start_s < work.end_s
        ),
    )


def _is_here(work: WorkOrder, transformer_area: str, meters: set[str]) -> bool:
    return work.meter_id in meters if work.meter_id else work.transformer_area == transformer_area
