"""The SQL schema as SQLAlchemy Core tables; `storage/migrations` builds the same, and a test holds the two together.

Times are epoch seconds (UTC). Text compares byte by byte on every database, so that an order is the same everywhere.
"""

from __future__ import annotations

import sqlalchemy as sa

from storage.clock import DatabaseNow

METADATA = sa.MetaData()

#: PostgreSQL would sort by the language of its host; SQLite sorts by bytes.
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
BYTES = sa.LargeBinary()
SECONDS = sa.BigInteger()
#: SQLite numbers rows by itself only where the key is its own INTEGER type.
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

FEED_SETTING = sa.Table(
    "feed_setting",
    METADATA,
    sa.Column("name", TEXT, primary_key=True),
    sa.Column("setting", TEXT, nullable=False),
)

ARCHIVE_METER = sa.Table(
    "archive_meter",
    METADATA,
    sa.Column("ordinal", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("meter_id", TEXT, nullable=False, index=True),
    sa.Column("service_point", TEXT, nullable=False),
    sa.Column("customer_id", TEXT, nullable=False),
    sa.Column("transformer_area", TEXT, nullable=False, index=True),
    sa.Column("role", TEXT, nullable=False),
    sa.Column("customer_class", TEXT),
    sa.Column("tariff_category", TEXT),
    sa.Column("contracted_kw", sa.Double),
    sa.Column("phases", sa.Integer),
    sa.Column("rated_current_a", sa.Double),
    sa.Column("ct_ratio", sa.Double),
    sa.Column("has_generation", sa.Boolean),
    sa.Column("latitude", sa.Double),
    sa.Column("longitude", sa.Double),
    sa.Column("feeder", TEXT),
    sa.Column("segment", TEXT),
    sa.Column("phase", TEXT),
    sa.Column("rated_kva", sa.Double),
    sa.Column("cable_rated_a", sa.Double),
    sa.Column("valid_from_s", SECONDS),
    sa.Column("valid_to_s", SECONDS),
    sa.Column("wiring", TEXT),
    sa.Column("voltage_level", TEXT),
)

ARCHIVE_HOLIDAY = sa.Table("archive_holiday", METADATA, sa.Column("day", sa.Date, primary_key=True))

ARCHIVE_OUTAGE = sa.Table(
    "archive_outage",
    METADATA,
    sa.Column("ordinal", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("transformer_area", TEXT, nullable=False),
    sa.Column("start_s", SECONDS, nullable=False),
    sa.Column("end_s", SECONDS, nullable=False),
    sa.Column("planned", sa.Boolean, nullable=False),
)

ARCHIVE_WORK = sa.Table(
    "archive_work",
    METADATA,
    sa.Column("ordinal", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", TEXT, nullable=False),
    sa.Column("start_s", SECONDS, nullable=False),
    sa.Column("end_s", SECONDS, nullable=False),
    sa.Column("meter_id", TEXT),
    sa.Column("transformer_area", TEXT),
)

ARCHIVE_TARIFF = sa.Table(
    "archive_tariff",
    METADATA,
    sa.Column("ordinal", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("tariff_category", TEXT, nullable=False),
    sa.Column("from_hour", sa.Integer, nullable=False),
    sa.Column("to_hour", sa.Integer, nullable=False),
    sa.Column("price_per_kwh", sa.Double, nullable=False),
    sa.Column("currency", TEXT, nullable=False),
    sa.Column("effective_from", sa.Date, nullable=False),
)

ARCHIVE_DOWNSTREAM_PRICE = sa.Table(
    "archive_downstream_price",
    METADATA,
    sa.Column("ordinal", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("meter_id", TEXT, nullable=False),
    sa.Column("from_s", sa.BigInteger, nullable=False),
    sa.Column("price_per_kwh", sa.Double, nullable=False),
    sa.Column("currency", TEXT, nullable=False),
    sa.Column("until_s", sa.BigInteger, nullable=True),
    sa.Column("tenants", sa.Integer, nullable=True),
)

LOG_TOPIC = sa.Table(
    "log_topic",
    METADATA,
    sa.Column("topic", TEXT, primary_key=True),
    sa.Column("partitions", sa.Integer, nullable=False),
)

LOG_PARTITION = sa.Table(
    "log_partition",
    METADATA,
    sa.Column("role", TEXT, primary_key=True),
    sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("owner", TEXT, nullable=False),
    sa.Column("next_offset", sa.BigInteger, nullable=False),
    sa.Column("clock_s", SECONDS, nullable=False),
)

COUNTER = sa.Table(
    "counter",
    METADATA,
    sa.Column("role", TEXT, primary_key=True),
    sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", TEXT, primary_key=True),
    sa.Column("total", sa.BigInteger, nullable=False),
)

STATE_PAGE = sa.Table(
    "state_page",
    METADATA,
    sa.Column("transformer_area", TEXT, primary_key=True),
    sa.Column("page", TEXT, primary_key=True),
    sa.Column("page_schema", sa.Integer, nullable=False),
    sa.Column("page_bytes", BYTES, nullable=False),
)

AREA_DAY = sa.Table(
    "area_day",
    METADATA,
    sa.Column("day_ordinal", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("transformer_area", TEXT, primary_key=True),
    sa.Column("partition", sa.Integer, nullable=False),
    sa.Column("payload", BYTES, nullable=False),
)

DAY_CLOSE = sa.Table(
    "day_close",
    METADATA,
    sa.Column("day_ordinal", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("absent_areas", sa.JSON, nullable=False),
)

DAY_SCORE = sa.Table(
    "day_score",
    METADATA,
    sa.Column("day_ordinal", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("transformer_area", TEXT, primary_key=True),
    sa.Column("payload", BYTES, nullable=False),
)

MODEL_PAGE = sa.Table(
    "model_page",
    METADATA,
    sa.Column("page", TEXT, primary_key=True),
    sa.Column("page_schema", sa.Integer, nullable=False),
    sa.Column("day_ordinal", sa.Integer, nullable=False),
    sa.Column("page_bytes", BYTES, nullable=False),
)

_LISTED = (
    "abnormality", "family", "grade", "risk", "at_stake_kwh", "episodes", "transformer_area", "service_point", "meter_id",
)  # fmt: skip

ALERT = sa.Table(
    "alert",
    METADATA,
    sa.Column("alert_id", TEXT, primary_key=True),
    sa.Column("transformer_area", TEXT, nullable=False),
    sa.Column("meter_id", TEXT),
    sa.Column("service_point", TEXT, nullable=False, index=True),
    sa.Column("abnormality", TEXT, nullable=False),
    sa.Column("family", TEXT, nullable=False),
    sa.Column("grade", TEXT, nullable=False),
    sa.Column("risk", sa.Double),
    sa.Column("raised_at_s", SECONDS, nullable=False),
    sa.Column("cleared_at_s", SECONDS),
    sa.Column("state", TEXT, nullable=False),
    sa.Column("observed", sa.Double),
    sa.Column("expected", sa.Double),
    sa.Column("unit", TEXT, nullable=False),
    sa.Column("reasons", sa.JSON, nullable=False),
    sa.Column("since_s", SECONDS, nullable=False),
    sa.Column("episodes", sa.Integer, nullable=False),
    sa.Column("missing_kwh", sa.Double),
    sa.Column("unjudged", sa.JSON, nullable=False),
    sa.Column("late_readings", sa.Integer, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("relapses", sa.JSON, nullable=False, server_default="[]"),
    sa.Column("worth", sa.JSON(none_as_null=True)),
    sa.Column("at_stake_kwh", sa.Double),
    sa.Index("ix_alert_area_state", "transformer_area", "state"),
    # Both hold whatever a list filters and orders by, so that 100,000 alerts are walked without reading their reasons.
    sa.Index("ix_alert_list", "state", "raised_at_s", "alert_id", *_LISTED),
    sa.Index("ix_alert_raised", "raised_at_s", "alert_id", "state", *_LISTED),
)  # fmt: skip

ALERT_HANDLING = sa.Table(
    "alert_handling",
    METADATA,
    sa.Column("alert_id", TEXT, primary_key=True),
    sa.Column("acknowledged_by", TEXT),
    sa.Column("acknowledged_at_s", SECONDS),
    sa.Column("acknowledged_episode", sa.Integer, nullable=False),
    sa.Column("owner", TEXT, index=True),
    sa.Column("version", sa.Integer, nullable=False),
)

INSPECTION_TASK = sa.Table(
    "inspection_task",
    METADATA,
    sa.Column("task_id", TEXT, primary_key=True),
    sa.Column("alert_ids", sa.JSON, nullable=False),
    sa.Column("service_point", TEXT, nullable=False, index=True),
    sa.Column("transformer_area", TEXT, nullable=False, index=True),
    sa.Column("state", TEXT, nullable=False),
    sa.Column("grade", TEXT, nullable=False),
    sa.Column("risk", sa.Double),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("opened_at_s", SECONDS, nullable=False),
    sa.Column("due_at_s", SECONDS, nullable=False),
    sa.Column("hazard", sa.Boolean, nullable=False),
    sa.Column("assignee", TEXT, index=True),
    sa.Column("found_at_s", SECONDS),
    sa.Column("found_confirmed", sa.Boolean),
    sa.Column("found_abnormality", TEXT),
    sa.Column("closed_at_s", SECONDS),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Index("ix_inspection_task_state_opened", "state", "opened_at_s"),
)

INSPECTION_TASK_ALERT = sa.Table(
    "inspection_task_alert",
    METADATA,
    sa.Column("alert_id", TEXT, primary_key=True),
    sa.Column("task_id", TEXT, primary_key=True, index=True),
)

AUDIT_ENTRY = sa.Table(
    "audit_entry",
    METADATA,
    sa.Column("subject_id", TEXT, primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at_s", SECONDS, nullable=False),
    sa.Column("actor", TEXT, nullable=False),
    sa.Column("move", TEXT, nullable=False),
    sa.Column("from_state", TEXT, nullable=False),
    sa.Column("to_state", TEXT, nullable=False),
    sa.Column("reason", TEXT, nullable=False),
    sa.Column("previous_hash", TEXT, nullable=False),
    sa.Column("entry_hash", TEXT, nullable=False),
)

FINDING = sa.Table(
    "finding",
    METADATA,
    sa.Column("finding_id", TEXT, primary_key=True),
    sa.Column("transformer_area", TEXT, nullable=False),
    sa.Column("meter_id", TEXT, nullable=False, index=True),
    sa.Column("found_at_s", SECONDS, nullable=False),
    sa.Column("confirmed", sa.Boolean, nullable=False),
    sa.Column("abnormality", TEXT),
    sa.Column("found_by", TEXT, nullable=False),
    sa.Column("note", TEXT, nullable=False),
    sa.Index("ix_finding_found", "found_at_s", "finding_id"),
)

POINT_OUTBOX = sa.Table(
    "point_outbox",
    METADATA,
    sa.Column("batch_id", SERIAL, primary_key=True, autoincrement=True),
    sa.Column("payload", BYTES, nullable=False),
    sa.Column("put_at_s", sa.Double, default=DatabaseNow()),
    # Never reuse a number: batch ids grow in the order of saving, also after the last row was delivered.
    sqlite_autoincrement=True,
)

RELAY_OUTBOX = sa.Table(
    "relay_outbox",
    METADATA,
    sa.Column("relay_id", SERIAL, primary_key=True, autoincrement=True),
    sa.Column("transformer_area", TEXT, nullable=False),
    sa.Column("payload", BYTES, nullable=False),
    sa.Column("put_at_s", sa.Double, default=DatabaseNow()),
    sqlite_autoincrement=True,
)

ANNOUNCEMENT = sa.Table(
    "announcement",
    METADATA,
    sa.Column("announcement_id", TEXT, primary_key=True),
    sa.Column("alert_id", TEXT, nullable=False, index=True),
    sa.Column("transformer_area", TEXT, nullable=False),
    sa.Column("meter_id", TEXT),
    sa.Column("abnormality", TEXT, nullable=False),
    sa.Column("grade", TEXT, nullable=False),
    sa.Column("urgency", TEXT, nullable=False),
    sa.Column("turn", TEXT, nullable=False),
    sa.Column("at_s", SECONDS, nullable=False),
    sa.Column("episode", sa.Integer, nullable=False),
    sa.Column("feeder", TEXT, nullable=False),
    sa.Column("title", TEXT, nullable=False),
    sa.Column("stage", TEXT, nullable=False),
    sa.Column("reason", TEXT, nullable=False),
    sa.Column("detail", TEXT, nullable=False),
    # What the dispatcher has still to take: said, and not yet part of a notification.
    sa.Column("waiting", sa.Boolean, nullable=False),
    sa.Index("ix_announcement_waiting", "waiting", "at_s"),
)

NOTIFICATION = sa.Table(
    "notification",
    METADATA,
    sa.Column("notification_id", TEXT, primary_key=True),
    sa.Column("channel", TEXT, nullable=False),
    sa.Column("made_at_s", SECONDS, nullable=False),
    sa.Column("content", sa.JSON, nullable=False),
    sa.Column("state", TEXT, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_try_s", sa.Double, nullable=False),
    sa.Column("delivered_at_s", sa.Double),
    sa.Column("last_error", TEXT, nullable=False),
    sa.Column("folded_into", TEXT, nullable=False),
    sa.Index("ix_notification_state", "state", "channel", "made_at_s"),
    sa.Index("ix_notification_made", "made_at_s"),
)

DISPATCH_PAGE = sa.Table(
    "dispatch_page",
    METADATA,
    sa.Column("page", TEXT, primary_key=True),
    sa.Column("page_bytes", BYTES, nullable=False),
)

HEARTBEAT = sa.Table(
    "heartbeat",
    METADATA,
    sa.Column("owner", TEXT, primary_key=True),
    sa.Column("beat_at_s", sa.Double, nullable=False),
    sa.Column("pulse", sa.JSON, nullable=False),
)

WATCH_STANDING = sa.Table(
    "watch_standing",
    METADATA,
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

LEASE = sa.Table(
    "lease",
    METADATA,
    sa.Column("name", TEXT, primary_key=True),
    sa.Column("owner", TEXT, nullable=False),
    sa.Column("until_s", sa.Double, nullable=False),
)

API_TOKEN = sa.Table(
    "api_token",
    METADATA,
    sa.Column("token_id", TEXT, primary_key=True),
    sa.Column("secret_hash", TEXT, nullable=False),
    sa.Column("person", TEXT, nullable=False),
    sa.Column("role", TEXT, nullable=False),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("made_at_s", SECONDS, nullable=False),
    sa.Column("made_by", TEXT, nullable=False),
    sa.Column("expires_at_s", SECONDS),
    sa.Column("revoked_at_s", SECONDS),
    sa.Column("revoked_by", TEXT),
)

API_ANSWER = sa.Table(
    "api_answer",
    METADATA,
    sa.Column("key_hash", TEXT, primary_key=True),
    sa.Column("request_hash", TEXT, nullable=False),
    sa.Column("asked_at_s", SECONDS, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("body", TEXT),
    sa.Index("ix_api_answer_asked", "asked_at_s"),
)

OUTSIDE_ALERT = sa.Table(
    "outside_alert",
    METADATA,
    sa.Column("source", TEXT, primary_key=True),
    sa.Column("fingerprint", TEXT, primary_key=True),
    sa.Column("starts_at_s", SECONDS, primary_key=True, autoincrement=False),
    sa.Column("ends_at_s", SECONDS),
    sa.Column("status", TEXT, nullable=False),
    sa.Column("title", TEXT, nullable=False),
    sa.Column("labels", sa.JSON, nullable=False),
    sa.Column("annotations", sa.JSON, nullable=False),
    sa.Column("received_at_s", SECONDS, nullable=False),
    sa.Column("resolved_at_s", SECONDS),
    sa.Column("times_received", sa.Integer, nullable=False),
    sa.Column("announced", TEXT, nullable=False),
    sa.Index("ix_outside_alert_starts", "starts_at_s", "source", "fingerprint"),
)
