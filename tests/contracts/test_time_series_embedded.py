"""The time-series store's contract on memory and DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from metering.ports import TimeSeries
from storage.duckdb_series import DuckDbTimeSeries
from storage.memory_series import MemoryTimeSeries
from tests.contracts.time_series_contract import TimeSeriesContract


class TestMemoryTimeSeries(TimeSeriesContract):
    @pytest.fixture
    def series(self) -> TimeSeries:
        return MemoryTimeSeries()


class TestDuckDbTimeSeries(TimeSeriesContract):
    @pytest.fixture
    def series(self, tmp_path: Path) -> Iterator[TimeSeries]:
        series = DuckDbTimeSeries(tmp_path / "series.duckdb")
        yield series
        series.close()
