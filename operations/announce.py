"""Alerts of an area changed: they are saved, shown as points, and announced or stopped for a named reason, all in one checkpoint."""

from __future__ import annotations

from collections.abc import Iterable

from alerts.stages import Circumstances
from metering.alert import Alert
from metering.announcement import Announcement
from metering.place import place_of
from metering.silence import covered_by, in_work_window
from operations.area import AreaInProgress, Outcome
from operations.derived_points import alert_points


def alerts_changed(area: AreaInProgress, alerts: Iterable[Alert], at_s: int, outcome: Outcome) -> None:
    """`at_s` is the event time at which they changed."""
    changed = tuple(alerts)
    if not changed:
        return
    outcome.alerts.update((a.alert_id, a) for a in changed)
    outcome.points += alert_points(changed, area.archive)
    _told(area, area.announcer.take(changed, _around(area, at_s)), outcome)


def ask_again(area: AreaInProgress, at_s: int, outcome: Outcome) -> None:
    """Time has passed: what was stopped may be said now."""
    if area.announcer.holds:
        alerts = {a.alert_id: a for a in area.bank.alerts()}
        _told(area, area.announcer.again(alerts, _around(area, at_s)), outcome)


def _told(area: AreaInProgress, announcements: list[Announcement], outcome: Outcome) -> None:
    if not announcements:
        return
    outcome.announcements += announcements
    for each in announcements:
        how = f"said.{each.urgency}" if each.stopped is None else f"stopped.{each.stopped.stage}.{each.stopped.reason}"
        outcome.count({f"announcements.{how}": 1})
    area.touch("announcer")


def _around(area: AreaInProgress, at_s: int) -> Circumstances:
    # what comes late is about an earlier time, but it would be said now
    asked_s = max(at_s, area.closed_until_s)

    def work_on(alert: Alert) -> str | None:
        work = in_work_window(area.archive.works, alert, place_of(alert, area.area), asked_s)
        return None if work is None else work.kind

    def silence_of(alert: Alert) -> str | None:
        silence = covered_by(area.silences.values(), alert, place_of(alert, area.area), asked_s)
        return None if silence is None else silence.silence_id

    return Circumstances(at_s, area.area, area.bank, work_on, silence_of)
