"""The list of alerts, one alert with its history, and what people do with it, as callers see them."""

from __future__ import annotations

from typing import Any

import pytest

from metering.announcement import Announcement, Stopped, Turn
from metering.catalogue import CATALOGUE
from metering.errors import StoreUnavailable
from metering.handling import AlertPage, AlertQuery
from metering.messages import Decision
from tests.unit.desk.api.conftest import ALERT, NOW_S, World


async def ids(world: World, query: str = "", role: str = "operator") -> list[str]:
    answer = await world.get(f"/alerts?{query}", role)
    assert answer.status_code == 200, answer.text
    return [alert["alert_id"] for alert in answer.json()["alerts"]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["a-3", "a-2", "a-1", "a-4"]),
        ("sort=raised", ["a-4", "a-1", "a-2", "a-3"]),
        ("sort=-risk", ["a-2", "a-4", "a-1", "a-3"]),
        ("state=raised", ["a-3", "a-2", "a-1"]),
        ("state=cleared&state=withdrawn", ["a-4"]),
        ("shown=raised", ["a-3", "a-2"]),
        ("shown=in_inspection", ["a-1"]),
        ("abnormality=overvoltage", ["a-2"]),
        ("family=theft&grade=high", ["a-1", "a-4"]),
        ("urgency=page", ["a-2"]),
        ("urgency=page&abnormality=bypass", []),
        ("lane=hazard", ["a-2"]),
        ("area=TA-2", ["a-3"]),
        ("feeder=F-1", ["a-2", "a-1", "a-4"]),
        ("feeder=F-2&area=TA-1", []),
        ("meter=M-3", ["a-3"]),
        ("customer=CUSTOMER-79", ["a-3"]),
        ("customer=CUSTOMER-0", []),
        ("since=2026-02-28T22:30:00Z", ["a-3"]),
        ("until=2026-02-28T08:00:00%2B08:00", ["a-4"]),
        ("acknowledged=false&state=raised", ["a-3", "a-2", "a-1"]),
        ("owner=Li Na", []),
        ("search=sp-3", ["a-3"]),
    ],
)
async def test_a_list_is_narrowed_and_ordered(world: World, query: str, found: list[str]) -> None:
    assert await ids(world, query) == found


async def test_pages_follow_each_other_both_ways(world: World) -> None:
    first = (await world.get("/alerts?limit=2&sort=raised")).json()
    assert [a["alert_id"] for a in first["alerts"]] == ["a-4", "a-1"]
    assert (first["previous"], first["count"], first["count_is_more"]) == (None, 4, False)
    second = (await world.get(f"/alerts?limit=2&sort=raised&cursor={first['next']}")).json()
    assert [a["alert_id"] for a in second["alerts"]] == ["a-2", "a-3"]
    assert second["next"] is None
    again = (await world.get(f"/alerts?limit=2&sort=raised&cursor={second['previous']}")).json()
    assert again["alerts"] == first["alerts"]
    assert again["previous"] is None
    assert again["next"] == first["next"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("grade=worst", "query.grade"),
        ("shown=suspected", "GET /api/v1/alerts/suspected"),
        ("since=yesterday", "query.since"),
        ("since=2026-03-01T00:00:00", "query.since"),
        ("limit=201", "query.limit"),
        ("sort=colour", "query.sort"),
        ("cursor=nonsense", "none of ours"),
        ("cursor=bnVsbA", "none of ours"),
        ("gradee=high", "there is no parameter 'gradee'"),
    ],
)
async def test_what_cannot_be_understood_is_named(world: World, query: str, words: str) -> None:
    answer = await world.get(f"/alerts?{query}")
    assert answer.status_code == 422
    problem = answer.json()
    assert words in problem["detail"]
    assert problem["type"].endswith("#problem-invalid")


async def test_a_cursor_is_of_one_order(world: World) -> None:
    first = (await world.get("/alerts?limit=1")).json()
    answer = await world.get(f"/alerts?limit=1&sort=risk&cursor={first['next']}")
    assert "in the order '-raised'" in answer.json()["detail"]


async def test_a_line_of_the_list_has_what_a_person_decides_by_and_nobody_s_address(world: World) -> None:
    answer = await world.get("/alerts?state=raised&area=TA-1&abnormality=bypass")
    (line,) = answer.json()["alerts"]
    assert line["shown_state"] == "in_inspection"
    assert line["urgency"] == CATALOGUE["bypass"].urgency
    assert line["raised_at"] == "2026-02-28T00:00:00Z"
    assert line["expected"] is None, "not a number is no JSON"
    assert line["tasks"] == [{"task_id": "t-1", "state": "assigned", "assignee": "Wang"}]
    assert "CUSTOMER" not in answer.text


