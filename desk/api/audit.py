"""The audit trail, for those who answer for it: who did what to which alert or task, who looked at which curve, what was refused."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from desk.api.access import PartsOf, scoped
from desk.api.audit_schemas import AuditLine, AuditList
from desk.api.paging import ROWS, CursorText, Limit, sliced
from metering.times import to_epoch_s

router = APIRouter(prefix="/audit", tags=["audit"])
FOREVER_S = 2**62


@router.get("/{subject}", response_model=AuditList, summary="A page of an audit trail", **scoped("admin"))
def audit_trail(
    subject: str,
    parts: PartsOf,
    by: Annotated[str, Query(max_length=60, description="who did it")] = "",
    of: Annotated[str, Query(max_length=110, description="what it was done to, e.g. `meter M-1` in `curves`")] = "",
    since: Annotated[AwareDatetime | None, Query(description="at or after, event time")] = None,
    until: Annotated[AwareDatetime | None, Query(description="before, event time")] = None,
    limit: Limit = ROWS,
    cursor: CursorText = "",
) -> AuditList:
    """Newest first. `subject` is the number of an alert or a task, or a trail: `curves` (looks at load curves), `api` (what was refused),
    `api tokens`, `silences`."""
    start_s = 0 if since is None else to_epoch_s(since)
    end_s = FOREVER_S if until is None else to_epoch_s(until)
    numbered = [
        (number, line)
        for number, line in enumerate(parts.records.store.audit(subject), 1)
        if by in ("", line.actor) and of in ("", line.from_state) and start_s <= line.at_s < end_s
    ]
    rows, onwards, back = sliced(numbered[::-1], cursor, limit, sort="audit", key=lambda row: str(row[0]))
    return AuditList(
        lines=tuple(AuditLine.of(line) for _, line in rows),
        next=onwards,
        previous=back,
        count=len(numbered),
        count_is_more=False,
    )
