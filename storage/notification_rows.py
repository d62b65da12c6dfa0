"""Announcements and notifications as rows, the same for every store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from metering.announcement import Announcement, Stopped, Turn
from metering.notification import Delivery, Line, Notification


def announcement_row(told: Announcement) -> dict[str, Any]:
    stopped = told.stopped or Stopped("", "")
    return {
        "announcement_id": told.announcement_id,
        "alert_id": told.alert_id,
        "transformer_area": told.transformer_area,
        "meter_id": told.meter_id,
        "abnormality": told.abnormality,
        "grade": told.grade,
        "urgency": told.urgency,
        "turn": told.turn.value,
        "at_s": told.at_s,
        "episode": told.episode,
        "feeder": told.feeder,
        "title": told.title,
        "stage": stopped.stage,
        "reason": stopped.reason,
        "detail": stopped.detail,
        "waiting": told.stopped is None,
    }


def announcement_of(row: Any) -> Announcement:
    stopped = Stopped(row["stage"], row["reason"], row["detail"]) if row["stage"] else None
    return Announcement(
        row["alert_id"],
        row["transformer_area"],
        row["meter_id"],
        row["abnormality"],
        row["grade"],
        row["urgency"],
        Turn(row["turn"]),
        row["at_s"],
        row["episode"],
        row["feeder"],
        row["title"],
        stopped,
    )


def delivery_row(delivery: Delivery) -> dict[str, Any]:
    notification = delivery.notification
    return {
        "notification_id": notification.notification_id,
        "channel": notification.channel,
        "made_at_s": notification.made_at_s,
        "content": asdict(notification),
        "state": delivery.state,
        "attempts": delivery.attempts,
        "next_try_s": delivery.next_try_s,
        "delivered_at_s": delivery.delivered_at_s,
        "last_error": delivery.last_error,
        "folded_into": delivery.folded_into,
    }


def delivery_of(row: Any) -> Delivery:
    return Delivery(
        notification_of(row["content"]),
        row["state"],
        row["attempts"],
        row["next_try_s"],
        row["delivered_at_s"],
        row["last_error"],
        row["folded_into"],
    )


def notification_of(content: Mapping[str, Any]) -> Notification:
    lines = tuple(
        Line(**{**line, "turn": None if line["turn"] is None else Turn(line["turn"])}) for line in content["lines"]
    )
    left_out = tuple((str(why), int(count)) for why, count in content["left_out"])
    return Notification(**{**content, "lines": lines, "left_out": left_out})
