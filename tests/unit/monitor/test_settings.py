"""Settings are read once, unknown ones are refused, secrets may lie in files."""

from __future__ import annotations

from pathlib import Path

import pytest

from metering.errors import SettingsError
from monitor.settings import load_settings


def test_defaults_need_no_server() -> None:
    settings = load_settings({})
    assert settings.kafka_url is None
    assert settings.influx_url is None
    assert settings.database_url.startswith("sqlite")
    assert settings.desk_host == "127.0.0.1"


def test_an_unknown_setting_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="METERWATCH_KAFKA_ULR is not a setting"):
        load_settings({"METERWATCH_KAFKA_ULR": "x"})


def test_what_is_out_of_range_is_named() -> None:
    with pytest.raises(SettingsError, match="METERWATCH_PARTITIONS"):
        load_settings({"METERWATCH_PARTITIONS": "0"})


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    settings = load_settings({"METERWATCH_INFLUX_TOKEN_FILE": str(tmp_path / "token")})
    assert settings.influx_token is not None
    assert settings.influx_token.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(settings)


def test_a_secret_file_that_cannot_be_read_says_why() -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings({"METERWATCH_DESK_TOKEN_FILE": "/does/not/exist"})


def test_empty_means_not_set() -> None:
    assert load_settings({"METERWATCH_GRAFANA_URL": ""}).grafana_url is None
