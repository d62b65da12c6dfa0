"""Use case: what was announced becomes notifications in the outbox, grouped and limited; each morning the crews get their lists.

One lease-holder does it, in one transaction a round: announcements taken, notifications, and the dispatcher's own memory.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from alerts.grouping import Acknowledged, Grouping
from alerts.routes import Crew, Routes
from inspection.morning_list import kind_of, morning_list
from metering.announcement import Announcement
from metering.archive import Archive
from metering.inspection import InspectionTask
from metering.notification import DESK, SILENCE, Line, Notification
from metering.ports import Dispatch, PartitionMark, StateStore
from metering.silence import ending_soon
from operations.failpoints import failpoint
from operations.silence import silences

LEASE = "dispatch"
LEASE_S = 30.0
AT_ONCE = 5_000
GROUPS_PAGE, MORNINGS_PAGE, NOTICES_PAGE = "groups", "mornings", "notices"
#: A partition that stands still holds nobody's page back for longer than this (event time).
PATIENCE_S = 900
#: Of a log that was silent for longer, older mornings have no list.
MOST_MISSED = 400
#: A list waits so long for yesterday's close.
LATEST_LIST = timedelta(hours=2)


def dispatch_ready(
    store: StateStore,
    archive: Archive,
    routes: Routes,
    partitions: int,
    owner: str,
) -> int:
    """Turn what is waiting into notifications; how many were made. 0 where another owner does it."""
    if not store.take_lease(LEASE, owner, LEASE_S):
        return 0
    until_s = clock_of(store.marks("judge"), partitions)
    if until_s is None:
        return 0
    made, limit = 0, AT_ONCE
    while True:
        waiting = store.announcements_waiting(until_s, limit)
        more = len(waiting) == limit
        if more and waiting[0].at_s == waiting[-1].at_s:
            limit *= 2  # what is of one moment belongs together
            continue
        # what is cut off may be of the last moment: that moment is for the next round
        upto_s = waiting[-1].at_s - 1 if more else until_s
        taken = [a for a in waiting if a.at_s <= upto_s]
        made += _round(store, archive, routes, taken, upto_s)
        if not more:
            return made


def clock_of(marks: Sequence[PartitionMark], partitions: int) -> int | None:
    """Until when everything announced is known: the slowest partition's clock, but no partition holds others back for long."""
    clocks = [mark.clock_s for mark in marks]
    if not clocks or max(clocks) == 0:
        return None
    slowest_s = min(clocks) if len(clocks) >= partitions else 0
    return max(slowest_s, max(clocks) - PATIENCE_S)


def _round(
    store: StateStore,
    archive: Archive,
    routes: Routes,
    taken: Sequence[Announcement],
    until_s: int,
) -> int:
    before = store.load_dispatch_pages()
    grouping = Grouping(routes, archive.calendar.local)
    if GROUPS_PAGE in before:
        grouping.load(before[GROUPS_PAGE])
    sent = grouping.run(taken, until_s, _acknowledged(store))
    mornings = json.loads(before.get(MORNINGS_PAGE, b"{}"))
    sent += _morning_lists(store, archive, routes, mornings, until_s)
    noticed = json.loads(before.get(NOTICES_PAGE, b"[]"))
    sent += _silence_notices(store, routes, noticed, until_s)
    pages = {
        GROUPS_PAGE: grouping.dump(),
        MORNINGS_PAGE: json.dumps(mornings, sort_keys=True).encode(),
        NOTICES_PAGE: json.dumps(noticed).encode(),
    }
    if taken or sent or before.get(GROUPS_PAGE) is None or grouping.is_busy:
        failpoint("in_dispatch_before_commit")
        store.dispatch(Dispatch([a.announcement_id for a in taken], sent, pages))
        failpoint("after_dispatch_commit")
    return len(sent)


def _acknowledged(store: StateStore) -> Acknowledged:
    """Which alerts somebody has seen as they are now; what has no alert (the monitor's own) counts once somebody saw it."""

    def seen(alert_id: str) -> bool:
        alert, handling = store.alert(alert_id), store.handling(alert_id)
        return handling.acknowledged_episode > 0 if alert is None else handling.acknowledges(alert)

    return lambda alert_ids: [alert_id for alert_id in alert_ids if seen(alert_id)]


