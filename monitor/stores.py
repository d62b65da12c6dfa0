"""Opening the stores that the settings name."""

from __future__ import annotations

from pathlib import Path

from metering.errors import SettingsError
from metering.ports import TimeSeries
from monitor.settings import Settings
from storage.duckdb_series import DuckDbTimeSeries
from storage.influx_series import InfluxTimeSeries
from storage.sql import SqlStore


def open_store(settings: Settings) -> SqlStore:
    return SqlStore(settings.database_url)


def open_existing_store(settings: Settings) -> SqlStore:
    """For commands that only look or decide: the store must be there. Raises `SettingsError` where it is not, `StoreError`
    where its schema is not this program's; nothing is created."""
    return SqlStore(existing_database(settings), create=False)


def open_series(settings: Settings, *, patience_s: float | None = 10.0) -> TimeSeries:
    """InfluxDB where it is set, else the DuckDB file. Nothing is sent yet."""
    if settings.influx_url is None:
        return DuckDbTimeSeries(Path(settings.duckdb_path))
    if not settings.influx_url.startswith(("http://", "https://")):
        raise SettingsError(f"METERWATCH_INFLUX_URL {settings.influx_url!r}: begin with http:// or https://")
    return InfluxTimeSeries(
        settings.influx_url, influx_token(settings), settings.influx_org, settings.influx_bucket, patience_s=patience_s
    )


def influx_token(settings: Settings) -> str:
    if settings.influx_token is None:
        raise SettingsError("METERWATCH_INFLUX_TOKEN is missing: InfluxDB is set, but not how to sign in")
    return settings.influx_token.get_secret_value()


def existing_database(settings: Settings) -> str:
    """The database's URL. Raises `SettingsError` for a SQLite file that is not there: there is nothing in it."""
    file = settings.database_url.removeprefix("sqlite:///")
    if file != settings.database_url and not Path(file).exists():
        raise SettingsError(
            f"there is no store {file} here: name a finished run with --run RUN where the command has it, or set "
            "METERWATCH_DATABASE_URL to the store of your workers (a run's own is sqlite:///RUN/state.sqlite)"
        )
    return settings.database_url
