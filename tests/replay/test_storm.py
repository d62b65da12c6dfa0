"""A storm takes the supply from most areas of a small province: one alert an area, none of its meters, and what began in the dark is found."""

from __future__ import annotations

import pytest

from benchmarks.storm import HOUR_S, QUICK, Storm
from benchmarks.storm import lived as live_through
from metering.times import iso


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Storm:
    return live_through(QUICK, tmp_path_factory.mktemp("storm") / "run")


def test_each_area_that_the_storm_took_is_one_alert_and_no_other_is(lived: Storm) -> None:
    of_areas = [a for a in lived.raised() if a["meter_id"] is None]
    assert {a["abnormality"] for a in of_areas} == {"area_outage"}
    assert sorted(a["transformer_area"] for a in of_areas) == sorted(o.transformer_area for o in lived.outages)
    assert len(lived.outages) >= 0.7 * QUICK.areas


def test_an_outage_is_told_within_the_interval_it_begins_in_and_over_within_the_one_it_ends_in(lived: Storm) -> None:
    told = {a["transformer_area"]: a for a in lived.raised() if a["meter_id"] is None}
    for outage in lived.outages:
        alert = told[outage.transformer_area]
        assert iso(outage.start_s) <= alert["raised_at"] <= iso(outage.start_s + HOUR_S)
        assert iso(outage.end_s) <= alert["cleared_at"] <= iso(outage.end_s + HOUR_S)


def test_no_meter_is_told_of_but_the_one_where_a_case_began_in_the_dark(lived: Storm) -> None:
    (case,) = lived.province.truth
    assert {a["meter_id"] for a in lived.raised() if a["meter_id"] is not None} <= {case.meter_id}
    found = [a for a in lived.alerts if a["meter_id"] == case.meter_id]
    assert found
    assert min(a["raised_at"] for a in found) >= iso(case.start_s)


def test_no_alert_of_the_storm_is_left_open(lived: Storm) -> None:
    assert not [a for a in lived.raised() if a["meter_id"] is None and a["cleared_at"] is None]


def test_who_is_on_call_is_told_in_fewer_notifications_than_areas_and_of_no_meter(lived: Storm) -> None:
    paged = lived.paged()
    told = {line["number"] for n in paged for line in n["lines"]}
    assert told == {a["id"] for a in lived.raised() if a["meter_id"] is None}
    assert len([n for n in paged if n["kind"] in ("page", "update")]) < len(lived.outages)


def test_who_was_told_of_an_outage_was_told_of_its_end(lived: Storm) -> None:
    last = {n["group"]: n for n in sorted(lived.paged(), key=lambda n: str(n["made_at"]))}
    assert last
    assert {n["kind"] for n in last.values()} == {"ended"}
    assert {line["turn"] for n in last.values() for line in n["lines"]} == {"cleared"}
