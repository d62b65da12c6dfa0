"""Experts of circuits, voltage and balance, on a simulated area: what the contract of day experts asks of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.detection.day_worlds import curves_of
from detectors.day.balance import DayBalance
from detectors.day.circuits import DayCircuits
from detectors.day.voltage import DayVoltage
from metering.evidence import AreaContext, AreaCurves, DayExpert
from simulator.recipe import Recipe

EXPERTS: dict[str, Callable[[AreaContext], DayExpert]] = {
    "day_circuits": DayCircuits,
    "day_voltage": DayVoltage,
    "day_balance": DayBalance,
}
Lived = tuple[AreaContext, list[AreaCurves]]


@pytest.fixture(scope="module")
def lived() -> Lived:
    return curves_of(Recipe(areas=1, meters_per_area=30, days=34, seed=12, packs=("clean",)))


def taught(name: str, lived: Lived, days: int) -> DayExpert:
    context, curves = lived
    expert = EXPERTS[name](context)
    for day in curves[:days]:
        expert.describe(day)
        expert.learn(day, np.ones(len(context.area), dtype=np.bool_))
    return expert


@pytest.mark.parametrize("name", EXPERTS)
def test_it_describes_most_customers_and_no_supply_meter_once_it_knows_them(name: str, lived: Lived) -> None:
    context, curves = lived
    found = taught(name, lived, 33).describe(curves[33])
    assert set(found) == set(EXPERTS[name](context).features)
    known = np.stack(list(found.values()))
    assert np.isfinite(known[:, ~context.area.is_supply]).any(axis=0).mean() > 0.8
    assert np.isnan(known[:, context.area.is_supply]).all()


@pytest.mark.parametrize("name", EXPERTS)
def test_nothing_is_known_of_the_first_days(name: str, lived: Lived) -> None:
    found = taught(name, lived, 3).describe(lived[1][3])
    assert all(np.isnan(values).all() for values in found.values())


@pytest.mark.parametrize("name", EXPERTS)
def test_describing_changes_nothing_and_what_is_saved_goes_on_the_same(name: str, lived: Lived) -> None:
    context, curves = lived
    expert = taught(name, lived, 30)
    before = expert.dump()
    expert.describe(curves[30])
    assert expert.dump() == before
    restored = EXPERTS[name](context)
    restored.load(before)
    everyone = np.ones(len(context.area), dtype=np.bool_)
    for one in (expert, restored):
        one.learn(curves[30], everyone)
    left, right = expert.describe(curves[31]), restored.describe(curves[31])
    for figure, values in left.items():
        assert np.array_equal(values, right[figure], equal_nan=True), figure
