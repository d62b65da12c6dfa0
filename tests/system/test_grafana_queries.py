"""Every query of every dashboard is run against a real InfluxDB: it gives rows, and a unit for each of their columns.

Grafana itself is not run here: a Grafana server accepts a dashboard whose panel type or query is wrong, so the queries
and the structure of the JSON are what is checked (the structure in `tests/unit/grafana`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS

from alerts.watch import RULES as WATCH_RULES
from grafana import flux
from grafana.dashboards import GENERATED
from grafana.flux import HAZARD_CODES
from metering.catalogue import CATALOGUE, FAMILIES
from metering.points import SCHEMA, Point
from metering.times import to_epoch_s
from tests.system.servers import InfluxAccess, InfluxServer

pytestmark = pytest.mark.system

STOP = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)
START = STOP - timedelta(hours=24)
STOP_S = to_epoch_s(STOP)
HOUR_S = 3600
#: A name that breaks a query that pastes it in as it is.
AREAS = ("TA-001", 'TA "north" 2', "TA-003")
RULES = GENERATED.parent / "provisioning" / "alerting" / "rules.yaml"
#: What each alarm's query gives on the points below, and in a bucket that holds nothing.
RULES_ON_POINTS = {
    "meterwatch-silent": 30.0,
    "meterwatch-lag": 7.0,
    "meterwatch-dead-letters": 120.0,
    "meterwatch-points-refused": 0.0,
    "meterwatch-hazard": 1.0,
}
RULES_ON_NOTHING = dict.fromkeys(RULES_ON_POINTS, 0.0) | {"meterwatch-silent": 3600.0}


@dataclass(frozen=True)
class Asked:
    """One query of one panel as Grafana would send it."""

    where: str
    kind: str
    text: str
    units: Mapping[str, str]

    def __str__(self) -> str:
        return self.where


def _units(panel: Mapping[str, Any]) -> dict[str, str]:
    return {
        override["matcher"]["options"]: prop["value"]
        for override in panel["fieldConfig"]["overrides"]
        for prop in override["properties"]
        if prop["id"] == "unit"
    }


def _dashboards() -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text()) for path in sorted(GENERATED.glob("*.json"))}


def _asked() -> Iterator[Asked]:
    for name, dashboard in _dashboards().items():
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                text = _as_grafana_sends(target["query"], panel.get("interval"))
                yield Asked(f"{name}-{panel['id']}{target['refId']}", panel["type"], text, _units(panel))


def _as_grafana_sends(query: str, min_interval: str | None, area: str = AREAS[1]) -> str:
    window = {"1h": "1h0m0s", "15m": "15m0s"}.get(min_interval or "", "2m0s")
    quoted = '"' + area.replace('"', '\\"') + '"'
    return (
        query.replace("${area:doublequote}", quoted)
        .replace("v.timeRangeStart", START.strftime("%Y-%m-%dT%H:%M:%SZ"))
        .replace("v.timeRangeStop", STOP.strftime("%Y-%m-%dT%H:%M:%SZ"))
        .replace("v.windowPeriod", window)
        .replace("v.defaultBucket", '"@BUCKET@"')
    )


def _points() -> Iterator[Point]:
    yield from _balances()
    yield from _evidence()
    yield from _alerts()
    yield from _said_by_people()
    yield from _tasks()
    yield from _precisions()
    yield from _pipeline()
    yield from _watch()
    reading = dict.fromkeys(SCHEMA["reading"].fields, 1.0)
    yield Point("reading", {"transformer_area": AREAS[0], "meter_id": "M-1"}, STOP_S - HOUR_S, reading)
    error = {"share": 0.04, "low": 0.01, "high": 0.07}
    yield Point("meter_error", {"transformer_area": AREAS[0], "meter_id": "M-1"}, STOP_S - HOUR_S, error)


def _balances() -> Iterator[Point]:
    """Area 1 loses 5 %, area 2 loses 10 %; area 3 has no supply meter. An interval without a balance must not count."""
    for i, area in enumerate(AREAS):
        for quarter in range(4 * 24):
            fields = {"metered_kwh": 9.0, "meters_measured": 10.0, "meters_expected": 10.0}
            fields |= {"meters_estimated": 0.0, "estimated_kwh": 0.0}
            if i < 2:
                share = 0.05 * (i + 1)
                fields |= {"supplied_kwh": 9.0 / (1 - share), "loss_kwh": 9.0 / (1 - share) - 9.0, "loss_share": share}
            if quarter == 5 and i < 2:
                fields = {"metered_kwh": 1.0, "meters_measured": 1.0, "meters_expected": 10.0, "supplied_kwh": 10.0}
            yield Point("area_balance", {"transformer_area": area}, STOP_S - HOUR_S // 2 - quarter * 900, fields)


def _evidence() -> Iterator[Point]:
    for code, row in CATALOGUE.items():
        for hour in (3, 4):
            tags = {
                "transformer_area": AREAS[1],
                "meter_id": "M-1",
                "abnormality": code,
                "family": row.family,
                "detector": "test",
            }
            yield Point("evidence", tags, STOP_S - hour * HOUR_S, {"strength": 0.9, "observed": 1.0, "expected": 2.0})


def _alert(alert_id: str, area: str, code: str, risk: float, at_s: int, raised: float, *, placed: bool = True) -> Point:
    tags = {
        "transformer_area": area,
        "meter_id": "M-1",
        "abnormality": code,
        "family": CATALOGUE[code].family,
        "alert_id": alert_id,
    }
    fields = {"risk": risk, "raised": raised, "observed": 1.0, "expected": 2.0, "missing_kwh": 3.5}
    fields |= {"episode": 1.0, "verdict": 0.0}
    fields |= {"worth_kwh": 3.0, "worth_kwh_low": 1.0, "worth_kwh_high": 6.0}
    if placed:
        fields |= {"latitude": 31.2, "longitude": 121.5}
    return Point("alert", tags, at_s, fields)


def _alerts() -> Iterator[Point]:
    """Open: a-1 (high, seen by a person), a-2 (a hazard since 60 days), a-3 (low, no place), a-5 (relapsed). Over: a-4; a-6
    (withdrawn). An acknowledgement's point moves nothing."""
    yield _alert("a-1", AREAS[0], "bypass", 0.9, STOP_S - 2 * HOUR_S, 1.0)
    yield _alert("a-2", AREAS[1], HAZARD_CODES[0], 0.6, STOP_S - 60 * 24 * HOUR_S, 1.0)
    yield _alert("a-3", AREAS[1], "zero_use", 0.3, STOP_S - HOUR_S, 1.0, placed=False)
    yield _alert("a-4", AREAS[1], "bypass", 0.9, STOP_S - 9 * HOUR_S, 1.0)
    yield _alert("a-4", AREAS[1], "bypass", 0.9, STOP_S - 3 * HOUR_S, 0.0)
    yield _alert("a-5", AREAS[2], "over_capacity", 0.7, STOP_S - 9 * HOUR_S, 1.0)
    yield _alert("a-5", AREAS[2], "over_capacity", 0.7, STOP_S - 8 * HOUR_S, 0.0)
    yield _alert("a-5", AREAS[2], "over_capacity", 0.7, STOP_S - 7 * HOUR_S, 1.0)


