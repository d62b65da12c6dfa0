"""What the API sends and takes, field by field. Times are ISO 8601 in UTC; what is not known is null.

No customer's name, number or address, and no load curve, is in any of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from alerts.handling import LONGEST_NAME, LONGEST_NOTE, possible_acts
from alerts.shown_life import shown_state
from metering.alert import Alert, AlertState, Grade, Worth
from metering.announcement import Announcement, Stopped, Urgency
from metering.catalogue import CATALOGUE
from metering.dismissal import BENIGN_REASONS
from metering.handling import AlertHandling, HandledAlert, ShownState
from metering.inspection import AuditEntry, InspectionTask, TaskState
from metering.messages import Finding
from metering.notification import Delivery
from metering.outside_alert import OutsideAlert, OutsideStatus
from metering.silence import Silence
from metering.times import from_epoch_s
from operations.dismissal_effects import DismissalEffect

Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Note = Annotated[str, Field(max_length=LONGEST_NOTE)]
Words = Annotated[str, Field(min_length=1, max_length=LONGEST_NOTE)]
Version = Annotated[int, Field(ge=0, description="the `handling.version` that was read; 0 where nobody had acted")]


class Sent(BaseModel):
    """Part of an answer."""

    model_config = ConfigDict(frozen=True)


class Taken(BaseModel):
    """A body that is sent in; what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


Row = TypeVar("Row", bound=Sent)


class HandlingOut(Sent):
    """What people did with an alert. Names are null for a token without `alerts:handle`."""

    acknowledged: Annotated[bool, Field(description="whether this episode of the alert is acknowledged")]
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    acknowledged_episode: int
    owner: str | None
    version: int

    @classmethod
    def of(cls, handling: AlertHandling, alert: Alert, *, names: bool) -> HandlingOut:
        return cls(
            acknowledged=handling.acknowledges(alert),
            acknowledged_by=handling.acknowledged_by if names else None,
            acknowledged_at=_time(handling.acknowledged_at_s),
            acknowledged_episode=handling.acknowledged_episode,
            owner=handling.owner if names else None,
            version=handling.version,
        )


class TaskRef(Sent):
    task_id: str
    state: TaskState
    assignee: str | None

    @classmethod
    def of(cls, task: InspectionTask, *, names: bool) -> TaskRef:
        return cls(task_id=task.task_id, state=task.state, assignee=task.assignee if names else None)


class AlertLine(Sent):
    """One alert in a list. `state` is the machine's, `shown_state` where the alert stands for people."""

    alert_id: str
    state: AlertState
    shown_state: ShownState
    abnormality: str
    name_en: str
    name_zh: str
    family: str
    lane: str
    urgency: Urgency
    grade: Grade
    risk: float | None
    transformer_area: str
    meter_id: Annotated[str | None, Field(description="null for an area's own alert")]
    service_point: str
    since: datetime
    raised_at: datetime
    cleared_at: datetime | None
    episodes: int
    observed: float | None
    expected: float | None
    unit: str
    missing_kwh: float | None
    worth: Annotated[Worth | None, Field(description="what the claim stands for since its onset")]
    revision: int
    handling: HandlingOut
    tasks: tuple[TaskRef, ...]

    @classmethod
    def of(cls, row: HandledAlert, *, names: bool) -> AlertLine:
        return cls(**_line(row, names=names))


class ReasonOut(Sent):
    detector: str
    against: bool
    text_en: str
    text_zh: str
    weight: float


class RelapseOut(Sent):
    ended_at: datetime
    returned_at: datetime


class UnjudgedOut(Sent):
    """An interval that nobody read; `expected_kwh` is what was expected in it."""

    start: datetime
    expected_kwh: float | None


class StoppedOut(Sent):
    """Why nobody was told: the stage that stopped it, its reason, what it refers to, and of a silence who made it, until when and why."""

    stage: str
    reason: str
    detail: str
    silenced_by: str | None = None
    silenced_until: datetime | None = None
    silenced_because: str | None = None

    @classmethod
    def of(cls, stopped: Stopped, silence: Silence | None, *, names: bool) -> StoppedOut:
        return cls(
            stage=stopped.stage,
            reason=stopped.reason,
            detail=stopped.detail,
            silenced_by=silence.by if silence is not None and names else None,
            silenced_until=None if silence is None else moment(silence.until_s),
            silenced_because=silence.reason if silence is not None and names else None,
        )


