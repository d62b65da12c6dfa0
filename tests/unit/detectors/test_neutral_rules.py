"""Only a neutral moves a line's voltages apart: what moves them one way is something else."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.examples import context, frame
from detectors.interval.neutral_rules import NeutralRules, NeutralRulesParams
from metering.evidence import RECOVER_STRENGTH, SET_STRENGTH

SUPPLY = 6


def strength(volts: list[float | None], lines: list[str] | None = None) -> float:
    segments = [*(lines or ["L1"] * SUPPLY), None]
    rules = NeutralRules(context(meters=SUPPLY + 1, supply=True, fields={"segment": segments}), NeutralRulesParams())
    (signal,) = rules.score(frame(energy_kwh=[1.0] * (SUPPLY + 1), voltage_v=[*volts, None]))
    assert np.isnan(signal.strength[:SUPPLY]).all()
    return float(signal.strength[SUPPLY])


@pytest.mark.parametrize(
    ("volts", "why"),
    [
        ([231, 229, 230, 232, 228, 230], "a usual evening"),
        ([262, 258, 255, 261, 259, 257], "a sunny noon lifts all"),
        ([190, 188, 185, 192, 187, 189], "a weak line sinks all"),
        ([262, 258, None, 10, 12, 8], "dead phases have not sunk"),
    ],
)
def test_what_moves_a_line_one_way_is_no_neutral(volts: list[float | None], why: str) -> None:
    assert strength(volts) <= RECOVER_STRENGTH, why


def test_a_line_whose_voltages_part_has_lost_its_neutral() -> None:
    assert strength([268, 262, 190, 184, 229, 230]) >= SET_STRENGTH


def test_one_meter_apart_from_the_others_neither_sets_nor_clears() -> None:
    assert RECOVER_STRENGTH < strength([268, 231, 190, 229, 229, 230]) < SET_STRENGTH


def test_two_lines_that_move_differently_are_two_lines() -> None:
    lines = ["L1", "L1", "L1", "L2", "L2", "L2"]
    assert strength([262, 258, 255, 190, 188, 185], lines) <= RECOVER_STRENGTH


def test_an_absurd_voltage_is_no_voltage() -> None:
    assert strength([9999, 9999, 190, 184, 229, 230]) <= RECOVER_STRENGTH


def test_an_area_without_a_supply_meter_says_nothing() -> None:
    rules = NeutralRules(context(meters=4), NeutralRulesParams())
    assert rules.score(frame(energy_kwh=[1.0] * 4, voltage_v=[268, 262, 190, 184])) == []
