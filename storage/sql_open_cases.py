"""What is open, counted in SQL: nothing of it grows with the alerts but the walk over one narrow index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import sqlalchemy as sa

from metering.alert import AlertState, Grade
from metering.handling import HandledAlert
from metering.inspection import InspectionTask, TaskState
from metering.open_cases import OpenCases, OpenKind
from storage.database import Database
from storage.rows import task_of
from storage.sql_alert_list import handled
from storage.sql_cases import OVER
from storage.tables import ALERT, INSPECTION_TASK

_A, _T = ALERT.c, INSPECTION_TASK.c
GRADES: tuple[Grade, ...] = get_args(Grade)
_OPEN = _A.state == AlertState.RAISED.value
_UNFINISHED = _T.state.not_in(OVER)


def open_cases(database: Database, *, now_s: int, marked: Sequence[str], rows: int) -> OpenCases:
    number, grave = sa.func.count().label("number"), _A.abnormality.in_(marked)
    # a kind has one family; to sort by one short column is what a count by kind and grade costs least with
    kinds = (
        sa.select(_A.abnormality, sa.func.max(_A.family), *(_how_many(_A.grade == grade) for grade in GRADES))
        .where(_OPEN)
        .group_by(_A.abnormality)
        .order_by(_A.abnormality)
    )
    by_area = sa.select(_A.transformer_area, number, _how_many(grave)).where(_OPEN).group_by(_A.transformer_area)
    raised = sa.select(_A.alert_id).where(_OPEN)
    gravest = raised.where(grave).order_by(sa.func.coalesce(_A.risk, 0.0).desc(), _A.raised_at_s, _A.alert_id)
    newest = raised.order_by(_A.raised_at_s.desc(), _A.alert_id)
    tasks_by_area = sa.select(_T.transformer_area, number).where(_UNFINISHED).group_by(_T.transformer_area)
    tasks_by_state = sa.select(_T.state, number).where(_UNFINISHED).group_by(_T.state)
    overdue = sa.select(number).select_from(INSPECTION_TASK).where(_UNFINISHED, _T.due_at_s <= now_s)
    foremost = (
        sa.select(INSPECTION_TASK)
        .where(_UNFINISHED)
        .order_by(_T.hazard.desc(), sa.func.coalesce(_T.risk, 0.0).desc(), _T.due_at_s, _T.task_id)
        .limit(rows)
    )
    with database.reading() as connection:
        next_ones = tuple(task_of(row) for row in connection.execute(foremost).mappings())
        areas = connection.execute(by_area).all()
        return OpenCases(
            kinds=tuple(
                OpenKind(kind, family, grade, alerts)
                for kind, family, *by_grade in connection.execute(kinds)
                for grade, alerts in zip(GRADES, by_grade, strict=True)
                if alerts
            ),
            alerts_by_area={area: alerts for area, alerts, _ in areas},
            marked_by_area={area: graves for area, _, graves in areas if graves},
            gravest=_handled(connection, gravest.limit(rows)),
            newest=_handled(connection, newest.limit(rows)),
            tasks_by_area={row.transformer_area: row.number for row in connection.execute(tasks_by_area)},
            tasks_by_state={TaskState(row.state): row.number for row in connection.execute(tasks_by_state)},
            tasks_overdue=connection.execute(overdue).scalar_one(),
            tasks=next_ones,
            claims=_claims(connection, next_ones),
        )


def _how_many(are: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((are, 1), else_=0))


def _handled(connection: sa.Connection, ids: sa.Select[tuple[str]]) -> tuple[HandledAlert, ...]:
    return tuple(handled(connection, list(connection.scalars(ids))))


def _claims(connection: sa.Connection, tasks: Sequence[InspectionTask]) -> dict[str, tuple[str, ...]]:
    wanted = {alert_id for task in tasks for alert_id in task.alert_ids}
    query = sa.select(_A.alert_id, _A.abnormality).where(_A.alert_id.in_(wanted))
    kind_of = {row.alert_id: row.abnormality for row in connection.execute(query)} if wanted else {}
    return {task.task_id: tuple(kind_of[a] for a in task.alert_ids if a in kind_of) for task in tasks}
