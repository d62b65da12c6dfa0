"""RUN folders of others: the fixed columns are enough, and what is malformed is named by file, line and column."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from evaluation.run_folder import read_scores
from evaluation.run_rows import daily_risk, read_alerts, read_visits
from metering.archive import Archive
from metering.errors import MeterwatchError
from tests.unit.evaluation.made_runs import FIRST_DAY, alert_row, archive, at


def run_of(folder: Path, *lines: str, name: str = "alerts.jsonl") -> Path:
    (folder / name).write_text("".join(line + "\n" for line in lines))
    return folder


def test_the_fixed_columns_are_enough(tmp_path: Path) -> None:
    row = {"transformer_area": None, "meter_id": "M1", "abnormality": "bypass", "raised_at": "2026-02-10 08:00"}
    (found,) = read_alerts(run_of(tmp_path, json.dumps(row)), archive())
    assert (found.raised_s, found.cleared_s, found.family, found.transformer_area) == (
        at(40) + 28800,
        None,
        "theft",
        "A1",
    )
    assert np.isnan(found.missing_kwh)


def test_times_with_an_offset_are_brought_to_utc(tmp_path: Path) -> None:
    row = alert_row("M1", 1) | {"raised_at": "2026-02-10T08:00:00+08:00"}
    assert read_alerts(run_of(tmp_path, json.dumps(row)), archive())[0].raised_s == at(40)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"raised_at": "yesterday"}, "raised_at: 'yesterday' is not a time"),
        ({"raised_at": None}, "raised_at: missing"),
        ({"cleared_at": 17}, "cleared_at: 17 is no text"),
        ({"abnormality": ""}, "abnormality: '' is no text"),
        ({"meter_id": 4711}, "meter_id: 4711 is no text"),
        ({"meter_id": None, "transformer_area": None}, "name the meter or the area"),
        ({"missing_kwh": "much"}, "missing_kwh: 'much' is not a number"),
        ({"relapses": ["often"]}, "relapses: no list of pairs"),
        ({"relapses": [["2026-02-10T00:00:00Z", "later"]]}, "start: 'later' is not a time"),
    ],
)
def test_a_malformed_alert_is_named_by_line_and_column(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    good, bad = alert_row("M1", 40), alert_row("M2", 41) | change
    with pytest.raises(MeterwatchError, match=rf"alerts\.jsonl:2.*{told}"):
        read_alerts(run_of(tmp_path, json.dumps(good), json.dumps(bad)), archive())


def test_a_line_that_is_no_object_is_named(tmp_path: Path) -> None:
    with pytest.raises(MeterwatchError, match=r"alerts\.jsonl:2: a JSON object is wanted"):
        read_alerts(run_of(tmp_path, json.dumps(alert_row("M1", 40)), "[1, 2]"), archive())


def test_blank_lines_and_no_lines_at_all_are_fine(tmp_path: Path) -> None:
    assert len(read_alerts(run_of(tmp_path, "", json.dumps(alert_row("M1", 40)), ""), archive())) == 1
    assert read_alerts(run_of(tmp_path), archive()) == ()
    assert read_visits(tmp_path, (), archive()) == (), "no tasks.jsonl: nobody was sent anywhere"


def task(finding: object, point: str | None = "SP-1", alert_ids: tuple[str, ...] = ()) -> str:
    return json.dumps({"id": "T1", "alert_ids": alert_ids, "service_point": point, "finding": finding})


def test_a_visit_is_at_the_tasks_service_point_or_at_its_alerts_meter(tmp_path: Path) -> None:
    finding = {"found_at": "2026-02-10T00:00:00Z", "confirmed": True, "abnormality": "bypass"}
    raised = read_alerts(run_of(tmp_path, json.dumps(alert_row("M2", 40))), archive())
    lines = [task(None), task(finding), task(finding, None, (raised[0].alert_id,))]
    found = read_visits(run_of(tmp_path, *lines, name="tasks.jsonl"), raised, archive())
    assert [(v.meter_id, v.found_s, v.confirmed) for v in found] == [("M1", at(40), True), ("M2", at(40), True)]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (task({"confirmed": True}), "finding, found_at: missing"),
        (task({"found_at": "2026-02-10T00:00:00Z", "confirmed": "yes"}), "confirmed: 'yes' is neither true nor false"),
        (task("found"), "finding: no object"),
        (task({"found_at": "2026-02-10T00:00:00Z", "confirmed": True}, "SP-nowhere"), "stands in no archive"),
    ],
)
def test_a_malformed_finding_is_named(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(MeterwatchError, match=rf"tasks\.jsonl:1.*{told}"):
        read_visits(run_of(tmp_path, line, name="tasks.jsonl"), (), archive())


SHANGHAI = Archive("east", 15, "Asia/Shanghai", archive().meters)
MIDNIGHT = datetime(2026, 1, 1, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    "dates",
    [
        pa.array([date(2026, 1, 2)], pa.date32()),
        pa.array([date(2026, 1, 2)], pa.date64()),
        pa.array(["2026-01-02"]),
        pa.array(["2026-01-02"]).dictionary_encode(),
        pa.array(["2026-01-02T00:00:00"], pa.large_string()),
        pa.array([datetime(2026, 1, 2)], pa.timestamp("ns")),  # noqa: DTZ001 - a local day, as others store one
        pa.array([MIDNIGHT], pa.timestamp("us", "UTC")),
        pa.array([MIDNIGHT], pa.timestamp("ms", "Asia/Shanghai")),
    ],
)
def test_a_local_day_may_be_stored_in_many_ways(dates: pa.Array) -> None:
    table = pa.table({"meter_id": ["M1"], "date": dates, "risk": [0.5]})
    assert daily_risk(table, SHANGHAI).days.tolist() == [date(2026, 1, 2).toordinal()]


def test_scores_of_any_number_type_and_meters_of_any_text() -> None:
    table = pa.table(
        {
            "meter_id": pa.array(["M1", "M2", "M1"]).dictionary_encode(),
            "date": pa.array([FIRST_DAY] * 3, pa.date32()),
            "risk": pa.array([1, None, 0], pa.int8()),
        }
    )
    found = daily_risk(table, archive())
    assert found.risk.tolist() == [1.0, 0.0], "a meter without a risk was not scored"
    assert found.of_meter("M1")[1].tolist() == [1.0, 0.0]
    assert len(found.of_meter("M2")[0]) == len(found.of_meter("M3")[0]) == 0
    numbered = pa.table({"meter_id": [4711], "date": ["2026-01-01"], "risk": [0.5]})
    assert daily_risk(numbered, archive()).meter_ids == ("4711",)


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"meter_id": ["M1"], "date": ["soon"], "risk": [0.5]}, "date as a date"),
        ({"meter_id": ["M1"], "date": [7.5], "risk": [0.5]}, "column date is of type double"),
        ({"meter_id": ["M1"], "date": ["2026-01-01"], "risk": ["high"]}, "risk as a number"),
        ({"meter_id": ["M1", None], "date": ["2026-01-01"] * 2, "risk": [0.5, 0.5]}, "row 2, meter_id: empty"),
        ({"meter_id": ["M1"], "date": pa.array([None], pa.date32()), "risk": [0.5]}, "row 1, date: empty"),
    ],
)
def test_malformed_scores_are_named(columns: dict[str, Any], told: str) -> None:
    with pytest.raises(MeterwatchError, match=told):
        daily_risk(pa.table(columns), archive(), "RUN/scores.parquet")


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "scores.parquet").write_text("meter_id,date,risk\n")
    with pytest.raises(MeterwatchError, match="cannot be read as parquet"):
        read_scores(tmp_path / "scores.parquet")


def test_no_scores_at_all_are_no_fault() -> None:
    empty = pa.table(
        {"meter_id": pa.array([], pa.string()), "date": pa.array([], pa.date32()), "risk": pa.array([], pa.float32())}
    )
    assert len(daily_risk(empty, archive()).codes) == 0
