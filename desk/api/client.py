"""The API as the desk's own pages call it: in the same process, without a network, in the name that the person gave."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from fastapi import FastAPI
from pydantic import BaseModel

from desk.api.access import DESK_SCHEME, PERSON_HEADER, Parts
from desk.api.curve_schemas import CurvesOut, Pairs
from desk.api.overview_schemas import Overview
from desk.api.place_schemas import Place, Places
from desk.api.quality_schemas import Quality
from desk.api.schemas import AlertDetail, AlertLine, AlertList, NotificationList, SaidOfAlert, Sent, TaskOut
from desk.api.suspected import SuspectedList
from metering.alert import Alert, Reason
from metering.archive import Archive, Meter, Outage, WorkOrder
from metering.curves import Curve, Curves
from metering.errors import IllegalMove, MeterwatchError, NotFound, StaleVersion, StoreError, StoreUnavailable
from metering.inspection import InspectionTask, TaskFinding
from metering.times import iso, to_epoch_s
from operations.dismissal_effects import DismissalEffect

_ERRORS: Mapping[str, type[MeterwatchError]] = {
    "unavailable": StoreUnavailable,
    "stale": StaleVersion,
    "not-found": NotFound,
    "store": StoreError,
}
Told = TypeVar("Told", bound=BaseModel)


class ApiClient:
    """Calls the API in this process. Raises what the use case behind it raised: `StoreUnavailable`, `StaleVersion`, `NotFound`,
    and `IllegalMove` for everything else that is refused."""

    def __init__(self, api: FastAPI, parts: Parts) -> None:
        self._api = api
        self._authorization = f"{DESK_SCHEME} {parts.desk_key}"
        self._places: Places | None = None

    async def alerts(self, query: Mapping[str, Any]) -> AlertList:
        return await self._call(AlertList, "GET", "/alerts", params=query)

    async def suspected(self, query: Mapping[str, Any]) -> SuspectedList:
        return await self._call(SuspectedList, "GET", "/alerts/suspected", params=query)

    async def alert(self, alert_id: str) -> AlertDetail:
        return await self._call(AlertDetail, "GET", f"/alerts/{quote(alert_id, safe='')}")

    async def said_of(self, alert_id: str) -> DismissalEffect | None:
        """What a person said of the alert last, and what it changed."""
        path = f"/alerts/{quote(alert_id, safe='')}/not-a-problem"
        return (await self._call(SaidOfAlert, "GET", path)).effect

    async def act(self, person: str, alert_id: str, act: str, body: Mapping[str, Any]) -> None:
        """`act` is the last part of the address: `acknowledge`, `assign`, `comments` ..."""
        await self._call(Sent, "POST", f"/alerts/{quote(alert_id, safe='')}/{act}", person, json=body)

    async def silence(self, person: str, body: Mapping[str, Any]) -> None:
        await self._call(Sent, "POST", "/silences", person, json=body)

    async def places(self) -> Places:
        """The archive as a whole, which does not change while the desk runs: it is asked for once."""
        if self._places is None:
            self._places = await self._call(Places, "GET", "/places")
        return self._places

    async def place(self, transformer_area: str, service_point: str, meter_id: str | None) -> Archive:
        """The area of an alert or a task as the pages' parts know it: an archive of this area alone, without customers. Of an area
        that the archive has lost it holds the one meter that the alert or task names."""
        whole = await self.places()
        try:
            told = await self._call(Place, "GET", f"/places/{quote(transformer_area, safe='')}")
        except NotFound:
            named = Meter(meter_id or service_point, service_point, "", transformer_area, "customer")
            return Archive(whole.name, whole.interval_minutes, whole.timezone, (named,))
        return archive_of(whole, told)

    async def overview(self) -> Overview:
        return await self._call(Overview, "GET", "/overview")

    async def quality(self) -> Quality:
        return await self._call(Quality, "GET", "/quality")

    async def notifications(self, query: Mapping[str, Any]) -> NotificationList:
        return await self._call(NotificationList, "GET", "/notifications", params=query)

    async def curves(
        self, person: str, place: str, number: str, span: tuple[int, int], *, by_day: bool, purpose: str
    ) -> Curves:
        """`place` is `meters` or `areas`, `number` which of them; `span` [start, end) in epoch seconds."""
        since, until = map(iso, span)
        asked = {"since": since, "until": until, "by_day": by_day, "purpose": purpose}
        path = f"/{place}/{quote(number, safe='')}/curve"
        return curves_of(await self._call(CurvesOut, "GET", path, person, params=asked))

    async def _call(self, told: type[Told], method: str, path: str, person: str = "", **more: Any) -> Told:
        headers = {"Authorization": self._authorization, PERSON_HEADER: quote(person)}
        transport = httpx.ASGITransport(self._api)
        async with httpx.AsyncClient(transport=transport, base_url="http://desk", headers=headers) as client:
            answer = await client.request(method, path, **more)
        if answer.is_success:
            return told.model_validate_json(answer.content)
        problem = answer.json()
        kind = _ERRORS.get(problem["type"].rpartition("problem-")[2], IllegalMove)
        raise kind(problem["detail"])


def alert_of(told: AlertLine) -> Alert:
    """The alert as the pages' parts know it; of a line of a list without reasons, relapses and intervals not read."""
    detail = told if isinstance(told, AlertDetail) else None
    return Alert(
        alert_id=told.alert_id,
        transformer_area=told.transformer_area,
        meter_id=told.meter_id,
        service_point=told.service_point,
        abnormality=told.abnormality,
        family=told.family,
        grade=told.grade,
        risk=_nan_if_none(told.risk),
        raised_at_s=to_epoch_s(told.raised_at),
        cleared_at_s=None if told.cleared_at is None else to_epoch_s(told.cleared_at),
        state=told.state,
        observed=_nan_if_none(told.observed),
        expected=_nan_if_none(told.expected),
        unit=told.unit,
        reasons=()
        if detail is None
        else tuple(Reason(r.detector, r.text_en, r.against, r.text_zh, r.weight) for r in detail.reasons),
        since_s=to_epoch_s(told.since),
        episodes=told.episodes,
        relapses=()
        if detail is None
        else tuple((to_epoch_s(r.ended_at), to_epoch_s(r.returned_at)) for r in detail.relapses),
        missing_kwh=_nan_if_none(told.missing_kwh),
        unjudged=()
        if detail is None
        else tuple((to_epoch_s(u.start), _nan_if_none(u.expected_kwh)) for u in detail.unjudged),
        late_readings=0 if detail is None else detail.late_readings,
        revision=told.revision,
        worth=told.worth,
    )


