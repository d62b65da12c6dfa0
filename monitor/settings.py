"""The one settings object: read once at the start, from the environment or a file, passed down from there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from inspection.capacity import Capacity
from metering.errors import SettingsError

PREFIX = "METERWATCH_"
#: Read by scripts and tests around the product, not by the product.
NOT_SETTINGS = ("METERWATCH_CACHE", "METERWATCH_TEST_")


class Settings(BaseSettings):
    """Every setting, each as METERWATCH_<NAME> in the environment; a secret may instead lie in a file METERWATCH_<NAME>_FILE names."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    database_url: str = Field(
        "sqlite:///meterwatch.sqlite", description="SQL store: sqlite:///FILE or postgresql+psycopg://..."
    )
    kafka_url: str | None = Field(
        None, description="Kafka bootstrap, host:port[,host:port]; none = in-process memory://"
    )
    topic_prefix: str = Field("", description="goes before every topic's name, where a cluster is shared")
    consumer_group: str = Field("meterwatch", description="prefix of the consumer groups")
    partitions: int = Field(12, ge=1, le=10_000, description="partitions of the areas topic; fixed once created")
    codec: Literal["json", "packed"] = Field("json", description="how frames are written onto the log")
    influx_url: str | None = Field(None, description="InfluxDB 2 address; none = DuckDB file")
    influx_token: SecretStr | None = Field(None, description="InfluxDB token that may read and write the bucket")
    influx_org: str = Field("meterwatch", description="InfluxDB organisation")
    influx_bucket: str = Field("meterwatch", description="InfluxDB bucket")
    influx_retention_days: int = Field(
        0, ge=0, description="retention that `provision` gives a new bucket; 0 = for ever"
    )
    duckdb_path: str = Field("meterwatch.duckdb", description="DuckDB file where there is no InfluxDB")
    grafana_url: str | None = Field(None, description="Grafana address for annotations; none = no annotations")
    grafana_token: SecretStr | None = Field(None, description="Grafana service-account token")
    desk_host: str = Field("127.0.0.1", description="address the desk binds to; beyond loopback a token is required")
    desk_port: int = Field(8080, ge=0, le=65_535, description="port of the desk; 0 = any free one")
    desk_token: SecretStr | None = Field(None, description="token that opens the desk; required beyond loopback")
    language: Literal["en", "zh"] = Field("en", description="language of the desk before a person chooses")
    thresholds: Path | None = Field(None, description="TOML file with detector thresholds")
    notify: Path | None = Field(
        None, description="TOML file with the notify plan: who is told what, where and when; none = the desk alone"
    )
    checkpoint_seconds: float = Field(1.0, gt=0, le=60, description="longest time between two checkpoints")
    checkpoint_messages: int = Field(500, ge=1, description="most messages between two checkpoints")
    watchdog_seconds: float = Field(
        120.0, gt=0, description="a worker with lag and no progress for so long ends itself"
    )
    day_close_deadline_seconds: float | None = Field(
        None,
        ge=0,
        description="live logs: close a day without partitions that stand still, this much event time after its close; none = wait for all",
    )
    inspections_per_week: float | None = Field(
        None,
        ge=0,
        description="visits of all crews a week: so many suspicions are proposed at most, hazards beside them; none = by the meters",
    )
    inspections_per_thousand_meters: float = Field(
        5.0,
        ge=0,
        le=1000,
        description="visits a week for every 1,000 meters (and for the first) where no number is given",
    )
    least_risk: float = Field(
        0.3, ge=0, le=1, description="a meter less likely to have a case is proposed only to be learnt from"
    )
    exploration_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="share of the visits that go to meters of middling risk, drawn, so that the ranking learns",
    )
    task_quiet_days: int = Field(
        30,
        ge=3,
        le=60,
        description="a task that nobody took up is withdrawn when what it was opened for has been over, and the readings normal, for so many days",
    )
    notifications_kept_days: int = Field(
        400, ge=31, description="a notification that arrived is removed after so many days; the audit trail is not"
    )
    ticker_grace_seconds: float | None = Field(
        None,
        ge=0,
        description="live logs: close an interval this long after its end; none = the log brings its own ticks (`publish`)",
    )
    session_timeout_seconds: float = Field(
        10.0, ge=1, le=300, description="Kafka gives a silent worker's partitions away after this"
    )
    metrics_port: int | None = Field(
        None,
        ge=0,
        le=65_535,
        description="port of a worker's Prometheus endpoint /metrics; 0 = any free one; none = off",
    )
    metrics_host: str = Field("127.0.0.1", description="address that a worker's /metrics binds to")
    watch_rules: Path | None = Field(
        None, description="TOML file with other limits for the alarms of the monitor itself (runbook.md)"
    )
    heartbeat_url: SecretStr | None = Field(
        None,
        description="address that is asked once a minute while the monitor watches itself: a dead man's switch outside",
    )
    instance_id: str | None = Field(None, description="static Kafka membership of this worker; faster restarts")


def capacity_of(settings: Settings) -> Capacity:
    """How much may be proposed."""
    return Capacity(
        settings.inspections_per_week,
        settings.inspections_per_thousand_meters,
        settings.least_risk,
        settings.exploration_share,
        settings.task_quiet_days,
    )


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings of this process. Raises `SettingsError` naming what is unknown, missing or out of range."""
    env = dict(os.environ if environment is None else environment)
    values: dict[str, str] = {}
    known = set(Settings.model_fields)
    for key, value in sorted(env.items()):
        if not key.startswith(PREFIX) or key.startswith(NOT_SETTINGS):
            continue
        name = key.removeprefix(PREFIX).lower()
        if name.endswith("_file") and name.removesuffix("_file") in known:
            try:
                values[name.removesuffix("_file")] = Path(value).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise SettingsError(f"{key}: {value} cannot be read ({error.strerror})") from error
        elif name in known:
            if value:
                values[name] = value
        else:
            raise SettingsError(f"{key} is not a setting; see docs/settings.md, or unset it")
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(f"{name}: {first['msg']}") from error
