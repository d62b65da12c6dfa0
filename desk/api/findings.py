"""What inspections found, to be read."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from desk.api.access import CallerOf, PartsOf, scoped
from desk.api.paging import ROWS, CursorText, Limit, sliced
from desk.api.schemas import FindingList, FindingOut
from metering.times import to_epoch_s

router = APIRouter(prefix="/findings", tags=["findings"])


@router.get("", response_model=FindingList, summary="A page of findings", **scoped("tasks:read"))
def list_findings(
    parts: PartsOf,
    caller: CallerOf,
    since: Annotated[AwareDatetime | None, Query(description="found at or after")] = None,
    until: Annotated[AwareDatetime | None, Query(description="found before")] = None,
    meter: Annotated[str, Query(max_length=100, description="meter number")] = "",
    limit: Limit = ROWS,
    cursor: CursorText = "",
) -> FindingList:
    """By the time they were found."""
    span = {name: to_epoch_s(moment) for name, moment in (("from_s", since), ("to_s", until)) if moment is not None}
    found = [f for f in parts.records.store.findings(**span) if meter in ("", f.meter_id)]
    rows, onwards, back = sliced(found, cursor, limit, sort="found", key=lambda finding: finding.finding_id)
    return FindingList(
        findings=tuple(FindingOut.of(finding, names=caller.sees_names) for finding in rows),
        next=onwards,
        previous=back,
        count=len(found),
        count_is_more=False,
    )
