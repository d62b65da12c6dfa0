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
from desk.api.schemas import AlertDetail, AlertLine, AlertList, SaidOfAlert, Sent
from metering.alert import Alert, Reason
from metering.errors import IllegalMove, MeterwatchError, NotFound, StaleVersion, StoreError, StoreUnavailable
from metering.times import to_epoch_s
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

    async def alerts(self, query: Mapping[str, Any]) -> AlertList:
        return await self._call(AlertList, "GET", "/alerts", params=query)

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


def _nan_if_none(value: float | None) -> float:
    return math.nan if value is None else value
