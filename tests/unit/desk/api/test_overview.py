"""How all stands, through the API: counts that add up, names for those who may see them, the places and the readings' quality."""

from __future__ import annotations

from metering.inspection import AuditEntry
from metering.points import Point
from metering.ports import Checkpoint, PartitionChange
from metering.watch import WatchStanding
from tests.unit.desk.api.conftest import NOW_S, TASK, World


def count_more(world: World, **counters: int) -> None:
    mark = world.store.begin_partition("judge", 0, "test")
    world.store.save(Checkpoint("judge", {0: PartitionChange(mark.epoch, 2, NOW_S, counters=counters)}))


async def test_what_is_open_is_counted_by_grade_lane_family_and_kind(world: World) -> None:
    told = (await world.get("/overview")).json()
    alerts = told["alerts"]
    assert alerts["count"] == 3
    assert alerts["by_grade"] == {"high": 2, "medium": 1}
    assert alerts["by_lane"] == {"suspicion": 2, "hazard": 1}
    assert alerts["by_family"] == {"theft": 2, "electrical": 1}
    assert alerts["by_abnormality"] == {"bypass": 2, "overvoltage": 1}
    assert [line["alert_id"] for line in alerts["hazards"]] == ["a-2"]
    assert [line["alert_id"] for line in alerts["newest"]] == ["a-3", "a-2", "a-1"]
    assert told["judged_until"] == told["now"] == "2026-03-01T00:00:00Z"
    assert told["last_closed_day"] is None


async def test_areas_come_with_what_is_lost_hazards_first(world: World) -> None:
    fields = {"supplied_kwh": 10.0, "loss_kwh": 2.0}
    world.api.state.parts.records.series.write_points(
        [Point("area_balance", {"transformer_area": "TA-1"}, NOW_S - 3600, fields)]
    )
    areas = (await world.get("/overview")).json()["areas"]
    assert (areas["count"], areas["meters"]) == (2, 3)
    first, second = areas["ranked"]
    assert (first["transformer_area"], first["hazards"], first["open_alerts"], first["loss_share"]) == (
        "TA-1",
        1,
        2,
        0.2,
    )
    assert (second["transformer_area"], second["loss_share"], second["loss_course"]) == ("TA-2", None, [])
    assert len((await world.get("/overview?areas=1")).json()["areas"]["ranked"]) == 1


async def test_tasks_are_shown_to_those_who_may_read_them_and_names_to_those_who_handle_alerts(world: World) -> None:
    world.store.save_watch([WatchStanding("log_behind", "judge", 20_000.0, 60.0, True)], (), ())
    whole = (await world.get("/overview")).json()
    assert (whole["tasks"]["count"], whole["tasks"]["by_state"], whole["tasks"]["overdue"]) == (1, {"assigned": 1}, 0)
    (task,) = whole["tasks"]["next"]
    assert (task["task_id"], task["abnormalities"], task["assignee"]) == (TASK.task_id, ["bypass"], "Wang")
    assert [w["rule"] for w in whole["watch"]] == ["log_behind"]
    assert "Wang" not in (await world.get("/overview", "reader")).text
    alone = (await world.get("/overview", shown=world.token("reader", "alerts:read"))).json()
    assert alone["tasks"] is None
    assert {area["open_tasks"] for area in alone["areas"]["ranked"]} == {None}


async def test_the_intake_and_the_rules_of_validation_add_up(world: World) -> None:
    count_more(world, readings_accepted=8, **{"set_aside.negative": 2, "data_quality.spike": 3})
    intake = (await world.get("/overview")).json()["intake"]
    assert intake == {
        "readings_in": 10, "accepted": 8, "set_aside": {"negative": 2}, "late": 0, "dead_lettered": 0,
    }  # fmt: skip
    tags = {"transformer_area": "TA-1", "meter_id": "M-1"}
    series = world.api.state.parts.records.series
    found = tags | {"abnormality": "spike", "family": "data_quality", "detector": "validation_rules"}
    series.write_points([Point("evidence", found, NOW_S - 60, {"strength": 1.0})])
    series.write_points([Point("meter_error", tags, NOW_S - 60, {"share": -0.05, "low": -0.07, "high": -0.03})])
    told = (await world.get("/quality", "reader")).json()
    assert told["intake"] == intake
    assert told["rules"] == [{"rule": "spike", "meter_days": 3, "recent": 1, "meters": 1}]
    (meter,) = told["meters"]
    assert (meter["meter_id"], meter["rules"], told["meters_count"]) == ("M-1", {"spike": 1}, 1)
    (candidate,) = told["candidates"]
    assert (candidate["share"], candidate["estimated_at"]) == (-0.05, "2026-02-28T23:59:00Z")


async def test_the_archive_is_read_without_customers(world: World) -> None:
    places = (await world.get("/places", "reader")).json()
    assert (places["timezone"], places["areas"], places["customers"]) == ("Asia/Shanghai", ["TA-1", "TA-2"], 3)
    answer = await world.get("/places/TA-1", "reader")
    assert [m["meter_id"] for m in answer.json()["meters"]] == ["M-1", "M-2", "S-1"]
    assert "CUSTOMER" not in answer.text
    assert (await world.get("/places/TA-9")).status_code == 404


async def test_reading_how_all_stands_leaves_no_line(world: World) -> None:
    before = list[AuditEntry](world.store.audit("curves")), list(world.store.audit("api"))
    for path in ("/overview", "/quality", "/places", "/places/TA-1"):
        assert (await world.get(path)).status_code == 200
    assert (list(world.store.audit("curves")), list(world.store.audit("api"))) == before
