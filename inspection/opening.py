"""Which inspection tasks a day opens, and in which order: hazards in a lane of their own, the rest by risk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from inspection.capacity import Room
from metering.alert import Alert, Grade
from metering.catalogue import CATALOGUE, INFORMATION_FAMILIES
from metering.identity import identity
from metering.inspection import AuditEntry, InspectionTask, TaskFinding, TaskState
from metering.messages import Finding
from metering.times import DAY_S

HAZARD_DUE_S = 4 * 3600
DUE_S: Mapping[Grade, int] = {"high": 2 * DAY_S, "medium": 7 * DAY_S, "low": 21 * DAY_S}
#: So much must a risk have moved for the task at hand to say so: people have it open.
WORTH_SAYING = 0.03
#: Days after a finding in which a meter is visited again only for what is new since.
REVISIT_DAYS = 60
#: Days from a confirmed finding in which nothing about the meter is new: it is being mended.
MENDED_WITHIN_DAYS = 21
MACHINE = "meterwatch"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A service point worth a visit: its open alerts at the day's close, if any, and how risky it is (0..1).

    `why` goes into the audit trail; `explores`: it is visited to learn from, not for its rank.
    """

    service_point: str
    transformer_area: str
    alerts: tuple[Alert, ...]
    risk: float
    why: str = ""
    explores: bool = False

    @property
    def hazard(self) -> bool:
        return any(CATALOGUE[a.abnormality].lane == "hazard" for a in self.alerts)

    @property
    def harm(self) -> float:
        """How bad the worst hazard is, by the catalogue; 0 where there is none. Energy plays no part."""
        return max((CATALOGUE[a.abnormality].weight for a in self.alerts if _is_hazard(a)), default=0.0)

    @property
    def order(self) -> tuple[bool, float, float, str]:
        """Hazards first, the most harmful before; then by risk."""
        return (not self.hazard, -self.harm, -self.risk, self.service_point)


@dataclass(frozen=True, slots=True)
class Worklist:
    """Tasks that are new or changed, with one audit line for each move."""

    tasks: tuple[InspectionTask, ...]
    audit: tuple[AuditEntry, ...]


#: How far findings have borne a kind of alert out: abnormality -> probability; the alert's own risk where it is not there.
BorneOut = Mapping[str, float]
#: The calibrated risk of the day by meter id; None for a meter that is not judged.
DayRisk = Callable[[str], float | None]


def candidates(open_alerts: Sequence[Alert], day_risk: DayRisk, borne_out: BorneOut | None = None) -> list[Candidate]:
    """Service points with an alert worth a visit.

    What is certain by itself counts as much as findings bore it out and is never less for what else is known of the
    meter. Any other alert is only as good as its meter's risk; where that is not known, alerts are independent claims.
    """
    grouped: dict[str, list[Alert]] = {}
    for alert in open_alerts:
        if alert.family not in INFORMATION_FAMILIES:
            grouped.setdefault(alert.service_point, []).append(alert)
    return [
        Candidate(
            point,
            alerts[0].transformer_area,
            tuple(sorted(alerts, key=lambda a: (a.raised_at_s, a.alert_id))),
            _risk_of(alerts, day_risk, borne_out or {}),
        )
        for point, alerts in sorted(grouped.items())
    ]


def is_news(raised_at_s: int, found_at_s: int, *, confirmed: bool, at_s: int) -> bool:
    """Whether an alert asks for another visit to a meter where an inspection found something, or nothing.

    >>> day = 86_400
    >>> is_news(5 * day, 10 * day, confirmed=False, at_s=20 * day), is_news(12 * day, 10 * day, confirmed=False, at_s=20 * day)
    (False, True)
    >>> is_news(12 * day, 10 * day, confirmed=True, at_s=20 * day), is_news(12 * day, 10 * day, confirmed=True, at_s=80 * day)
    (False, True)
    """
    new_from_s = found_at_s + (MENDED_WITHIN_DAYS * DAY_S if confirmed else 0)
    return raised_at_s > new_from_s or at_s > found_at_s + REVISIT_DAYS * DAY_S