def _said_by_people() -> Iterator[Point]:
    seen = _alert("a-1", AREAS[0], "bypass", 0.9, STOP_S - HOUR_S, 1.0)
    yield Point("alert", seen.tags, seen.time_s, {"acknowledged": 1.0, "episode": 1.0})
    withdrawn = _alert("a-6", AREAS[0], "bypass", 0.9, STOP_S - 5 * HOUR_S, 0.0)
    yield Point("alert", withdrawn.tags, withdrawn.time_s, {**withdrawn.fields, "verdict": -1.0})


def _tasks() -> Iterator[Point]:
    for task_id, area, grade, moves in (
        ("t-1", AREAS[1], "low", ((30 * 24, 1.0),)),
        ("t-2", AREAS[0], "high", ((20, 1.0),)),
        ("t-3", AREAS[0], "high", ((48, 1.0), (2, 0.0))),
    ):
        for hours_ago, is_open in moves:
            tags = {"transformer_area": area, "service_point": f"SP-{task_id}", "grade": grade, "task_id": task_id}
            fields = {"priority": 1.0, "risk": 0.5, "open": is_open}
            yield Point("task", tags, STOP_S - hours_ago * HOUR_S, fields)


def _precisions() -> Iterator[Point]:
    """A detector's word on a kind, borne out more and more; the ranker's own once."""
    for hours_ago, visited, detector in (
        (40 * 24, 3.0, "voltage_rules"),
        (2, 5.0, "voltage_rules"),
        (90, 2.0, "ranker"),
    ):
        fields = {"visited": visited, "confirmed": 2.0, "right_kind": 1.0, "precision": 0.5, "low": 0.1, "high": 0.9}
        yield Point("precision", {"detector": detector, "abnormality": "bypass"}, STOP_S - hours_ago * HOUR_S, fields)


