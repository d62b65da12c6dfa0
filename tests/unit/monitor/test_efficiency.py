"""`efficiency` reads every area of a run and prints what can be written as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from metering.errors import SettingsError
from monitor.efficiency import _told, efficiency
from service.efficiency import Use, advise


def test_a_folder_that_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="give --run a RUN folder"):
        efficiency(tmp_path, least_kwh_a_day=100, most=5)


def test_what_is_not_known_is_null() -> None:
    peers = [Use(f"M{n}", "TA", "industrial", 400.0, 8.0, 0.6, 0.3, float("nan")) for n in range(9)]
    (advice,) = advise([*peers, Use("M9", "TA", "industrial", 400.0, 2.0, 0.6, 0.3, float("nan"))], least_kwh_a_day=100)
    told = json.loads(json.dumps(_told(advice), allow_nan=False))
    assert (told["meter_id"], told["power_factor"], told["peers"]) == ("M9", None, 10)
    assert told["below_peers"][0]["figure"] == "full_load_hours"
