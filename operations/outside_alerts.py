"""Use cases: another monitor says that something is wrong with this one; that is kept, and people are told at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from metering.announcement import Announcement, Turn
from metering.inspection import AuditEntry
from metering.outside_alert import OutsideAlert
from metering.ports import StateStore

TRAIL = "intake"
AT_ONCE = 200
LONGEST_TITLE = 200


def take_outside_alerts(store: StateStore, alerts: Sequence[OutsideAlert], *, sent_by: str, now_s: int) -> int:
    """Keep them, each once by source, fingerprint and start; returns how many were new."""
    new = store.take_outside_alerts(alerts)
    resolved = sum(alert.status == "resolved" for alert in alerts)
    said = f"{len(alerts)} received, {new} new, {resolved} resolved"
    store.append_audit(AuditEntry(TRAIL, now_s, sent_by, "intake", "", said))
    return new


def announce_outside_alerts(store: StateStore, until_s: int) -> int:
    """Hand those that nobody was told of to the dispatcher, as pages: a monitor that is blind is told of day and night.

    `until_s` is how far the dispatcher's clock has come: what is dated later would wait for a log that may stand still.
    Returns how many turns were announced. Done again after it was cut short, it says nothing twice.
    """
    told = 0
    while waiting := store.outside_alerts(limit=AT_ONCE, waiting=True):
        turns = [turn for alert in waiting for turn in turns_of(alert)]
        store.announce([replace(turn, at_s=min(turn.at_s, until_s)) for turn in turns])
        for status in ("firing", "resolved"):
            store.outside_announced([alert.key for alert in waiting if alert.status == status], status)
        told += len(turns)
    return told


def turns_of(alert: OutsideAlert) -> list[Announcement]:
    """What people have not been told of it yet: that it began, that it is over, or both."""
    turns = [] if alert.announced else [_turn(alert, Turn.RAISED, alert.received_at_s)]
    if alert.status == "resolved":
        turns.append(_turn(alert, Turn.CLEARED, max(alert.received_at_s, alert.resolved_at_s or 0)))
    return turns


def _turn(alert: OutsideAlert, turn: Turn, at_s: int) -> Announcement:
    return Announcement(
        alert_id=alert.alert_id,
        transformer_area="",
        meter_id=None,
        abnormality="",
        grade="high",
        urgency="page",
        turn=turn,
        at_s=at_s,
        title=alert.title[:LONGEST_TITLE],
    )
