"""The day's way through SQL: leases, the rows that wait for a day's close, and the close in one transaction."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from metering.ports import AreaDayRow, DayClose
from storage.database import Database
from storage.sql_cases import append_audit, open_tasks
from storage.sql_log import PAGE_SCHEMA, pages_of, put_points
from storage.tables import AREA_DAY, DAY_CLOSE, DAY_SCORE, LEASE, MODEL_PAGE

#: Rows read at a time: a day of a whole utility must not be held at once, nor a transaction be open while it is judged.
ROWS_AT_A_TIME = 500


def take_lease(database: Database, name: str, owner: str, seconds: float) -> bool:
    now = database.now_s()
    taken = (
        database.insert(LEASE)
        .values(name=name, owner=owner, until_s=now + seconds)
        .on_conflict_do_update(
            index_elements=[LEASE.c.name],
            set_={"owner": owner, "until_s": now + seconds},
            where=sa.or_(LEASE.c.owner == owner, LEASE.c.until_s <= now),
        )
        .returning(LEASE.c.owner)
    )
    with database.writing() as connection:
        return connection.execute(taken).one_or_none() is not None


def release_lease(database: Database, name: str, owner: str) -> None:
    with database.writing() as connection:
        connection.execute(sa.delete(LEASE).where(LEASE.c.name == name, LEASE.c.owner == owner))


def days_waiting(database: Database) -> list[int]:
    with database.reading() as connection:
        return _days_waiting(connection)


def last_closed_day(database: Database) -> int | None:
    with database.reading() as connection:
        return _last_closed(connection)


def area_days(database: Database, day_ordinal: int) -> Iterator[AreaDayRow]:
    after = ""
    while True:
        query = (
            sa.select(AREA_DAY)
            .where(AREA_DAY.c.day_ordinal == day_ordinal, AREA_DAY.c.transformer_area > after)
            .order_by(AREA_DAY.c.transformer_area)
            .limit(ROWS_AT_A_TIME)
        )
        with database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        for row in rows:
            after = row["transformer_area"]
            yield _area_day_of(row)
        if len(rows) < ROWS_AT_A_TIME:
            return


def area_day(database: Database, day_ordinal: int, transformer_area: str) -> AreaDayRow | None:
    query = sa.select(AREA_DAY).where(
        AREA_DAY.c.day_ordinal == day_ordinal, AREA_DAY.c.transformer_area == transformer_area
    )
    with database.reading() as connection:
        row = connection.execute(query).mappings().first()
    return None if row is None else _area_day_of(row)


def _area_day_of(row: sa.RowMapping) -> AreaDayRow:
    return AreaDayRow(row["transformer_area"], row["day_ordinal"], row["partition"], bytes(row["payload"]))


def load_model_pages(database: Database) -> dict[str, bytes]:
    with database.reading() as connection:
        return pages_of(connection.execute(sa.select(MODEL_PAGE).order_by(MODEL_PAGE.c.page)).mappings())


def close_day(database: Database, closed: DayClose) -> bool:
    day = closed.day_ordinal
    with database.writing() as connection:
        if not database.is_sqlite:
            # Two closers at the same moment: the second waits here and then finds the day closed.
            connection.execute(sa.text("LOCK TABLE day_close IN EXCLUSIVE MODE"))
        last = _last_closed(connection)
        waiting = _days_waiting(connection)
        if (last is not None and day <= last) or (waiting and waiting[0] < day):
            return False
        connection.execute(sa.insert(DAY_CLOSE), {"day_ordinal": day, "absent_areas": list(closed.absent_areas)})
        if closed.model_pages:
            connection.execute(
                database.upsert(MODEL_PAGE),
                [
                    {"page": page, "page_schema": PAGE_SCHEMA, "day_ordinal": day, "page_bytes": bytes(content)}
                    for page, content in sorted(closed.model_pages.items())
                ],
            )
        if closed.scores:
            connection.execute(
                sa.insert(DAY_SCORE),
                [
                    {"day_ordinal": day, "transformer_area": area, "payload": bytes(payload)}
                    for area, payload in sorted(closed.scores.items())
                ],
            )
        already_there = open_tasks(database, connection, closed.tasks)
        append_audit(connection, [entry for entry in closed.audit if entry.subject_id not in already_there])
        put_points(connection, closed.points)
    return True


def scores(database: Database) -> Iterator[tuple[int, str, bytes]]:
    after = (-1, "")
    key = sa.tuple_(DAY_SCORE.c.day_ordinal, DAY_SCORE.c.transformer_area)
    while True:
        query = (
            sa.select(DAY_SCORE)
            .where(key > after)
            .order_by(DAY_SCORE.c.day_ordinal, DAY_SCORE.c.transformer_area)
            .limit(ROWS_AT_A_TIME)
        )
        with database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        for row in rows:
            after = (row["day_ordinal"], row["transformer_area"])
            yield *after, bytes(row["payload"])
        if len(rows) < ROWS_AT_A_TIME:
            return


def _last_closed(connection: sa.Connection) -> int | None:
    last: int | None = connection.execute(sa.select(sa.func.max(DAY_CLOSE.c.day_ordinal))).scalar_one()
    return last


def _days_waiting(connection: sa.Connection) -> list[int]:
    """A day before the last closed one has had its turn: a row that comes for it later is kept, and waits for nothing."""
    last = sa.select(sa.func.coalesce(sa.func.max(DAY_CLOSE.c.day_ordinal), -1)).scalar_subquery()
    query = (
        sa.select(AREA_DAY.c.day_ordinal)
        .where(AREA_DAY.c.day_ordinal > last)
        .group_by(AREA_DAY.c.day_ordinal)
        .order_by(AREA_DAY.c.day_ordinal)
    )
    return list(connection.execute(query).scalars())
