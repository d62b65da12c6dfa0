"""Curves of one meter and of its area over a span of time. A missing reading is a gap, never zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: (interval start in epoch seconds, value) by time; one None at the start of every hole, so that no line is drawn across it.
Curve = tuple[tuple[int, float | None], ...]


@dataclass(frozen=True, slots=True)
class Curves:
    """One window of a meter and of its area; a series that was never measured is empty. Energy in kWh, voltages in V, currents
    in A; `loss_share` is lost over supplied energy, by hour or local day."""

    start_s: int
    end_s: int
    observed: Curve
    expected: Curve
    voltages: Mapping[str, Curve]
    currents: Mapping[str, Curve]
    supplied: Curve
    metered: Curve
    loss_share: Curve
    by_day: bool = False

    @property
    def read(self) -> bool:
        return any(value is not None for _, value in self.observed)