async def test_one_alert_tells_its_whole_history(world: World) -> None:
    asked = {"meter_id": "M-3", "ends_at": "2026-03-03T00:00:00Z", "reason": "harvest"}
    silence = (await world.post("/silences", asked)).json()
    world.store.announce(
        [
            Announcement("a-3", "TA-2", "M-3", "bypass", "medium", "morning", Turn.RAISED, NOW_S - 3600),
            Announcement(
                "a-3", "TA-2", "M-3", "bypass", "medium", "morning", Turn.RETURNED, NOW_S - 2000, episode=2,
                stopped=Stopped("silence", "silenced", silence["silence_id"]),
            ),
        ]
    )  # fmt: skip
    await world.post("/alerts/a-3/comments", {"note": "called the customer"})
    told = (await world.get("/alerts/a-3")).json()
    assert [(h["what"], h["by"], h["words"], h["urgency"]) for h in told["history"]] == [
        ("suspected", "machine", None, None),
        ("raised", "machine", None, "morning"),
        ("cleared", "machine", None, None),
        ("returned", "machine", None, "morning"),
        ("comment", "Li Na", "called the customer", None),
    ]
    stopped = told["history"][3]["stopped"]
    assert stopped == {
        "stage": "silence", "reason": "silenced", "detail": silence["silence_id"], "silenced_by": "Li Na",
        "silenced_until": "2026-03-03T00:00:00Z", "silenced_because": "harvest",
    }  # fmt: skip
    hidden = (await world.get("/alerts/a-3", "reader")).json()["history"][3]["stopped"]
    assert (hidden["silenced_by"], hidden["silenced_because"]) == (None, None)
    assert told["relapses"] == [{"ended_at": "2026-02-28T23:10:00Z", "returned_at": "2026-02-28T23:26:40Z"}]
    assert told["reasons"][0]["text_zh"] == "用电下降 86%"
    assert told["possible_acts"] == ["acknowledge", "assign", "comment", "hand_over"]


async def test_an_alert_is_acknowledged_assigned_and_handed_over(world: World) -> None:
    seen = (await world.post("/alerts/a-2/acknowledge", {"version": 0, "note": "on it"})).json()
    assert seen["shown_state"] == "acknowledged"
    assert seen["handling"]["acknowledged_by"] == seen["handling"]["owner"] == "Li Na"
    given = (await world.post("/alerts/a-2/assign", {"version": 1, "owner": "Wang"})).json()
    assert given["handling"]["owner"] == "Wang"
    handed = await world.post("/alerts/a-2/hand-over", {"version": 2, "owner": "Zhao", "note": "crew on its way"})
    assert handed.json()["handling"] == given["handling"] | {"owner": "Zhao", "version": 3}
    freed = await world.post("/alerts/a-2/unassign", {"version": 3, "note": "not my district"})
    assert freed.json()["handling"]["owner"] is None
    assert [d.kind for d in world.relayed if isinstance(d, Decision)] == [
        "alert.acknowledge", "alert.assign", "alert.hand_over", "alert.unassign",
    ]  # fmt: skip
    assert await ids(world, "shown=acknowledged") == ["a-2"]
    assert await ids(world, "acknowledged=true") == ["a-2"]


@pytest.mark.parametrize(
    ("path", "body", "status", "slug"),
    [
        ("/alerts/a-9/acknowledge", {"version": 0}, 404, "not-found"),
        ("/alerts/a-2/acknowledge", {"version": 3}, 409, "stale"),
        ("/alerts/a-4/acknowledge", {"version": 0}, 409, "not-possible"),
        ("/alerts/a-2/acknowledge", {}, 422, "invalid"),
        ("/alerts/a-2/acknowledge", {"version": -1}, 422, "invalid"),
        ("/alerts/a-2/acknowledge", {"version": 0, "by": "somebody else"}, 422, "invalid"),
        ("/alerts/a-2/comments", {"note": "   "}, 422, "invalid"),
        ("/alerts/a-2/unassign", {"version": 0, "note": "x"}, 409, "not-possible"),
        ("/alerts/a-2/erase", {}, 404, "no-such-address"),
    ],
)
async def test_a_refusal_says_what_to_do(world: World, path: str, body: dict[str, Any], status: int, slug: str) -> None:
    answer = await world.post(path, body)
    problem = answer.json()
    assert (answer.status_code, problem["status"]) == (status, status)
    assert problem["type"] == f"/api/v1/docs#problem-{slug}"
    assert problem["instance"] == path
    assert problem["title"]
    assert problem["detail"]
    assert problem["what_to_do"]
    assert not world.relayed


