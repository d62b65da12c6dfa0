"""An alert carries what it is worth since its onset."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alert", sa.Column("worth", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("alert", "worth")
