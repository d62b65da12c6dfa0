"""The readings that conditions rest on, and what a correction of one of them does to the alert."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from metering.alert import CORRECTION, Alert, AlertState, Reason
from metering.suspicion import Suspicion

#: What is known of these lies in the readings' energy alone: a corrected reading may undo it.
ENERGY_UNITS = frozenset({"kW", "kWh"})
#: A correction of less is none.
SAME_KWH, SAME_SHARE = 0.01, 0.02
#: What held for more intervals than this no longer rests on single readings: none of them can undo it.
MOST = 8


class RestsOn:
    """Of one area: (interval's start, kWh) of the first readings in which each condition held, by the bank's flat cell."""

    def __init__(self) -> None:
        self._readings: dict[int, tuple[tuple[int, float], ...]] = {}

    def __bool__(self) -> bool:
        return bool(self._readings)

    def keep_only(self, cells: Collection[int]) -> None:
        """Conditions that are over rest on nothing."""
        if not self._readings.keys() <= set(cells):
            self._readings = {cell: kept for cell, kept in self._readings.items() if cell in cells}

    def add(self, readings: Iterable[tuple[int, float]], start_s: int) -> None:
        """(cell, kWh) of the conditions that hold in the interval; one without a reading (NaN) rests on none."""
        for cell, kwh in readings:
            kept = self._readings.get(cell, ())
            if kwh == kwh and len(kept) <= MOST:
                self._readings[cell] = (*kept, (start_s, kwh))

    def forget(self, cell: int) -> None:
        self._readings.pop(cell, None)

    def corrected(
        self, cell: int, alert: Alert, start_s: int, energy_kwh: float, at_s: int, local: Callable[[int], str]
    ) -> Alert | None:
        """The open alert as it stands now that one of its readings is known to be another: changed, or withdrawn at `at_s` where
        nothing is left of what it rests on. None where it does not rest on that reading. `local` writes a time."""
        before = self._before(cell, alert.unit, start_s, energy_kwh)
        if not alert.is_open or before is None:
            return None
        amended = replace(
            alert,
            reasons=(*alert.reasons, _reason(local(start_s), before, energy_kwh)),
            late_readings=alert.late_readings + 1,
            revision=alert.revision + 1,
        )
        observed = _scaled(alert, energy_kwh, before)
        if self._borne_out(cell, alert, observed, start_s, energy_kwh):
            return replace(amended, observed=round(observed, 6))
        return amended if cell in self._readings else replace(amended, state=AlertState.WITHDRAWN, cleared_at_s=at_s)

    def undone(self, cell: int, suspicion: Suspicion, start_s: int, energy_kwh: float) -> bool:
        """Whether nothing is left of what a condition rests on that is no alert yet, now that one of its readings is known to be
        another."""
        before = self._before(cell, suspicion.unit, start_s, energy_kwh)
        if before is None:
            return False
        self._borne_out(cell, suspicion, _scaled(suspicion, energy_kwh, before), start_s, energy_kwh)
        return cell not in self._readings

    def _before(self, cell: int, unit: str, start_s: int, energy_kwh: float) -> float | None:
        """The reading that is now known to be another; None where the condition does not rest on it, or it is the same."""
        before = dict(self._readings.get(cell, ())).get(start_s)
        if unit not in ENERGY_UNITS or before is None:
            return None
        return None if abs(energy_kwh - before) <= max(SAME_KWH, SAME_SHARE * abs(before)) else before

    def _borne_out(self, cell: int, claim: Alert | Suspicion, observed: float, start_s: int, energy_kwh: float) -> bool:
        """Whether the reading as it is now still says what is claimed; where not, the claim rests on one reading less."""
        readings = dict(self._readings[cell])
        if observed >= claim.expected if claim.observed > claim.expected else observed <= claim.expected:
            self._readings[cell] = tuple((readings | {start_s: energy_kwh}).items())
            return True
        if len(readings) <= MOST:
            del readings[start_s]
            self._readings[cell] = tuple(readings.items())
            if not readings:
                self.forget(cell)
        return False

    # --- state, as it is saved

    def array(self) -> NDArray[np.float64]:
        """Rows of (cell, interval's start, kWh)."""
        rows = [(cell, *reading) for cell, kept in sorted(self._readings.items()) for reading in kept]
        return np.array(rows, dtype=np.float64).reshape(-1, 3)

    def restore(self, array: NDArray[np.generic]) -> None:
        self._readings = {}
        for cell, start_s, kwh in array.tolist():
            self._readings[int(cell)] = (*self._readings.get(int(cell), ()), (int(start_s), kwh))


def _scaled(claim: Alert | Suspicion, energy_kwh: float, before: float) -> float:
    """The claim's figure with the reading as it is now."""
    return claim.observed * energy_kwh / before if before > 0 else math.nan


def _reason(when: str, before: float, now: float) -> Reason:
    return Reason(
        CORRECTION,
        f"the reading of {when} that this rests on was corrected from {before:.4g} to {now:.4g} kWh",
        against=True,
        text_zh=f"所依据的 {when} 读数由 {before:.4g} 千瓦时更正为 {now:.4g} 千瓦时",
    )