def _pipeline() -> Iterator[Point]:
    """Two judges, a partition each, 600 readings per minute each; an archive worker that must not be counted twice."""
    for minute in range(60):
        for worker, role, partition in (("w1", "judge", "0"), ("w2", "judge", "1"), ("w3", "archive", "0")):
            fields = dict.fromkeys(SCHEMA["pipeline"].fields, 1.0)
            fields |= {
                "readings": 600.0,
                "lag_s": 7.0 if worker == "w2" else 3.0,
                "rss_bytes": 2e8,
                "points_refused": 0.0,
            }
            tags = {"worker": worker, "role": role, "partition": partition}
            yield Point("pipeline", tags, STOP_S - 60 * minute - 30, fields)


def _watch() -> Iterator[Point]:
    """Every rule judged every minute: one open, one open that cannot be judged any more, one never judged, the others well."""
    for minute in range(60):
        for code, rule in WATCH_RULES.items():
            fields = {"value": 0.5, "set": rule.set, "open": 0.0, "judged": 1.0}
            if code == "log_behind":
                fields |= {"value": 20_000.0, "open": 1.0}
            elif code == "clock_behind" or (code == "areas_silent" and minute < 5):
                fields = {"set": rule.set, "open": float(code == "areas_silent"), "judged": 0.0}
            yield Point("watch", {"rule": code, "subject": "-"}, STOP_S - 60 * minute - 30, fields)


def _lines(points: Iterable[Point]) -> bytes:
    def escaped(text: str) -> str:
        return text.replace(" ", "\\ ").replace(",", "\\,").replace("=", "\\=")

    return "\n".join(
        ",".join([point.measurement, *(f"{key}={escaped(value)}" for key, value in sorted(point.tags.items()))])
        + " "
        + ",".join(f"{key}={value:g}" if value != 0 else f"{key}=0" for key, value in point.fields.items())
        + f" {point.time_s}"
        for point in points
    ).encode()


def _fill(access: InfluxAccess, points: Iterable[Point]) -> InfluxAccess:
    with InfluxDBClient(access.url, access.token, org=access.org) as client:
        client.write_api(write_options=SYNCHRONOUS).write(access.bucket, record=_lines(points), write_precision="s")
    return access


def _rows(access: InfluxAccess, text: str) -> tuple[list[dict[str, Any]], int]:
    """The rows of a query, without Flux's own columns, and the number of tables."""
    with InfluxDBClient(access.url, access.token, org=access.org) as client:
        tables = client.query_api().query(text.replace("@BUCKET@", access.bucket))
    rows = [
        {key: value for key, value in record.values.items() if key not in ("result", "table")}
        for table in tables
        for record in table.records
    ]
    return rows, len(tables)


@pytest.fixture(scope="module")
def filled(influx_server: InfluxServer) -> InfluxAccess:
    return _fill(influx_server.new_bucket(), _points())


@pytest.fixture(scope="module")
def empty(influx_server: InfluxServer) -> InfluxAccess:
    return influx_server.new_bucket()


def test_the_points_written_here_cover_the_schema() -> None:
    seen: dict[str, set[str]] = {}
    for point in _points():
        assert set(point.tags) == set(SCHEMA[point.measurement].tags)
        seen.setdefault(point.measurement, set()).update(point.fields)
    assert seen == {name: set(schema.fields) for name, schema in SCHEMA.items()}


@pytest.mark.parametrize("asked", list(_asked()), ids=str)
def test_every_panel_shows_rows_and_a_unit_for_every_column(asked: Asked, filled: InfluxAccess) -> None:
    rows, tables = _rows(filled, asked.text)
    assert rows
    assert tables == 1, "one table is one frame: more would show as several series without a unit of their own"
    columns = set().union(*rows)
    assert columns <= set(asked.units), f"columns without a unit: {sorted(columns - set(asked.units))}"
    for row in rows:
        for name, value in row.items():
            is_word = asked.units[name] == "string"
            is_time = asked.units[name] == "dateTimeAsIso"
            if value is not None:
                expected_kind = str if is_word else datetime if is_time else (int, float)
                assert isinstance(value, expected_kind), f"{name} is {value!r} but its unit is {asked.units[name]}"
    if asked.kind in ("timeseries", "status-history"):
        times = [row["_time"] for row in rows]
        assert times == sorted(times)
        assert all(START - timedelta(hours=1) < time < STOP for time in times)


