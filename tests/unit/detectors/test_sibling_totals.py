"""A customer fed by several meters is not alarmed while the total is normal; others are, and so is one whose total fell."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.examples import context, frame
from detectors.interval.sibling_totals import SiblingTotals, SiblingTotalsParams
from detectors.steps import nothing_found
from metering.evidence import Signal
from metering.frame import ReadingFrame

PLACE = context(meters=4, fields={"customer_id": ["A", "A", "B", "C"]})
EXPECTED = np.array([1.0, 1.0, 1.0, np.nan])


def lived(*energy_kwh: float, intervals: int = 400) -> SiblingTotals:
    totals = SiblingTotals(PLACE, SiblingTotalsParams())
    for _ in range(intervals):
        totals.learn(frame(energy_kwh=list(energy_kwh)), EXPECTED)
    return totals


def says(code: str) -> Signal:
    observed = np.zeros(4)
    return Signal("stuck_counter", code, np.array([1, 0, 1, 1], dtype=np.float32), observed, observed, "kWh/d")


@pytest.mark.parametrize("code", ["zero_use", "sudden_fall"])
def test_a_meter_whose_sibling_carries_the_load_is_not_judged(code: str) -> None:
    (hidden,) = lived(0.0, 2.0, 0.0, 0.0).hide([says(code)])
    assert hidden.strength.tolist() == pytest.approx([np.nan, np.nan, 1, 1], nan_ok=True)


def test_a_total_that_fell_and_kinds_that_no_sibling_explains_are_judged_as_ever() -> None:
    assert lived(0.0, 1.0, 0.0, 0.0).hide([says("zero_use")])[0].strength.tolist() == [1, 0, 1, 1]
    assert lived(0.0, 2.0, 0.0, 0.0).hide([says("voltage_loss")])[0].strength.tolist() == [1, 0, 1, 1]


def test_a_total_is_of_days_and_not_of_an_hour() -> None:
    totals = lived(1.0, 1.0, 1.0, 1.0)
    for _ in range(8):
        totals.learn(frame(energy_kwh=[0.0, 0.0, 0.0, 0.0]), EXPECTED)
    assert totals.normal().tolist() == [True, True, False, False]


def test_missing_readings_teach_nothing_of_either_side() -> None:
    totals = lived(1.0, 1.0, 1.0, 1.0)
    for _ in range(300):
        totals.learn(frame(energy_kwh=[None, 1.0, 1.0, 1.0]), EXPECTED)
    assert totals.normal().tolist() == [True, True, False, False]


def test_what_is_restored_knows_the_same_and_areas_without_siblings_keep_nothing() -> None:
    totals, again = lived(0.0, 2.0, 0.0, 0.0), SiblingTotals(PLACE, SiblingTotalsParams())
    again.load(totals.dump())
    assert again.normal().tolist() == totals.normal().tolist() == [True, True, False, False]
    alone = SiblingTotals(context(meters=2), SiblingTotalsParams())
    told: ReadingFrame = frame(energy_kwh=[1.0, 1.0])
    alone.learn(told, np.ones(2))
    assert alone.dump() == {}
    quiet = nothing_found("stuck_counter", "zero_use", np.ones(2, dtype=np.bool_), "kWh/d")
    assert alone.hide([quiet]) == [quiet]
