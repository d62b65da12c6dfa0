"""The desk's own pages call the API in the same process: as an operator, in the person's name, and get back what was raised."""

from __future__ import annotations

import httpx
import pytest

from desk.api.access import PERSON_HEADER, Parts
from desk.api.client import ApiClient, alert_of
from metering.errors import IllegalMove, NotFound, StaleVersion
from metering.handling import AlertHandling
from tests.unit.desk.api.conftest import ALERTS, NOW_S, World


@pytest.fixture
def client(world: World) -> ApiClient:
    parts: Parts = world.api.state.parts
    return ApiClient(world.api, parts)


async def test_an_alert_comes_back_as_the_store_has_it(client: ApiClient) -> None:
    for alert in ALERTS:
        assert repr(alert_of(await client.alert(alert.alert_id))) == repr(alert)
    listed = await client.alerts({"state": "raised", "sort": "raised"})
    assert [line.alert_id for line in listed.alerts] == ["a-1", "a-2", "a-3"]
    assert listed.now.timestamp() == NOW_S


async def test_an_act_is_signed_with_the_name_the_person_gave(world: World, client: ApiClient) -> None:
    await client.act("李娜", "a-2", "acknowledge", {"version": 0})
    assert world.store.handling("a-2") == AlertHandling("a-2", "李娜", NOW_S, 1, "李娜", 1)
    until = "2026-03-02T00:00:00+00:00"
    await client.silence("李娜", {"meter_id": "M-1", "abnormality": "bypass", "ends_at": until, "reason": "harvest"})
    assert world.store.audit("silences")[0].actor == "李娜"


async def test_a_refusal_is_raised_as_the_use_case_raised_it(client: ApiClient) -> None:
    with pytest.raises(NotFound, match="no alert a-9"):
        await client.alert("a-9")
    with pytest.raises(StaleVersion, match="you saw 4"):
        await client.act("Li Na", "a-2", "acknowledge", {"version": 4})
    with pytest.raises(IllegalMove, match="needs the name"):
        await client.act("", "a-2", "acknowledge", {"version": 0})
    with pytest.raises(IllegalMove, match=r"query\.grade"):
        await client.alerts({"grade": "worst"})


async def test_from_outside_the_desk_s_key_is_not_known(world: World) -> None:
    parts: Parts = world.api.state.parts
    async with httpx.AsyncClient(transport=httpx.ASGITransport(world.api), base_url="http://api") as outside:
        for shown in ("desk ", "desk guess", f"Bearer {parts.desk_key}"):
            answer = await outside.get("/alerts", headers={"Authorization": shown, PERSON_HEADER: "Li Na"})
            assert answer.status_code == 401
    assert parts.desk_key not in repr(parts)
