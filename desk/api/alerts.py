"""Alerts: the list, one alert with its history, and what people do with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Literal, get_args

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime
from starlette.responses import Response

from alerts.shown_life import shown_state
from desk.api.access import Caller, CallerOf, Parts, PartsOf, scoped
from desk.api.idempotency import Once, OnceOf
from desk.api.paging import ROWS, CursorText, Limit, beside, cursor_of
from desk.api.problems import Refused
from desk.api.schemas import (
    Acknowledge,
    AlertDetail,
    AlertLine,
    AlertList,
    Assign,
    Comment,
    Handled,
    HandlingOut,
    HandOver,
    HistoryLine,
    NotAProblem,
    SaidOfAlert,
    TakeBack,
    Unassign,
    Withdrawn,
    moment,
)
from metering.alert import AlertState, Grade
from metering.announcement import Urgency
from metering.archive import Archive
from metering.catalogue import CATALOGUE, Family, Lane
from metering.errors import NotFound
from metering.handling import (
    COUNTED_AT_MOST,
    AlertHandling,
    AlertOrder,
    AlertQuery,
    HandledAlert,
    ShownState,
    order_value,
)
from metering.times import to_epoch_s
from operations.dismissal_effects import dismissal_effects
from operations.handle_alert import (
    acknowledge_alert,
    assign_alert,
    comment_alert,
    hand_over_alert,
    subject_of,
    unassign_alert,
)
from operations.not_a_problem import life_of, not_a_problem, take_back
from operations.silence import silence_history

router = APIRouter(prefix="/alerts", tags=["alerts"])

ORDERS: tuple[AlertOrder, ...] = get_args(AlertOrder)
Sort = Literal[
    "raised", "risk", "energy", "abnormality", "family", "meter", "area", "state",
    "-raised", "-risk", "-energy", "-abnormality", "-family", "-meter", "-area", "-state",
]  # fmt: skip
Search = Annotated[str, Query(max_length=60, description="part of a meter's or service point's number")]


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed by; all that is given must hold."""

    state: Annotated[tuple[AlertState, ...], Query(description="the machine's state; may be given several times")] = ()
    shown: Annotated[ShownState | None, Query(description="where the alert stands for people")] = None
    abnormality: Annotated[tuple[str, ...], Query(description="catalogue code; may be given several times")] = ()
    family: Family | None = None
    lane: Lane | None = None
    urgency: Urgency | None = None
    grade: Grade | None = None
    area: Annotated[str, Query(max_length=100, description="transformer area")] = ""
    feeder: Annotated[str, Query(max_length=100, description="feeder of the archive")] = ""
    meter: Annotated[str, Query(max_length=100, description="meter number")] = ""
    customer: Annotated[str, Query(max_length=100, description="customer number; needs `alerts:handle`")] = ""
    since: Annotated[AwareDatetime | None, Query(description="raised at or after")] = None
    until: Annotated[AwareDatetime | None, Query(description="raised before")] = None
    owner: Annotated[str, Query(max_length=60, description="who answers for it; needs `alerts:handle`")] = ""
    acknowledged: Annotated[bool | None, Query(description="whether this episode is acknowledged")] = None
    search: Search = ""


@router.get("", response_model=AlertList, summary="A page of alerts", **scoped("alerts:read"))
def list_alerts(
    parts: PartsOf,
    caller: CallerOf,
    filters: Annotated[Filters, Depends()],
    sort: Annotated[Sort, Query(description="the order; a hyphen before it turns it round")] = "-raised",
    limit: Limit = ROWS,
    cursor: CursorText = "",
) -> AlertList:
    """The alerts that match, with what people did about them. Follow `next` until it is null."""
    if filters.shown is ShownState.SUSPECTED:
        raise Refused("invalid", "what is suspected is no alert yet: it stands at GET /api/v1/alerts/suspected")
    if (filters.customer or filters.owner) and not caller.sees_names:
        raise Refused("not-allowed", "to look for a customer or an owner needs alerts:handle", needs="alerts:handle")
    here = cursor_of(cursor, sort)
    order: AlertOrder = sort.removeprefix("-")  # type: ignore[assignment]
    query = replace(
        _narrowed(filters, parts.records.archive),
        order=order,
        descending=sort.startswith("-"),
        after=None if here is None else (here.value, here.key),
        backwards=here is not None and here.backwards,
        limit=limit,
    )
    page = parts.records.store.alert_page(query)

    def place(row: HandledAlert) -> tuple[str | float, str]:
        return order_value(row.alert, order), row.alert.alert_id

    onwards, back = beside(page.rows, here, more=page.more, sort=sort, place=place)
    return AlertList(
        alerts=tuple(AlertLine.of(row, names=caller.sees_names) for row in page.rows),
        next=onwards,
        previous=back,
        count=min(page.count, COUNTED_AT_MOST),
        count_is_more=page.count > COUNTED_AT_MOST,
        now=moment(parts.records.now_s()),
        judged_until=moment(parts.records.log_clock_s()),
    )


