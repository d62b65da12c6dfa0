"""What people were sent, through the API."""

from __future__ import annotations

from dataclasses import replace

from metering.announcement import Turn
from metering.notification import Delivery, Line, Notification
from metering.ports import Dispatch
from tests.unit.desk.api.conftest import NOW_S, World

SENT = Notification(
    "phone", "page", "page", "overvoltage@F1#1", 1, NOW_S,
    (Line("a-2", "overvoltage", "TA-1", "high", Turn.RAISED, NOW_S),), (("unchanged", 2),),
)  # fmt: skip


async def test_the_outbox_is_read_by_page_state_and_channel(world: World) -> None:
    many = [replace(SENT, serial=i, made_at_s=NOW_S + i) for i in range(1, 6)]
    world.store.dispatch(Dispatch([], many, {}))
    world.store.save_deliveries([Delivery(many[0], "failed", 1, last_error="404")])
    first = (await world.get("/notifications?limit=2")).json()
    assert [row["made_at"] for row in first["notifications"]] == sorted(
        (row["made_at"] for row in first["notifications"]), reverse=True
    )
    second = (await world.get(f"/notifications?limit=2&cursor={first['next']}")).json()
    assert len({row["notification_id"] for row in first["notifications"] + second["notifications"]}) == 4
    (failed,) = (await world.get("/notifications?state=failed")).json()["notifications"]
    assert (failed["last_error"], failed["left_out"]) == ("404", {"unchanged": 2})
    assert failed["lines"][0]["turn"] == "raised"
    assert (await world.get("/notifications?channel=nobody")).json()["notifications"] == []
    one = await world.get(f"/notifications/{failed['notification_id']}")
    assert one.json() == failed


async def test_what_is_not_there_is_said_and_a_token_is_needed(world: World) -> None:
    assert (await world.get("/notifications/n-9")).status_code == 404
    assert (await world.get("/notifications", None)).status_code == 401
    assert (await world.get("/notifications?state=lost")).status_code == 422
