"""The ports: what the use cases need from the outside, as small protocols. Adapters live in `storage/`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from metering.access import ApiAnswer, ApiToken
from metering.alert import Alert
from metering.announcement import Announcement
from metering.archive import Archive
from metering.handling import AlertHandling, AlertPage, AlertQuery
from metering.inspection import AuditEntry, InspectionTask
from metering.messages import Finding
from metering.notification import Delivery, DeliveryState, Notification
from metering.open_cases import OpenCases
from metering.outside_alert import OutsideAlert, OutsideStatus
from metering.points import Measurement, Point, PointBatch
from metering.watch import Heartbeat, Pulse, Waiting, WatchStanding

Role = Literal["judge", "archive"]


@dataclass(frozen=True, slots=True)
class PartitionMark:
    """Where one partition stands for one role. `next_offset` is the truth; Kafka's commit is a hint.

    `clock_s` is the last tick saved (0 = none). `epoch` grows with every owner; a checkpoint of an older epoch is refused.
    """

    role: Role
    partition: int
    epoch: int
    next_offset: int
    clock_s: int


@dataclass(frozen=True, slots=True)
class AreaDayRow:
    """A closed day of one area as saved by the area stage: packed features and the open alerts at its close."""

    transformer_area: str
    day_ordinal: int
    partition: int
    payload: bytes


@dataclass(slots=True)
class Checkpoint:
    """Everything that happened since the last one, saved in one transaction, per partition all or nothing.

    Rows are grouped by partition so that a partition whose epoch is stale can be left out alone.
    """

    role: Role
    partitions: dict[int, PartitionChange] = field(default_factory=dict)


@dataclass(slots=True)
class PartitionChange:
    epoch: int
    next_offset: int
    clock_s: int
    pages: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """(area, page) -> bytes"""
    alerts: dict[str, Alert] = field(default_factory=dict)
    findings: dict[str, Finding] = field(default_factory=dict)
    announcements: list[Announcement] = field(default_factory=list)
    area_days: list[AreaDayRow] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    """Increments by name: `readings_accepted`, `set_aside.negative`, `readings_late`, `readings_dead_lettered` ..."""


@dataclass(frozen=True, slots=True)
class DayClose:
    """The result of closing one local day, saved in one transaction; refused if the day was closed already."""

    day_ordinal: int
    model_pages: Mapping[str, bytes]
    tasks: Sequence[InspectionTask]
    audit: Sequence[AuditEntry]
    scores: Mapping[str, bytes]
    """area -> packed scores of the day (see `operations.day_scores`)"""
    absent_areas: Sequence[str]
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Dispatch:
    """What the dispatcher did in one go, saved in one transaction: announcements taken (by id), notifications for the outbox
    (one that is there already stays as it is), and the dispatcher's own pages."""

    taken: Sequence[str]
    notifications: Sequence[Notification]
    pages: Mapping[str, bytes]


