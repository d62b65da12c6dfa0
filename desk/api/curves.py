"""Load curves, to be read by name: they show when people are at home, so every look leaves a line in the audit trail."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from desk.api.access import Caller, CallerOf, Parts, PartsOf, access_log, scoped
from desk.api.curve_schemas import CurvesOut
from desk.api.problems import Refused
from metering.errors import NotFound
from metering.inspection import AuditEntry
from metering.times import DAY_S, iso, to_epoch_s
from operations.load_curves import read_curves

router = APIRouter(tags=["curves"])
#: The audit trail of who looked at which curve.
TRAIL = "curves"
LONGEST_DAYS = 400
UNNAMED = "unnamed"

Since = Annotated[AwareDatetime, Query(description="from this interval on")]
Until = Annotated[AwareDatetime, Query(description=f"before this interval, {LONGEST_DAYS} days later at most")]
ByDay = Annotated[bool, Query(description="sums of whole local days")]
Purpose = Annotated[str, Query(max_length=100, description="why: the number of an alert, a task, a letter")]


@router.get(
    "/meters/{meter_id}/curve", response_model=CurvesOut, summary="A meter's load curve", **scoped("curves:read")
)
def meter_curve(
    meter_id: str,
    parts: PartsOf,
    caller: CallerOf,
    since: Since,
    until: Until,
    by_day: ByDay = False,
    purpose: Purpose = "",
) -> CurvesOut:
    """Energy observed and expected, voltages and currents as they are measured, with the balance of the area where the meter hung at
    the end of the span. Every answer leaves a line in the audit trail: who, which meter, which span, and why."""
    span = _span(since, until)
    area = parts.records.archive.area_of(meter_id, span[1] - 1)
    if area is None:
        raise NotFound(f"there is no meter {meter_id}")
    return _told(parts, caller, area, meter_id, span, by_day=by_day, purpose=purpose)


@router.get(
    "/areas/{transformer_area}/curve", response_model=CurvesOut, summary="An area's balance", **scoped("curves:read")
)
def area_curve(
    transformer_area: str,
    parts: PartsOf,
    caller: CallerOf,
    since: Since,
    until: Until,
    by_day: ByDay = False,
    purpose: Purpose = "",
) -> CurvesOut:
    """Supplied and metered energy and what is lost between them. An area may be one customer: a look leaves a line as well."""
    if transformer_area not in parts.records.archive.areas:
        raise NotFound(f"there is no transformer area {transformer_area}")
    return _told(parts, caller, transformer_area, None, _span(since, until), by_day=by_day, purpose=purpose)


def _span(since: AwareDatetime, until: AwareDatetime) -> tuple[int, int]:
    start_s, end_s = to_epoch_s(since), to_epoch_s(until)
    if not 0 < end_s - start_s <= LONGEST_DAYS * DAY_S:
        raise Refused("invalid", f"`until` must lie after `since`, by {LONGEST_DAYS} days at most")
    return start_s, end_s


def _told(
    parts: Parts, caller: Caller, area: str, meter_id: str | None, span: tuple[int, int], *, by_day: bool, purpose: str
) -> CurvesOut:
    records, (start_s, end_s) = parts.records, span
    _remember(parts, caller, area, meter_id, span, purpose)
    curves = read_curves(
        records.series,
        records.archive,
        area,
        meter_id,
        start_s,
        end_s,
        by_day=by_day,
        expected_curve=records.expected_curve,
    )
    return CurvesOut.of(curves, area, meter_id)


def _remember(
    parts: Parts, caller: Caller, area: str, meter_id: str | None, span: tuple[int, int], purpose: str
) -> None:
    """Before anything is read: no look without a line. Raises `StoreUnavailable`."""
    person, over = caller.person or UNNAMED, f"{iso(span[0])} to {iso(span[1])}"
    what = f"meter {meter_id}" if meter_id is not None else f"area {area}"
    parts.records.store.append_audit(
        AuditEntry(TRAIL, parts.records.now_s(), person, "read_curve", what, over, purpose)
    )
    access_log.info("curve read: %s %s by=%s token=%s purpose=%s", what, over, person, caller.token_id or "-", purpose)
