"""A storm takes the supply from most areas of a small province: one alert an area, none of its meters, and what began in the dark is found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from benchmarks.detection.straight import run_straight
from evaluation.run_folder import ALERTS
from metering.archive import Archive, Outage
from metering.times import DAY_S, iso
from simulator.feeds.living import LivingProvince
from simulator.recipe import Recipe

RECIPE = Recipe(areas=5, meters_per_area=25, days=45, seed=274, interval_minutes=60, packs=("storm",))
HOUR_S = 3600


class Unrecorded(LivingProvince):
    """A province whose utility keeps no record of outages: meters' reports, and their silence, must do."""

    @property
    def archive(self) -> Archive:
        return replace(super().archive, outages=(), _by_area={})


@dataclass(frozen=True)
class Lived:
    province: LivingProvince
    alerts: Sequence[Mapping[str, Any]]

    @property
    def storm(self) -> list[Outage]:
        """The outages that began within three hours of most others."""
        outages = [o for of_area in self.province.province.outages for o in of_area]
        near = [[o for o in outages if abs(o.start_s - other.start_s) <= 3 * HOUR_S] for other in outages]
        return max(near, key=len)

    def raised(self) -> list[Mapping[str, Any]]:
        """From the first area's outage until two days later."""
        begins_s = min(o.start_s for o in self.storm)
        return [a for a in self.alerts if iso(begins_s) <= a["raised_at"] < iso(begins_s + 2 * DAY_S)]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    province, out = Unrecorded(RECIPE), tmp_path_factory.mktemp("storm") / "run"
    run_straight(province, out, lambda *_: None)
    lines = (out / ALERTS).read_text(encoding="utf-8").splitlines()
    return Lived(province, [json.loads(line) for line in lines])


def test_each_area_that_the_storm_took_is_one_alert_and_no_other_is(lived: Lived) -> None:
    of_areas = [a for a in lived.raised() if a["meter_id"] is None]
    assert {a["abnormality"] for a in of_areas} == {"area_outage"}
    assert sorted(a["transformer_area"] for a in of_areas) == sorted(o.transformer_area for o in lived.storm)
    assert len(lived.storm) >= 0.7 * RECIPE.areas


def test_an_outage_is_told_within_the_interval_it_begins_in_and_over_within_the_one_it_ends_in(lived: Lived) -> None:
    told = {a["transformer_area"]: a for a in lived.raised() if a["meter_id"] is None}
    for outage in lived.storm:
        alert = told[outage.transformer_area]
        assert iso(outage.start_s) <= alert["raised_at"] <= iso(outage.start_s + HOUR_S)
        assert iso(outage.end_s) <= alert["cleared_at"] <= iso(outage.end_s + HOUR_S)


def test_no_meter_is_told_of_but_the_one_where_a_case_began_in_the_dark(lived: Lived) -> None:
    (case,) = lived.province.truth
    assert {a["meter_id"] for a in lived.raised() if a["meter_id"] is not None} <= {case.meter_id}
    found = [a for a in lived.alerts if a["meter_id"] == case.meter_id]
    assert found
    assert min(a["raised_at"] for a in found) >= iso(case.start_s)


def test_no_alert_of_the_storm_is_left_open(lived: Lived) -> None:
    assert not [a for a in lived.raised() if a["meter_id"] is None and a["cleared_at"] is None]
