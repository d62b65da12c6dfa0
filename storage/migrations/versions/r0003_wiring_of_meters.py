"""The archive says how a meter is wired and at which voltage level, where that is known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("archive_meter", sa.Column("wiring", TEXT, nullable=True))
    op.add_column("archive_meter", sa.Column("voltage_level", TEXT, nullable=True))


def downgrade() -> None:
    op.drop_column("archive_meter", "voltage_level")
    op.drop_column("archive_meter", "wiring")