def _silence_notices(store: StateStore, routes: Routes, noticed: list[str], until_s: int) -> list[Notification]:
    """Each crew that visits where a silence holds hears once that it ends soon; `noticed` keeps the notices of those in force."""
    in_force = silences(store, until_s)
    noticed[:] = [s.notice_id for s in in_force if s.notice_id in noticed]
    sent = []
    for silence in ending_soon(in_force, until_s, noticed):
        noticed.append(silence.notice_id)
        place = silence.transformer_area or silence.feeder or ", ".join(silence.areas[:3])
        line = Line(silence.silence_id, SILENCE, place, "", None, silence.until_s)
        crews = {routes.crew_of(area, silence.feeder or "") for area in silence.areas}
        channels = {crew.channel for crew in crews if crew is not None} or {DESK}
        group = f"silence@{silence.notice_id}"
        sent += [Notification(channel, "notice", "morning", group, 1, until_s, (line,)) for channel in sorted(channels)]
    return sent


def _morning_lists(
    store: StateStore, archive: Archive, routes: Routes, mornings: dict[str, str], until_s: int
) -> list[Notification]:
    """The lists that are due at `until_s` and were not made; `mornings` holds each crew's latest day."""
    now = archive.calendar.local(until_s)
    last_closed = store.last_closed_day()
    due = [(crew, at) for crew in routes.crews if (at := _due(crew, now, mornings.get(crew.name), last_closed))]
    if not due:
        return []
    open_now = store.tasks(only_open=True)
    lists = []
    for crew, at in due:
        own = [t for t in open_now if routes.crew_of(t.transformer_area, _feeder(archive, t)) == crew]
        for morning in _missed(crew, at, mornings.get(crew.name), own, archive):
            at_s = int(morning.timestamp())
            then = [t for t in own if t.opened_at_s <= at_s]
            if then:
                # a list that is a day late sends nobody: it stands at the desk, for what was due then
                to = crew if morning == at else replace(crew, channel=DESK)
                lists.append(_list_of(store, to, then, morning.date(), at_s))
        mornings[crew.name] = at.date().isoformat()
    return lists


def _missed(
    crew: Crew, latest: datetime, made: str | None, tasks: Sequence[InspectionTask], archive: Archive
) -> list[datetime]:
    """The crew's mornings without a list, oldest first, up to `latest`: since the last that was made, or since its first task."""
    if made is not None:
        first = date.fromisoformat(made) + timedelta(days=1)
    else:
        first = min((archive.calendar.day_of(t.opened_at_s) for t in tasks), default=latest.date())
    days = range(max(first.toordinal(), latest.toordinal() - MOST_MISSED), latest.toordinal() + 1)
    return [datetime.combine(date.fromordinal(day), crew.morning, latest.tzinfo) for day in days]


def _due(crew: Crew, now: datetime, latest: str | None, last_closed: int | None) -> datetime | None:
    """The latest morning of the crew, where its list was not made yet and yesterday is closed, or overdue."""
    at = now.replace(hour=crew.morning.hour, minute=crew.morning.minute, second=0, microsecond=0)
    if at > now:
        at -= timedelta(days=1)
    if latest is not None and latest >= at.date().isoformat():
        return None
    yesterday_closed = last_closed is not None and date.fromordinal(last_closed) >= at.date() - timedelta(days=1)
    return at if yesterday_closed or now - at >= LATEST_LIST else None


def _list_of(store: StateStore, crew: Crew, tasks: Sequence[InspectionTask], day: date, at_s: int) -> Notification:
    chosen = morning_list(tasks, crew.visits_per_day, at_s)
    alerts = {
        alert_id: alert
        for task in chosen.visits
        for alert_id in task.alert_ids
        if (alert := store.alert(alert_id)) is not None
    }
    lines = tuple(
        Line(t.task_id, kind_of(t, alerts), t.transformer_area, t.grade, None, t.opened_at_s, due_at_s=t.due_at_s)
        for t in chosen.visits
    )
    return Notification(
        crew.channel, "morning", "morning", f"morning@{crew.name}#{day}", 1, at_s, lines, chosen.left_out
    )


def _feeder(archive: Archive, task: InspectionTask) -> str:
    meter = archive.meter_at(task.service_point)
    return "" if meter is None or meter.feeder is None else meter.feeder
