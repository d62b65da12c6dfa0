"""The monitor watches itself: heartbeats, where its rules stand, and since when an outbox's entry waits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "heartbeat",
        sa.Column("owner", TEXT, primary_key=True),
        sa.Column("beat_at_s", sa.Double, nullable=False),
        sa.Column("pulse", sa.JSON, nullable=False),
    )
    op.create_table(
        "watch_standing",
        sa.Column("rule", TEXT, primary_key=True),
        sa.Column("subject", TEXT, primary_key=True),
        sa.Column("value", sa.Double),
        sa.Column("judged_at_s", sa.Double, nullable=False),
        sa.Column("open", sa.Boolean, nullable=False),
        sa.Column("crossed_at_s", sa.Double),
        sa.Column("opened_at_s", sa.Double),
        sa.Column("ended_at_s", sa.Double),
        sa.Column("episode", sa.Integer, nullable=False),
        sa.Column("alert_id", TEXT, nullable=False),
        sa.Column("which", sa.JSON, nullable=False),
        sa.Column("why_not", TEXT, nullable=False),
    )
    for outbox in ("point_outbox", "relay_outbox"):
        op.add_column(outbox, sa.Column("put_at_s", sa.Double))


def downgrade() -> None:
    for outbox in ("point_outbox", "relay_outbox"):
        op.drop_column(outbox, "put_at_s")
    for table in ("heartbeat", "watch_standing"):
        op.drop_table(table)
