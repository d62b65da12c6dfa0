"""The archive says at which price customers declare to pass electricity on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "archive_downstream_price",
        sa.Column("ordinal", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("meter_id", TEXT, nullable=False),
        sa.Column("from_s", sa.BigInteger, nullable=False),
        sa.Column("price_per_kwh", sa.Double, nullable=False),
        sa.Column("currency", TEXT, nullable=False),
        sa.Column("until_s", sa.BigInteger, nullable=True),
        sa.Column("tenants", sa.Integer, nullable=True),
    )


def downgrade() -> None:
    op.drop_table("archive_downstream_price")
