"""What is open, counted in SQL: nothing of it grows with the alerts but the walk over one narrow index."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from metering.alert import AlertState
from metering.handling import HandledAlert
from metering.inspection import InspectionTask
from metering.open_cases import OpenCases, OpenKind
from storage.database import Database
from storage.rows import task_of
from storage.sql_alert_list import handled
from storage.sql_cases import OVER
from storage.tables import ALERT, INSPECTION_TASK

_A, _T = ALERT.c, INSPECTION_TASK.c
_OPEN = _A.state == AlertState.RAISED.value
_UNFINISHED = _T.state.not_in(OVER)


def open_cases(database: Database, *, now_s: int, marked: Sequence[str], rows: int) -> OpenCases:
    number = sa.func.count().label("number")
    kinds = (
        sa.select(_A.abnormality, sa.func.max(_A.family), _A.grade, number)  # a kind has one family
        .where(_OPEN)
        .group_by(_A.abnormality, _A.grade)
        .order_by(_A.abnormality, _A.grade)
    )
    grave = _A.abnormality.in_(marked)
    by_area = sa.select(_A.transformer_area, number).where(_OPEN).group_by(_A.transformer_area)
    raised = sa.select(_A.alert_id).where(_OPEN)
    gravest = raised.where(grave).order_by(sa.func.coalesce(_A.risk, 0.0).desc(), _A.raised_at_s, _A.alert_id)
    newest = raised.order_by(_A.raised_at_s.desc(), _A.alert_id)
    tasks_by_area = sa.select(_T.transformer_area, number).where(_UNFINISHED).group_by(_T.transformer_area)
    overdue = sa.select(number).select_from(INSPECTION_TASK).where(_UNFINISHED, _T.due_at_s <= now_s)
    foremost = (
        sa.select(INSPECTION_TASK)
        .where(_UNFINISHED)
        .order_by(_T.hazard.desc(), sa.func.coalesce(_T.risk, 0.0).desc(), _T.due_at_s, _T.task_id)
        .limit(rows)
    )
    with database.reading() as connection:
        next_ones = tuple(task_of(row) for row in connection.execute(foremost).mappings())
        return OpenCases(
            kinds=tuple(OpenKind(*row) for row in connection.execute(kinds)),
            alerts_by_area=_counts(connection, by_area),
            marked_by_area=_counts(connection, by_area.where(grave)),
            gravest=_handled(connection, gravest.limit(rows)),
            newest=_handled(connection, newest.limit(rows)),
            tasks_by_area=_counts(connection, tasks_by_area),
            tasks_overdue=connection.execute(overdue).scalar_one(),
            tasks=next_ones,
            claims=_claims(connection, next_ones),
        )


def _handled(connection: sa.Connection, ids: sa.Select[tuple[str]]) -> tuple[HandledAlert, ...]:
    return tuple(handled(connection, list(connection.scalars(ids))))


def _counts(connection: sa.Connection, by_area: sa.Select[tuple[str, int]]) -> dict[str, int]:
    return {row.transformer_area: row.number for row in connection.execute(by_area)}


def _claims(connection: sa.Connection, tasks: Sequence[InspectionTask]) -> dict[str, tuple[str, ...]]:
    wanted = {alert_id for task in tasks for alert_id in task.alert_ids}
    query = sa.select(_A.alert_id, _A.abnormality).where(_A.alert_id.in_(wanted))
    kind_of = {row.alert_id: row.abnormality for row in connection.execute(query)} if wanted else {}
    return {task.task_id: tuple(kind_of[a] for a in task.alert_ids if a in kind_of) for task in tasks}
