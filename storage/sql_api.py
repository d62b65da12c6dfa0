"""What callers from outside leave in SQL: tokens, the answers to requests that may be repeated, other monitors' alerts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

import sqlalchemy as sa

from metering.access import ApiAnswer, ApiToken
from metering.outside_alert import OutsideAlert, OutsideStatus
from storage.database import Database
from storage.rows import Row, received_again
from storage.tables import API_ANSWER, API_TOKEN, OUTSIDE_ALERT


def save_token(database: Database, token: ApiToken) -> None:
    with database.writing() as connection:
        connection.execute(database.upsert(API_TOKEN), asdict(token) | {"scopes": list(token.scopes)})


def token(database: Database, token_id: str) -> ApiToken | None:
    query = sa.select(API_TOKEN).where(API_TOKEN.c.token_id == token_id)
    with database.reading() as connection:
        row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _token_of(row)


def tokens(database: Database) -> list[ApiToken]:
    query = sa.select(API_TOKEN).order_by(API_TOKEN.c.made_at_s, API_TOKEN.c.token_id)
    with database.reading() as connection:
        return [_token_of(row) for row in connection.execute(query).mappings()]


def _token_of(row: Row) -> ApiToken:
    return ApiToken(**{**_values(ApiToken, row), "scopes": tuple(row["scopes"])})


def claim_answer(
    database: Database, asked: ApiAnswer, *, forget_before_s: int, unanswered_before_s: int
) -> ApiAnswer | None:
    table = API_ANSWER
    over = sa.or_(
        table.c.asked_at_s < forget_before_s,
        sa.and_(table.c.status.is_(None), table.c.asked_at_s < unanswered_before_s),
    )
    with database.writing() as connection:
        connection.execute(sa.delete(table).where(over))
        claimed = connection.execute(
            database.insert(table).values(asdict(asked)).on_conflict_do_nothing().returning(table.c.key_hash)
        ).one_or_none()
        if claimed is not None:
            return None
        row = connection.execute(sa.select(table).where(table.c.key_hash == asked.key_hash)).mappings().one()
    return ApiAnswer(**_values(ApiAnswer, row))


def save_answer(database: Database, answer: ApiAnswer) -> None:
    with database.writing() as connection:
        connection.execute(database.upsert(API_ANSWER), asdict(answer))


def forget_answer(database: Database, key_hash: str) -> None:
    with database.writing() as connection:
        connection.execute(sa.delete(API_ANSWER).where(API_ANSWER.c.key_hash == key_hash))


def take_outside_alerts(database: Database, alerts: Sequence[OutsideAlert]) -> int:
    table, new = OUTSIDE_ALERT, 0
    with database.writing() as connection:
        for alert in alerts:
            first = database.insert(table).values(asdict(alert)).on_conflict_do_nothing().returning(table.c.fingerprint)
            if connection.execute(first).one_or_none() is not None:
                new += 1
                continue
            here = _is(alert.key)
            known = _outside_of(connection.execute(sa.select(table).where(here).with_for_update()).mappings().one())
            connection.execute(sa.update(table).where(here).values(asdict(received_again(known, alert))))
    return new


def outside_alerts(database: Database, *, limit: int, waiting: bool) -> list[OutsideAlert]:
    table = OUTSIDE_ALERT
    place = (table.c.starts_at_s, table.c.source, table.c.fingerprint)
    query = sa.select(table).limit(limit).order_by(*(place if waiting else (c.desc() for c in place)))
    if waiting:
        query = query.where(table.c.announced != table.c.status)
    with database.reading() as connection:
        return [_outside_of(row) for row in connection.execute(query).mappings()]


def outside_announced(database: Database, keys: Sequence[tuple[str, str, int]], status: OutsideStatus) -> None:
    with database.writing() as connection:
        for key in keys:
            connection.execute(sa.update(OUTSIDE_ALERT).where(_is(key)).values(announced=status))


def _is(key: tuple[str, str, int]) -> sa.ColumnElement[bool]:
    table = OUTSIDE_ALERT
    return sa.and_(table.c.source == key[0], table.c.fingerprint == key[1], table.c.starts_at_s == key[2])


def _outside_of(row: Row) -> OutsideAlert:
    return OutsideAlert(**_values(OutsideAlert, row))


def _values(kind: type[Any], row: Row) -> dict[str, Any]:
    return {f.name: row[f.name] for f in fields(kind)}
