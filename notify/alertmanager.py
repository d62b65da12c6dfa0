"""A notification as Alertmanager's webhook message, version 4: what understands Alertmanager understands this.

Labels name an alert and stay the same through its life, so that a receiver sees it resolved; what changes is in the annotations.
Format: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metering.catalogue import CATALOGUE
from metering.identity import identity
from metering.notification import Line, Notification
from metering.times import iso
from notify.texts import Writer, place_of

VERSION = "4"
#: Alertmanager's word for an end that has not come.
NO_END = "0001-01-01T00:00:00Z"
SEVERITY = {"page": "critical", "morning": "warning", "none": "info"}


def payload(notification: Notification, writer: Writer) -> dict[str, Any]:
    """The message as plain values. What its lines leave out is counted in `truncatedAlerts` and named in the annotations."""
    listed = notification.lines[: writer.most_lines]
    alerts = [_alert(line, notification, writer) for line in listed] or [_note(notification, writer)]
    firing = any(alert["status"] == "firing" for alert in alerts)
    return {
        "version": VERSION,
        "receiver": notification.channel,
        "status": "firing" if firing else "resolved",
        "groupKey": f'{{}}:{{group="{notification.group}"}}',
        "groupLabels": {"group": notification.group},
        "commonLabels": _common([alert["labels"] for alert in alerts]),
        "commonAnnotations": _common([alert["annotations"] for alert in alerts]),
        "externalURL": writer.desk_url,
        "truncatedAlerts": len(notification.lines) - len(listed),
        "alerts": alerts,
    }


def _alert(line: Line, notification: Notification, writer: Writer) -> dict[str, Any]:
    known = CATALOGUE.get(line.abnormality)
    urgency = notification.urgency if known is None else known.urgency
    return {
        "status": "resolved" if line.is_over else "firing",
        "labels": {
            "alertname": line.abnormality,
            "number": line.number,
            "place": line.place,
            "severity": SEVERITY[urgency],
        },
        "annotations": _annotations(notification, writer)
        | {
            "summary": f"{place_of(line)}: {writer.claim(line)}",
            "grade": line.grade,
            "turn": "task" if line.turn is None else line.turn.value,
        },
        "startsAt": iso(line.at_s if line.since_s is None else line.since_s),
        "endsAt": iso(line.at_s) if line.is_over else NO_END,
        "generatorURL": writer.link_of(line),
        "fingerprint": _fingerprint(line.number),
    }


def _note(notification: Notification, writer: Writer) -> dict[str, Any]:
    """A notification without lines (a notice, a quiet shift, a test) is one alert about itself, over at once."""
    return {
        "status": "resolved",
        "labels": {
            "alertname": f"meterwatch_{notification.kind}",
            "number": notification.notification_id,
            "severity": SEVERITY[notification.urgency],
        },
        "annotations": _annotations(notification, writer) | {"summary": writer.title(notification)},
        "startsAt": iso(notification.made_at_s),
        "endsAt": iso(notification.made_at_s),
        "generatorURL": writer.link(notification),
        "fingerprint": _fingerprint(notification.notification_id),
    }


def _annotations(notification: Notification, writer: Writer) -> dict[str, str]:
    """The same for every alert of the message. The id stands in the body too, so that the signature covers it."""
    told = {
        "notification_id": notification.notification_id,
        "kind": notification.kind,
        "title": writer.title(notification),
    }
    if notification.left_out:
        told["left_out"] = ", ".join(f"{reason}: {count}" for reason, count in notification.left_out)
    if notification.note:
        told["note"] = notification.note
    return told


def _common(of_alerts: Sequence[dict[str, str]]) -> dict[str, str]:
    first, *others = of_alerts
    return {k: v for k, v in first.items() if all(other.get(k) == v for other in others)}


def _fingerprint(number: str) -> str:
    return identity("fingerprint", number).removeprefix("f-")
