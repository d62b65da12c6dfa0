"""An alert says when each of its episodes ended and the next began."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alert", sa.Column("relapses", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("alert", "relapses")
