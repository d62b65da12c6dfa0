"""The quality of the readings, to be read."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from desk.api.access import PartsOf, scoped
from desk.api.quality_schemas import Quality
from operations.data_quality import RECENT_DAYS, data_quality

router = APIRouter(prefix="/quality", tags=["quality"])
ROWS = 40


@router.get("", response_model=Quality, summary="What validation found, and whom to calibrate", **scoped("alerts:read"))
def quality(
    parts: PartsOf,
    limit: Annotated[int, Query(ge=1, le=200, description="meters and candidates at most")] = ROWS,
) -> Quality:
    """By rule since the beginning and lately, by meter of the last days, and the meters whose error is surely not nothing."""
    records = parts.records
    clock_s = records.log_clock_s()
    found = data_quality(records.store, records.series, clock_s)
    return Quality.of(found, clock_s=clock_s, days=RECENT_DAYS, rows=limit)
