"""Other monitors' alerts about this one: what Grafana's contact point of the type "webhook" sends.

https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

from desk.api.access import CallerOf, PartsOf, scoped
from desk.api.idempotency import OnceOf
from desk.api.problems import Refused, faults_of
from desk.api.schemas import NotTaken, OutsideAlertList, OutsideAlertOut, TakenIn
from metering.outside_alert import OutsideAlert
from metering.times import to_epoch_s
from operations.outside_alerts import LONGEST_TITLE, take_outside_alerts

router = APIRouter(prefix="/intake", tags=["intake"])

GRAFANA = "grafana"
MOST_ALERTS = 1000
Text = Annotated[str, Field(max_length=2000)]


class GrafanaAlert(BaseModel):
    """One entry of `alerts`; what else Grafana sends with it (values, links) is not kept."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    status: Literal["firing", "resolved"]
    fingerprint: Annotated[str, Field(min_length=1, max_length=200)]
    startsAt: AwareDatetime  # noqa: N815 - Grafana's own spelling
    endsAt: AwareDatetime | None = None  # noqa: N815
    labels: Annotated[Mapping[str, Text], Field(max_length=100)] = {}
    annotations: Annotated[Mapping[str, Text], Field(max_length=100)] = {}


class GrafanaBatch(BaseModel):
    """The body of Grafana's webhook. Its alerts are read one by one, so that a bad one takes no other with it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    alerts: Annotated[tuple[Any, ...], Field(min_length=1, max_length=MOST_ALERTS)]


@router.post("/grafana", response_model=TakenIn, summary="Grafana's webhook", **scoped("intake"))
def take_grafana(batch: Annotated[GrafanaBatch, Body()], parts: PartsOf, caller: CallerOf, once: OnceOf) -> Response:
    """Each alert is kept once, by its fingerprint and start, and people are told at once. Where some of a batch cannot be
    read the others are kept all the same, and the answer is a problem that names those that were not (`taken.refused`)."""
    now_s = parts.records.now_s()
    read, refused = _read(batch.alerts, now_s)
    if not read:
        raise Refused("invalid", "no alert of this batch can be read", errors=_errors(refused))

    def act() -> TakenIn:
        new = take_outside_alerts(parts.records.store, read, sent_by=caller.person, now_s=now_s)
        return TakenIn(received=len(batch.alerts), new=new, known=len(read) - new, refused=tuple(refused))

    if not refused:
        return once(act, batch)
    taken = act()
    raise Refused(
        "invalid",
        f"{len(refused)} of {len(batch.alerts)} alerts cannot be read; the other {len(read)} are kept",
        errors=_errors(refused),
        taken=taken.model_dump(),
    )


@router.get("", response_model=OutsideAlertList, summary="Other monitors' alerts", **scoped("alerts:read"))
def outside_alerts(
    parts: PartsOf, limit: Annotated[int, Query(ge=1, le=1000, description="at most so many")] = 100
) -> OutsideAlertList:
    """The newest first."""
    found = parts.records.store.outside_alerts(limit=limit)
    return OutsideAlertList(alerts=tuple(map(OutsideAlertOut.of, found)))


def _read(entries: tuple[Any, ...], now_s: int) -> tuple[list[OutsideAlert], list[NotTaken]]:
    read, refused = [], []
    for index, entry in enumerate(entries):
        try:
            read.append(_outside(GrafanaAlert.model_validate(entry), now_s))
        except ValidationError as error:
            refused.append(NotTaken(index=index, errors=tuple(faults_of(error.errors()))))
    return read, refused


def _outside(alert: GrafanaAlert, now_s: int) -> OutsideAlert:
    resolved = alert.status == "resolved"
    name = alert.annotations.get("summary") or alert.labels.get("alertname") or f"Grafana {alert.fingerprint}"
    return OutsideAlert(
        source=GRAFANA,
        fingerprint=alert.fingerprint,
        starts_at_s=to_epoch_s(alert.startsAt),
        status=alert.status,
        title=name[:LONGEST_TITLE],
        labels=dict(alert.labels),
        annotations=dict(alert.annotations),
        received_at_s=now_s,
        ends_at_s=_end(alert.endsAt) if resolved else None,
        resolved_at_s=now_s if resolved else None,
    )


def _end(ends_at: datetime | None) -> int | None:
    """Grafana writes the year 1 where there is no end yet."""
    return None if ends_at is None or ends_at.year < 1970 else to_epoch_s(ends_at)


def _errors(refused: list[NotTaken]) -> list[dict[str, str]]:
    return [
        {"where": f"alerts.{each.index}.{fault['where']}", "what": fault["what"]}
        for each in refused
        for fault in each.errors
    ]