def _narrowed(filters: Filters, archive: Archive) -> AlertQuery:
    """The filters as the store knows them: catalogue and archive turn words into codes, areas and service points."""
    codes = None
    if filters.abnormality or filters.lane or filters.urgency:
        codes = tuple(
            code
            for code, row in CATALOGUE.items()
            if (not filters.abnormality or code in filters.abnormality)
            and filters.lane in (None, row.lane)
            and filters.urgency in (None, row.urgency)
        )
    areas: set[str] | None = {filters.area} if filters.area else None
    if filters.feeder:
        fed = {m.transformer_area for m in archive.meters if m.feeder == filters.feeder}
        areas = fed if areas is None else areas & fed
    points: set[str] | None = None
    if filters.meter:
        points = {m.service_point for m in archive.meters if m.meter_id == filters.meter}
    if filters.customer:
        theirs = {m.service_point for m in archive.meters if m.customer_id == filters.customer}
        points = theirs if points is None else points & theirs
    return AlertQuery(
        states=filters.state,
        shown=filters.shown,
        abnormalities=codes,
        family=filters.family or "",
        grade=filters.grade or "",
        transformer_areas=None if areas is None else tuple(sorted(areas)),
        service_points=None if points is None else tuple(sorted(points)),
        meter_id=filters.meter,
        owner=filters.owner,
        acknowledged=filters.acknowledged,
        since_s=_epoch(filters.since),
        until_s=_epoch(filters.until),
        search=filters.search.strip(),
    )


def _epoch(moment: datetime | None) -> int | None:
    return None if moment is None else to_epoch_s(moment)


@router.get("/{alert_id}", response_model=AlertDetail, summary="One alert with its history", **scoped("alerts:read"))
def one_alert(alert_id: str, parts: PartsOf, caller: CallerOf) -> AlertDetail:
    """The claim with its reasons, what the machine said of it and why it did not, every relapse, and what people did."""
    store = parts.records.store
    alert = store.alert(alert_id)
    if alert is None:
        raise NotFound(f"there is no alert {alert_id}")
    row = HandledAlert(alert, store.handling(alert_id), tuple(store.tasks_of_alert(alert_id)))
    turns = _turns(parts, alert_id, names=caller.sees_names)
    r = parts.records
    return AlertDetail.of_all(
        row, tuple(store.audit(alert_id)), turns, names=caller.sees_names, now_s=r.now_s(), clock_s=r.log_clock_s()
    )


def _turns(parts: Parts, alert_id: str, *, names: bool) -> tuple[HistoryLine, ...]:
    """What was announced of the alert and what was held back, with the silences that did it."""
    turns = parts.records.store.announcements(alert_id)
    silencing = {t.stopped.detail for t in turns if t.stopped is not None and t.stopped.stage == "silence"}
    lives = silence_history(parts.records.store) if silencing else ()
    silences = {life.silence.silence_id: life.silence for life in lives if life.silence.silence_id in silencing}
    return tuple(HistoryLine.of_turn(turn, silences, names=names) for turn in turns)


def _act(
    use_case: Callable[..., AlertHandling],
    alert_id: str,
    asked: Acknowledge | Assign | Unassign | Comment | HandOver,
    parts: Parts,
    caller: Caller,
    once: Once,
    **more: str,
) -> Response:
    """What a caller does with an alert as they saw it, by name, once for one idempotency key."""

    def act() -> Handled:
        r = parts.records
        handling = use_case(
            r.store,
            alert_id,
            asked.version,
            actor=caller.person,
            now_s=r.now_s(),
            encode=r.encode,
            note=asked.note,
            **more,
        )
        return _handled(parts, handling)

    return once(act, asked)


