"""The outboxes in SQL: points for the time-series store, and messages for the log, until they are delivered."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from metering.points import PointBatch
from storage.database import Database, in_slices
from storage.rows import points_of
from storage.tables import POINT_OUTBOX, RELAY_OUTBOX


def point_batches(database: Database, limit: int) -> list[PointBatch]:
    query = sa.select(POINT_OUTBOX).order_by(POINT_OUTBOX.c.batch_id).limit(limit)
    with database.reading() as connection:
        return [PointBatch(row.batch_id, points_of(bytes(row.payload))) for row in connection.execute(query)]


def points_delivered(database: Database, batch_ids: Iterable[int]) -> None:
    _remove(database, POINT_OUTBOX.c.batch_id, batch_ids)


def relay_batch(database: Database, limit: int) -> list[tuple[int, str, bytes]]:
    query = sa.select(RELAY_OUTBOX).order_by(RELAY_OUTBOX.c.relay_id).limit(limit)
    with database.reading() as connection:
        return [(row.relay_id, row.transformer_area, bytes(row.payload)) for row in connection.execute(query)]


def relayed(database: Database, ids: Iterable[int]) -> None:
    _remove(database, RELAY_OUTBOX.c.relay_id, ids)


def _remove(database: Database, key: sa.Column[int], ids: Iterable[int]) -> None:
    delivered = sorted(set(ids))
    if not delivered:
        return
    with database.writing() as connection:
        for chunk in in_slices(delivered):
            connection.execute(sa.delete(key.table).where(key.in_(chunk)))
