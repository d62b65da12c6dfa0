"""What the InfluxDB store does when the real server is away, frozen, full of poison or not ours."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from metering.errors import StoreError, StoreUnavailable
from metering.points import Point
from metering.ports import ReadingColumns
from storage.influx_series import InfluxTimeSeries, ensure_bucket
from storage.influx_writer import Backoff
from tests.system.servers import InfluxAccess, InfluxServer, wait_until

pytestmark = pytest.mark.system

T0 = 1_767_225_600
METERS = [f"M{i:03}" for i in range(200)]
QUICK = Backoff(first_s=0.05, most_s=0.3)


@pytest.fixture(scope="module")
def server() -> Iterator[InfluxServer]:
    """A server of this module's own: it is stopped and killed here."""
    with InfluxServer() as server:
        yield server


@pytest.fixture
def bucket(server: InfluxServer) -> InfluxAccess:
    server.start()
    return server.new_bucket()


def series_on(access: InfluxAccess, **settings: object) -> InfluxTimeSeries:
    chosen: dict[str, object] = {"backoff": QUICK, "timeout_s": 5.0, "patience_s": None} | settings
    return InfluxTimeSeries(access.url, access.token, access.org, access.bucket, **chosen)  # type: ignore[arg-type]


def frame(number: int) -> ReadingColumns:
    return ReadingColumns("TA", T0 + 900 * number, METERS, {"energy_kwh": np.full(len(METERS), number + 0.5)})


def balance(area: str, loss_kwh: float = 1.0) -> Point:
    return Point("area_balance", {"transformer_area": area}, T0, {"loss_kwh": loss_kwh})


def noticed(caplog: pytest.LogCaptureFixture) -> bool:
    return any("trying again" in record.message for record in caplog.records)