def task_of(told: TaskOut) -> InspectionTask:
    """The task as the pages' parts know it."""
    found = None
    if told.found_at is not None and told.found_confirmed is not None:
        found = TaskFinding(to_epoch_s(told.found_at), told.found_confirmed, told.found_abnormality)
    return InspectionTask(
        told.task_id,
        told.alert_ids,
        told.service_point,
        told.transformer_area,
        told.state,
        told.grade,
        _nan_if_none(told.risk),
        told.priority,
        to_epoch_s(told.opened_at),
        to_epoch_s(told.due_at),
        told.hazard,
        told.assignee,
        found,
        None if told.closed_at is None else to_epoch_s(told.closed_at),
        told.version,
    )


def curves_of(told: CurvesOut) -> Curves:
    return Curves(
        to_epoch_s(told.since),
        to_epoch_s(told.until),
        _curve(told.observed_kwh),
        _curve(told.expected_kwh),
        {name: _curve(pairs) for name, pairs in told.voltages_v.items()},
        {name: _curve(pairs) for name, pairs in told.currents_a.items()},
        _curve(told.supplied_kwh),
        _curve(told.metered_kwh),
        _curve(told.loss_share),
        told.by_day,
    )


def _curve(pairs: Pairs) -> Curve:
    return tuple((to_epoch_s(at), value) for at, value in pairs)


def archive_of(whole: Places, told: Place) -> Archive:
    """An archive of one area; nobody's customer number is in it."""
    area = told.transformer_area
    meters = tuple(
        Meter(
            m.meter_id,
            m.service_point,
            "",
            area,
            m.role,
            m.customer_class,
            contracted_kw=m.contracted_kw,
            rated_current_a=m.rated_current_a,
            phases=m.phases,
            feeder=m.feeder,
            valid_from_s=None if m.valid_from is None else to_epoch_s(m.valid_from),
            valid_to_s=None if m.valid_until is None else to_epoch_s(m.valid_until),
        )
        for m in told.meters
    )
    return Archive(
        whole.name,
        whole.interval_minutes,
        whole.timezone,
        meters,
        outages=tuple(Outage(area, to_epoch_s(o.start), to_epoch_s(o.end), o.planned) for o in told.outages),
        works=tuple(
            WorkOrder(
                w.kind, to_epoch_s(w.start), to_epoch_s(w.end), w.meter_id, None if w.meter_id is not None else area
            )
            for w in told.works
        ),
    )


def _nan_if_none(value: float | None) -> float:
    return math.nan if value is None else value
