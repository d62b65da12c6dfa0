"""What the verdicts on an area's meters explain of what it loses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.day.memory import F64
from metering.archive import Area

#: Kinds under which a meter registers all that is drawn: they explain no loss.
_REGISTERS_ALL = frozenset(
    {
        "clock_error",
        "low_power_factor",
        "over_capacity",
        "phase_break",
        "resale",
        "reverse_energy",
        "tariff_misuse",
        "temporary_supply_misuse",
    }
)
#: Kinds that take a share of a meter's energy that its own days hardly tell.
_OF_CIRCUITS = frozenset({"current_loss", "ratio_changed", "ratio_error", "voltage_loss", "wrong_wiring"})
#: Kinds under which a meter may as well register too much, so that it explains a negative loss.
_OVERCOUNTS = frozenset({"ratio_changed", "ratio_error", "register_runaway"})
#: Suspicions below this explain nothing.
_LEAST_PROBABILITY = 0.05
#: A meter under a rule's certain suspicion counts as suspected at least so much.
_UNDER_SUSPICION = 0.9
#: How far a day's use lies beside that of the last days, of which a recent loss is made.
_DAY_TO_DAY = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Suspects:
    """What an area's meters are suspected of at a day's close, (meters,): how probably, and what kWh a day each hides (negative: counts
    too much) with its standard error. Nothing is NaN."""

    probability: F64
    missing_kwh: F64
    error_kwh: F64

    @property
    def explained_kwh(self) -> float:
        return float((self.probability * self.missing_kwh).sum())

    @property
    def explained_error_kwh(self) -> float:
        p = self.probability
        variance = (p * self.error_kwh) ** 2 + p * (1 - p) * self.missing_kwh**2
        return float(np.sqrt(variance.sum()))

    def with_unbilled(self, unbilled_kwh: F64) -> Suspects:
        """And what meters registered today after their service had ended, (meters,) kWh: it is known, and in nobody's sales."""
        unbilled = unbilled_kwh > 0
        return Suspects(
            np.where(unbilled, 1.0, self.probability),
            np.where(unbilled, unbilled_kwh, self.missing_kwh),
            np.where(unbilled, _DAY_TO_DAY * unbilled_kwh, self.error_kwh),
        )


class ErrorShares(NamedTuple):
    """How well a suspected meter's missing energy is known: a share of it, of what is expected of the meter, and of that where its
    circuits or ratio are wrong."""

    of_missing: float
    of_usual: float
    of_circuits: float


def suspects_of(
    area: Area,
    errors: ErrorShares,
    *,
    probability: F64,
    kinds: Sequence[str],
    kind: NDArray[np.int64],
    energy_kwh: F64,
    expected_kwh: F64,
    export_kwh: F64,
    certain: NDArray[np.bool_],
) -> Suspects:
    """What the meters' verdicts explain of a loss, all (meters,), NaN where unknown; `kind` is a place in `kinds`, -1 = none; `certain` = a rule's suspicion.

    What a meter without declared generation exports was drawn: it is missed twice.
    """
    p = np.nan_to_num(probability)
    p = np.where(certain, np.maximum(p, _UNDER_SUSPICION), p)
    p = np.where((p < _LEAST_PROBABILITY) | area.is_supply, 0.0, p)
    hides, either, of_circuits = _traits(tuple(kinds))[:, kind]
    exported = np.where(area.has_generation, 0.0, np.nan_to_num(export_kwh))
    missing = np.nan_to_num(expected_kwh - energy_kwh) + exported
    missing = np.where(hides, np.where(either, missing, np.maximum(missing, 0.0)), 0.0)
    of_usual = np.where(of_circuits, errors.of_circuits, errors.of_usual)
    error = np.maximum(errors.of_missing * np.abs(missing), of_usual * np.nan_to_num(expected_kwh))
    return Suspects(p, missing, np.where(hides, error, 0.0))


@lru_cache
def _traits(kinds: tuple[str, ...]) -> NDArray[np.bool_]:
    """(3, kinds + 1): whether a kind hides energy, may as well count too much, is of a meter's circuits; the last one is no kind at all."""
    hides = [*(kind not in _REGISTERS_ALL for kind in kinds), True]
    others = [[*(kind in of for kind in kinds), False] for of in (_OVERCOUNTS, _OF_CIRCUITS)]
    return np.array([hides, *others], dtype=np.bool_)