@router.post("/{alert_id}/acknowledge", response_model=Handled, summary="Acknowledge", **scoped("alerts:handle"))
def acknowledge(alert_id: str, asked: Acknowledge, parts: PartsOf, caller: CallerOf, once: OnceOf) -> Response:
    """Say that somebody has seen what the alert says now. Who acknowledges an alert that nobody owns, owns it."""

    return _act(acknowledge_alert, alert_id, asked, parts, caller, once)


@router.post("/{alert_id}/assign", response_model=Handled, summary="Give it an owner", **scoped("alerts:handle"))
def assign(alert_id: str, asked: Assign, parts: PartsOf, caller: CallerOf, once: OnceOf) -> Response:
    """The owner answers for the alert from now on."""

    return _act(assign_alert, alert_id, asked, parts, caller, once, owner=asked.owner)


@router.post(
    "/{alert_id}/unassign", response_model=Handled, summary="Take it from its owner", **scoped("alerts:handle")
)
def unassign(alert_id: str, asked: Unassign, parts: PartsOf, caller: CallerOf, once: OnceOf) -> Response:
    """Nobody answers for the alert any more; `note` says why."""

    return _act(unassign_alert, alert_id, asked, parts, caller, once)


@router.post("/{alert_id}/comments", response_model=Handled, summary="Leave a comment", **scoped("alerts:handle"))
def comment(alert_id: str, asked: Comment, parts: PartsOf, caller: CallerOf, once: OnceOf) -> Response:
    """Words that stay with the alert."""

    return _act(comment_alert, alert_id, asked, parts, caller, once)


@router.post("/{alert_id}/hand-over", response_model=Handled, summary="Hand it over", **scoped("alerts:handle"))
def hand_over(alert_id: str, asked: HandOver, parts: PartsOf, caller: CallerOf, once: OnceOf) -> Response:
    """Give the alert to the next shift, with what they must know."""

    return _act(hand_over_alert, alert_id, asked, parts, caller, once, owner=asked.owner)


@router.get(
    "/{alert_id}/not-a-problem",
    response_model=SaidOfAlert,
    summary="What was said of it, and what that changed",
    **scoped("alerts:handle"),
)
def said_of(alert_id: str, parts: PartsOf) -> SaidOfAlert:
    """The last word of a person on the alert, whether it stands or was taken back, and what it changed: of the meter itself, of the
    ranking and of others, or why nothing."""
    r = parts.records
    if r.store.alert(alert_id) is None:
        raise NotFound(f"there is no alert {alert_id}")
    life = life_of(r.store, alert_id)
    effect = None if life is None else dismissal_effects(r.store, r.archive, [life])[0]
    return SaidOfAlert(alert_id=alert_id, effect=effect)


@router.post(
    "/{alert_id}/not-a-problem", response_model=Withdrawn, summary="Not a problem, because", **scoped("alerts:handle")
)
def no_problem(alert_id: str, asked: NotAProblem, parts: PartsOf, caller: CallerOf, once: OnceOf) -> Response:
    """A person knows from the office that nothing is wrong: the alert is withdrawn when the area's log has it, and the ranking
    learns a little. A hazard takes a reason that settles it."""

    def act() -> Withdrawn:
        r = parts.records
        said = not_a_problem(
            r.store,
            alert_id,
            because=asked.because,
            by=caller.person,
            now_s=r.now_s(),
            encode=r.encode,
            note=asked.note,
        )
        return Withdrawn(alert_id=alert_id, dismissal_id=said.dismissal_id, because=asked.because)

    return once(act, asked)


@router.post(
    "/{alert_id}/not-a-problem/undo",
    response_model=Withdrawn,
    summary="Take back that it is no problem",
    **scoped("alerts:handle"),
)
def a_problem_after_all(alert_id: str, asked: TakeBack, parts: PartsOf, caller: CallerOf, once: OnceOf) -> Response:
    """The alert stands again while its condition lasts, and what was learnt is unlearnt."""

    def act() -> Withdrawn:
        r = parts.records
        said = take_back(r.store, alert_id, by=caller.person, reason=asked.reason, now_s=r.now_s(), encode=r.encode)
        return Withdrawn(alert_id=alert_id, dismissal_id=said.dismissal_id, because=said.because)

    return once(act, asked)


def _handled(parts: Parts, handling: AlertHandling) -> Handled:
    store = parts.records.store
    alert = subject_of(store, handling.alert_id)
    return Handled(
        alert_id=handling.alert_id,
        shown_state=shown_state(alert, handling, store.tasks_of_alert(handling.alert_id)),
        handling=HandlingOut.of(handling, alert, names=True),
    )
