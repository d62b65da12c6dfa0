"""What a phase with current and without its voltage did not register: the worth of a voltage loss (VI-01)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.interval.voltage_rules import VoltageRules
from detectors.witness import Missing, implied_kwh, phase_magnitudes
from metering.frame import ReadingFrame

F64 = NDArray[np.float64]
CODE = "voltage_loss"
#: How far a phase's true voltage may lie from its nominal one, as a share: the band that utilities promise (EN 50160: 10 %).
_VOLTAGE_ERROR = 0.1
#: Where no power factor is measured: the middle of 0.8 to 1, and how far the true one may lie from it or from the meter's, as a share.
_FACTOR, _FACTOR_ERROR = 0.9, 0.12
#: Of two errors that are as good as bounds, so much of their sum in squares holds the truth in four of five cases.
_FOUR_FIFTHS = 0.8


class LostVoltage:
    """Energy by the current, the voltage that should have been there less what was, and the power factor, on each lost phase.

    Of `frame`'s meters (kWh), 0 where no phase is below the recover value of a voltage loss, NaN without voltages or currents.

    >>> from detectors.examples import context, frame
    >>> from detectors.interval.voltage_rules import VoltageRulesParams
    >>> rules = VoltageRules(context(meters=1), VoltageRulesParams())
    >>> good = {"voltage_a_v": [230], "voltage_c_v": [230], "current_a_a": [5], "current_b_a": [5], "current_c_a": [5]}
    >>> rules.learn(frame(energy_kwh=[1], voltage_b_v=[230], **good), np.array([True]))
    >>> lost = LostVoltage(rules).kwh(frame(energy_kwh=[1], voltage_b_v=[30], power_factor=[0.9], **good))
    >>> lost.tolist(), [round(kwh, 2) for kwh in LostVoltage.interval(100.0)]
    ([0.225], [87.5, 100.0, 112.5])
    """

    name = "lost_voltage"

    def __init__(self, rules: VoltageRules) -> None:
        self._rules = rules

    def kwh(self, frame: ReadingFrame) -> F64:
        """(meters,) not registered in this interval."""
        levels, amperes = self._rules.levels(frame), phase_magnitudes(frame)
        if levels is None or amperes is None:
            return np.full(len(frame), np.nan)
        lost = levels.judged & (levels.level < self._rules.recovers_at)
        lacking_v = np.where(lost, levels.nominal_v - levels.voltage_v, 0.0)
        factor = frame.column("power_factor")
        return implied_kwh(amperes, lacking_v, factor, frame.hours, Missing(power_factor=_FACTOR))

    @staticmethod
    def interval(kwh: float) -> tuple[float, float, float]:
        """(low, middle, high) of a sum: what is not known of voltage and power factor does not average out."""
        reach = _FOUR_FIFTHS * float(np.hypot(_VOLTAGE_ERROR, _FACTOR_ERROR)) * kwh
        return kwh - reach, kwh, kwh + reach
