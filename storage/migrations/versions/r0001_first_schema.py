"""The first schema: archive, log, state, days, alerts, tasks, findings, outboxes, leases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

APPEND_ONLY_SQLITE = """
CREATE TRIGGER audit_entry_no_{verb} BEFORE {verb} ON audit_entry
BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only'); END
"""
APPEND_ONLY_POSTGRESQL = (
    """
CREATE FUNCTION audit_entry_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'audit_entry is append-only'; END $$
""",
    """
CREATE TRIGGER audit_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_append_only()
""",
)


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("alert_id", TEXT, nullable=False),
        sa.Column("transformer_area", TEXT, nullable=False),
        sa.Column("meter_id", TEXT, nullable=True),
        sa.Column("service_point", TEXT, nullable=False),
        sa.Column("abnormality", TEXT, nullable=False),
        sa.Column("family", TEXT, nullable=False),
        sa.Column("grade", TEXT, nullable=False),
        sa.Column("risk", sa.Double(), nullable=True),
        sa.Column("raised_at_s", sa.BigInteger(), nullable=False),
        sa.Column("cleared_at_s", sa.BigInteger(), nullable=True),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("observed", sa.Double(), nullable=True),
        sa.Column("expected", sa.Double(), nullable=True),
        sa.Column("unit", TEXT, nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("since_s", sa.BigInteger(), nullable=False),
        sa.Column("episodes", sa.Integer(), nullable=False),
        sa.Column("missing_kwh", sa.Double(), nullable=True),
        sa.Column("unjudged", sa.JSON(), nullable=False),
        sa.Column("late_readings", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("alert_id"),
    )
    op.create_index("ix_alert_area_state", "alert", ["transformer_area", "state"], unique=False)
    op.create_index("ix_alert_raised", "alert", ["raised_at_s", "alert_id"], unique=False)
    op.create_index("ix_alert_service_point", "alert", ["service_point"], unique=False)
    op.create_index("ix_alert_state_raised", "alert", ["state", "raised_at_s"], unique=False)
    op.create_table("archive_holiday", sa.Column("day", sa.Date(), nullable=False), sa.PrimaryKeyConstraint("day"))
    op.create_table(
        "archive_meter",
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("meter_id", TEXT, nullable=False),
        sa.Column("service_point", TEXT, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("transformer_area", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("customer_class", TEXT, nullable=True),
        sa.Column("tariff_category", TEXT, nullable=True),
        sa.Column("contracted_kw", sa.Double(), nullable=True),
        sa.Column("phases", sa.Integer(), nullable=True),
        sa.Column("rated_current_a", sa.Double(), nullable=True),
        sa.Column("ct_ratio", sa.Double(), nullable=True),
        sa.Column("has_generation", sa.Boolean(), nullable=True),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("feeder", TEXT, nullable=True),
        sa.Column("segment", TEXT, nullable=True),
        sa.Column("phase", TEXT, nullable=True),
        sa.Column("rated_kva", sa.Double(), nullable=True),
        sa.Column("cable_rated_a", sa.Double(), nullable=True),
        sa.Column("valid_from_s", sa.BigInteger(), nullable=True),
        sa.Column("valid_to_s", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("ordinal"),
    )
    op.create_index("ix_archive_meter_meter_id", "archive_meter", ["meter_id"], unique=False)
    op.create_index("ix_archive_meter_transformer_area", "archive_meter", ["transformer_area"], unique=False)
    op.create_table(
        "archive_outage",
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("transformer_area", TEXT, nullable=False),
        sa.Column("start_s", sa.BigInteger(), nullable=False),
        sa.Column("end_s", sa.BigInteger(), nullable=False),
        sa.Column("planned", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("ordinal"),
    )
    op.create_table(
        "archive_tariff",
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tariff_category", TEXT, nullable=False),
        sa.Column("from_hour", sa.Integer(), nullable=False),
        sa.Column("to_hour", sa.Integer(), nullable=False),
        sa.Column("price_per_kwh", sa.Double(), nullable=False),
        sa.Column("currency", TEXT, nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("ordinal"),
    )
    op.create_table(
        "archive_work",
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("start_s", sa.BigInteger(), nullable=False),
        sa.Column("end_s", sa.BigInteger(), nullable=False),
        sa.Column("meter_id", TEXT, nullable=True),
        sa.Column("transformer_area", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("ordinal"),
    )
    op.create_table(
        "area_day",
        sa.Column("day_ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("transformer_area", TEXT, nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("day_ordinal", "transformer_area"),
    )
    op.create_table(
        "audit_entry",
        sa.Column("subject_id", TEXT, nullable=False),
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at_s", sa.BigInteger(), nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("move", TEXT, nullable=False),
        sa.Column("from_state", TEXT, nullable=False),
        sa.Column("to_state", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("previous_hash", TEXT, nullable=False),
        sa.Column("entry_hash", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("subject_id", "sequence"),
    )
    op.create_table(
        "counter",
        sa.Column("role", TEXT, nullable=False),
        sa.Column("partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("role", "partition", "name"),
    )
    op.create_table(
        "day_close",
        sa.Column("day_ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("absent_areas", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("day_ordinal"),
    )
    op.create_table(
        "day_score",
        sa.Column("day_ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("transformer_area", TEXT, nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("day_ordinal", "transformer_area"),
    )
    op.create_table(
        "feed_setting",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("setting", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "finding",
        sa.Column("finding_id", TEXT, nullable=False),
        sa.Column("transformer_area", TEXT, nullable=False),
        sa.Column("meter_id", TEXT, nullable=False),
        sa.Column("found_at_s", sa.BigInteger(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("abnormality", TEXT, nullable=True),
        sa.Column("found_by", TEXT, nullable=False),
        sa.Column("note", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("finding_id"),
    )
    op.create_index("ix_finding_found", "finding", ["found_at_s", "finding_id"], unique=False)
    op.create_index("ix_finding_meter_id", "finding", ["meter_id"], unique=False)
    op.create_table(
        "inspection_task",
        sa.Column("task_id", TEXT, nullable=False),
        sa.Column("alert_ids", sa.JSON(), nullable=False),
        sa.Column("service_point", TEXT, nullable=False),
        sa.Column("transformer_area", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("grade", TEXT, nullable=False),
        sa.Column("risk", sa.Double(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("opened_at_s", sa.BigInteger(), nullable=False),
        sa.Column("due_at_s", sa.BigInteger(), nullable=False),
        sa.Column("hazard", sa.Boolean(), nullable=False),
        sa.Column("assignee", TEXT, nullable=True),
        sa.Column("found_at_s", sa.BigInteger(), nullable=True),
        sa.Column("found_confirmed", sa.Boolean(), nullable=True),
        sa.Column("found_abnormality", TEXT, nullable=True),
        sa.Column("closed_at_s", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("task_id"),
    )
    op.create_index("ix_inspection_task_assignee", "inspection_task", ["assignee"], unique=False)
    op.create_index("ix_inspection_task_service_point", "inspection_task", ["service_point"], unique=False)
    op.create_index("ix_inspection_task_state_opened", "inspection_task", ["state", "opened_at_s"], unique=False)
    op.create_index("ix_inspection_task_transformer_area", "inspection_task", ["transformer_area"], unique=False)
    op.create_table(
        "lease",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("owner", TEXT, nullable=False),
        sa.Column("until_s", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "log_partition",
        sa.Column("role", TEXT, nullable=False),
        sa.Column("partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("owner", TEXT, nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.Column("clock_s", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("role", "partition"),
    )
    op.create_table(
        "log_topic",
        sa.Column("topic", TEXT, nullable=False),
        sa.Column("partitions", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("topic"),
    )
    op.create_table(
        "model_page",
        sa.Column("page", TEXT, nullable=False),
        sa.Column("page_schema", sa.Integer(), nullable=False),
        sa.Column("day_ordinal", sa.Integer(), nullable=False),
        sa.Column("page_bytes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("page"),
    )
    op.create_table(
        "point_outbox",
        sa.Column("batch_id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("batch_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "relay_outbox",
        sa.Column("relay_id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("transformer_area", TEXT, nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("relay_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "state_page",
        sa.Column("transformer_area", TEXT, nullable=False),
        sa.Column("page", TEXT, nullable=False),
        sa.Column("page_schema", sa.Integer(), nullable=False),
        sa.Column("page_bytes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("transformer_area", "page"),
    )
    _append_only_audit()


def _append_only_audit() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(APPEND_ONLY_SQLITE.format(verb=verb))
    else:
        for statement in APPEND_ONLY_POSTGRESQL:
            op.execute(statement)


def downgrade() -> None:
    op.drop_table("state_page")
    op.drop_table("relay_outbox")
    op.drop_table("point_outbox")
    op.drop_table("model_page")
    op.drop_table("log_topic")
    op.drop_table("log_partition")
    op.drop_table("lease")
    op.drop_table("inspection_task")
    op.drop_table("finding")
    op.drop_table("feed_setting")
    op.drop_table("day_score")
    op.drop_table("day_close")
    op.drop_table("counter")
    op.drop_table("audit_entry")
    op.drop_table("area_day")
    op.drop_table("archive_work")
    op.drop_table("archive_tariff")
    op.drop_table("archive_outage")
    op.drop_table("archive_meter")
    op.drop_table("archive_holiday")
    op.drop_table("alert")
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION audit_entry_append_only()")
