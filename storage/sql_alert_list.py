"""Lists of alerts in SQL: filtered, ordered and paged by key, so that a page costs the same among ten and 100,000.

A list is found in two steps: first the ids of its rows, from the narrow index `ix_alert_list` alone, then those rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from alerts.shown_life import WORKED_ON
from metering.alert import AlertState
from metering.handling import (
    COUNTED_AT_MOST,
    AlertHandling,
    AlertOrder,
    AlertPage,
    AlertQuery,
    HandledAlert,
    ShownState,
)
from metering.inspection import InspectionTask
from storage.database import Database
from storage.rows import alert_of, handling_of, task_of
from storage.tables import ALERT, ALERT_HANDLING, INSPECTION_TASK, INSPECTION_TASK_ALERT

_A, _H, _T, _N = ALERT.c, ALERT_HANDLING.c, INSPECTION_TASK.c, INSPECTION_TASK_ALERT.c

ORDERS: Mapping[AlertOrder, sa.ColumnElement[Any]] = {
    "raised": _A.raised_at_s,
    "risk": sa.func.coalesce(_A.risk, 0.0),
    "energy": sa.func.coalesce(_A.at_stake_kwh, 0.0),
    "abnormality": _A.abnormality,
    "family": _A.family,
    "meter": sa.func.coalesce(_A.meter_id, _A.service_point),
    "area": _A.transformer_area,
    "state": _A.state,
}

_ENDED: Mapping[ShownState, AlertState] = {
    ShownState.CLEARED: AlertState.CLEARED,
    ShownState.CONFIRMED: AlertState.CONFIRMED,
    ShownState.WITHDRAWN: AlertState.WITHDRAWN,
}


def alert_page(database: Database, query: AlertQuery) -> AlertPage:
    conditions = _conditions(query, database)
    turned = query.descending != query.backwards
    place = [ORDERS[query.order], _A.alert_id]
    ids = sa.select(_A.alert_id).where(*conditions)
    ids = ids.order_by(*(column.desc() if turned else column.asc() for column in place)).limit(query.limit + 1)
    if query.after is not None:
        here = sa.tuple_(*place)
        there = sa.tuple_(sa.literal(query.after[0], place[0].type), sa.literal(query.after[1], _A.alert_id.type))
        ids = ids.where(here < there if turned else here > there)
    counted = sa.select(_A.alert_id).where(*conditions).limit(COUNTED_AT_MOST + 1).subquery()
    with database.reading() as connection:
        chosen = [row.alert_id for row in connection.execute(ids)]
        if query.after is None and len(chosen) <= query.limit:
            count = len(chosen)
        else:
            count = connection.execute(sa.select(sa.func.count()).select_from(counted)).scalar_one()
        rows = handled(connection, chosen[: query.limit])
    return AlertPage(tuple(rows[::-1] if query.backwards else rows), len(chosen) > query.limit, count)


def handled(connection: sa.Connection, alert_ids: Sequence[str]) -> list[HandledAlert]:
    """The alerts of these ids, in their order, with what people did about them."""
    if not alert_ids:
        return []
    alerts = {
        row["alert_id"]: alert_of(row)
        for row in connection.execute(sa.select(ALERT).where(_A.alert_id.in_(alert_ids))).mappings()
    }
    handlings = {
        row["alert_id"]: handling_of(row)
        for row in connection.execute(sa.select(ALERT_HANDLING).where(_H.alert_id.in_(alert_ids))).mappings()
    }
    tasks = tasks_naming(connection, alert_ids)
    return [
        HandledAlert(alerts[a], handlings.get(a, AlertHandling(a)), tuple(tasks.get(a, ())))
        for a in alert_ids
        if a in alerts
    ]


def tasks_naming(connection: sa.Connection, alert_ids: Sequence[str]) -> dict[str, list[InspectionTask]]:
    """By alert, the tasks that name it, the newest first."""
    query = (
        sa.select(_N.alert_id.label("named_alert"), INSPECTION_TASK)
        .join(INSPECTION_TASK, _T.task_id == _N.task_id)
        .where(_N.alert_id.in_(alert_ids))
        .order_by(_T.opened_at_s.desc(), _T.task_id)
    )
    found: dict[str, list[InspectionTask]] = {}
    for row in connection.execute(query).mappings():
        found.setdefault(row["named_alert"], []).append(task_of(row))
    return found


def _conditions(query: AlertQuery, database: Database) -> list[sa.ColumnElement[bool]]:
    """What must hold of an alert. Whether it is acknowledged is looked up alert by alert: that costs the same however many are."""
    conditions = _of_the_alert(query, database)
    match query.shown:
        case None:
            pass
        case ShownState.SUSPECTED:
            conditions.append(sa.false())  # nothing suspected is an alert yet
        case ShownState.IN_INSPECTION:
            conditions += [_A.state == AlertState.RAISED.value, _A.alert_id.in_(_worked_on())]
        case ShownState.RAISED:
            conditions += [_A.state == AlertState.RAISED.value, _A.alert_id.not_in(_worked_on()), ~_acknowledged()]
        case ShownState.ACKNOWLEDGED:
            conditions += [_A.state == AlertState.RAISED.value, _A.alert_id.not_in(_worked_on()), _acknowledged()]
        case ended:
            conditions.append(_A.state == _ENDED[ended].value)
    if query.owner:
        conditions.append(_A.alert_id.in_(sa.select(_H.alert_id).where(_H.owner == query.owner)))
    if query.acknowledged is not None:
        conditions.append(_acknowledged() if query.acknowledged else ~_acknowledged())
    return conditions


def _acknowledged() -> sa.ColumnElement[bool]:
    seen = sa.and_(_H.alert_id == _A.alert_id, _H.acknowledged_episode >= _A.episodes)
    return sa.exists().where(seen).correlate(ALERT)


def _of_the_alert(query: AlertQuery, database: Database) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    for column, several in (
        (_A.state, tuple(state.value for state in query.states) or None),
        (_A.abnormality, query.abnormalities),
        (_A.transformer_area, query.transformer_areas),
        (_A.service_point, query.service_points),
    ):
        if several is not None:
            conditions.append(column == several[0] if len(several) == 1 else column.in_(several))
    for column, one in ((_A.family, query.family), (_A.grade, query.grade), (_A.meter_id, query.meter_id)):
        if one:
            conditions.append(column == one)
    if query.since_s is not None:
        conditions.append(_A.raised_at_s >= query.since_s)
    if query.until_s is not None:
        conditions.append(_A.raised_at_s < query.until_s)
    if query.search:
        # to turn every number into small letters doubles the cost: SQLite looks past case by itself, and digits have none
        plain = database.is_sqlite or query.search.lower() == query.search.upper()
        looks = [
            n.contains(query.search, autoescape=True) if plain else n.icontains(query.search, autoescape=True)
            for n in (_A.meter_id, _A.service_point)
        ]
        conditions.append(sa.or_(*looks))
    return conditions


def _worked_on() -> sa.Select[tuple[str]]:
    """Alerts of tasks that somebody has taken up."""
    states = sorted(state.value for state in WORKED_ON)
    return sa.select(_N.alert_id).join(INSPECTION_TASK, _T.task_id == _N.task_id).where(_T.state.in_(states))