@pytest.mark.parametrize("name", list(_dashboards()))
def test_every_column_of_a_panel_is_filled_by_one_of_its_queries(name: str, filled: InfluxAccess) -> None:
    for panel in _dashboards()[name]["panels"]:
        returned: set[str] = set()
        for target in panel["targets"]:
            rows, _ = _rows(filled, _as_grafana_sends(target["query"], panel.get("interval")))
            returned |= set().union(*rows)
        not_yet_detected = set(FAMILIES) - {row.family for row in CATALOGUE.values()}
        assert returned == set(_units(panel)) - not_yet_detected, panel["title"]


@pytest.mark.parametrize("asked", list(_asked()), ids=str)
def test_no_query_fails_on_an_empty_bucket(asked: Asked, empty: InfluxAccess) -> None:
    rows, _ = _rows(empty, asked.text)
    assert rows == []


@pytest.mark.parametrize("asked", [asked for asked in _asked() if asked.kind == "geomap"], ids=str)
def test_an_archive_without_coordinates_leaves_the_map_empty(asked: Asked, fresh_bucket: InfluxAccess) -> None:
    _fill(fresh_bucket, [_alert("a-3", AREAS[1], "zero_use", 0.3, STOP_S - HOUR_S, 1.0, placed=False)])
    assert _rows(fresh_bucket, asked.text)[0] == []


def _panel_rows(access: InfluxAccess, dashboard: str, title: str) -> list[dict[str, Any]]:
    (panel,) = (panel for panel in _dashboards()[dashboard]["panels"] if panel["title"] == title)
    (target,) = panel["targets"]
    return _rows(access, _as_grafana_sends(target["query"], panel.get("interval")))[0]


def test_open_alerts_are_those_whose_newest_point_is_raised(filled: InfluxAccess) -> None:
    assert _panel_rows(filled, "control-room", "Open alerts") == [{"alerts": 4}]
    assert _panel_rows(filled, "control-room", "Open hazards") == [{"alerts": 1}]
    assert _panel_rows(filled, "one-area", "Open alerts") == [{"alerts": 2}]
    hazards = _panel_rows(filled, "control-room", "Hazards")
    assert [row["alert_id"] for row in hazards] == ["a-2"]
    assert hazards[0]["raised_at"] == STOP - timedelta(days=60)
    newest = _panel_rows(filled, "control-room", "Newest alerts")
    states = [(row["alert_id"], row["state"], row["grade"]) for row in newest]
    assert states == [
        ("a-3", "open", "low"),
        ("a-1", "open", "high"),
        ("a-4", "over", "high"),
        ("a-6", "withdrawn", "high"),
        ("a-5", "open", "medium"),
    ]
    placed = _panel_rows(filled, "control-room", "Where the open alerts are")
    assert [row["alert_id"] for row in placed] == ["a-2", "a-5", "a-1"]


def test_the_watch_says_what_is_open_what_cannot_be_judged_and_what_is_well(filled: InfluxAccess) -> None:
    rows = _panel_rows(filled, "control-room", "The monitor watches itself")
    states = {row["rule"]: row["state"] for row in rows}
    assert [row["rule"] for row in rows[:2]] == ["areas_silent", "log_behind"]
    assert (states.pop("areas_silent"), states.pop("log_behind")) == ("open, not judged", "open")
    assert states.pop("clock_behind") == "not judged"
    assert set(states.values()) == {"well"}
    (behind,) = [row for row in rows if row["rule"] == "log_behind"]
    assert (behind["value"], behind["set"]) == (20_000.0, WATCH_RULES["log_behind"].set)


def test_alerts_are_counted_by_grade_within_their_family(filled: InfluxAccess) -> None:
    rows = {row.pop("family"): row for row in _panel_rows(filled, "control-room", "Open alerts by grade and family")}
    assert rows == {
        "theft": {"high": 1, "medium": 0, "low": 0},
        "electrical": {"high": 0, "medium": 1, "low": 0},
        "energy": {"high": 0, "medium": 0, "low": 1},
        "load": {"high": 0, "medium": 1, "low": 0},
    }


