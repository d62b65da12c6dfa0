"""`SqlStore`: the state store on SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from metering.access import ApiAnswer, ApiToken
from metering.alert import Alert
from metering.announcement import Announcement
from metering.archive import Archive
from metering.handling import AlertHandling, AlertPage, AlertQuery
from metering.inspection import AuditEntry, InspectionTask
from metering.messages import Finding
from metering.notification import Delivery, DeliveryState
from metering.open_cases import OpenCases
from metering.outside_alert import OutsideAlert, OutsideStatus
from metering.points import PointBatch
from metering.ports import AreaDayRow, Checkpoint, DayClose, Dispatch, PartitionMark, Role
from metering.watch import Heartbeat, Pulse, Waiting, WatchStanding
from storage import (
    schema,
    sql_alert_list,
    sql_api,
    sql_archive,
    sql_cases,
    sql_days,
    sql_notifications,
    sql_open_cases,
    sql_outbox,
    sql_watch,
    worker_lock,
)
from storage.database import Database
from storage.sql_log import PartitionLog


class SqlStore:
    """`metering.ports.StateStore` over SQL. Thread-safe; every method is one transaction.

    `url` is ``sqlite:///path/to/file.db`` or ``postgresql+psycopg://user:password@host:5432/name``. `create` brings the
    schema up to date; without it a schema that is not this program's is a `StoreError`. On SQLite the first
    `begin_partition` takes the file for this process until `close`; a second worker process gets a `StoreError`, while
    any process may read and move tasks.
    """

    def __init__(self, url: str, *, create: bool = True) -> None:
        self._database = Database(url)
        schema.prepare(self._database, create=create)
        self._log = PartitionLog(self._database)
        self._worker_lock: Path | None = None

    # --- set-up
    def save_archive(self, archive: Archive) -> None:
        sql_archive.save_archive(self._database, archive)

    def load_archive(self) -> Archive:
        return sql_archive.load_archive(self._database)

    def fix_partitions(self, topic: str, partitions: int) -> None:
        self._log.fix_partitions(topic, partitions)

    def partitions(self, topic: str) -> int | None:
        return self._log.partitions(topic)

    # --- the log's way
    def begin_partition(self, role: Role, partition: int, owner: str) -> PartitionMark:
        if self._database.sqlite_path is not None and self._worker_lock is None:
            self._worker_lock = worker_lock.hold(self._database.sqlite_path)
        return self._log.begin(role, partition, owner)

    def marks(self, role: Role) -> Sequence[PartitionMark]:
        return self._log.marks(role)

    def load_pages(self, transformer_area: str) -> dict[str, bytes]:
        return self._log.load_pages(transformer_area)

    def pages_named(self, page: str, transformer_areas: Sequence[str]) -> dict[str, bytes]:
        return self._log.pages_named(page, transformer_areas)

    def save(self, checkpoint: Checkpoint) -> frozenset[int]:
        return self._log.save(checkpoint)

    def reset_area(self, transformer_area: str) -> int:
        return self._log.reset_area(transformer_area)

    # --- the day's way
    def take_lease(self, name: str, owner: str, seconds: float) -> bool:
        return sql_days.take_lease(self._database, name, owner, seconds)

    def release_lease(self, name: str, owner: str) -> None:
        sql_days.release_lease(self._database, name, owner)

    def days_waiting(self) -> Sequence[int]:
        return sql_days.days_waiting(self._database)

    def last_closed_day(self) -> int | None:
        return sql_days.last_closed_day(self._database)

    def area_days(self, day_ordinal: int) -> Iterator[AreaDayRow]:
        return sql_days.area_days(self._database, day_ordinal)

    def area_day(self, day_ordinal: int, transformer_area: str) -> AreaDayRow | None:
        return sql_days.area_day(self._database, day_ordinal, transformer_area)

    def load_model_pages(self) -> dict[str, bytes]:
        return sql_days.load_model_pages(self._database)

    def close_day(self, closed: DayClose) -> bool:
        return sql_days.close_day(self._database, closed)

    def scores(self) -> Iterator[tuple[int, str, bytes]]:
        return sql_days.scores(self._database)

    # --- alerts, tasks, findings
    def alerts(self, *, only_open: bool = False, transformer_area: str | None = None) -> Sequence[Alert]:
        return sql_cases.alerts(self._database, only_open=only_open, transformer_area=transformer_area)

    def alert(self, alert_id: str) -> Alert | None:
        return sql_cases.alert(self._database, alert_id)

    def alert_page(self, query: AlertQuery) -> AlertPage:
        return sql_alert_list.alert_page(self._database, query)

    def open_cases(self, *, now_s: int, marked: Sequence[str], rows: int) -> OpenCases:
        return sql_open_cases.open_cases(self._database, now_s=now_s, marked=marked, rows=rows)

    def handling(self, alert_id: str) -> AlertHandling:
        return sql_cases.handling(self._database, alert_id)

    def handle_alert(
        self, handled: AlertHandling, expected_version: int, audit: AuditEntry, transformer_area: str, relay: bytes
    ) -> None:
        sql_cases.handle_alert(self._database, handled, expected_version, audit, transformer_area, relay)

    def tasks_of_alert(self, alert_id: str) -> Sequence[InspectionTask]:
        return sql_cases.tasks_of_alert(self._database, alert_id)

    def tasks(self, *, only_open: bool = False) -> Sequence[InspectionTask]:
        return sql_cases.tasks(self._database, only_open=only_open)

    def task(self, task_id: str) -> InspectionTask | None:
        return sql_cases.task(self._database, task_id)

    def move_task(self, task: InspectionTask, expected_version: int, audit: AuditEntry, relay: Sequence[bytes]) -> None:
        sql_cases.move_task(self._database, task, expected_version, audit, relay)

    def record_decision(self, transformer_area: str, audit: AuditEntry, relay: bytes) -> None:
        self.record_decisions([audit], [(transformer_area, relay)])

    def record_decisions(
        self,
        audit: Sequence[AuditEntry],
        relay: Sequence[tuple[str, bytes]],
        moved: Sequence[tuple[InspectionTask, int]] = (),
    ) -> None:
        sql_cases.record_decisions(self._database, audit, relay, moved)

    def audit(self, subject_id: str) -> Sequence[AuditEntry]:
        return sql_cases.audit(self._database, subject_id)

    def append_audit(self, audit: AuditEntry) -> None:
        sql_cases.append_alone(self._database, audit)

    def broken_audit_trails(self) -> Sequence[str]:
        """Subjects whose audit trail was changed after it was written; empty where all is well."""
        return sql_cases.broken_audit_trails(self._database)

    def findings(self, *, from_s: int = 0, to_s: int = 2**62) -> Sequence[Finding]:
        return sql_cases.findings(self._database, from_s=from_s, to_s=to_s)

    # --- what is said of alerts, and to whom
    def announce(self, announcements: Sequence[Announcement]) -> None:
        sql_notifications.announce(self._database, announcements)

    def announcements(self, alert_id: str) -> Sequence[Announcement]:
        return sql_notifications.announcements(self._database, alert_id)

    def alerts_stopped(self, stage: str) -> Mapping[str, int]:
        return sql_notifications.alerts_stopped(self._database, stage)

    def announcements_waiting(self, until_s: int, limit: int) -> Sequence[Announcement]:
        return sql_notifications.announcements_waiting(self._database, until_s, limit)

    def load_dispatch_pages(self) -> dict[str, bytes]:
        return sql_notifications.load_dispatch_pages(self._database)

    def dispatch(self, dispatch: Dispatch) -> None:
        sql_notifications.dispatch(self._database, dispatch)

    def deliveries(
        self, *, state: DeliveryState | None = None, channel: str | None = None, limit: int = 1000
    ) -> Sequence[Delivery]:
        return sql_notifications.deliveries(self._database, state=state, channel=channel, limit=limit)

    def delivery(self, notification_id: str) -> Delivery | None:
        return sql_notifications.delivery(self._database, notification_id)

    def save_deliveries(self, moved: Sequence[Delivery]) -> None:
        sql_notifications.save_deliveries(self._database, moved)

    def forget_deliveries(self, before_s: float) -> int:
        return sql_notifications.forget_deliveries(self._database, before_s)

    # --- callers from outside
    def save_token(self, token: ApiToken) -> None:
        sql_api.save_token(self._database, token)

    def token(self, token_id: str) -> ApiToken | None:
        return sql_api.token(self._database, token_id)

    def tokens(self) -> Sequence[ApiToken]:
        return sql_api.tokens(self._database)

    def claim_answer(self, asked: ApiAnswer, *, forget_before_s: int, unanswered_before_s: int) -> ApiAnswer | None:
        return sql_api.claim_answer(
            self._database, asked, forget_before_s=forget_before_s, unanswered_before_s=unanswered_before_s
        )

    def save_answer(self, answer: ApiAnswer) -> None:
        sql_api.save_answer(self._database, answer)

    def forget_answer(self, key_hash: str) -> None:
        sql_api.forget_answer(self._database, key_hash)

    def take_outside_alerts(self, alerts: Sequence[OutsideAlert]) -> int:
        return sql_api.take_outside_alerts(self._database, alerts)

    def outside_alerts(self, *, limit: int = 100, waiting: bool = False) -> Sequence[OutsideAlert]:
        return sql_api.outside_alerts(self._database, limit=limit, waiting=waiting)

    def outside_announced(self, keys: Sequence[tuple[str, str, int]], status: OutsideStatus) -> None:
        sql_api.outside_announced(self._database, keys, status)

    # --- outboxes
    def point_batches(self, limit: int) -> Sequence[PointBatch]:
        return sql_outbox.point_batches(self._database, limit)

    def points_delivered(self, batch_ids: Iterable[int]) -> None:
        sql_outbox.points_delivered(self._database, batch_ids)

    def relay_batch(self, limit: int) -> Sequence[tuple[int, str, bytes]]:
        return sql_outbox.relay_batch(self._database, limit)

    def relayed(self, ids: Iterable[int]) -> None:
        sql_outbox.relayed(self._database, ids)

    # --- the watcher watched
    def beat(self, pulse: Pulse) -> None:
        sql_watch.beat(self._database, pulse)

    def end_beats(self, owners: Iterable[str]) -> None:
        sql_watch.end_beats(self._database, owners)

    def heartbeats(self) -> Sequence[Heartbeat]:
        return sql_watch.heartbeats(self._database)

    def outboxes(self) -> Sequence[Waiting]:
        return sql_watch.outboxes(self._database)

    def watch_standings(self) -> Sequence[WatchStanding]:
        return sql_watch.standings(self._database)

    def save_watch(
        self, standings: Sequence[WatchStanding], audit: Sequence[AuditEntry], announcements: Sequence[Announcement]
    ) -> None:
        sql_watch.save(self._database, standings, audit, announcements)

    def forget_watch(self, keys: Iterable[tuple[str, str]]) -> None:
        sql_watch.forget(self._database, keys)

    # --- counts and upkeep
    def counters(self) -> dict[str, int]:
        return self._log.counters()

    def close(self) -> None:
        """Give back the connections and, on SQLite, the file's worker lock. May be called twice."""
        self._database.close()
        if self._worker_lock is not None:
            worker_lock.let_go(self._worker_lock)
            self._worker_lock = None
