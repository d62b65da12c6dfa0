"""Which inspection tasks a day opens, and in which order: hazards in a lane of their own, the rest by risk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from metering.alert import Alert, Grade
from metering.catalogue import CATALOGUE, INFORMATION_FAMILIES
from metering.identity import identity
from metering.inspection import AuditEntry, InspectionTask, TaskFinding, TaskState
from metering.messages import Finding
from metering.times import DAY_S

HAZARD_DUE_S = 4 * 3600
DUE_S: Mapping[Grade, int] = {"high": 2 * DAY_S, "medium": 7 * DAY_S, "low": 21 * DAY_S}
#: A meter's own evidence counts almost fully; how unusual its day was can only tip the balance.
NOVELTY_SHARE = 0.1
MACHINE = "meterwatch"


@dataclass(frozen=True, slots=True)
class Candidate:
    """The open alerts of one service point at the day's close, and its meter's risk of the day (0..1)."""

    service_point: str
    transformer_area: str
    alerts: tuple[Alert, ...]
    day_risk: float

    @property
    def hazard(self) -> bool:
        return any(CATALOGUE[a.abnormality].lane == "hazard" for a in self.alerts)

    @property
    def risk(self) -> float:
        """Independent claims add up: 1 - product of (1 - risk); the day's own risk tips the balance."""
        rest = 1.0
        for alert in self.alerts:
            rest *= 1.0 - alert.risk
        return round(1.0 - rest * (1.0 - NOVELTY_SHARE * self.day_risk), 6)


@dataclass(frozen=True, slots=True)
class Worklist:
    """Tasks that are new or changed, with one audit line for each move."""

    tasks: tuple[InspectionTask, ...]
    audit: tuple[AuditEntry, ...]


def candidates(open_alerts: Sequence[Alert], day_risk: Mapping[str, float]) -> list[Candidate]:
    """Service points with an alert worth a visit; `day_risk` is by meter id, an area's own alert has none."""
    grouped: dict[str, list[Alert]] = {}
    for alert in open_alerts:
        if alert.family not in INFORMATION_FAMILIES:
            grouped.setdefault(alert.service_point, []).append(alert)
    return [
        Candidate(
            point,
            alerts[0].transformer_area,
            tuple(sorted(alerts, key=lambda a: (a.raised_at_s, a.alert_id))),
            max((day_risk.get(a.meter_id, 0.0) for a in alerts if a.meter_id is not None), default=0.0),
        )
        for point, alerts in sorted(grouped.items())
    ]


def settle(open_tasks: Sequence[InspectionTask], findings: Sequence[tuple[str, Finding]]) -> Worklist:
    """Close the open task of each service point that was inspected. `findings` are (service point, finding) in order.

    A task whose finding a person recorded at the desk is left to people: they close it.
    """
    by_point = {t.service_point: t for t in open_tasks}
    changed: dict[str, InspectionTask] = {}
    audit: list[AuditEntry] = []
    for point, finding in findings:
        task = by_point.get(point)
        if task is None or task.task_id in changed or finding.found_at_s < task.opened_at_s:
            continue
        if task.state is TaskState.FOUND:
            continue
        changed[task.task_id] = replace(
            task,
            state=TaskState.CLOSED,
            finding=TaskFinding(finding.found_at_s, finding.confirmed, finding.abnormality),
            closed_at_s=finding.found_at_s,
            version=task.version + 1,
        )
        audit.append(
            AuditEntry(
                task.task_id,
                finding.found_at_s,
                finding.found_by or MACHINE,
                "record_finding",
                task.state,
                TaskState.CLOSED,
                finding.note or ("confirmed" if finding.confirmed else "not confirmed"),
            )
        )
    return Worklist(tuple(changed.values()), tuple(audit))


def open_tasks(wanted: Sequence[Candidate], open_now: Sequence[InspectionTask], *, at_s: int) -> Worklist:
    """New tasks for the candidates without one, ranked; tasks at hand take new alerts of their service point in."""
    at_hand = {t.service_point: t for t in open_now}
    ranked = sorted(
        (c for c in wanted if c.service_point not in at_hand), key=lambda c: (not c.hazard, -c.risk, c.service_point)
    )
    tasks: list[InspectionTask] = []
    audit: list[AuditEntry] = []
    for priority, candidate in enumerate(ranked, start=1):
        grade = _grade(candidate)
        task = InspectionTask(
            task_id=identity("task", candidate.service_point, at_s),
            alert_ids=tuple(a.alert_id for a in candidate.alerts),
            service_point=candidate.service_point,
            transformer_area=candidate.transformer_area,
            state=TaskState.OPEN,
            grade=grade,
            risk=candidate.risk,
            priority=priority,
            opened_at_s=at_s,
            due_at_s=at_s + (HAZARD_DUE_S if candidate.hazard else DUE_S[grade]),
            hazard=candidate.hazard,
        )
        tasks.append(task)
        audit.append(AuditEntry(task.task_id, at_s, MACHINE, "open", "", TaskState.OPEN, f"risk {candidate.risk:.3f}"))
    for candidate in wanted:
        held = at_hand.get(candidate.service_point)
        new = () if held is None else tuple(a.alert_id for a in candidate.alerts if a.alert_id not in held.alert_ids)
        if held is None or not new:
            continue
        tasks.append(
            replace(
                held,
                alert_ids=(*held.alert_ids, *new),
                risk=max(held.risk, candidate.risk),
                hazard=held.hazard or candidate.hazard,
                version=held.version + 1,
            )
        )
        audit.append(AuditEntry(held.task_id, at_s, MACHINE, "add_alert", held.state, held.state, ", ".join(new)))
    return Worklist(tuple(tasks), tuple(audit))


def _grade(candidate: Candidate) -> Grade:
    if candidate.hazard or candidate.risk >= 0.8:
        return "high"
    return "medium" if candidate.risk >= 0.5 else "low"