class StateStore(Protocol):
    """SQL: state pages, cursors, alerts, tasks, findings, outbox. Every method raises `StoreUnavailable` where the
    database cannot be reached just now, and `StoreError` where it refuses for good."""

    # --- set-up
    def save_archive(self, archive: Archive) -> None: ...
    def load_archive(self) -> Archive:
        """`ArchiveError` where none was saved yet."""
        ...

    def fix_partitions(self, topic: str, partitions: int) -> None:
        """Record the partition count at first use; `StoreError` if it was another."""
        ...

    def partitions(self, topic: str) -> int | None: ...

    # --- the log's way
    def begin_partition(self, role: Role, partition: int, owner: str) -> PartitionMark:
        """Take the partition over: its epoch grows by one, whoever held it before can save no more."""
        ...

    def marks(self, role: Role) -> Sequence[PartitionMark]: ...
    def load_pages(self, transformer_area: str) -> dict[str, bytes]: ...
    def pages_named(self, page: str, transformer_areas: Sequence[str]) -> dict[str, bytes]:
        """One page of each of these areas that has it, by area."""
        ...

    def save(self, checkpoint: Checkpoint) -> frozenset[int]:
        """One transaction. Returns the partitions that were refused because their epoch is stale.

        An alert's older revision never replaces a newer one. After `StoreUnavailable` the same changes, or the same and
        more, may be saved again: nothing counts twice, even where the first try had been committed.
        """
        ...

    def reset_area(self, transformer_area: str) -> int:
        """Forget an area's state pages (not its alerts); returns how many."""
        ...

    # --- the day's way
    def take_lease(self, name: str, owner: str, seconds: float) -> bool:
        """Hold or renew a named lease by the store's own clock; False while another owner holds it."""
        ...

    def release_lease(self, name: str, owner: str) -> None: ...
    def days_waiting(self) -> Sequence[int]:
        """Days (ordinals) after the last closed one that have rows, oldest first."""
        ...

    def last_closed_day(self) -> int | None: ...
    def area_days(self, day_ordinal: int) -> Iterator[AreaDayRow]:
        """Rows of one day, by area."""
        ...

    def area_day(self, day_ordinal: int, transformer_area: str) -> AreaDayRow | None:
        """One area's row of one day; None where it was not saved."""
        ...

    def load_model_pages(self) -> dict[str, bytes]: ...
    def close_day(self, closed: DayClose) -> bool:
        """False, with nothing saved, where this day or a later one is closed already, or an older one still waits.

        A task of version 1 is opened, unless it is there already: then it stays as people left it. One of a higher
        version replaces the version before; where people moved it meanwhile, `StaleVersion` and nothing is saved.
        """
        ...

    def scores(self) -> Iterator[tuple[int, str, bytes]]:
        """(day ordinal, area, packed scores), by day, then area."""
        ...

    # --- alerts, tasks, findings
    def alerts(self, *, only_open: bool = False, transformer_area: str | None = None) -> Sequence[Alert]:
        """By raised_at, then id."""
        ...

    def alert(self, alert_id: str) -> Alert | None: ...
    def alert_page(self, query: AlertQuery) -> AlertPage:
        """The alerts that match, in the order asked for (ties by id), with what people did about them."""
        ...

    def open_cases(self, *, now_s: int, marked: Sequence[str], rows: int) -> OpenCases:
        """What is open, counted; of the alerts of the abnormalities `marked` the gravest, of all the newest, and the tasks to do
        next, each up to `rows`."""
        ...

    def handling(self, alert_id: str) -> AlertHandling:
        """What people did with the alert; version 0 where nobody did anything."""
        ...

    def handle_alert(
        self, handled: AlertHandling, expected_version: int, audit: AuditEntry, transformer_area: str, relay: bytes
    ) -> None:
        """Save `handled` if the stored version is `expected_version`, else `StaleVersion`; append the audit line; put the
        decision into the relay outbox of the area, all in one transaction."""
        ...

    def tasks_of_alert(self, alert_id: str) -> Sequence[InspectionTask]:
        """The tasks that name the alert, the newest first."""
        ...

    def tasks(self, *, only_open: bool = False) -> Sequence[InspectionTask]:
        """By opened_at, then priority, then id."""
        ...

    def task(self, task_id: str) -> InspectionTask | None: ...
    def move_task(self, task: InspectionTask, expected_version: int, audit: AuditEntry, relay: Sequence[bytes]) -> None:
        """Save `task` if its stored version is `expected_version` (0: it must not be there yet), else `StaleVersion`;
        append the audit line; put the `relay` messages (wire bytes) into the relay outbox under the task's area, all in
        one transaction."""
        ...

    def record_decision(self, transformer_area: str, audit: AuditEntry, relay: bytes) -> None:
        """Append the audit line and put the decision's wire bytes into the relay outbox, in one transaction."""
        ...

    def record_decisions(
        self,
        audit: Sequence[AuditEntry],
        relay: Sequence[tuple[str, bytes]],
        moved: Sequence[tuple[InspectionTask, int]] = (),
    ) -> None:
        """The same for an act that concerns several areas or moves tasks with it, in one transaction: `relay` are (transformer area,
        wire bytes), `moved` are (task, the version it must still have), else `StaleVersion` and nothing is saved."""
        ...

    def audit(self, subject_id: str) -> Sequence[AuditEntry]: ...
    def append_audit(self, audit: AuditEntry) -> None:
        """Append a line that stands for itself: nothing was moved."""
        ...

    def findings(self, *, from_s: int = 0, to_s: int = 2**62) -> Sequence[Finding]:
        """Found in [from, to), by found_at, then id."""
        ...

    # --- what is said of alerts, and to whom
    def announce(self, announcements: Sequence[Announcement]) -> None:
        """Add announcements that come from elsewhere than an area's log; one that is there already stays as it is."""
        ...

    def announcements(self, alert_id: str) -> Sequence[Announcement]:
        """Every turn of one alert, said or stopped, in order."""
        ...

    def alerts_stopped(self, stage: str) -> Mapping[str, int]:
        """How many alerts a stage ever stopped, by what it names (a silence, a work order)."""
        ...

    def announcements_waiting(self, until_s: int, limit: int) -> Sequence[Announcement]:
        """Said, up to `until_s` of event time, and not yet taken by the dispatcher, in order."""
        ...

    def load_dispatch_pages(self) -> dict[str, bytes]: ...
    def dispatch(self, dispatch: Dispatch) -> None: ...
    def deliveries(
        self, *, state: DeliveryState | None = None, channel: str | None = None, limit: int = 1000
    ) -> Sequence[Delivery]:
        """Oldest first, by the time they were made, then id; `state` None: the newest `limit`, newest first."""
        ...

    def delivery(self, notification_id: str) -> Delivery | None: ...
    def save_deliveries(self, moved: Sequence[Delivery]) -> None:
        """Save how far notifications have come, in one transaction; those that are not there yet are added."""
        ...

    def forget_deliveries(self, before_s: float) -> int:
        """Remove notifications that arrived before then (wall clock), and those that a digest told which is gone; returns how many.
        What waits or failed stays."""
        ...

    # --- callers from outside
    def save_token(self, token: ApiToken) -> None:
        """Add a token, or replace the one of its id."""
        ...

    def token(self, token_id: str) -> ApiToken | None: ...
    def tokens(self) -> Sequence[ApiToken]:
        """By the time they were made, then id."""
        ...

    def claim_answer(self, asked: ApiAnswer, *, forget_before_s: int, unanswered_before_s: int) -> ApiAnswer | None:
        """Take a request's key for oneself; None where that went well, else what stands under the key.

        Answers asked for before `forget_before_s`, and requests left unanswered since before `unanswered_before_s`, are gone.
        """
        ...

    def save_answer(self, answer: ApiAnswer) -> None: ...
    def forget_answer(self, key_hash: str) -> None: ...
    def take_outside_alerts(self, alerts: Sequence[OutsideAlert]) -> int:
        """Keep alerts of other monitors; returns how many were new. One that is known already is brought up to date: it counts
        once more, and once resolved stays so. What people were told of it stays."""
        ...

    def outside_alerts(self, *, limit: int = 100, waiting: bool = False) -> Sequence[OutsideAlert]:
        """The newest first; `waiting`: those of whose status nobody was told yet, the oldest first."""
        ...

    def outside_announced(self, keys: Sequence[tuple[str, str, int]], status: OutsideStatus) -> None:
        """People were told that these, by their keys, are `status`."""
        ...

    # --- outboxes
    def point_batches(self, limit: int) -> Sequence[PointBatch]:
        """The oldest undelivered points."""
        ...

    def points_delivered(self, batch_ids: Iterable[int]) -> None: ...
    def relay_batch(self, limit: int) -> Sequence[tuple[int, str, bytes]]:
        """(id, transformer area, wire bytes) of decisions and findings to be put onto the log."""
        ...

    def relayed(self, ids: Iterable[int]) -> None: ...

    # --- the watcher watched
    def beat(self, pulse: Pulse) -> None:
        """Save the pulse in place of its owner's last one, at the time of the store's own clock."""
        ...

    def end_beats(self, owners: Iterable[str]) -> None:
        """Forget the pulses of processes that ended in order, or whose work others do."""
        ...

    def heartbeats(self) -> Sequence[Heartbeat]:
        """The last pulse of every process, by owner."""
        ...

    def outboxes(self) -> Sequence[Waiting]:
        """How much waits in each outbox: points, relay, notifications."""
        ...

    def watch_standings(self) -> Sequence[WatchStanding]:
        """Where every rule of the watch stands, by rule, then subject."""
        ...

    def save_watch(
        self, standings: Sequence[WatchStanding], audit: Sequence[AuditEntry], announcements: Sequence[Announcement]
    ) -> None:
        """Save where rules stand, with the audit lines and announcements of those that opened or ended, in one
        transaction."""
        ...

    def forget_watch(self, keys: Iterable[tuple[str, str]]) -> None:
        """Forget (rule, subject) pairs that nothing is heard of any more."""
        ...

    # --- counts and upkeep
    def counters(self) -> dict[str, int]: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, eq=False)