def _risk_of(alerts: Sequence[Alert], day_risk: DayRisk, borne_out: BorneOut) -> float:
    known = [r for a in alerts if a.meter_id is not None and (r := day_risk(a.meter_id)) is not None]
    hazards = [a for a in alerts if _is_hazard(a)]
    if hazards:
        return max(CATALOGUE[a.abnormality].weight for a in hazards)
    counted = [a for a in alerts if not known or a.meter_id is None or CATALOGUE[a.abnormality].certain]
    rest = 1.0
    for alert in counted:
        rest *= 1.0 - min(alert.risk, borne_out.get(alert.abnormality, 1.0))
    return round(max(1.0 - rest, *known, 0.0), 6)


def _is_hazard(alert: Alert) -> bool:
    return CATALOGUE[alert.abnormality].lane == "hazard"


def within(
    room: Room, wanted: Sequence[Candidate], open_now: Sequence[InspectionTask], least_risk: float
) -> list[Candidate]:
    """Those of the candidates that are proposed today, ranked: every hazard, and of the rest what crews have room for."""
    at_hand = {t.service_point for t in open_now}
    ranked = sorted((c for c in wanted if c.service_point not in at_hand), key=lambda c: c.order)
    hazards = [c for c in ranked if c.hazard]
    room.use(len(hazards))
    others = [c for c in ranked if not c.hazard and c.risk >= least_risk][: room.visits]
    room.use(len(others))
    return [*hazards, *others]


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


def open_tasks(
    chosen: Sequence[Candidate],
    open_now: Sequence[InspectionTask],
    *,
    at_s: int,
    newest: Mapping[str, Candidate] | None = None,
) -> Worklist:
    """New tasks for the chosen without one, ranked; a task at hand takes the newest alerts and risk of its service point.

    `newest` is what is known of service points today, chosen or not. That a task's risk moved is audited where its grade did.
    """
    at_hand = {t.service_point for t in open_now}
    tasks: list[InspectionTask] = []
    audit: list[AuditEntry] = []
    ranked = sorted((c for c in chosen if c.service_point not in at_hand), key=lambda c: (c.explores, c.order))
    for priority, candidate in enumerate(ranked, start=1):
        grade = _grade(candidate.risk, hazard=candidate.hazard)
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
        why = f"risk {candidate.risk:.3f}" + (f"; {candidate.why}" if candidate.why else "")
        audit.append(AuditEntry(task.task_id, at_s, MACHINE, "open", "", TaskState.OPEN, why))
    known = {c.service_point: c for c in chosen} | dict(newest or {})
    for held in open_now:
        candidate_now = known.get(held.service_point)
        if candidate_now is not None:
            changed, lines = _brought_up_to_date(held, candidate_now, at_s)
            tasks += changed
            audit += lines
    return Worklist(tuple(tasks), tuple(audit))


def _brought_up_to_date(
    held: InspectionTask, now: Candidate, at_s: int
) -> tuple[list[InspectionTask], list[AuditEntry]]:
    new = tuple(a.alert_id for a in now.alerts if a.alert_id not in held.alert_ids)
    hazard = held.hazard or now.hazard
    due_at_s = min(held.due_at_s, at_s + HAZARD_DUE_S) if hazard and not held.hazard else held.due_at_s
    task = replace(held, alert_ids=(*held.alert_ids, *new), hazard=hazard, due_at_s=due_at_s)
    # what people have taken up keeps the risk they took it up for
    if held.state is TaskState.OPEN and abs(now.risk - held.risk) >= WORTH_SAYING and (now.hazard or not held.hazard):
        grade = _grade(now.risk, hazard=hazard)
        task = replace(task, risk=now.risk, grade=grade, due_at_s=min(due_at_s, at_s + DUE_S[grade]))
    if task == held:
        return [], []
    task = replace(task, version=held.version + 1)
    audit = []
    if new:
        audit.append(AuditEntry(held.task_id, at_s, MACHINE, "add_alert", held.state, held.state, ", ".join(new)))
    if task.grade != held.grade:
        moved = f"{held.grade} to {task.grade}: risk {held.risk:.3f} to {task.risk:.3f}"
        audit.append(AuditEntry(held.task_id, at_s, MACHINE, "regrade", held.state, held.state, moved))
    return [task], audit


def _grade(risk: float, *, hazard: bool) -> Grade:
    if hazard or risk >= 0.8:
        return "high"
    return "medium" if risk >= 0.5 else "low"