async def test_names_and_words_of_staff_are_for_those_who_handle_alerts(world: World) -> None:
    await world.post("/alerts/a-2/acknowledge", {"version": 0, "note": "Mr. Chen called"})
    assert "Li Na" in (await world.get("/alerts/a-2")).text
    told = await world.get("/alerts/a-2", "reader")
    assert "Li Na" not in told.text
    assert "Chen" not in told.text
    assert told.json()["handling"]["acknowledged"] is True
    assert told.json()["history"][-1]["what"] == "acknowledge"
    for query in ("customer=CUSTOMER-77", "owner=Li Na"):
        assert (await world.get(f"/alerts?{query}", "reader")).json()["needs"] == "alerts:handle"


async def test_the_same_request_with_a_key_is_done_once(world: World) -> None:
    body = {"note": "called the customer"}
    key: dict[str, Any] = {"headers": {"Idempotency-Key": "k-1"}}
    first = await world.post("/alerts/a-2/comments", body, **key)
    again = await world.post("/alerts/a-2/comments", body, **key)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert len(world.store.audit("a-2")) == 1
    other = await world.post("/alerts/a-2/comments", {"note": "another"}, **key)
    assert (other.status_code, other.json()["type"]) == (422, "/api/v1/docs#problem-key-reused")
    elsewhere = await world.post("/alerts/a-1/comments", body, **key)
    assert elsewhere.status_code == 422
    own = await world.post("/alerts/a-2/comments", body, "admin", **key)
    assert own.status_code == 200
    assert len(world.store.audit("a-2")) == 2, "a key is one caller's own"


async def test_a_refused_request_may_be_sent_again_with_its_key(world: World) -> None:
    key: dict[str, Any] = {"headers": {"Idempotency-Key": "k-1"}}
    assert (await world.post("/alerts/a-2/acknowledge", {"version": 1}, **key)).status_code == 409
    await world.post("/alerts/a-2/comments", {"note": "first"})
    assert (await world.post("/alerts/a-2/acknowledge", {"version": 1}, **key)).status_code == 200


async def test_a_key_is_free_again_after_a_day(world: World) -> None:
    key: dict[str, Any] = {"headers": {"Idempotency-Key": "k-1"}}
    await world.post("/alerts/a-2/comments", {"note": "first"}, **key)
    world.wall_s += 86_401
    await world.post("/alerts/a-2/comments", {"note": "first"}, **key)
    assert len(world.store.audit("a-2")) == 2


async def test_a_store_that_is_away_is_said_with_when_to_try_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_query: AlertQuery) -> AlertPage:
        raise StoreUnavailable("the database does not answer")

    monkeypatch.setattr(world.store, "alert_page", away)
    answer = await world.get("/alerts")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert answer.json()["detail"] == "the database does not answer"


async def test_a_body_that_is_too_large_is_refused(world: World) -> None:
    answer = await world.post("/alerts/a-2/comments", {"note": "x" * 2_100_000})
    assert answer.status_code == 413
    assert not world.store.audit("a-2")


def test_the_machine_s_alert_is_the_same_after_all(world: World) -> None:
    assert repr(world.store.alert("a-1")) == repr(ALERT)


async def test_a_person_says_that_it_is_no_problem_and_takes_that_back(world: World) -> None:
    path = "/alerts/a-3/not-a-problem"
    assert (await world.post(path, {"because": "bored"})).status_code == 422
    assert (await world.post(path, {"because": "new_tenant"}, "reader")).status_code == 403
    said = await world.post(path, {"because": "new_tenant", "note": "moved in on Monday"})
    assert said.json()["because"] == "new_tenant"
    told = (await world.get(path)).json()["effect"]
    assert (told["dismissal"]["by"], told["dismissal"]["note"], told["undo"]) == ("Li Na", "moved in on Monday", None)
    assert (await world.get("/alerts/a-1/not-a-problem")).json()["effect"] is None
    again = await world.post(path, {"because": "new_tenant"})
    assert "Li Na said already" in again.json()["detail"]
    back = await world.post(f"{path}/undo", {"reason": "another house"})
    assert back.json()["dismissal_id"] == said.json()["dismissal_id"]
    assert (await world.get(path)).json()["effect"]["kind"] == "undone"
    assert [line.move for line in world.store.audit("a-3")] == ["not_a_problem", "undo_not_a_problem"]
    assert [d.kind for d in world.relayed if isinstance(d, Decision)] == [
        "alert.not_a_problem", "alert.not_a_problem.undo",
    ]  # fmt: skip
