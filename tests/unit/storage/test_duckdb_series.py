"""What the DuckDB store adds to the contract: one owner, a file that lasts, folding for good."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from metering.errors import StoreError
from metering.points import Point
from metering.ports import ReadingColumns, SeriesRow
from storage.duckdb_series import DuckDbTimeSeries


def frame(time_s: int, energy_kwh: float) -> ReadingColumns:
    return ReadingColumns("TA", time_s, ["M1", "M2"], {"energy_kwh": np.array([energy_kwh, energy_kwh + 1])})


def test_what_was_written_is_there_after_the_file_was_closed(tmp_path: Path) -> None:
    series = DuckDbTimeSeries(tmp_path / "series.duckdb")
    series.write_readings([frame(0, 1.0)])
    series.close()
    series.close()
    again = DuckDbTimeSeries(str(tmp_path / "series.duckdb"))
    assert again.read("reading", start_s=0, end_s=1, tags={"meter_id": "M2"}) == [
        SeriesRow(0, {"transformer_area": "TA", "meter_id": "M2"}, {"energy_kwh": 2.0})
    ]
    again.close()


def test_a_process_that_was_killed_keeps_what_it_had_written(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\nfrom metering.points import Point\nfrom storage.duckdb_series import DuckDbTimeSeries\n"
        "series = DuckDbTimeSeries(sys.argv[1])\n"
        "series.write_points([Point('area_balance', {'transformer_area': 'TA'}, 5, {'loss_kwh': 1.5})])\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path / "series.duckdb")], check=False)
    assert killed.returncode == -9
    series = DuckDbTimeSeries(tmp_path / "series.duckdb")
    assert series.read("area_balance", start_s=0, end_s=10) == [
        SeriesRow(5, {"transformer_area": "TA"}, {"loss_kwh": 1.5})
    ]
    series.close()


def test_a_second_process_is_told_who_owns_the_file(tmp_path: Path) -> None:
    series = DuckDbTimeSeries(tmp_path / "series.duckdb")
    program = (
        "import sys\nfrom metering.errors import StoreError\nfrom storage.duckdb_series import DuckDbTimeSeries\n"
        "try:\n    DuckDbTimeSeries(sys.argv[1])\nexcept StoreError as error:\n    print(error)"
    )
    arguments = [sys.executable, "-c", program, str(tmp_path / "series.duckdb")]
    told = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
    assert "owned by another process" in told
    assert "InfluxDB" in told
    series.close()


def test_folding_removes_what_was_written_twice_and_changes_no_answer(tmp_path: Path) -> None:
    series = DuckDbTimeSeries(tmp_path / "series.duckdb")
    for energy_kwh in (1.0, 2.0, 3.0):
        series.write_readings([frame(0, energy_kwh), frame(900, 7.0)])
    series.write_points([Point("reading", {"transformer_area": "TA", "meter_id": "M1"}, 0, {"late": 1.0})])
    before = series.read("reading", start_s=0, end_s=1000)
    assert series.compact() == 13 - 4
    assert series.compact() == 0
    assert series.read("reading", start_s=0, end_s=1000) == before
    series.write_readings([frame(0, 9.0)])
    assert series.read("reading", start_s=0, end_s=1)[0].fields == {"energy_kwh": 9.0, "late": 1.0}
    series.close()


def test_a_file_that_cannot_be_opened_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "no.duckdb").write_bytes(b"no database at all" * 1000)
    with pytest.raises(StoreError, match=r"no\.duckdb"):
        DuckDbTimeSeries(tmp_path / "no.duckdb")
    with pytest.raises(StoreError, match="does not exist"):
        DuckDbTimeSeries(tmp_path / "nowhere" / "series.duckdb")