@pytest.mark.parametrize("way", ["stop", "kill9", "pause"])
def test_a_server_taken_away_in_mid_stream_loses_nothing_and_doubles_nothing(
    server: InfluxServer, bucket: InfluxAccess, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    series = series_on(bucket, timeout_s=1.0, waiting_bodies=2, lines_per_body=500)

    def write(first: int) -> int:
        return sum(series.write_readings([frame(first + 2 * i), frame(first + 2 * i + 1)]) for i in range(20))

    with caplog.at_level(logging.WARNING, "storage.influx_writer"), ThreadPoolExecutor(3) as callers:
        writing = [callers.submit(write, first) for first in (0, 40, 80)]
        wait_until(lambda: series.count("reading") > 0, "the first readings are there")
        getattr(server, way)()
        try:
            wait_until(lambda: noticed(caplog) or all(w.done() for w in writing), "the writer notices", 30)
            assert not all(w.done() for w in writing), "the server went away too late for this test to say anything"
        finally:
            server.resume() if way == "pause" else server.start()
        refused = sum(w.result() for w in writing)
    assert refused == 0
    assert series.count("reading") == 120 * len(METERS)
    found = series.read("reading", start_s=T0, end_s=T0 + 900 * 120, tags={"meter_id": "M007"})
    assert [row.fields["energy_kwh"] for row in found] == [i + 0.5 for i in range(120)]
    series.close()


def test_a_write_that_waited_long_enough_is_given_back_and_can_be_repeated(
    server: InfluxServer, bucket: InfluxAccess
) -> None:
    series = series_on(bucket, patience_s=0.5)
    server.stop()
    with pytest.raises(StoreUnavailable, match="again"):
        series.write_points([balance("TA")])
    with pytest.raises(StoreUnavailable, match="reached"):
        series.ping()
    with pytest.raises(StoreUnavailable, match="reached"):
        series.count("area_balance")
    server.start()
    assert series.write_points([balance("TA")]) == 0
    assert series.count("area_balance") == 1
    series.close()


def test_closing_while_the_server_is_away_frees_every_caller(server: InfluxServer, bucket: InfluxAccess) -> None:
    series = series_on(bucket, drain_s=0.5, waiting_bodies=1)
    server.stop()
    with ThreadPoolExecutor(4) as callers:
        waiting: list[Future[int]] = [callers.submit(series.write_points, [balance(f"TA{i}")]) for i in range(4)]
        series.close()
        for caller in waiting:
            assert isinstance(caller.exception(timeout=30), StoreUnavailable)
    with pytest.raises(StoreUnavailable, match="closing"):
        series.write_points([balance("TB")])
    series.close()


def test_closing_writes_what_waits(bucket: InfluxAccess) -> None:
    series = series_on(bucket, lines_per_body=100)
    with ThreadPoolExecutor(2) as callers:
        writing = [callers.submit(series.write_readings, [frame(i) for i in range(n, n + 20)]) for n in (0, 20)]
        wait_until(lambda: series.count("reading") > 0, "writing has begun")
        series.close()
        stored = [caller for caller in writing if caller.exception() is None]
    reader = series_on(bucket)
    assert reader.count("reading") >= 20 * len(METERS) * len(stored)
    reader.close()


def test_a_malformed_line_is_refused_alone(bucket: InfluxAccess, caplog: pytest.LogCaptureFixture) -> None:
    series = series_on(bucket)
    lines = [f"area_balance,transformer_area=TA{i} loss_kwh={i}.5 {T0}" for i in range(1000)]
    poison = {
        17: "area_balance,transformer_area= loss_kwh=1.0 5",
        500: "nonsense",
        501: f"area_balance,transformer_area=T loss_kwh=nan {T0}",
    }
    for place, line in poison.items():
        lines[place] = line
    with caplog.at_level(logging.WARNING, "storage.influx_writer"):
        assert series.write_lines(lines) == 3
    assert series.count("area_balance") == 997
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 3
    assert any("nonsense" in text for text in told)
    series.close()


def test_a_field_of_another_type_is_refused_and_the_rest_is_stored(
    bucket: InfluxAccess, caplog: pytest.LogCaptureFixture
) -> None:
    series = series_on(bucket)
    assert series.write_lines([f"area_balance,transformer_area=TB supplied_kwh=1i {T0}"]) == 0
    points = [balance(f"TA{i}") for i in range(10)]
    conflicting = [Point("area_balance", {"transformer_area": f"TC{i}"}, T0, {"supplied_kwh": 1.5}) for i in range(3)]
    with caplog.at_level(logging.WARNING, "storage.influx_writer"):
        assert series.write_points([*points[:5], *conflicting, *points[5:]]) == 3
    assert {row.tags["transformer_area"] for row in series.read("area_balance", start_s=T0, end_s=T0 + 1)} == {
        "TB",
        *(f"TA{i}" for i in range(10)),
    }
    assert "type" in caplog.text
    series.close()


def test_points_older_than_the_retention_are_refused_and_the_rest_is_stored(server: InfluxServer) -> None:
    server.start()
    access = server.new_bucket()
    kept = InfluxAccess(access.url, access.token, access.org, "kept-a-day")
    assert "created" in ensure_bucket(kept.url, kept.token, kept.org, kept.bucket, retention_s=86_400)
    series = series_on(kept)
    # T0 is the start of 2026; nothing written for it can be younger than a day when this runs.
    assert series.write_points([balance("TA"), balance("TB")]) == 2
    assert series.count("area_balance") == 0
    series.close()


def test_wrong_token_bucket_and_organisation_say_what_to_do(bucket: InfluxAccess) -> None:
    for wrong, words in (
        (InfluxAccess(bucket.url, "wrong", bucket.org, bucket.bucket), "token"),
        (InfluxAccess(bucket.url, bucket.token, bucket.org, "nowhere"), "provision"),
        (InfluxAccess(bucket.url, bucket.token, "nobody", bucket.bucket), "organisation"),
    ):
        series = series_on(wrong)
        with pytest.raises(StoreError, match=words):
            series.write_points([balance("TA")])
        with pytest.raises(StoreError, match="provision"):
            series.ping()
        series.close()


def test_ping_names_the_server(bucket: InfluxAccess) -> None:
    series = series_on(bucket)
    assert series.ping().startswith("InfluxDB v2.7")
    series.close()


def test_a_bucket_is_made_once_and_its_retention_follows(bucket: InfluxAccess) -> None:
    def ensure(retention_s: int) -> str:
        return ensure_bucket(bucket.url, bucket.token, bucket.org, f"{bucket.bucket}-own", retention_s=retention_s)

    assert ensure(0) == f"created bucket {bucket.bucket}-own in InfluxDB, keeping everything"
    assert ensure(0) == f"bucket {bucket.bucket}-own is there, keeping everything"
    assert ensure(7 * 86_400) == f"bucket {bucket.bucket}-own was there; it now keeps 7 days"
    assert ensure(7 * 86_400) == f"bucket {bucket.bucket}-own is there, keeping 7 days"
    assert ensure(0) == f"bucket {bucket.bucket}-own was there; it now keeps everything"
    with pytest.raises(StoreError, match="token"):
        ensure_bucket(bucket.url, "wrong", bucket.org, "another")
    with pytest.raises(StoreUnavailable, match="reached"):
        ensure_bucket("http://127.0.0.1:9", bucket.token, bucket.org, "another")
