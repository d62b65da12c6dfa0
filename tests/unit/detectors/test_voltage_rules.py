"""Whose voltage is low alone, and whose line."""

from __future__ import annotations

import numpy as np

from detectors.examples import context, frame
from detectors.interval.voltage_rules import VoltageRules, VoltageRulesParams
from metering.evidence import SET_STRENGTH


def test_low_voltage_along_one_line_is_the_lines_own() -> None:
    segments = ["L1"] * 4 + ["L2"] * 36
    rules = VoltageRules(context(meters=40, fields={"segment": segments, "phases": [1] * 40}), VoltageRulesParams())
    usual = frame(energy_kwh=[1.0] * 40, voltage_v=[230.0] * 40, current_a=[5.0] * 40)
    rules.learn(usual, np.ones(40, dtype=np.bool_))

    def lost(low: list[int]) -> list[int]:
        volts = [120.0 if row in low else 230.0 for row in range(40)]
        loss = rules.score(frame(energy_kwh=[1.0] * 40, voltage_v=volts, current_a=[5.0] * 40))[0]
        return np.flatnonzero(loss.strength >= SET_STRENGTH).tolist()

    assert lost([0, 1, 2, 3]) == []
    assert lost([0, 9, 20]) == [0, 9, 20]
    assert lost([0, 1, 2, 9]) == [9]


def test_a_weak_line_takes_no_phase_from_a_meter() -> None:
    rules = VoltageRules(context(meters=2, fields={"phases": [3, 1]}), VoltageRulesParams())

    def of(volts: list[float], alone: float) -> list[bool]:
        a, b, c = volts
        told = frame(
            energy_kwh=[1.0, 1.0],
            voltage_v=[None, alone],
            current_a=[None, 5.0],
            voltage_a_v=[a, None],
            voltage_b_v=[b, None],
            voltage_c_v=[c, None],
            current_a_a=[5.0, None],
            current_b_a=[5.0, None],
            current_c_a=[5.0, None],
        )
        loss = rules.score(told)[0]
        rules.learn(told, np.ones(2, dtype=np.bool_))
        return [bool(strength >= SET_STRENGTH) for strength in loss.strength]

    of([230.0, 231.0, 229.0], 230.0)
    assert of([176.0, 190.0, 188.0], 175.0) == [False, False]
    assert of([150.0, 225.0, 228.0], 110.0) == [True, True]