class HistoryLine(Sent):
    """One thing that happened to an alert. `by` is `machine` or the person's name (null where names are not shown).

    `what` is a turn of the alert (raised, returned, cleared ...) or a person's act. `urgency` stands at turns that somebody was to
    be told of, `stopped` where nobody was.
    """

    at: datetime
    by: str | None
    what: str
    from_state: str = ""
    to_state: str = ""
    words: str | None = None
    urgency: Urgency | None = None
    stopped: StoppedOut | None = None

    @classmethod
    def of_turn(cls, turn: Announcement, silences: Mapping[str, Silence], *, names: bool) -> HistoryLine:
        stopped = turn.stopped
        return cls(
            at=moment(turn.at_s),
            by="machine",
            what=turn.turn.value,
            urgency=turn.urgency,
            stopped=None
            if stopped is None
            else StoppedOut.of(
                stopped, silences.get(stopped.detail) if stopped.stage == "silence" else None, names=names
            ),
        )


class AlertDetail(AlertLine):
    reasons: tuple[ReasonOut, ...]
    relapses: tuple[RelapseOut, ...]
    unjudged: tuple[UnjudgedOut, ...]
    late_readings: int
    possible_acts: tuple[str, ...]
    history: tuple[HistoryLine, ...]
    now: Annotated[datetime, Field(description="the time that acts are dated with")]
    judged_until: Annotated[datetime, Field(description="up to when readings are judged")]

    @classmethod
    def of_all(
        cls,
        row: HandledAlert,
        trail: tuple[AuditEntry, ...],
        turns: tuple[HistoryLine, ...],
        *,
        names: bool,
        now_s: int,
        clock_s: int,
    ) -> AlertDetail:
        alert = row.alert
        return cls(
            **_line(row, names=names),
            reasons=tuple(
                ReasonOut(detector=r.detector, against=r.against, text_en=r.text, text_zh=r.text_zh, weight=r.weight)
                for r in alert.reasons
            ),
            relapses=tuple(
                RelapseOut(ended_at=moment(end), returned_at=moment(again)) for end, again in alert.relapses
            ),
            unjudged=tuple(UnjudgedOut(start=moment(s), expected_kwh=known(kwh)) for s, kwh in alert.unjudged),
            late_readings=alert.late_readings,
            possible_acts=possible_acts(alert, row.handling),
            history=_history(alert, trail, turns, names=names),
            now=moment(now_s),
            judged_until=moment(clock_s),
        )


class Page(Sent):
    """`next` and `previous` are what to send as `cursor` for the pages beside this one, null at an end."""

    next: str | None
    previous: str | None
    count: Annotated[int, Field(description="how many match, up to 10,000")]
    count_is_more: Annotated[bool, Field(description="whether more than `count` match")]


class AlertList(Page):
    alerts: tuple[AlertLine, ...]
    now: Annotated[datetime, Field(description="the time that acts are dated with")]
    judged_until: Annotated[datetime, Field(description="up to when readings are judged")]


class Acknowledge(Taken):
    version: Version
    note: Note = ""


class Assign(Taken):
    version: Version
    owner: Name
    note: Note = ""


class Unassign(Taken):
    version: Version
    note: Words


class HandOver(Taken):
    version: Version
    owner: Name
    note: Words


class Comment(Taken):
    """A comment changes nothing for others: without a `version` it is added whoever acted meanwhile."""

    note: Words
    version: Version | None = None


class Handled(Sent):
    """Where the alert stands after the act."""

    alert_id: str
    shown_state: ShownState
    handling: HandlingOut


Because = StrEnum("Because", {code: code for code in BENIGN_REASONS})  # type: ignore[misc]


class NotAProblem(Taken):
    """`because` is one of a list; `other` needs a note."""

    because: Because
    note: Note = ""


class TakeBack(Taken):
    reason: Words


class Withdrawn(Sent):
    """What a person said of an alert, or took back; the area's log carries it to where alerts are judged."""

    alert_id: str
    dismissal_id: str
    because: str


class SaidOfAlert(Sent):
    """What a person said last of an alert, "not a problem, because ...", and what it changed; null where nobody ever did."""

    alert_id: str
    effect: DismissalEffect | None


