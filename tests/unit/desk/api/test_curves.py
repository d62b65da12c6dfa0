"""Load curves through the API: for whom they are, what they tell, and the line that every look leaves."""

from __future__ import annotations

import numpy as np
import pytest

from desk.api.client import ApiClient
from metering.errors import NotFound, StoreUnavailable
from metering.inspection import AuditEntry
from metering.points import Point
from metering.ports import ReadingColumns
from tests.unit.desk.api.conftest import NOW_S, World

SPAN = "since=2026-02-28T22:00:00Z&until=2026-03-01T00:00:00Z"


@pytest.fixture
def measured(world: World) -> World:
    series = world.api.state.parts.records.series
    columns = {"energy_kwh": np.array([0.5]), "voltage_a_v": np.array([231.0]), "current_a_a": np.array([2.0])}
    series.write_readings([ReadingColumns("TA-1", NOW_S - 7200, ["M-1"], columns)])
    fields = {"supplied_kwh": 10.0, "metered_kwh": 9.0, "loss_kwh": 1.0}
    series.write_points([Point("area_balance", {"transformer_area": "TA-1"}, NOW_S - 7200, fields)])
    return world


async def test_a_meter_s_curve_comes_with_its_area_s_balance(measured: World) -> None:
    told = (await measured.get(f"/meters/M-1/curve?{SPAN}")).json()
    at = "2026-02-28T22:00:00Z"
    assert (told["transformer_area"], told["meter_id"], told["by_day"]) == ("TA-1", "M-1", False)
    assert told["observed_kwh"] == [[at, 0.5]]
    assert (told["voltages_v"], told["currents_a"]) == ({"a": [[at, 231.0]]}, {"a": [[at, 2.0]]})
    assert (told["supplied_kwh"], told["loss_share"]) == ([[at, 10.0]], [[at, 0.1]])
    alone = (await measured.get(f"/areas/TA-1/curve?{SPAN}")).json()
    assert (alone["meter_id"], alone["observed_kwh"], alone["metered_kwh"]) == (None, [], [[at, 9.0]])


async def test_every_look_leaves_a_line_who_which_span_and_why(measured: World) -> None:
    await measured.get(f"/meters/M-1/curve?{SPAN}&purpose=a-1")
    await measured.get(f"/areas/TA-1/curve?{SPAN}")
    over = "2026-02-28T22:00:00Z to 2026-03-01T00:00:00Z"
    assert list(measured.store.audit("curves")) == [
        AuditEntry("curves", NOW_S, "Li Na", "read_curve", "meter M-1", over, "a-1"),
        AuditEntry("curves", NOW_S, "Li Na", "read_curve", "area TA-1", over, ""),
    ]


async def test_who_answers_for_it_reads_who_looked_at_what(measured: World) -> None:
    for person, meter in (("Li Na", "M-1"), ("Wang Fang", "M-2"), ("Wang Fang", "M-1")):
        shown = measured.token("operator", person=person)
        assert (await measured.get(f"/meters/{meter}/curve?{SPAN}", shown=shown)).status_code == 200

    async def lines(query: str) -> list[tuple[str, str]]:
        told = (await measured.get(f"/audit/curves?{query}", "admin")).json()
        return [(line["by"], line["from_state"]) for line in told["lines"]]

    newest_first = [("Wang Fang", "meter M-1"), ("Wang Fang", "meter M-2"), ("Li Na", "meter M-1")]
    assert await lines("") == newest_first
    assert await lines("of=meter M-1") == [newest_first[0], newest_first[2]]
    assert await lines("by=Li Na&since=2026-03-01T00:00:00Z") == newest_first[2:]
    assert await lines("until=2026-03-01T00:00:00Z") == []
    first = (await measured.get("/audit/curves?limit=2", "admin")).json()
    second = (await measured.get(f"/audit/curves?limit=2&cursor={first['next']}", "admin")).json()
    assert ([len(p["lines"]) for p in (first, second)], second["next"]) == ([2, 1], None)
    assert (await measured.get("/audit/a-1", "operator")).status_code == 403


async def test_a_reader_sees_no_curve_and_what_is_refused_shows_nothing(measured: World) -> None:
    for path in ("/meters/M-1/curve", "/areas/TA-1/curve"):
        refused = await measured.get(f"{path}?{SPAN}", "reader")
        assert (refused.status_code, refused.json()["needs"]) == (403, "curves:read")
    granted = measured.token("reader", "curves:read")
    assert (await measured.get(f"/meters/M-1/curve?{SPAN}", shown=granted)).status_code == 200
    assert (await measured.get(f"/meters/M-9/curve?{SPAN}")).status_code == 404
    assert (await measured.get(f"/areas/TA-9/curve?{SPAN}")).status_code == 404
    turned = "since=2026-03-01T00:00:00Z&until=2026-02-01T00:00:00Z"
    assert (await measured.get(f"/meters/M-1/curve?{turned}")).status_code == 422
    assert (await measured.get("/meters/M-1/curve")).status_code == 422
    assert len(measured.store.audit("curves")) == 1


async def test_no_look_without_a_line(measured: World, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = measured.token("operator")

    def away(_line: AuditEntry) -> None:
        raise StoreUnavailable("postgresql does not answer")

    monkeypatch.setattr(measured.store, "append_audit", away)
    answer = await measured.get(f"/meters/M-1/curve?{SPAN}", shown=shown)
    assert answer.status_code == 503
    assert "observed" not in answer.text


async def test_the_desk_s_pages_get_curves_and_places_as_their_parts_know_them(measured: World) -> None:
    client = ApiClient(measured.api, measured.api.state.parts)
    span = (NOW_S - 7200, NOW_S)
    curves = await client.curves("李娜", "meters", "M-1", span, by_day=False, purpose="a-1")
    assert (curves.start_s, curves.end_s) == span
    assert curves.observed == ((NOW_S - 7200, 0.5),)
    assert curves.currents == {"a": ((NOW_S - 7200, 2.0),)}
    (line,) = measured.store.audit("curves")
    assert line.actor == "李娜"
    with pytest.raises(NotFound, match="no meter M-9"):
        await client.curves("", "meters", "M-9", span, by_day=False, purpose="")
    archive = await client.place("TA-1", "SP-1", "M-1")
    assert [m.meter_id for m in archive.meters] == ["M-1", "M-2", "S-1"]
    assert {m.customer_id for m in archive.meters} == {""}
    lost = await client.place("TA-9", "SP-9", None)
    assert [(m.meter_id, m.service_point, m.transformer_area) for m in lost.meters] == [("SP-9", "SP-9", "TA-9")]
