"""What every time-series store promises, as tests: memory, DuckDB and a real InfluxDB all run this class."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metering.points import SCHEMA, Point
from metering.ports import ReadingColumns, SeriesRow, TimeSeries
from storage.point_rules import why_tag_refused

T0 = 1_767_225_600
STEP = 900


def balance(area: str, time_s: int, **fields: float) -> Point:
    return Point("area_balance", {"transformer_area": area}, time_s, fields)


def frame(area: str, time_s: int, meters: list[str], **columns: list[float]) -> ReadingColumns:
    return ReadingColumns(area, time_s, meters, {name: np.array(values) for name, values in columns.items()})


def everything(series: TimeSeries, measurement: Any) -> list[SeriesRow]:
    return series.read(measurement, start_s=-(2**62), end_s=2**62)


class TimeSeriesContract:
    """Subclasses give a fixture `series` (empty)."""

    def test_points_come_back_to_the_last_bit_in_order_of_time_then_tags(self, series: TimeSeries) -> None:
        written = [
            balance("TB", T0 + STEP, supplied_kwh=1 / 3, loss_kwh=-1e-17),
            balance("TA", T0 + STEP, supplied_kwh=1e16, loss_kwh=12345678.000001),
            balance("TC", T0, supplied_kwh=5.0, meters_measured=200.0),
            balance("TA", T0 - 10 * STEP, supplied_kwh=0.1 + 0.2),
        ]
        assert series.write_points(written) == 0
        expected = [SeriesRow(p.time_s, p.tags, p.fields) for p in (written[3], written[2], written[1], written[0])]
        assert everything(series, "area_balance") == expected
        assert series.count("area_balance") == 4
        assert series.count("alert") == 0

    def test_every_measurement_of_the_schema_takes_all_its_tags_and_fields(self, series: TimeSeries) -> None:
        points = [
            Point(
                measurement,
                {tag: f"{tag}-1" for tag in schema.tags},
                T0,
                {name: i + 0.5 for i, name in enumerate(schema.fields)},
            )
            for measurement, schema in SCHEMA.items()
        ]
        assert series.write_points(points) == 0
        for point in points:
            assert everything(series, point.measurement) == [SeriesRow(T0, point.tags, point.fields)]

    def test_a_span_is_half_open_and_tags_narrow_it(self, series: TimeSeries) -> None:
        series.write_points(
            [balance(area, T0 + i * STEP, loss_kwh=float(i)) for area in ("TA", "TB") for i in range(4)]
        )
        found = series.read("area_balance", start_s=T0 + STEP, end_s=T0 + 3 * STEP, tags={"transformer_area": "TB"})
        assert [(row.time_s, row.fields) for row in found] == [
            (T0 + STEP, {"loss_kwh": 1.0}),
            (T0 + 2 * STEP, {"loss_kwh": 2.0}),
        ]
        assert series.read("area_balance", start_s=T0, end_s=T0) == []
        assert series.read("area_balance", start_s=T0, end_s=T0 + STEP, tags={"transformer_area": "TZ"}) == []
        assert series.read("area_balance", start_s=T0, end_s=T0 + STEP, tags={"meter_id": "M"}) == []

    def test_the_same_series_and_time_replaces_fields_by_name(self, series: TimeSeries) -> None:
        series.write_points([balance("TA", T0, loss_kwh=1.0, supplied_kwh=9.0), balance("TA", T0 + 1, loss_kwh=3.0)])
        series.write_points([balance("TA", T0, loss_kwh=2.0, metered_kwh=7.0)])
        series.write_points([balance("TA", T0 + 1, loss_kwh=3.0)])
        assert everything(series, "area_balance") == [
            SeriesRow(T0, {"transformer_area": "TA"}, {"loss_kwh": 2.0, "supplied_kwh": 9.0, "metered_kwh": 7.0}),
            SeriesRow(T0 + 1, {"transformer_area": "TA"}, {"loss_kwh": 3.0}),
        ]
        assert series.count("area_balance") == 2

    def test_within_one_write_the_last_of_a_series_and_time_wins(self, series: TimeSeries) -> None:
        series.write_points([balance("TA", T0, loss_kwh=float(i)) for i in range(5)])
        assert everything(series, "area_balance")[0].fields == {"loss_kwh": 4.0}

    def test_readings_of_many_frames_come_back_without_their_gaps(self, series: TimeSeries) -> None:
        nan = math.nan
        assert (
            series.write_readings(
                [
                    frame("TA", T0, ["M1", "M2", "M3"], energy_kwh=[0.25, nan, nan], voltage_v=[230.1, 231.0, nan]),
                    frame("TA", T0 + STEP, ["M1", "M2"], energy_kwh=[0.5, 0.0]),
                    frame("TB", T0, ["M9"], energy_kwh=[math.inf], register_kwh=[1_234_567.875]),
                    frame("TC", T0, [], energy_kwh=[]),
                ]
            )
            == 0
        )
        assert [(row.time_s - T0, row.tags["meter_id"], dict(row.fields)) for row in everything(series, "reading")] == [
            (0, "M1", {"energy_kwh": 0.25, "voltage_v": 230.1}),
            (0, "M2", {"voltage_v": 231.0}),
            (0, "M9", {"register_kwh": 1_234_567.875}),
            (STEP, "M1", {"energy_kwh": 0.5}),
            (STEP, "M2", {"energy_kwh": 0.0}),
        ]
        assert series.count("reading") == 5
        curve = series.read("reading", start_s=T0, end_s=T0 + 2 * STEP, tags={"meter_id": "M1"})
        assert [row.fields["energy_kwh"] for row in curve] == [0.25, 0.5]

    def test_a_reading_written_again_is_one_point_and_a_correction_replaces_it(self, series: TimeSeries) -> None:
        first = frame("TA", T0, ["M1", "M2"], energy_kwh=[1.0, 2.0], voltage_v=[230.0, 231.0])
        series.write_readings([first])
        series.write_readings([first, frame("TA", T0, ["M2"], energy_kwh=[2.5])])
        series.write_points([Point("reading", {"transformer_area": "TA", "meter_id": "M1"}, T0, {"expected_kwh": 1.1})])
        assert [dict(row.fields) for row in everything(series, "reading")] == [
            {"energy_kwh": 1.0, "voltage_v": 230.0, "expected_kwh": 1.1},
            {"energy_kwh": 2.5, "voltage_v": 231.0},
        ]

    def test_a_field_without_a_value_is_left_out_and_a_point_without_fields_is_nothing(
        self, series: TimeSeries
    ) -> None:
        assert (
            series.write_points(
                [
                    balance("TA", T0, loss_kwh=math.nan, supplied_kwh=1.0),
                    balance("TB", T0, loss_kwh=math.nan, supplied_kwh=-math.inf),
                    balance("TC", T0),
                ]
            )
            == 0
        )
        assert everything(series, "area_balance") == [SeriesRow(T0, {"transformer_area": "TA"}, {"supplied_kwh": 1.0})]
        assert series.write_points([]) == 0
        assert series.write_readings([]) == 0

    def test_names_with_blanks_commas_and_chinese_come_back_as_they_were(self, series: TimeSeries) -> None:
        names = ["a b", "a,b", "a=b", 'say "hi"', "变台 一号", "100%s %d", "it's", "a\\b", "${x}", "-", "ä"]
        assert series.write_readings([frame(n, T0, [n, "M"], energy_kwh=[1.0, 2.0]) for n in names]) == 0
        assert {row.tags["transformer_area"] for row in everything(series, "reading")} == set(names)
        for name in names:
            found = series.read("reading", start_s=T0, end_s=T0 + 1, tags={"meter_id": name})
            assert [row.tags["transformer_area"] for row in found] == [name]

    @settings(
        max_examples=15,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(name=st.text(st.characters(codec="utf-8"), min_size=1, max_size=12), loss_kwh=st.floats())
    def test_any_name_and_number_comes_back_or_is_refused(self, series: TimeSeries, name: str, loss_kwh: float) -> None:
        refused = series.write_points([balance(name, T0, loss_kwh=loss_kwh)])
        found = series.read("area_balance", start_s=T0, end_s=T0 + 1, tags={"transformer_area": name})
        if why_tag_refused(name) is not None:
            assert (refused, found) == (1, [])
        elif math.isfinite(loss_kwh):
            assert refused == 0
            assert [row.fields["loss_kwh"] for row in found] == [loss_kwh]

    def test_what_no_store_can_keep_is_refused_alone_and_counted(self, series: TimeSeries) -> None:
        good = balance("TA", T0, loss_kwh=1.0)
        bad = [
            Point("area_balance", {}, T0, {"loss_kwh": 1.0}),
            Point("area_balance", {"transformer_area": "TA", "colour": "red"}, T0, {"loss_kwh": 1.0}),
            Point("area_balance", {"transformer_area": ""}, T0, {"loss_kwh": 1.0}),
            Point("area_balance", {"transformer_area": "two\nlines"}, T0, {"loss_kwh": 1.0}),
            Point("area_balance", {"transformer_area": "end\\"}, T0, {"loss_kwh": 1.0}),
            balance("TA", T0, nonsense=1.0),
            balance("TA", 10**10, loss_kwh=1.0),
        ]
        assert series.write_points([*bad[:3], good, *bad[3:]]) == len(bad)
        assert everything(series, "area_balance") == [SeriesRow(T0, good.tags, good.fields)]
        odd = frame("TA", T0, ["M1", "M\t2", ""], energy_kwh=[1.0, 2.0, 3.0])
        assert series.write_readings([odd, frame("T\nA", T0, ["M3", "M4"], energy_kwh=[1.0, 1.0])]) == 4
        assert [row.tags["meter_id"] for row in everything(series, "reading")] == ["M1"]

    def test_a_large_write_is_whole(self, series: TimeSeries) -> None:
        meters = [f"M{i:04}" for i in range(1500)]
        series.write_readings([frame("TA", T0 + i * STEP, meters, energy_kwh=[float(i)] * 1500) for i in range(8)])
        assert series.count("reading") == 12_000
        assert [
            r.fields["energy_kwh"] for r in series.read("reading", start_s=0, end_s=2**40, tags={"meter_id": "M0777"})
        ] == [float(i) for i in range(8)]

    def test_it_says_what_was_reached_and_works_on(self, series: TimeSeries) -> None:
        assert series.ping()
        assert series.write_points([balance("TA", T0, loss_kwh=1.0)]) == 0
        assert series.ping()
        assert series.count("area_balance") == 1

    def test_callers_in_several_threads_lose_nothing(self, series: TimeSeries) -> None:
        def write_and_read(caller: int) -> int:
            for i in range(20):
                series.write_points([balance(f"TA{caller}", T0 + i * STEP, loss_kwh=float(i))])
                series.write_readings([frame(f"TA{caller}", T0 + i * STEP, ["M1", "M2"], energy_kwh=[1.0, 2.0])])
            tags = {"transformer_area": f"TA{caller}"}
            return len(series.read("area_balance", start_s=T0, end_s=T0 + 20 * STEP, tags=tags))

        with ThreadPoolExecutor(4) as callers:
            assert list(callers.map(write_and_read, range(4))) == [20] * 4
        assert series.count("reading") == 4 * 20 * 2