class ReadingColumns:
    """Raw readings of one area and interval on their way to the time-series store: NaN = nothing to write."""

    transformer_area: str
    interval_start_s: int
    meter_ids: Sequence[str]
    columns: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class SeriesRow:
    time_s: int
    tags: Mapping[str, str]
    fields: Mapping[str, float]


class TimeSeries(Protocol):
    """The time-series store: InfluxDB, DuckDB or memory. A write of the same series and time replaces fields by name
    (upsert). A write returns when the store has acknowledged it; it may wait for a store that is away, which is the
    caller's back-pressure. Writes raise `StoreUnavailable` if not all was stored and it is worth trying again: writing
    the same again changes nothing."""

    def write_points(self, points: Sequence[Point]) -> int:
        """Write derived points; returns how many were refused for good (counted and logged, never retried)."""
        ...

    def write_readings(self, frames: Sequence[ReadingColumns]) -> int:
        """Write raw readings as measurement `reading`; returns how many points were refused for good."""
        ...

    def read(
        self, measurement: Measurement, *, start_s: int, end_s: int, tags: Mapping[str, str] | None = None
    ) -> list[SeriesRow]:
        """All points in [start, end) whose tags match, by time, then tags."""
        ...

    def count(self, measurement: Measurement) -> int:
        """Number of points (series x time) of a measurement."""
        ...

    def ping(self) -> str:
        """A short word on what was reached, e.g. ``InfluxDB v2.7.12``; raises `StoreUnavailable` otherwise."""
        ...

    def close(self) -> None: ...


class Sender(Protocol):
    """One channel: a webhook, a mail server, a chat. It may be given the same notification again: its id is the idempotency key."""

    def send(self, notification: Notification) -> None:
        """Return once the receiver has taken it; `NotSent` otherwise. Never waits longer than some ten seconds."""
        ...
