"""What the API says of the whole: open cases, areas, intake, the monitor itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from alerts.watch import RULES, urgency_of
from desk.api.schemas import AlertLine, Sent, TaskOut, moment
from metering.announcement import Urgency
from metering.catalogue import CATALOGUE
from metering.inspection import TaskState
from metering.open_cases import OpenCases
from metering.watch import WatchStanding
from operations.control_room import AreaNow, Intake, Standing
from operations.watch import why_not


class IntakeOut(Sent):
    """Readings since the beginning: `readings_in` = `accepted` + all that was `set_aside` (by reason, the most first) + `late` +
    `dead_lettered`."""

    readings_in: int
    accepted: int
    set_aside: Mapping[str, int]
    late: int
    dead_lettered: int

    @classmethod
    def of(cls, intake: Intake) -> IntakeOut:
        return cls(
            readings_in=intake.readings_in,
            accepted=intake.accepted,
            set_aside=intake.set_aside,
            late=intake.late,
            dead_lettered=intake.dead_lettered,
        )


class OpenAlertsOut(Sent):
    """Raised alerts, counted. `hazards` are the gravest of the lane `hazard`, by risk; `newest` the latest of all."""

    count: int
    by_grade: Mapping[str, int]
    by_lane: Mapping[str, int]
    by_family: Mapping[str, int]
    by_abnormality: Mapping[str, int]
    hazards: tuple[AlertLine, ...]
    newest: tuple[AlertLine, ...]

    @classmethod
    def of(cls, cases: OpenCases, *, names: bool) -> OpenAlertsOut:
        grades, lanes, families, kinds = (Counter[str]() for _ in range(4))
        for kind in cases.kinds:
            known = CATALOGUE.get(kind.abnormality)
            lanes["suspicion" if known is None else known.lane] += kind.alerts
            grades[kind.grade] += kind.alerts
            families[kind.family] += kind.alerts
            kinds[kind.abnormality] += kind.alerts
        return cls(
            count=sum(grades.values()),
            by_grade=grades,
            by_lane=lanes,
            by_family=families,
            by_abnormality=kinds,
            hazards=tuple(AlertLine.of(row, names=names) for row in cases.gravest),
            newest=tuple(AlertLine.of(row, names=names) for row in cases.newest),
        )


class NextTask(TaskOut):
    """A task to do next; `abnormalities` are those of its alerts, none for one that was proposed by rank."""

    abnormalities: tuple[str, ...]


class OpenTasksOut(Sent):
    """Unfinished tasks, counted; `next` are those to do first: hazards, then by risk."""

    count: int
    by_state: Mapping[TaskState, int]
    overdue: int
    next: tuple[NextTask, ...]

    @classmethod
    def of(cls, cases: OpenCases, *, names: bool) -> OpenTasksOut:
        return cls(
            count=sum(cases.tasks_by_area.values()),
            by_state=cases.tasks_by_state,
            overdue=cases.tasks_overdue,
            next=tuple(
                NextTask(**TaskOut.of(task, names=names).model_dump(), abnormalities=cases.claims[task.task_id])
                for task in cases.tasks
            ),
        )


class AreaOut(Sent):
    """A transformer area; `loss_share` is lost over supplied energy of the last 24 hours, by hour in `loss_course`; null where
    nothing could be balanced."""

    transformer_area: str
    meters: int
    open_alerts: int
    hazards: int
    open_tasks: Annotated[int | None, Field(description="needs `tasks:read`")]
    loss_share: float | None
    loss_course: tuple[float | None, ...]

    @classmethod
    def of(cls, area: AreaNow, *, tasks: bool) -> AreaOut:
        return cls(
            transformer_area=area.transformer_area,
            meters=area.meters,
            open_alerts=area.open_alerts,
            hazards=area.hazards,
            open_tasks=area.open_tasks if tasks else None,
            loss_share=area.loss_share,
            loss_course=area.loss_course,
        )


class AreasOut(Sent):
    """All areas and customers' meters, counted; `ranked` are the first: those with hazards, then by open alerts."""

    count: int
    meters: int
    ranked: tuple[AreaOut, ...]


class WatchOut(Sent):
    """A condition of the monitor itself that stands: the `value` of its `metric`, or why it could not be judged."""

    rule: str
    subject: str
    urgency: Urgency
    name_en: str
    name_zh: str
    do_en: str
    do_zh: str
    metric: str
    unit: str
    value: float | None
    why_not_en: str
    why_not_zh: str
    which: tuple[str, ...]

    @classmethod
    def of(cls, stands: WatchStanding) -> WatchOut:
        rule = RULES[stands.rule]
        return cls(
            rule=rule.code,
            subject=stands.subject,
            urgency=urgency_of(rule, stands.subject),
            name_en=rule.name_en,
            name_zh=rule.name_zh,
            do_en=rule.do_en,
            do_zh=rule.do_zh,
            metric=rule.metric,
            unit=rule.unit,
            value=stands.value,
            why_not_en=why_not(stands),
            why_not_zh=why_not(stands, zh=True),
            which=stands.which,
        )


class Overview(Sent):
    """How all stands. `tasks` is null without `tasks:read`; `watch` lists what pages first."""

    now: Annotated[datetime, Field(description="the time that acts are dated with")]
    judged_until: Annotated[datetime, Field(description="up to when readings are judged")]
    last_closed_day: Annotated[date | None, Field(description="the last local day that was judged as a whole")]
    watch: tuple[WatchOut, ...]
    alerts: OpenAlertsOut
    tasks: OpenTasksOut | None
    areas: AreasOut
    intake: IntakeOut

    @classmethod
    def of(cls, now: Standing, areas: AreasOut, *, names: bool, tasks: bool) -> Overview:
        return cls(
            now=moment(now.now_s),
            judged_until=moment(now.clock_s),
            last_closed_day=None if now.last_closed_day is None else date.fromordinal(now.last_closed_day),
            watch=_standing(now.watch),
            alerts=OpenAlertsOut.of(now.cases, names=names),
            tasks=OpenTasksOut.of(now.cases, names=names) if tasks else None,
            areas=areas,
            intake=IntakeOut.of(now.intake),
        )


def _standing(watch: Sequence[WatchStanding]) -> tuple[WatchOut, ...]:
    found = [WatchOut.of(stands) for stands in watch if stands.open and stands.rule in RULES]
    return tuple(sorted(found, key=lambda each: (each.urgency != "page", each.rule, each.subject)))