class TaskOut(Sent):
    """An inspection task; names are null for a token without `alerts:handle`."""

    task_id: str
    alert_ids: tuple[str, ...]
    service_point: str
    transformer_area: str
    state: TaskState
    grade: Grade
    risk: float | None
    priority: int
    hazard: bool
    opened_at: datetime
    due_at: datetime
    closed_at: datetime | None
    assignee: str | None
    found_at: datetime | None
    found_confirmed: bool | None
    found_abnormality: str | None
    version: int

    @classmethod
    def of(cls, task: InspectionTask, *, names: bool) -> TaskOut:
        return cls(**_task(task, names=names))


class TaskDetail(TaskOut):
    history: tuple[HistoryLine, ...]

    @classmethod
    def of_all(cls, task: InspectionTask, trail: tuple[AuditEntry, ...], *, names: bool) -> TaskDetail:
        return cls(**_task(task, names=names), history=tuple(audited(line, names=names) for line in trail))


class TaskList(Page):
    tasks: tuple[TaskOut, ...]


class FindingOut(Sent):
    """What an inspection found; its words and who found it are null for a token without `alerts:handle`."""

    finding_id: str
    transformer_area: str
    meter_id: str
    found_at: datetime
    confirmed: bool
    abnormality: str | None
    found_by: str | None
    note: str | None

    @classmethod
    def of(cls, finding: Finding, *, names: bool) -> FindingOut:
        return cls(
            finding_id=finding.finding_id,
            transformer_area=finding.transformer_area,
            meter_id=finding.meter_id,
            found_at=moment(finding.found_at_s),
            confirmed=finding.confirmed,
            abnormality=finding.abnormality,
            found_by=finding.found_by if names else None,
            note=finding.note if names else None,
        )


class FindingList(Page):
    findings: tuple[FindingOut, ...]


class NotificationLineOut(Sent):
    """One alert or task of a notification; `turn` is null for a task or a silence."""

    number: str
    abnormality: str
    title: str
    place: str
    grade: str
    turn: str | None
    at: datetime


class NotificationOut(Sent):
    """What people were sent, or are to be: `state` says how far it has come."""

    notification_id: str
    channel: str
    kind: str
    urgency: str
    group: str
    made_at: datetime
    state: str
    attempts: int
    last_error: str
    folded_into: str
    lines: tuple[NotificationLineOut, ...]
    left_out: dict[str, int]
    note: str

    @classmethod
    def of(cls, delivery: Delivery) -> NotificationOut:
        sent = delivery.notification
        return cls(
            notification_id=sent.notification_id,
            channel=sent.channel,
            kind=sent.kind,
            urgency=sent.urgency,
            group=sent.group,
            made_at=moment(sent.made_at_s),
            state=delivery.state,
            attempts=delivery.attempts,
            last_error=delivery.last_error,
            folded_into=delivery.folded_into,
            lines=tuple(
                NotificationLineOut(
                    number=line.number,
                    abnormality=line.abnormality,
                    title=line.title,
                    place=line.place,
                    grade=line.grade,
                    turn=None if line.turn is None else line.turn.value,
                    at=moment(line.at_s),
                )
                for line in sent.lines
            ),
            left_out=dict(sent.left_out),
            note=sent.note,
        )


class NotificationList(Page):
    notifications: tuple[NotificationOut, ...]
    judged_until: Annotated[datetime, Field(description="up to when readings are judged")]


class OutsideAlertOut(Sent):
    """An alert that another monitor sent about this one; it is acknowledged under its `alert_id`, as an alert is."""

    alert_id: str
    source: str
    fingerprint: str
    status: OutsideStatus
    title: str
    starts_at: datetime
    ends_at: datetime | None
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    received_at: datetime
    times_received: int
    announced: Annotated[str, Field(description="the status that people were told of last")]

    @classmethod
    def of(cls, alert: OutsideAlert) -> OutsideAlertOut:
        return cls(
            alert_id=alert.alert_id,
            source=alert.source,
            fingerprint=alert.fingerprint,
            status=alert.status,
            title=alert.title,
            starts_at=moment(alert.starts_at_s),
            ends_at=_time(alert.ends_at_s),
            labels=alert.labels,
            annotations=alert.annotations,
            received_at=moment(alert.received_at_s),
            times_received=alert.times_received,
            announced=alert.announced,
        )


class OutsideAlertList(Sent):
    alerts: tuple[OutsideAlertOut, ...]


