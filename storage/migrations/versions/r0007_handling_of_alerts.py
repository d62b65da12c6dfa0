"""What people do with alerts, which tasks name an alert, tokens of the API, its answers, and alerts of Grafana."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _what_people_do()
    _which_tasks_name_an_alert()
    _what_a_list_orders_by()
    _who_may_call()
    _what_grafana_says()


def downgrade() -> None:
    for table in ("outside_alert", "api_answer", "api_token", "inspection_task_alert", "alert_handling"):
        op.drop_table(table)
    op.drop_index("ix_alert_list", "alert")
    op.drop_index("ix_alert_raised", "alert")
    op.create_index("ix_alert_raised", "alert", ["raised_at_s", "alert_id"])
    op.create_index("ix_alert_state_raised", "alert", ["state", "raised_at_s"])
    op.drop_column("alert", "at_stake_kwh")


def _what_people_do() -> None:
    op.create_table(
        "alert_handling",
        sa.Column("alert_id", TEXT, primary_key=True),
        sa.Column("acknowledged_by", TEXT),
        sa.Column("acknowledged_at_s", sa.BigInteger),
        sa.Column("acknowledged_episode", sa.Integer, nullable=False),
        sa.Column("owner", TEXT),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_index("ix_alert_handling_owner", "alert_handling", ["owner"])


def _which_tasks_name_an_alert() -> None:
    named = op.create_table(
        "inspection_task_alert",
        sa.Column("alert_id", TEXT, primary_key=True),
        sa.Column("task_id", TEXT, primary_key=True),
    )
    op.create_index("ix_inspection_task_alert_task_id", "inspection_task_alert", ["task_id"])
    tasks = op.get_bind().execute(sa.text("SELECT task_id, alert_ids FROM inspection_task")).all()
    rows = [{"alert_id": a, "task_id": task_id} for task_id, ids in tasks for a in dict.fromkeys(_read(ids))]
    if rows:
        op.bulk_insert(named, rows)


def _what_a_list_orders_by() -> None:
    op.add_column("alert", sa.Column("at_stake_kwh", sa.Double))
    connection = op.get_bind()
    connection.execute(sa.text("UPDATE alert SET at_stake_kwh = missing_kwh"))
    worth = connection.execute(sa.text("SELECT alert_id, worth FROM alert WHERE worth IS NOT NULL")).all()
    settled = [{"a": alert_id, "kwh": _read(told)["kwh"]} for alert_id, told in worth if _read(told) is not None]
    if settled:
        connection.execute(sa.text("UPDATE alert SET at_stake_kwh = :kwh WHERE alert_id = :a"), settled)
    op.drop_index("ix_alert_state_raised", "alert")
    op.drop_index("ix_alert_raised", "alert")
    listed = [
        "abnormality", "family", "grade", "risk", "at_stake_kwh", "episodes", "transformer_area", "service_point", "meter_id",
    ]  # fmt: skip
    op.create_index("ix_alert_list", "alert", ["state", "raised_at_s", "alert_id", *listed])
    op.create_index("ix_alert_raised", "alert", ["raised_at_s", "alert_id", "state", *listed])


def _who_may_call() -> None:
    op.create_table(
        "api_token",
        sa.Column("token_id", TEXT, primary_key=True),
        sa.Column("secret_hash", TEXT, nullable=False),
        sa.Column("person", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("made_at_s", sa.BigInteger, nullable=False),
        sa.Column("made_by", TEXT, nullable=False),
        sa.Column("expires_at_s", sa.BigInteger),
        sa.Column("revoked_at_s", sa.BigInteger),
        sa.Column("revoked_by", TEXT),
    )
    op.create_table(
        "api_answer",
        sa.Column("key_hash", TEXT, primary_key=True),
        sa.Column("request_hash", TEXT, nullable=False),
        sa.Column("asked_at_s", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("body", TEXT),
    )
    op.create_index("ix_api_answer_asked", "api_answer", ["asked_at_s"])


def _what_grafana_says() -> None:
    op.create_table(
        "outside_alert",
        sa.Column("source", TEXT, primary_key=True),
        sa.Column("fingerprint", TEXT, primary_key=True),
        sa.Column("starts_at_s", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("ends_at_s", sa.BigInteger),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("labels", sa.JSON, nullable=False),
        sa.Column("annotations", sa.JSON, nullable=False),
        sa.Column("received_at_s", sa.BigInteger, nullable=False),
        sa.Column("resolved_at_s", sa.BigInteger),
        sa.Column("times_received", sa.Integer, nullable=False),
        sa.Column("announced", TEXT, nullable=False),
    )
    op.create_index("ix_outside_alert_starts", "outside_alert", ["starts_at_s", "source", "fingerprint"])


def _read(stored: Any) -> Any:
    """PostgreSQL gives JSON decoded, SQLite as text."""
    return json.loads(stored) if isinstance(stored, str) else stored
