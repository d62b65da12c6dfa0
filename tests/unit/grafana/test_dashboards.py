"""The dashboards' JSON: current, well-formed for Grafana 11, and true to the measurements."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from grafana.dashboards import DESK_URL, GENERATED, generated, main
from grafana.flux import HAZARD_CODES
from grafana.panels import DATASOURCE_UID, GRID_WIDTH
from metering.points import SCHEMA

PROVISIONING = GENERATED.parent / "provisioning"
#: Panel types that come with Grafana 11 itself.
PANEL_TYPES = {"stat", "table", "timeseries", "barchart", "geomap", "status-history"}
#: Units of Grafana's list that are used here; `suffix:` is free text.
UNITS = {
    "none",
    "short",
    "string",
    "dateTimeAsIso",
    "dateTimeFromNow",
    "percentunit",
    "kwatth",
    "s",
    "bytes",
    "degree",
    "suffix: /min",
}
MACROS = {"v.timeRangeStart", "v.timeRangeStop", "v.windowPeriod", "v.defaultBucket"}

Json = dict[str, Any]
DASHBOARDS: dict[str, Json] = {name: json.loads(text) for name, text in generated().items()}
PANELS = [(name, panel) for name, dashboard in DASHBOARDS.items() for panel in dashboard["panels"]]
IDS = [f"{name}-{panel['id']}" for name, panel in PANELS]


def _queries(dashboard: Json) -> list[str]:
    asked = [target["query"] for panel in dashboard["panels"] for target in panel["targets"]]
    return asked + [v["query"]["query"] for v in dashboard["templating"]["list"] if v["type"] == "query"]


def test_the_committed_files_are_what_the_code_generates() -> None:
    committed = {path.name: path.read_text() for path in GENERATED.glob("*.json")}
    assert committed == dict(generated()), "run: python -m grafana.dashboards"


def test_the_command_writes_the_files_and_takes_the_desks_address(tmp_path: Path) -> None:
    main(["--out", str(tmp_path), "--desk-url", "https://desk.example"])
    written = (tmp_path / "control-room.json").read_text()
    assert "https://desk.example" in written
    assert DESK_URL not in written


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panel_ids_are_unique_and_places_do_not_overlap(name: str) -> None:
    panels = DASHBOARDS[name]["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= GRID_WIDTH
        assert place["w"] > 0
        assert place["h"] > 0
    for one, other in combinations(panels, 2):
        a, b = one["gridPos"], other["gridPos"]
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        below = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or below, f"{one['title']} overlaps {other['title']}"


def test_dashboards_have_fixed_and_different_identities() -> None:
    assert {name: dashboard["uid"] for name, dashboard in DASHBOARDS.items()} == {
        "control-room.json": "meterwatch-control-room",
        "one-area.json": "meterwatch-area",
    }
    assert all(dashboard["id"] is None for dashboard in DASHBOARDS.values())


@pytest.mark.parametrize(("name", "panel"), PANELS, ids=IDS)
def test_every_panel_says_what_it_shows_also_where_there_is_nothing(name: str, panel: Json) -> None:
    assert panel["type"] in PANEL_TYPES
    assert panel["title"]
    assert len(panel["description"]) > 20
    assert panel["fieldConfig"]["defaults"]["noValue"]
    assert panel["datasource"] == {"type": "influxdb", "uid": DATASOURCE_UID}
    ref_ids = [target["refId"] for target in panel["targets"]]
    assert ref_ids
    assert len(set(ref_ids)) == len(ref_ids)
    assert all(target["datasource"]["uid"] == DATASOURCE_UID for target in panel["targets"])


@pytest.mark.parametrize(("name", "panel"), PANELS, ids=IDS)
def test_every_column_has_a_unit_and_a_title(name: str, panel: Json) -> None:
    assert panel["fieldConfig"]["overrides"]
    for override in panel["fieldConfig"]["overrides"]:
        properties = {prop["id"]: prop["value"] for prop in override["properties"]}
        assert override["matcher"]["id"] == "byName"
        assert properties["unit"] in UNITS
        assert properties["displayName"]


@pytest.mark.parametrize(("name", "panel"), PANELS, ids=IDS)
def test_a_tables_columns_stand_in_the_order_of_the_code(name: str, panel: Json) -> None:
    if panel["type"] not in {"table", "barchart"}:
        assert "transformations" not in panel
        return
    (transformation,) = panel["transformations"]
    order = transformation["options"]["indexByName"]
    named = [override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]]
    assert sorted(order, key=order.__getitem__) == named


@pytest.mark.parametrize(("name", "panel"), PANELS, ids=IDS)
def test_threshold_steps_begin_without_a_bound_and_rise(name: str, panel: Json) -> None:
    configured = [panel["fieldConfig"]["defaults"]["thresholds"]]
    for override in panel["fieldConfig"]["overrides"]:
        configured += [prop["value"] for prop in override["properties"] if prop["id"] == "thresholds"]
    for thresholds in configured:
        bounds = [step["value"] for step in thresholds["steps"]]
        assert bounds[0] is None
        assert bounds[1:] == sorted(bounds[1:])


@pytest.mark.parametrize("name", DASHBOARDS)
def test_queries_ask_for_measurements_and_fields_that_are_written(name: str) -> None:
    for query in _queries(DASHBOARDS[name]):
        measurements = set(re.findall(r'r\._measurement == "(\w+)"', query))
        assert measurements <= set(SCHEMA)
        assert measurements, query
        fields = set(re.findall(r'r\._field == "(\w+)"', query))
        written = {field for measurement in measurements for field in SCHEMA[measurement].fields}
        assert fields <= written


@pytest.mark.parametrize("name", DASHBOARDS)
def test_queries_use_grafanas_macros_only_and_never_scan_raw_readings(name: str) -> None:
    for query in _queries(DASHBOARDS[name]):
        assert set(re.findall(r"\bv\.\w+", query)) <= MACROS
        assert "bucket: v.defaultBucket" in query
        assert 'r._measurement == "reading"' not in query


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_chosen_area_is_quoted_by_grafana(name: str) -> None:
    for query in _queries(DASHBOARDS[name]):
        assert set(re.findall(r"\$\{[^}]*\}", query)) <= {"${area:doublequote}"}


def test_a_drop_down_never_lists_meters() -> None:
    for dashboard in DASHBOARDS.values():
        for variable in dashboard["templating"]["list"]:
            assert "meter_id" not in json.dumps(variable)


def test_variables_in_links_exist() -> None:
    for dashboard in DASHBOARDS.values():
        declared = {variable["name"] for variable in dashboard["templating"]["list"]} | {"__value", "__url_time_range"}
        used = {word.split(".")[0].split(":")[0] for word in re.findall(r"\$\{([^}]*)\}", json.dumps(dashboard))}
        assert used <= declared


def test_provisioning_uses_the_identities_of_the_code_and_holds_no_secret() -> None:
    (source,) = yaml.safe_load((PROVISIONING / "datasources" / "meterwatch.yaml").read_text())["datasources"]
    assert source["uid"] == DATASOURCE_UID
    assert source["secureJsonData"] == {"token": "$METERWATCH_INFLUX_TOKEN"}
    assert source["jsonData"]["version"] == "Flux"
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "meterwatch.yaml").read_text())["providers"]
    assert provider["folder"] == "Meterwatch"
    assert provider["allowUiUpdates"] is False


def test_alarm_rules_are_complete() -> None:
    text = (PROVISIONING / "alerting" / "rules.yaml").read_text()
    assert "$" not in text, "Grafana would read it as a variable of the environment"
    assert all(code in text for code in HAZARD_CODES), "a hazard of the catalogue is missing from rules.yaml"
    rules = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
    assert len({rule["uid"] for rule in rules}) == len(rules) == 5
    for rule in rules:
        ref_ids = [step["refId"] for step in rule["data"]]
        assert rule["condition"] in ref_ids
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
        for step in rule["data"]:
            assert step["refId"] == step["model"]["refId"]
            if step["datasourceUid"] == "__expr__":
                assert step["model"]["expression"] in ref_ids
            else:
                assert step["datasourceUid"] == DATASOURCE_UID


def test_every_policy_names_a_contact_point_that_exists() -> None:
    policies = yaml.safe_load((PROVISIONING / "alerting" / "policies.yaml").read_text())["policies"]
    points = yaml.safe_load((PROVISIONING / "alerting" / "contact-points.yaml").read_text())["contactPoints"]
    assert {policy["receiver"] for policy in policies} <= {point["name"] for point in points}
