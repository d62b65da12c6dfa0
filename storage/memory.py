"""`MemoryStore`: the state store as plain dictionaries; what the SQL store must agree with, and what a replay runs on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from threading import RLock

from alerts.shown_life import shown_state
from metering.access import ApiAnswer, ApiToken
from metering.alert import Alert
from metering.announcement import Announcement
from metering.archive import Archive
from metering.errors import ArchiveError, StoreError
from metering.handling import COUNTED_AT_MOST, AlertHandling, AlertPage, AlertQuery, HandledAlert, in_order, order_value
from metering.inspection import AuditEntry, InspectionTask, TaskState
from metering.messages import Finding
from metering.notification import Delivery, DeliveryState
from metering.open_cases import OpenCases
from metering.outside_alert import OutsideAlert, OutsideStatus
from metering.points import Point, PointBatch
from metering.ports import AreaDayRow, Checkpoint, DayClose, Dispatch, PartitionChange, PartitionMark, Role
from metering.watch import Heartbeat, Outbox, Pulse, Waiting, WatchStanding
from storage.memory_notifications import MemoryNotifications
from storage.memory_open_cases import open_cases
from storage.memory_watch import MemoryWatch
from storage.rows import (
    POINTS_IN_BATCH,
    alert_of,
    alert_row,
    points_bytes,
    points_of,
    received_again,
    stale_handling,
    stale_version,
)

_OVER = (TaskState.CLOSED, TaskState.WITHDRAWN)
#: More notifications than this are counted as so many.
WAITING_COUNTED = 100_000


class MemoryStore:
    """`metering.ports.StateStore` in this process's memory. Thread-safe; gone when the process ends.

    `clock` (seconds) is what leases go by.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = RLock()
        self._archive: Archive | None = None
        self._topics: dict[str, int] = {}
        self._marks: dict[tuple[Role, int], PartitionMark] = {}
        self._counters: dict[str, int] = {}
        self._pages: dict[str, dict[str, bytes]] = {}
        self._area_days: dict[int, dict[str, AreaDayRow]] = {}
        self._closed: set[int] = set()
        self._scores: dict[tuple[int, str], bytes] = {}
        self._model_pages: dict[str, bytes] = {}
        self._alerts: dict[str, Alert] = {}
        self._tasks: dict[str, InspectionTask] = {}
        self._audit: dict[str, list[AuditEntry]] = {}
        self._findings: dict[str, Finding] = {}
        self._handlings: dict[str, AlertHandling] = {}
        self._tokens: dict[str, ApiToken] = {}
        self._answers: dict[str, ApiAnswer] = {}
        self._outside: dict[tuple[str, str, int], OutsideAlert] = {}
        self._points: dict[int, bytes] = {}
        self._relay: dict[int, tuple[str, bytes]] = {}
        self._points_put: dict[int, float] = {}
        self._relay_put: dict[int, float] = {}
        self._notifications = MemoryNotifications()
        self._watch = MemoryWatch()
        self._leases: dict[str, tuple[str, float]] = {}
        self._last_batch_id = 0
        self._last_relay_id = 0

    # --- set-up
    def save_archive(self, archive: Archive) -> None:
        with self._lock:
            self._archive = archive

    def load_archive(self) -> Archive:
        with self._lock:
            if self._archive is None:
                raise ArchiveError("no archive in memory: call save_archive first")
            return self._archive

    def fix_partitions(self, topic: str, partitions: int) -> None:
        with self._lock:
            stored = self._topics.setdefault(topic, partitions)
        if stored != partitions:
            raise StoreError(
                f"topic {topic} has {partitions} partitions, but this store was begun with {stored}: "
                f"give it {stored} partitions again, or begin with an empty store"
            )

    def partitions(self, topic: str) -> int | None:
        with self._lock:
            return self._topics.get(topic)

    # --- the log's way
    def begin_partition(self, role: Role, partition: int, owner: str) -> PartitionMark:  # noqa: ARG002 - the epoch decides
        with self._lock:
            before = self._marks.get((role, partition), PartitionMark(role, partition, 0, 0, 0))
            mark = PartitionMark(role, partition, before.epoch + 1, before.next_offset, before.clock_s)
            self._marks[role, partition] = mark
            return mark

    def marks(self, role: Role) -> Sequence[PartitionMark]:
        with self._lock:
            return [mark for key, mark in sorted(self._marks.items()) if key[0] == role]

    def load_pages(self, transformer_area: str) -> dict[str, bytes]:
        with self._lock:
            return dict(sorted(self._pages.get(transformer_area, {}).items()))

    def pages_named(self, page: str, transformer_areas: Sequence[str]) -> dict[str, bytes]:
        with self._lock:
            return {a: self._pages[a][page] for a in sorted(transformer_areas) if page in self._pages.get(a, {})}

    def save(self, checkpoint: Checkpoint) -> frozenset[int]:
        refused = set()
        points: list[Point] = []
        with self._lock:
            for partition in sorted(checkpoint.partitions):
                change = checkpoint.partitions[partition]
                mark = self._marks.get((checkpoint.role, partition))
                if mark is None or mark.epoch != change.epoch:
                    refused.add(partition)
                    continue
                self._marks[checkpoint.role, partition] = PartitionMark(
                    checkpoint.role, partition, change.epoch, change.next_offset, change.clock_s
                )
                self._take(change)
                points.extend(change.points)
            self._put_points(points)
        return frozenset(refused)

    def _take(self, change: PartitionChange) -> None:
        for (area, page), content in change.pages.items():
            self._pages.setdefault(area, {})[page] = bytes(content)
        for alert_id, alert in change.alerts.items():
            stored = self._alerts.get(alert_id)
            if stored is None or stored.revision <= alert.revision:
                self._alerts[alert_id] = alert_of(alert_row(alert))
        self._findings.update(change.findings)
        self._notifications.announce(change.announcements)
        for row in change.area_days:
            self._area_days.setdefault(row.day_ordinal, {})[row.transformer_area] = row
        for name, by in change.counters.items():
            self._counters[name] = self._counters.get(name, 0) + by

    def _put_points(self, points: Sequence[Point]) -> None:
        for start in range(0, len(points), POINTS_IN_BATCH):
            self._last_batch_id += 1
            self._points[self._last_batch_id] = points_bytes(points[start : start + POINTS_IN_BATCH])
            self._points_put[self._last_batch_id] = self._clock()

    def reset_area(self, transformer_area: str) -> int:
        with self._lock:
            return len(self._pages.pop(transformer_area, {}))

    # --- the day's way
    def take_lease(self, name: str, owner: str, seconds: float) -> bool:
        with self._lock:
            now = self._clock()
            holder, until = self._leases.get(name, (owner, now))
            if holder != owner and until > now:
                return False
            self._leases[name] = (owner, now + seconds)
            return True

    def release_lease(self, name: str, owner: str) -> None:
        with self._lock:
            if self._leases.get(name, ("", 0.0))[0] == owner:
                del self._leases[name]

    def days_waiting(self) -> Sequence[int]:
        with self._lock:
            last = max(self._closed, default=-1)
            return [day for day in sorted(self._area_days) if day > last]

    def last_closed_day(self) -> int | None:
        with self._lock:
            return max(self._closed, default=None)

    def area_days(self, day_ordinal: int) -> Iterator[AreaDayRow]:
        with self._lock:
            rows = self._area_days.get(day_ordinal, {})
            return iter([rows[area] for area in sorted(rows)])

    def area_day(self, day_ordinal: int, transformer_area: str) -> AreaDayRow | None:
        with self._lock:
            return self._area_days.get(day_ordinal, {}).get(transformer_area)

    def load_model_pages(self) -> dict[str, bytes]:
        with self._lock:
            return dict(sorted(self._model_pages.items()))

    def close_day(self, closed: DayClose) -> bool:
        with self._lock:
            waiting = self.days_waiting()
            if closed.day_ordinal <= max(self._closed, default=-1) or (waiting and waiting[0] < closed.day_ordinal):
                return False
            self._refuse_stale(closed.tasks)
            self._closed.add(closed.day_ordinal)
            self._model_pages.update({page: bytes(content) for page, content in closed.model_pages.items()})
            for area, payload in closed.scores.items():
                self._scores[closed.day_ordinal, area] = bytes(payload)
            already_there = {t.task_id for t in closed.tasks if t.version == 1 and t.task_id in self._tasks}
            self._tasks.update({t.task_id: t for t in closed.tasks if t.task_id not in already_there})
            for entry in closed.audit:
                if entry.subject_id not in already_there:
                    self._audit.setdefault(entry.subject_id, []).append(entry)
            self._put_points(closed.points)
            return True

    def _refuse_stale(self, moved: Sequence[InspectionTask]) -> None:
        for task in moved:
            stored = self._tasks.get(task.task_id)
            if task.version > 1 and (stored is None or stored.version != task.version - 1):
                raise stale_version(task.task_id, task.version - 1, None if stored is None else stored.version)

    def scores(self) -> Iterator[tuple[int, str, bytes]]:
        with self._lock:
            return iter([(day, area, payload) for (day, area), payload in sorted(self._scores.items())])

    # --- alerts, tasks, findings
    def alerts(self, *, only_open: bool = False, transformer_area: str | None = None) -> Sequence[Alert]:
        with self._lock:
            chosen = [
                alert
                for alert in self._alerts.values()
                if (alert.is_open or not only_open) and transformer_area in (None, alert.transformer_area)
            ]
        return sorted(chosen, key=lambda alert: (alert.raised_at_s, alert.alert_id))

    def alert(self, alert_id: str) -> Alert | None:
        with self._lock:
            return self._alerts.get(alert_id)

    def open_cases(self, *, now_s: int, marked: Sequence[str], rows: int) -> OpenCases:
        with self._lock:
            unfinished = self.tasks(only_open=True)
            raised = [self._handled(alert) for alert in self._alerts.values() if alert.is_open]
            return open_cases(self._alerts, raised, unfinished, now_s=now_s, marked=marked, rows=rows)

    def alert_page(self, query: AlertQuery) -> AlertPage:
        with self._lock:
            known = [self._handled(alert) for alert in self._alerts.values()]
        found = [row for row in known if _matches(row, query)]

        def place(row: HandledAlert) -> tuple[str | float, str]:
            return order_value(row.alert, query.order), row.alert.alert_id

        turned = query.descending != query.backwards
        found.sort(key=place, reverse=turned)
        count = min(len(found), COUNTED_AT_MOST + 1)
        if query.after is not None:
            found = [row for row in found if (place(row) < query.after if turned else place(row) > query.after)]
        rows = found[: query.limit]
        return AlertPage(tuple(rows[::-1] if query.backwards else rows), len(found) > query.limit, count)

    def _handled(self, alert: Alert) -> HandledAlert:
        handling = self._handlings.get(alert.alert_id, AlertHandling(alert.alert_id))
        return HandledAlert(alert, handling, in_order(self._tasks, alert.alert_id))

    def handling(self, alert_id: str) -> AlertHandling:
        with self._lock:
            return self._handlings.get(alert_id, AlertHandling(alert_id))

    def handle_alert(
        self, handled: AlertHandling, expected_version: int, audit: AuditEntry, transformer_area: str, relay: bytes
    ) -> None:
        with self._lock:
            stored = self.handling(handled.alert_id).version
            if stored != expected_version:
                raise stale_handling(handled.alert_id, expected_version, stored)
            self._handlings[handled.alert_id] = handled
            self.record_decision(transformer_area, audit, relay)

    def tasks_of_alert(self, alert_id: str) -> Sequence[InspectionTask]:
        with self._lock:
            return in_order(self._tasks, alert_id)

    def tasks(self, *, only_open: bool = False) -> Sequence[InspectionTask]:
        with self._lock:
            chosen = [task for task in self._tasks.values() if not (only_open and task.state in _OVER)]
        return sorted(chosen, key=lambda task: (task.opened_at_s, task.priority, task.task_id))

    def task(self, task_id: str) -> InspectionTask | None:
        with self._lock:
            return self._tasks.get(task_id)

    def move_task(self, task: InspectionTask, expected_version: int, audit: AuditEntry, relay: Sequence[bytes]) -> None:
        with self._lock:
            stored = self._tasks.get(task.task_id)
            if (0 if stored is None else stored.version) != expected_version:
                raise stale_version(task.task_id, expected_version, None if stored is None else stored.version)
            self._tasks[task.task_id] = task
            self._audit.setdefault(audit.subject_id, []).append(audit)
            for payload in relay:
                self._put_relay(task.transformer_area, payload)

    def record_decision(self, transformer_area: str, audit: AuditEntry, relay: bytes) -> None:
        self.record_decisions([audit], [(transformer_area, relay)])

    def record_decisions(
        self,
        audit: Sequence[AuditEntry],
        relay: Sequence[tuple[str, bytes]],
        moved: Sequence[tuple[InspectionTask, int]] = (),
    ) -> None:
        with self._lock:
            for task, expected_version in moved:
                stored = self._tasks.get(task.task_id)
                if stored is None or stored.version != expected_version:
                    raise stale_version(task.task_id, expected_version, None if stored is None else stored.version)
            self._tasks.update((task.task_id, task) for task, _ in moved)
            for entry in audit:
                self._audit.setdefault(entry.subject_id, []).append(entry)
            for transformer_area, payload in relay:
                self._put_relay(transformer_area, payload)

    def _put_relay(self, transformer_area: str, payload: bytes) -> None:
        self._last_relay_id += 1
        self._relay[self._last_relay_id] = (transformer_area, bytes(payload))
        self._relay_put[self._last_relay_id] = self._clock()

    def audit(self, subject_id: str) -> Sequence[AuditEntry]:
        with self._lock:
            return list(self._audit.get(subject_id, ()))

    def append_audit(self, audit: AuditEntry) -> None:
        with self._lock:
            self._audit.setdefault(audit.subject_id, []).append(audit)

    def findings(self, *, from_s: int = 0, to_s: int = 2**62) -> Sequence[Finding]:
        with self._lock:
            chosen = [finding for finding in self._findings.values() if from_s <= finding.found_at_s < to_s]
        return sorted(chosen, key=lambda finding: (finding.found_at_s, finding.finding_id))

    # --- what is said of alerts, and to whom
    def announce(self, announcements: Sequence[Announcement]) -> None:
        with self._lock:
            self._notifications.announce(announcements)

    def announcements(self, alert_id: str) -> Sequence[Announcement]:
        with self._lock:
            return self._notifications.of_alert(alert_id)

    def alerts_stopped(self, stage: str) -> Mapping[str, int]:
        with self._lock:
            return self._notifications.alerts_stopped(stage)

    def announcements_waiting(self, until_s: int, limit: int) -> Sequence[Announcement]:
        with self._lock:
            return self._notifications.announcements_waiting(until_s, limit)

    def load_dispatch_pages(self) -> dict[str, bytes]:
        with self._lock:
            return dict(sorted(self._notifications.pages.items()))

    def dispatch(self, dispatch: Dispatch) -> None:
        with self._lock:
            self._notifications.dispatch(dispatch)

    def deliveries(
        self, *, state: DeliveryState | None = None, channel: str | None = None, limit: int = 1000
    ) -> Sequence[Delivery]:
        with self._lock:
            return self._notifications.deliveries(state, channel, limit)

    def delivery(self, notification_id: str) -> Delivery | None:
        with self._lock:
            return self._notifications.outbox.get(notification_id)

    def save_deliveries(self, moved: Sequence[Delivery]) -> None:
        with self._lock:
            self._notifications.save_deliveries(moved)

    def forget_deliveries(self, before_s: float) -> int:
        with self._lock:
            return self._notifications.forget_deliveries(before_s)

    # --- callers from outside
    def save_token(self, token: ApiToken) -> None:
        with self._lock:
            self._tokens[token.token_id] = token

    def token(self, token_id: str) -> ApiToken | None:
        with self._lock:
            return self._tokens.get(token_id)

    def tokens(self) -> Sequence[ApiToken]:
        with self._lock:
            return sorted(self._tokens.values(), key=lambda token: (token.made_at_s, token.token_id))

    def claim_answer(self, asked: ApiAnswer, *, forget_before_s: int, unanswered_before_s: int) -> ApiAnswer | None:
        with self._lock:
            self._answers = {
                key: answer
                for key, answer in self._answers.items()
                if answer.asked_at_s >= (unanswered_before_s if answer.status is None else forget_before_s)
            }
            if asked.key_hash in self._answers:
                return self._answers[asked.key_hash]
            self._answers[asked.key_hash] = asked
            return None

    def save_answer(self, answer: ApiAnswer) -> None:
        with self._lock:
            self._answers[answer.key_hash] = answer

    def forget_answer(self, key_hash: str) -> None:
        with self._lock:
            self._answers.pop(key_hash, None)

    def take_outside_alerts(self, alerts: Sequence[OutsideAlert]) -> int:
        new = 0
        with self._lock:
            for alert in alerts:
                known = self._outside.get(alert.key)
                self._outside[alert.key] = alert if known is None else received_again(known, alert)
                new += known is None
        return new

    def outside_alerts(self, *, limit: int = 100, waiting: bool = False) -> Sequence[OutsideAlert]:
        with self._lock:
            chosen = [a for a in self._outside.values() if not waiting or a.announced != a.status]
        chosen.sort(key=lambda a: (a.starts_at_s, a.source, a.fingerprint), reverse=not waiting)
        return chosen[:limit]

    def outside_announced(self, keys: Sequence[tuple[str, str, int]], status: OutsideStatus) -> None:
        with self._lock:
            for key in keys:
                self._outside[key] = replace(self._outside[key], announced=status)

    # --- outboxes
    def point_batches(self, limit: int) -> Sequence[PointBatch]:
        with self._lock:
            oldest = sorted(self._points.items())[:limit]
        return [PointBatch(batch_id, points_of(payload)) for batch_id, payload in oldest]

    def points_delivered(self, batch_ids: Iterable[int]) -> None:
        with self._lock:
            for batch_id in batch_ids:
                self._points.pop(batch_id, None)
                self._points_put.pop(batch_id, None)

    def relay_batch(self, limit: int) -> Sequence[tuple[int, str, bytes]]:
        with self._lock:
            return [(relay_id, area, payload) for relay_id, (area, payload) in sorted(self._relay.items())[:limit]]

    def relayed(self, ids: Iterable[int]) -> None:
        with self._lock:
            for relay_id in ids:
                self._relay.pop(relay_id, None)
                self._relay_put.pop(relay_id, None)

    # --- the watcher watched
    def beat(self, pulse: Pulse) -> None:
        with self._lock:
            self._watch.beat(pulse, self._clock())

    def end_beats(self, owners: Iterable[str]) -> None:
        with self._lock:
            self._watch.end_beats(owners)

    def heartbeats(self) -> Sequence[Heartbeat]:
        with self._lock:
            return self._watch.heartbeats(self._clock())

    def outboxes(self) -> Sequence[Waiting]:
        waiting = self.deliveries(state="waiting", limit=WAITING_COUNTED)
        with self._lock:
            now = self._clock()
            return [
                _waiting("points", self._points, self._points_put, now),
                _waiting("relay", self._relay, self._relay_put, now),
                Waiting("notifications", len(waiting), waiting[0].notification.notification_id if waiting else ""),
            ]

    def watch_standings(self) -> Sequence[WatchStanding]:
        with self._lock:
            return self._watch.standings()

    def save_watch(
        self, standings: Sequence[WatchStanding], audit: Sequence[AuditEntry], announcements: Sequence[Announcement]
    ) -> None:
        with self._lock:
            self._watch.save(standings)
            for entry in audit:
                self._audit.setdefault(entry.subject_id, []).append(entry)
            self._notifications.announce(announcements)

    def forget_watch(self, keys: Iterable[tuple[str, str]]) -> None:
        with self._lock:
            self._watch.forget(keys)

    # --- counts and upkeep
    def counters(self) -> dict[str, int]:
        with self._lock:
            return dict(sorted(self._counters.items()))

    def close(self) -> None:
        """Nothing to give back; what was saved stays readable."""


