"""What Grafana's webhook sends is kept once, told of at once, and a bad alert takes no other of its batch with it."""

from __future__ import annotations

from typing import Any

from metering.announcement import Turn
from operations.outside_alerts import announce_outside_alerts
from tests.unit.desk.api.conftest import NOW_S, World

#: How far the dispatcher's clock has come.
LATER_S = NOW_S + 3600
#: As Grafana documents its webhook's body, shortened to one alert.
FIRING: dict[str, Any] = {
    "status": "firing",
    "labels": {"alertname": "No points", "team": "metering"},
    "annotations": {"summary": "No readings reach InfluxDB"},
    "startsAt": "2026-03-01T07:52:26.739266876+08:00",
    "endsAt": "0001-01-01T00:00:00Z",
    "values": {"B": 44.23, "C": 1},
    "generatorURL": "https://play.grafana.org/alerting/1afz29v7z/edit",
    "fingerprint": "c6eadffa33fcdf37",
    "silenceURL": "https://play.grafana.org/alerting/silence/new",
    "dashboardURL": "",
    "panelURL": "",
}
OVER = FIRING | {"status": "resolved", "endsAt": "2026-03-01T01:00:00Z"}


def batch(*alerts: Any) -> dict[str, Any]:
    return {
        "receiver": "meterwatch",
        "status": "firing",
        "orgId": 1,
        "alerts": list(alerts),
        "groupLabels": {"alertname": "No points"},
        "commonLabels": {"team": "metering"},
        "commonAnnotations": {},
        "externalURL": "https://play.grafana.org/",
        "version": "1",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
        "title": "[FIRING:1]",
        "state": "alerting",
        "message": "**Firing**",
    }


async def test_an_alert_is_kept_once_however_often_it_is_sent(world: World) -> None:
    first = await world.post("/intake/grafana", batch(FIRING), "monitor")
    assert first.json() == {"received": 1, "new": 1, "known": 0, "refused": []}
    again = await world.post("/intake/grafana", batch(FIRING), "monitor")
    assert again.json() == {"received": 1, "new": 0, "known": 1, "refused": []}
    (kept,) = (await world.get("/intake")).json()["alerts"]
    assert kept["title"] == "No readings reach InfluxDB"
    assert (kept["starts_at"], kept["ends_at"]) == ("2026-02-28T23:52:26Z", None)
    assert (kept["times_received"], kept["announced"]) == (2, "")
    assert kept["labels"] == FIRING["labels"]
    assert [line.to_state for line in world.store.audit("intake")] == [
        "1 received, 1 new, 0 resolved",
        "1 received, 0 new, 0 resolved",
    ]


async def test_another_start_is_another_alert(world: World) -> None:
    later = FIRING | {"startsAt": "2026-03-02T00:00:00Z"}
    answer = await world.post("/intake/grafana", batch(FIRING, later), "monitor")
    assert answer.json()["new"] == 2


async def test_one_bad_alert_takes_no_other_with_it(world: World) -> None:
    nameless = {k: v for k, v in FIRING.items() if k != "fingerprint"}
    timeless = FIRING | {"startsAt": "soon"}
    answer = await world.post("/intake/grafana", batch(nameless, FIRING, timeless, "words"), "monitor")
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["detail"] == "3 of 4 alerts cannot be read; the other 1 are kept"
    assert [each["where"] for each in problem["errors"]][:2] == ["alerts.0.fingerprint", "alerts.2.startsAt"]
    assert problem["taken"]["new"] == 1
    assert [entry["index"] for entry in problem["taken"]["refused"]] == [0, 2, 3]
    assert len(world.store.outside_alerts()) == 1


async def test_a_body_that_is_no_batch_is_refused_whole(world: World) -> None:
    bodies: tuple[Any, ...] = ({}, {"alerts": []}, {"alerts": "none"}, [FIRING], {"alerts": [7]})
    for body in bodies:
        answer = await world.post("/intake/grafana", body, "monitor")
        assert answer.status_code == 422, body
        assert answer.json()["errors"]
    answer = await world.call("POST", "/intake/grafana", "monitor", content=b"{")
    assert answer.status_code == 422
    assert not world.store.outside_alerts()


async def test_people_are_told_at_once_that_it_began_and_that_it_is_over(world: World) -> None:
    await world.post("/intake/grafana", batch(FIRING), "monitor")
    assert announce_outside_alerts(world.store, LATER_S) == 1
    assert announce_outside_alerts(world.store, LATER_S) == 0
    await world.post("/intake/grafana", batch(OVER), "monitor")
    await world.post("/intake/grafana", batch(FIRING), "monitor")
    assert announce_outside_alerts(world.store, LATER_S) == 1
    began, over = world.store.announcements_waiting(NOW_S, 9)
    assert began.alert_id == over.alert_id
    assert {began.turn, over.turn} == {Turn.RAISED, Turn.CLEARED}
    assert began.urgency == over.urgency == "page"
    assert began.title == "No readings reach InfluxDB"
    assert began.alert_id == (await world.get("/intake")).json()["alerts"][0]["alert_id"]
    (kept,) = (await world.get("/intake")).json()["alerts"]
    assert (kept["status"], kept["announced"], kept["ends_at"]) == ("resolved", "resolved", "2026-03-01T01:00:00Z")


async def test_a_log_that_stands_still_holds_no_page_back(world: World) -> None:
    await world.post("/intake/grafana", batch(FIRING), "monitor")
    assert announce_outside_alerts(world.store, NOW_S - 900) == 1
    assert len(world.store.announcements_waiting(NOW_S - 900, 9)) == 1


async def test_what_began_and_ended_before_anybody_was_told_is_told_whole(world: World) -> None:
    await world.post("/intake/grafana", batch(OVER), "monitor")
    assert announce_outside_alerts(world.store, LATER_S) == 2


async def test_who_was_paged_acknowledges_it_like_an_alert(world: World) -> None:
    await world.post("/intake/grafana", batch(FIRING), "monitor")
    number = (await world.get("/intake")).json()["alerts"][0]["alert_id"]
    assert (await world.post(f"/alerts/{number}/acknowledge", {"version": 0})).status_code == 404, "nobody was told yet"
    announce_outside_alerts(world.store, LATER_S)
    answer = await world.post(f"/alerts/{number}/acknowledge", {"version": 0})
    assert answer.json()["shown_state"] == "acknowledged"
    assert world.store.handling(number).acknowledged_episode == 1
    await world.post("/intake/grafana", batch(OVER), "monitor")
    announce_outside_alerts(world.store, LATER_S)
    commented = await world.post(f"/alerts/{number}/comments", {"note": "the token of the writer had run out"})
    assert commented.json()["shown_state"] == "cleared"
