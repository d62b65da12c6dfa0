"""One rule for every row of the catalogue that is a measured quantity with a set and a recover value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.interval.quantities import Measure, Quantities
from detectors.interval.voltage_rules import PhaseLevels, VoltageRules, VoltageRulesParams
from detectors.limits import limits_of
from detectors.parameters import check_ranges, parameter
from detectors.steps import STAYS, nothing_found
from metering.catalogue import CATALOGUE
from metering.evidence import AreaContext, Signal
from metering.frame import ReadingFrame

_F32 = np.float32
F64 = NDArray[np.float64]
#: Codes of the catalogue that name a quantity, in its order.
RULES: tuple[str, ...] = tuple(code for code, row in CATALOGUE.items() if row.limit is not None and row.limit.quantity)


@dataclass(frozen=True, slots=True)
class CatalogueRulesParams:
    neutral_least_a: float = parameter(
        0.5,
        meaning="larger of line and neutral current below which nothing is judged",
        unit="A",
        low=0.1,
        high=20,
        source="TH-05: 0.1 A",
    )
    loaded_share: float = parameter(
        0.1,
        meaning="demand over contract from which on a power factor is judged",
        unit="1",
        low=0.01,
        high=1,
        source="proposed: idle motors and chargers have a low one",
    )
    unbalance_least_share: float = parameter(
        0.5,
        meaning="largest phase current from which on a transformer's unbalance is judged",
        unit="In",
        low=0.01,
        high=1,
        source="proposed: of a half-empty transformer it says little",
    )

    def __post_init__(self) -> None:
        check_ranges(self)


class CatalogueRules:
    """Compares each quantity with each meter's set and recover values; how long it must last is the alert's own matter.

    Which quantity, the limits by class, voltage level and wiring, and the durations stand in the catalogue. All rows of a frame
    are compared at once; where nothing is beyond its recover value, nothing else is made. Stateless but for the nominal
    voltages, which it asks of the bank's `VoltageRules`. `observed` and `expected` are the quantity's own (kW and contracted
    kW, V and nominal V ...), NaN where not judged and, for all meters, while nobody is beyond.

    >>> from detectors.examples import context, frame
    >>> rules = CatalogueRules(context(contracted_kw=[10.0, 10.0, None]), CatalogueRulesParams())
    >>> said = {s.abnormality: s for s in rules.score(frame(energy_kwh=[3.0, 2.6, 9.0]))}
    >>> said["over_capacity"].strength.tolist(), said["over_capacity"].observed.tolist()
    ([1.0, 0.0, nan], [12.0, 10.4, nan])
    """

    name = "catalogue_rules"
    abnormalities: tuple[str, ...] = RULES

    def __init__(
        self,
        context: AreaContext,
        params: CatalogueRulesParams,
        levels: Callable[[ReadingFrame], PhaseLevels | None] | None = None,
    ) -> None:
        if levels is None:
            levels = VoltageRules(context, VoltageRulesParams()).levels
        quantities = Quantities(
            context,
            levels,
            neutral_least_a=params.neutral_least_a,
            loaded_share=params.loaded_share,
            unbalance_least_share=params.unbalance_least_share,
        ).by_name()
        self._rules: list[_Rule] = []
        for code in RULES:
            limit = CATALOGUE[code].limit
            assert limit is not None  # noqa: S101 - RULES have one
            if limit.quantity in quantities:
                limits = limits_of(context.area, code, context.limits)
                sign = -1.0 if limit.low_is_abnormal else 1.0
                rule = _Rule(
                    code, limit.quantity, quantities[limit.quantity], sign, sign * limits.set, sign * limits.recover
                )
                self._rules.append(rule)
        self._measures = tuple({rule.quantity: rule.measure for rule in self._rules}.items())
        self._plans: dict[tuple[str, ...], _Plan] = {}

    def score(self, frame: ReadingFrame) -> list[Signal]:
        measured: dict[str, F64] = {}
        for name, measure in self._measures:
            value = measure.value(frame)
            if value is not None:
                measured[name] = value
        plan = self._plan_of(tuple(measured))
        if not plan.rules:
            return []
        # more is worse in every row
        values = np.concatenate([measured[rule.quantity] for rule in plan.rules]).reshape(len(plan.rules), -1)
        np.negative(values[: plan.low], out=values[: plan.low])
        beyond = values > plan.recover
        signals = plan.silence(self.name, values == values)
        if np.count_nonzero(beyond):
            for i in np.flatnonzero(beyond.any(axis=1)).tolist():
                signals[i] = self._speak(plan.rules[i], frame, values[i], beyond[i])
        return signals

    def _plan_of(self, names: tuple[str, ...]) -> _Plan:
        plan = self._plans.get(names)
        if plan is None:
            plan = self._plans[names] = _Plan([rule for rule in self._rules if rule.quantity in names])
        return plan

    def _speak(self, rule: _Rule, frame: ReadingFrame, signed: F64, beyond: NDArray[np.bool_]) -> Signal:
        judged = signed == signed
        strength = np.where(signed >= rule.set, _F32(1), np.where(beyond, _F32(STAYS), _F32(0)))
        observed, expected, unit = rule.measure.figures(frame, signed * rule.sign)
        return Signal(
            self.name,
            rule.code,
            np.where(judged, strength, _F32(np.nan)),
            np.where(judged, observed, np.nan),
            np.where(judged, expected, np.nan),
            unit,
        )

    def learn(self, frame: ReadingFrame, trusted: NDArray[np.bool_]) -> None:
        """Nothing to learn: the catalogue is the norm."""

    def dump(self) -> dict[str, bytes]:
        return {}

    def dump_dirty(self) -> dict[str, bytes]:
        return {}

    def load(self, pages: dict[str, bytes]) -> None:
        """No state."""


@dataclass(frozen=True, slots=True, eq=False)
class _Rule:
    """One code in one area; `set` and `recover` (meters,) are turned by `sign` so that more is worse."""

    code: str
    quantity: str
    measure: Measure
    sign: float
    set: F64
    recover: F64
    unit: str = "1"


class _Plan:
    """The rules of a feed that carries some of the columns, and their recover values (rules, meters)."""

    def __init__(self, rules: list[_Rule]) -> None:
        #: those whose low values are abnormal come first
        self.rules = sorted(rules, key=lambda rule: rule.sign)
        self.low = sum(rule.sign < 0 for rule in rules)
        self.recover = np.array([rule.recover for rule in self.rules]) if rules else np.empty((0, 0))
        self._judged = np.zeros(self.recover.shape, dtype=np.bool_)
        self._silence: list[Signal] = []

    def silence(self, detector: str, judged: NDArray[np.bool_]) -> list[Signal]:
        """Nothing found, by rule; a rule's answer is the same as before while the same of its rows are judged."""
        if not self._silence:
            self._silence = [
                _nothing(detector, rule, of_rule) for rule, of_rule in zip(self.rules, judged, strict=True)
            ]
        else:
            for i in np.flatnonzero((judged != self._judged).any(axis=1)).tolist():
                self._silence[i] = _nothing(detector, self.rules[i], judged[i])
        self._judged = judged
        return list(self._silence)


def _nothing(detector: str, rule: _Rule, judged: NDArray[np.bool_]) -> Signal:
    return nothing_found(detector, rule.code, judged, rule.unit)