def test_an_interval_without_a_balance_does_not_count_as_loss(filled: InfluxAccess) -> None:
    rows = _panel_rows(filled, "control-room", "Line loss by area")
    assert [row["transformer_area"] for row in rows] == [AREAS[1], AREAS[0]]
    assert [row["loss_share"] for row in rows] == pytest.approx([0.10, 0.05], abs=1e-4)
    ((row),) = _panel_rows(filled, "one-area", "Line loss")
    assert row["loss_share"] == pytest.approx(0.10, abs=1e-4)


def test_an_area_without_a_supply_meter_has_no_line_loss(filled: InfluxAccess) -> None:
    (panel,) = (panel for panel in _dashboards()["one-area"]["panels"] if panel["title"] == "Line loss")
    assert _rows(filled, _as_grafana_sends(panel["targets"][0]["query"], None, AREAS[2]))[0] == []


def test_energy_is_summed_over_areas_in_whole_hours(filled: InfluxAccess) -> None:
    rows = _panel_rows(filled, "control-room", "Supplied and metered energy per hour")
    assert rows[-1]["_time"] == STOP.replace(minute=0) - timedelta(hours=1)
    assert rows[-1]["metered_kwh"] == pytest.approx(4 * 3 * 9.0)
    assert rows[-1]["supplied_kwh"] == pytest.approx(4 * (9 / 0.95 + 9 / 0.90), rel=1e-4)


def test_tasks_and_workers_are_counted_once(filled: InfluxAccess) -> None:
    assert _panel_rows(filled, "control-room", "Open tasks by grade") == [
        {"grade": "high", "tasks": 1},
        {"grade": "low", "tasks": 1},
    ]
    assert _panel_rows(filled, "control-room", "Readings") == [{"readings": 1200.0}]
    assert _panel_rows(filled, "control-room", "Lag") == [{"lag_s": 7.0}]
    workers = _panel_rows(filled, "control-room", "The monitor's workers")
    assert [(row["worker"], row["role"], row["lag_s"]) for row in workers] == [
        ("w3", "archive", 3.0),
        ("w1", "judge", 3.0),
        ("w2", "judge", 7.0),
    ]
    assert workers[0]["last_seen"] == pytest.approx(1000 * (STOP_S - 30))


def test_evidence_is_shown_for_every_family(filled: InfluxAccess) -> None:
    rows = _panel_rows(filled, "control-room", "Evidence by family")
    assert set().union(*rows) - {"_time"} <= set(FAMILIES)
    per_hour = sum(0.9 for row in CATALOGUE.values() if row.family == "theft")
    assert max(row["theft"] for row in rows) == pytest.approx(per_hour)


def test_the_area_drop_down_lists_areas_and_never_meters(filled: InfluxAccess) -> None:
    for dashboard in _dashboards().values():
        for variable in dashboard["templating"]["list"]:
            if variable["type"] != "query":
                continue
            text = _as_grafana_sends(variable["query"]["query"], None)
            assert "meter_id" not in text
            rows, _ = _rows(filled, text)
            assert [row["_value"] for row in rows] == sorted(AREAS)


@pytest.mark.parametrize("bucket", ["filled", "empty"])
def test_every_alarm_rule_gives_one_number_even_where_nothing_is_written(
    bucket: str, request: pytest.FixtureRequest
) -> None:
    access: InfluxAccess = request.getfixturevalue(bucket)
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    assert rules
    for rule in rules:
        (query,) = (step["model"]["query"] for step in rule["data"] if step["datasourceUid"] != "__expr__")
        rows, _ = _rows(access, _as_grafana_sends(query, "1m"))
        assert len(rows) == 1, rule["title"]
        assert list(rows[0]) == ["_value"]
        expected = {"filled": RULES_ON_POINTS, "empty": RULES_ON_NOTHING}[bucket]
        assert rows[0]["_value"] == expected[rule["uid"]]


def test_the_newest_track_record_of_each_detector_is_shown_the_most_visited_first(filled: InfluxAccess) -> None:
    rows, _ = _rows(filled, _as_grafana_sends(flux.detector_precision(), None))
    assert [(row["detector"], row["visited"]) for row in rows] == [("voltage_rules", 5.0), ("ranker", 2.0)]
