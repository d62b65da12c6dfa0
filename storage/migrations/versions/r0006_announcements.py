"""What is said of alerts and what is not, what people are sent, and how far the dispatcher has come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "announcement",
        sa.Column("announcement_id", TEXT, primary_key=True),
        sa.Column("alert_id", TEXT, nullable=False),
        sa.Column("transformer_area", TEXT, nullable=False),
        sa.Column("meter_id", TEXT),
        sa.Column("abnormality", TEXT, nullable=False),
        sa.Column("grade", TEXT, nullable=False),
        sa.Column("urgency", TEXT, nullable=False),
        sa.Column("turn", TEXT, nullable=False),
        sa.Column("at_s", sa.BigInteger, nullable=False),
        sa.Column("episode", sa.Integer, nullable=False),
        sa.Column("feeder", TEXT, nullable=False),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("stage", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("detail", TEXT, nullable=False),
        sa.Column("waiting", sa.Boolean, nullable=False),
    )
    op.create_index("ix_announcement_alert_id", "announcement", ["alert_id"])
    op.create_index("ix_announcement_waiting", "announcement", ["waiting", "at_s"])
    op.create_table(
        "notification",
        sa.Column("notification_id", TEXT, primary_key=True),
        sa.Column("channel", TEXT, nullable=False),
        sa.Column("made_at_s", sa.BigInteger, nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_try_s", sa.Double, nullable=False),
        sa.Column("delivered_at_s", sa.Double),
        sa.Column("last_error", TEXT, nullable=False),
        sa.Column("folded_into", TEXT, nullable=False),
    )
    op.create_index("ix_notification_state", "notification", ["state", "channel", "made_at_s"])
    op.create_index("ix_notification_made", "notification", ["made_at_s"])
    op.create_table(
        "dispatch_page",
        sa.Column("page", TEXT, primary_key=True),
        sa.Column("page_bytes", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    for table in ("dispatch_page", "notification", "announcement"):
        op.drop_table(table)
