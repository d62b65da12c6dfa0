"""What is said of alerts and what people are sent, in SQL: announcements, the dispatcher's pages, the outbox of notifications."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from metering.announcement import Announcement
from metering.notification import Delivery, DeliveryState
from metering.ports import Dispatch
from storage.database import Database, in_slices
from storage.notification_rows import announcement_of, announcement_row, delivery_of, delivery_row
from storage.tables import ANNOUNCEMENT, DISPATCH_PAGE, NOTIFICATION


def put_announcements(database: Database, connection: sa.Connection, told: Sequence[Announcement]) -> None:
    """One that is there already stays as it is: the dispatcher may have taken it."""
    if told:
        statement = database.insert(ANNOUNCEMENT).on_conflict_do_nothing()
        connection.execute(statement, [announcement_row(each) for each in told])


def announce(database: Database, told: Sequence[Announcement]) -> None:
    with database.writing() as connection:
        put_announcements(database, connection, told)


def announcements(database: Database, alert_id: str) -> list[Announcement]:
    query = sa.select(ANNOUNCEMENT).where(ANNOUNCEMENT.c.alert_id == alert_id)
    with database.reading() as connection:
        return sorted(map(announcement_of, connection.execute(query).mappings()), key=lambda a: a.order)


def alerts_stopped(database: Database, stage: str) -> dict[str, int]:
    table = ANNOUNCEMENT
    count = sa.func.count(table.c.alert_id.distinct())
    query = sa.select(table.c.detail, count).where(table.c.stage == stage).group_by(table.c.detail)
    with database.reading() as connection:
        return dict(sorted((detail, int(n)) for detail, n in connection.execute(query)))


def announcements_waiting(database: Database, until_s: int, limit: int) -> list[Announcement]:
    table = ANNOUNCEMENT
    query = (
        sa.select(table)
        .where(table.c.waiting, table.c.at_s <= until_s)
        .order_by(table.c.at_s, table.c.transformer_area, table.c.announcement_id)
        .limit(limit)
    )
    with database.reading() as connection:
        return [announcement_of(row) for row in connection.execute(query).mappings()]


def load_dispatch_pages(database: Database) -> dict[str, bytes]:
    with database.reading() as connection:
        rows = connection.execute(sa.select(DISPATCH_PAGE).order_by(DISPATCH_PAGE.c.page))
        return {row.page: bytes(row.page_bytes) for row in rows}


def dispatch(database: Database, done: Dispatch) -> None:
    with database.writing() as connection:
        for chunk in in_slices(sorted(done.taken)):
            taken = ANNOUNCEMENT.c.announcement_id.in_(chunk)
            connection.execute(sa.update(ANNOUNCEMENT).where(taken).values(waiting=False))
        if done.notifications:
            rows = [delivery_row(Delivery(each)) for each in done.notifications]
            connection.execute(database.insert(NOTIFICATION).on_conflict_do_nothing(), rows)
        if done.pages:
            pages = [{"page": page, "page_bytes": bytes(content)} for page, content in sorted(done.pages.items())]
            connection.execute(database.upsert(DISPATCH_PAGE), pages)


def deliveries(database: Database, *, state: DeliveryState | None, channel: str | None, limit: int) -> list[Delivery]:
    table = NOTIFICATION
    query = sa.select(table).limit(limit)
    if state is None:
        query = query.order_by(table.c.made_at_s.desc(), table.c.notification_id.desc())
    else:
        query = query.where(table.c.state == state).order_by(table.c.made_at_s, table.c.notification_id)
    if channel is not None:
        query = query.where(table.c.channel == channel)
    with database.reading() as connection:
        return [delivery_of(row) for row in connection.execute(query).mappings()]


def delivery(database: Database, notification_id: str) -> Delivery | None:
    query = sa.select(NOTIFICATION).where(NOTIFICATION.c.notification_id == notification_id)
    with database.reading() as connection:
        row = connection.execute(query).mappings().one_or_none()
    return None if row is None else delivery_of(row)


def save_deliveries(database: Database, moved: Sequence[Delivery]) -> None:
    if moved:
        with database.writing() as connection:
            connection.execute(database.upsert(NOTIFICATION), [delivery_row(each) for each in moved])


def forget_deliveries(database: Database, before_s: float) -> int:
    table = NOTIFICATION
    arrived = sa.delete(table).where(
        table.c.state == "delivered", sa.func.coalesce(table.c.delivered_at_s, 0.0) < before_s
    )
    digest = table.alias("digest")
    told = sa.select(digest.c.notification_id)
    with database.writing() as connection:
        removed = connection.execute(arrived).rowcount
        if removed:
            folded = sa.delete(table).where(table.c.state == "folded", table.c.folded_into.not_in(told))
            removed += connection.execute(folded).rowcount
    return int(removed)
