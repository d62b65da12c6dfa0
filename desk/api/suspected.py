"""What is suspected: conditions that hold, but not yet as long as the catalogue asks. They have no alert, so no number either."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from desk.api.access import PartsOf, scoped
from desk.api.schemas import Sent, known, moment
from metering.catalogue import CATALOGUE, Family, Lane
from metering.suspicion import Suspicion
from operations.suspected import suspected

router = APIRouter(prefix="/alerts", tags=["alerts"])
MOST = 1_000


class SuspectedLine(Sent):
    """A condition on its way to an alert. `held_minutes` counts intervals that nobody judged too, and never exceeds `must_minutes`;
    `observed` and `expected` are of when it was first shown."""

    abnormality: str
    name_en: str
    name_zh: str
    family: str
    lane: str
    transformer_area: str
    meter_id: Annotated[str | None, Field(description="null for an area's own condition")]
    service_point: str
    since: datetime
    held_minutes: int
    must_minutes: Annotated[int, Field(description="it becomes an alert when it held for so long")]
    observed: float | None
    expected: float | None
    unit: str

    @classmethod
    def of(cls, suspicion: Suspicion, now_s: int) -> SuspectedLine:
        kind = CATALOGUE[suspicion.abnormality]
        return cls(
            abnormality=kind.code,
            name_en=kind.name_en,
            name_zh=kind.name_zh,
            family=kind.family,
            lane=kind.lane,
            transformer_area=suspicion.transformer_area,
            meter_id=suspicion.meter_id,
            service_point=suspicion.service_point,
            since=moment(suspicion.since_s),
            held_minutes=suspicion.held_s(now_s) // 60,
            must_minutes=suspicion.must_s // 60,
            observed=known(suspicion.observed),
            expected=known(suspicion.expected),
            unit=suspicion.unit,
        )


class SuspectedList(Sent):
    suspected: Annotated[
        tuple[SuspectedLine, ...], Field(description="hazards first, then what becomes an alert the soonest")
    ]
    count: Annotated[int, Field(description=f"how many match; up to {MOST:,} are listed")]
    judged_until: Annotated[datetime, Field(description="up to when readings are judged")]


@router.get("/suspected", response_model=SuspectedList, summary="What is no alert yet", **scoped("alerts:read"))
def list_suspected(
    parts: PartsOf,
    area: Annotated[str, Query(max_length=100, description="transformer area")] = "",
    lane: Lane | None = None,
    family: Family | None = None,
) -> SuspectedList:
    """Conditions of hazards and suspicions that have held for at least half as long as they must to become an alert. Nobody is told."""
    r = parts.records
    now_s = r.log_clock_s()
    found = suspected(r.store, r.archive, now_s, transformer_area=area, lane=lane or "", family=family or "")
    return SuspectedList(
        suspected=tuple(SuspectedLine.of(s, now_s) for s in found[:MOST]), count=len(found), judged_until=moment(now_s)
    )
