"""What people were sent: the outbox, to be read."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from desk.api.access import PartsOf, scoped
from desk.api.paging import ROWS, CursorText, Limit, sliced
from desk.api.problems import Refused
from desk.api.schemas import NotificationList, NotificationOut, moment
from metering.notification import DeliveryState

router = APIRouter(prefix="/notifications", tags=["notifications"])
#: Further back than this the list does not go.
NEWEST = 2_000


@router.get("", response_model=NotificationList, summary="A page of notifications", **scoped("alerts:read"))
def list_notifications(
    parts: PartsOf,
    state: Annotated[DeliveryState | None, Query(description="how far they have come")] = None,
    channel: Annotated[str, Query(max_length=100, description="to which channel")] = "",
    limit: Limit = ROWS,
    cursor: CursorText = "",
) -> NotificationList:
    """Newest first; with a `state`, oldest first."""
    found = parts.records.store.deliveries(state=state, channel=channel or None, limit=NEWEST)
    rows, onwards, back = sliced(found, cursor, limit, sort="made", key=lambda d: d.notification.notification_id)
    return NotificationList(
        notifications=tuple(map(NotificationOut.of, rows)),
        next=onwards,
        previous=back,
        count=len(found),
        count_is_more=len(found) == NEWEST,
        judged_until=moment(parts.records.log_clock_s()),
    )


@router.get("/{notification_id}", response_model=NotificationOut, summary="One notification", **scoped("alerts:read"))
def one_notification(parts: PartsOf, notification_id: str) -> NotificationOut:
    """With all of its lines."""
    found = parts.records.store.delivery(notification_id)
    if found is None:
        raise Refused("not-found", f"there is no notification {notification_id!r}")
    return NotificationOut.of(found)
