"""Whose voltage is low alone, and whose line."""

from __future__ import annotations

import numpy as np

from detectors.examples import context, frame
from detectors.voltage_rules import VoltageRules, VoltageRulesParams
from metering.evidence import SET_STRENGTH


def test_low_voltage_along_one_line_is_the_lines_own() -> None:
    segments = ["L1"] * 4 + ["L2"] * 36
    rules = VoltageRules(context(meters=40, fields={"segment": segments, "phases": [1] * 40}), VoltageRulesParams())
    usual = frame(energy_kwh=[1.0] * 40, voltage_v=[230.0] * 40, current_a=[5.0] * 40)
    rules.learn(usual, np.ones(40, dtype=np.bool_))

    def lost(low: list[int]) -> list[int]:
        volts = [150.0 if row in low else 230.0 for row in range(40)]
        loss = rules.score(frame(energy_kwh=[1.0] * 40, voltage_v=volts, current_a=[5.0] * 40))[0]
        return np.flatnonzero(loss.strength >= SET_STRENGTH).tolist()

    assert lost([0, 1, 2, 3]) == []
    assert lost([0, 9, 20]) == [0, 9, 20]
    assert lost([0, 1, 2, 9]) == [9]
