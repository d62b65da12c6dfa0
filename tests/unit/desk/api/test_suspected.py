"""What is suspected is listed beside the alerts: hazards first, then what becomes an alert the soonest."""

from __future__ import annotations

import json
from dataclasses import asdict

from desk.api.suspected import SuspectedList
from desk.selection import Selection
from desk.suspected_list import suspected_link, suspected_list
from desk.texts import Language, Words
from desk.visit import Visit
from metering.ports import Checkpoint, PartitionChange
from metering.suspicion import Suspicion
from operations.area import SUSPECTED_PAGE
from tests.unit.desk.api.conftest import NOW_S, World

OVER = Suspicion("TA-1", "M-1", "SP-1", "over_capacity", NOW_S - 7200, 10_800, 12.0, 8.0, "kW")
REVERSED = Suspicion("TA-1", "M-2", "SP-2", "reverse_energy", NOW_S - 2700, 3600, 3.0, float("nan"), "kWh")
OVERLOAD = Suspicion("TA-2", None, "SP-S2", "transformer_overload", NOW_S - 1800, 3600, 1.2, 1.0, "1")


def suspect(world: World) -> None:
    mark = world.store.begin_partition("judge", 0, "again")
    pages = {
        (area, SUSPECTED_PAGE): json.dumps([[n, asdict(s)] for n, s in enumerate(several)]).encode()
        for area, several in (("TA-1", (OVER, REVERSED)), ("TA-2", (OVERLOAD,)))
    }
    change = PartitionChange(mark.epoch, 2, NOW_S, pages=pages)
    assert not world.store.save(Checkpoint("judge", {0: change}))


async def test_it_is_listed_with_how_long_it_has_held_and_must(world: World) -> None:
    assert (await world.get("/alerts/suspected", "reader")).json()["count"] == 0
    suspect(world)
    told = (await world.get("/alerts/suspected", "reader")).json()
    assert [s["abnormality"] for s in told["suspected"]] == ["transformer_overload", "reverse_energy", "over_capacity"]
    overload, reversed_, over = told["suspected"]
    assert (over["held_minutes"], over["must_minutes"], over["since"]) == (120, 180, "2026-02-28T22:00:00Z")
    assert (over["meter_id"], over["observed"], over["expected"], over["unit"]) == ("M-1", 12.0, 8.0, "kW")
    assert (overload["meter_id"], overload["lane"], reversed_["expected"]) == (None, "hazard", None)
    assert told["count"] == 3


async def test_it_is_narrowed_and_needs_a_token(world: World) -> None:
    suspect(world)
    for query, found in (("area=TA-2", 1), ("lane=suspicion", 2), ("family=load", 2), ("area=nowhere", 0)):
        assert (await world.get(f"/alerts/suspected?{query}")).json()["count"] == found, query
    assert (await world.get("/alerts/suspected", None)).status_code == 401


async def test_the_desk_shows_it_in_both_languages(world: World) -> None:
    suspect(world)
    found = SuspectedList.model_validate((await world.get("/alerts/suspected")).json())
    languages: dict[Language, tuple[str, ...]] = {
        "en": ("2 of 3 h", "45 of 60 min", "12 kW / 8 kW"),
        "zh": ("2 / 3 小时", "45 / 60 分钟"),
    }
    for language, words in languages.items():
        visit = Visit(Words(language), "light", "", "/alerts")
        page = suspected_list(visit, world.archive, Selection(state="suspected"), found)
        assert all(word in page for word in words)
        assert "3" in (suspected_link(visit, found) or "")
    assert suspected_link(visit, found.model_copy(update={"count": 0})) is None
