"""How a rule with a set and a recover value becomes a strength."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from metering.evidence import Signal

#: Between recover and set an open condition stays as it was: above RECOVER_STRENGTH, below SET_STRENGTH.
STAYS = 0.6
_ZERO, _NAN = np.float32(0), np.float32(np.nan)


def step_strength(
    value: NDArray[np.float64], recover: float | NDArray[np.float64], at_set: float | NDArray[np.float64]
) -> NDArray[np.float32]:
    """1 from `at_set` on, 0 up to `recover`, STAYS between; NaN stays NaN. Both may differ from row to row.

    >>> step_strength(np.array([1.0, 1.1, 1.2, np.nan]), recover=1.05, at_set=1.2).tolist()
    [0.0, 0.6000000238418579, 1.0, nan]
    """
    strength = np.where(value >= at_set, np.float32(1), np.where(value > recover, np.float32(STAYS), np.float32(0)))
    strength[value != value] = np.nan
    return strength


def nothing_found_of_all(detector: str, judged: NDArray[np.bool_], unit: str, *abnormalities: str) -> list[Signal]:
    """`nothing_found` of several abnormalities that are judged in the same rows; they share one array of strengths."""
    none, strength = _nowhere(len(judged)), np.where(judged, _ZERO, _NAN)
    return [Signal(detector, code, strength, none, none, unit, quiet=True) for code in abnormalities]


def nothing_found(detector: str, abnormality: str, judged: NDArray[np.bool_], unit: str) -> Signal:
    """The usual answer, made cheaply: strength 0 where judged, NaN elsewhere, and nothing to say about any row.

    >>> nothing_found("over_capacity", "over_capacity", np.array([True, False]), "kW").strength.tolist()
    [0.0, nan]
    """
    none = _nowhere(len(judged))
    return Signal(detector, abnormality, np.where(judged, _ZERO, _NAN), none, none, unit, quiet=True)


@lru_cache(maxsize=256)
def _nowhere(meters: int) -> NDArray[np.float64]:
    """(meters,) of NaN, read-only: what a quiet signal has to show."""
    none = np.full(meters, np.nan)
    none.setflags(write=False)
    return none
