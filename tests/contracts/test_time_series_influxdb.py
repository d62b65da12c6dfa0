"""The time-series store's contract on a real InfluxDB."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from metering.ports import TimeSeries
from storage.influx_series import InfluxTimeSeries
from tests.contracts.time_series_contract import TimeSeriesContract
from tests.system.servers import InfluxAccess


@pytest.mark.system
class TestInfluxTimeSeries(TimeSeriesContract):
    @pytest.fixture
    def series(self, fresh_bucket: InfluxAccess) -> Iterator[TimeSeries]:
        access = fresh_bucket
        series = InfluxTimeSeries(access.url, access.token, access.org, access.bucket)
        yield series
        series.close()