class NotTaken(Sent):
    """One alert of a batch that could not be read."""

    index: int
    errors: tuple[dict[Literal["where", "what"], str], ...]


class TakenIn(Sent):
    """What became of a batch: `received` = `new` + `known` + what `refused` lists."""

    received: int
    new: int
    known: int
    refused: tuple[NotTaken, ...]


def moment(epoch_s: int) -> datetime:
    return from_epoch_s(epoch_s)


def known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _time(epoch_s: int | None) -> datetime | None:
    return None if epoch_s is None else moment(epoch_s)


def _line(row: HandledAlert, *, names: bool) -> dict[str, Any]:
    alert, kind = row.alert, CATALOGUE.get(row.alert.abnormality)
    return {
        "alert_id": alert.alert_id,
        "state": alert.state,
        "shown_state": shown_state(alert, row.handling, row.tasks),
        "abnormality": alert.abnormality,
        "name_en": alert.abnormality if kind is None else kind.name_en,
        "name_zh": alert.abnormality if kind is None else kind.name_zh,
        "family": alert.family,
        "lane": "suspicion" if kind is None else kind.lane,
        "urgency": "morning" if kind is None else kind.urgency,
        "grade": alert.grade,
        "risk": known(alert.risk),
        "transformer_area": alert.transformer_area,
        "meter_id": alert.meter_id,
        "service_point": alert.service_point,
        "since": moment(alert.since_s),
        "raised_at": moment(alert.raised_at_s),
        "cleared_at": _time(alert.cleared_at_s),
        "episodes": alert.episodes,
        "observed": known(alert.observed),
        "expected": known(alert.expected),
        "unit": alert.unit,
        "missing_kwh": known(alert.missing_kwh),
        "worth": alert.worth,
        "revision": alert.revision,
        "handling": HandlingOut.of(row.handling, alert, names=names),
        "tasks": tuple(TaskRef.of(task, names=names) for task in row.tasks),
    }


def _task(task: InspectionTask, *, names: bool) -> dict[str, Any]:
    found = task.finding
    return {
        "task_id": task.task_id,
        "alert_ids": task.alert_ids,
        "service_point": task.service_point,
        "transformer_area": task.transformer_area,
        "state": task.state,
        "grade": task.grade,
        "risk": known(task.risk),
        "priority": task.priority,
        "hazard": task.hazard,
        "opened_at": moment(task.opened_at_s),
        "due_at": moment(task.due_at_s),
        "closed_at": _time(task.closed_at_s),
        "assignee": task.assignee if names else None,
        "found_at": None if found is None else moment(found.found_at_s),
        "found_confirmed": None if found is None else found.confirmed,
        "found_abnormality": None if found is None else found.abnormality,
        "version": task.version,
    }


def _history(
    alert: Alert, trail: tuple[AuditEntry, ...], turns: tuple[HistoryLine, ...], *, names: bool
) -> tuple[HistoryLine, ...]:
    """Oldest first: what the machine said or why it did not, when the alert came back, and what people did."""
    lines = [*(audited(line, names=names) for line in trail), *turns]
    said = {(line.what, line.at) for line in lines}
    if alert.since_s < alert.raised_at_s:
        lines.append(HistoryLine(at=moment(alert.since_s), by="machine", what=ShownState.SUSPECTED.value))
    if ("raised", moment(alert.raised_at_s)) not in said:
        lines.append(HistoryLine(at=moment(alert.raised_at_s), by="machine", what="raised"))
    for ended_s, again_s in alert.relapses:
        for what, when in (("cleared", moment(ended_s)), ("returned", moment(again_s))):
            if (what, when) not in said:
                lines.append(HistoryLine(at=when, by="machine", what=what))
    if alert.cleared_at_s is not None and (alert.state.value, moment(alert.cleared_at_s)) not in said:
        lines.append(HistoryLine(at=moment(alert.cleared_at_s), by="machine", what=alert.state.value))
    return tuple(sorted(lines, key=lambda line: line.at))


def audited(line: AuditEntry, *, names: bool) -> HistoryLine:
    return HistoryLine(
        at=moment(line.at_s),
        by=line.actor if names else None,
        what=line.move,
        from_state=line.from_state if names else "",
        to_state=line.to_state if names else "",
        words=(line.reason or None) if names else None,
    )
