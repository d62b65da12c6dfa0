"""Demand beyond what was contracted, and transformers beyond their rating (LD-01, LD-04)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.parameters import check_ranges, parameter
from detectors.steps import nothing_found, step_strength
from metering.evidence import AreaContext, Signal
from metering.frame import ReadingFrame


@dataclass(frozen=True, slots=True)
class OverCapacityParams:
    set_ratio: float = parameter(
        1.2,
        meaning="demand over contracted capacity, or load over transformer rating, at which the condition holds",
        unit="1",
        low=1.0,
        high=3.0,
        source="LD-01, provincial practice: 1.2 -> 1.05",
    )
    recover_ratio: float = parameter(
        1.05, meaning="ratio below which it is over", unit="1", low=0.5, high=3.0, source="LD-01: 1.05"
    )

    def __post_init__(self) -> None:
        check_ranges(self)


class OverCapacity:
    """Mean demand of the interval against the contract (customers) or against the rating (supply meters).

    Stateless: the alert's own durations decide how long it must last. `observed` is the demand in kW (kVA for a
    transformer where the power factor is known), `expected` the contracted capacity or rating; NaN where unknown, and
    for all while nobody is over.

    >>> from detectors.examples import context, frame
    >>> rule = OverCapacity(context(contracted_kw=[10.0, 10.0, None]), OverCapacityParams())
    >>> (over,) = rule.score(frame(energy_kwh=[3.0, 2.6, 9.0]))
    >>> over.strength.tolist(), over.observed.tolist()
    ([1.0, 0.0, nan], [12.0, 10.4, nan])
    """

    name = "over_capacity"
    abnormalities: tuple[str, ...] = ("over_capacity", "transformer_overload")

    def __init__(self, context: AreaContext, params: OverCapacityParams) -> None:
        self._params = params
        area = context.area
        self._contracted_kw = np.where(area.is_supply | ~(area.contracted_kw > 0), np.nan, area.contracted_kw)
        rated = np.array([np.nan if m.rated_kva is None else m.rated_kva for m in area.meters])
        self._rated_kva = np.where(area.is_supply & (rated > 0), rated, np.nan)
        self._any_rated = bool(np.isfinite(self._rated_kva).any())
        self._any_contract = bool(np.isfinite(self._contracted_kw).any())

    def score(self, frame: ReadingFrame) -> list[Signal]:
        demand_kw = frame.energy_kwh / frame.hours
        signals = []
        if self._any_contract:
            signals.append(self._signal("over_capacity", demand_kw, self._contracted_kw, "kW"))
        if self._any_rated:
            load_kva = self._load_kva(frame, demand_kw)
            signals.append(self._signal("transformer_overload", load_kva, self._rated_kva, "kVA"))
        return signals

    def _load_kva(self, frame: ReadingFrame, demand_kw: NDArray[np.float64]) -> NDArray[np.float64]:
        export = frame.column("export_kwh")
        load = demand_kw if export is None else np.fmax(demand_kw, export / frame.hours)
        power_factor = frame.column("power_factor")
        if power_factor is None:
            return load
        magnitude = np.abs(power_factor)
        return load / np.where(magnitude >= 0.5, np.minimum(magnitude, 1.0), 1.0)

    def _signal(self, code: str, observed: NDArray[np.float64], expected: NDArray[np.float64], unit: str) -> Signal:
        ratio = observed / expected
        if not np.fmax.reduce(ratio) > self._params.recover_ratio:
            return nothing_found(self.name, code, ratio == ratio, unit)
        strength = step_strength(ratio, self._params.recover_ratio, self._params.set_ratio)
        judged = strength == strength
        return Signal(
            self.name, code, strength, np.where(judged, observed, np.nan), np.where(judged, expected, np.nan), unit
        )

    def learn(self, frame: ReadingFrame, trusted: NDArray[np.bool_]) -> None:
        """Nothing to learn: the contract is the norm."""

    def dump(self) -> dict[str, bytes]:
        return {}

    def dump_dirty(self) -> dict[str, bytes]:
        return {}

    def load(self, pages: dict[str, bytes]) -> None:
        """No state."""