def _matches(row: HandledAlert, query: AlertQuery) -> bool:
    alert, handling = row.alert, row.handling
    words = query.search.casefold()
    return (
        (not query.states or alert.state in query.states)
        and (query.shown is None or shown_state(alert, handling, row.tasks) is query.shown)
        and (query.abnormalities is None or alert.abnormality in query.abnormalities)
        and query.family in ("", alert.family)
        and query.grade in ("", alert.grade)
        and (query.transformer_areas is None or alert.transformer_area in query.transformer_areas)
        and (query.service_points is None or alert.service_point in query.service_points)
        and query.meter_id in ("", alert.meter_id)
        and query.owner in ("", handling.owner)
        and (query.acknowledged is None or handling.acknowledges(alert) == query.acknowledged)
        and (query.since_s is None or alert.raised_at_s >= query.since_s)
        and (query.until_s is None or alert.raised_at_s < query.until_s)
        and (words in (alert.meter_id or "").casefold() or words in alert.service_point.casefold())
    )


def _waiting(outbox: Outbox, entries: Mapping[int, object], put_at: Mapping[int, float], now: float) -> Waiting:
    if not entries:
        return Waiting(outbox, 0)
    oldest = min(entries)
    return Waiting(outbox, len(entries), str(oldest), max(0.0, now - put_at[oldest]))
