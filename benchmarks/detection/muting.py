"""What the monitor is worth without one of its detectors: it learns and is asked as ever, and has nothing to say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.bank import ALL_DETECTORS, day_models
from detectors.case.case_probability import CaseProbability, Verdict
from detectors.day.bank import DayBank
from metering.archive import Archive, Meter
from metering.errors import MeterwatchError
from metering.evidence import AreaContext, AreaCurves, AreaDay

_JUDGE = CaseProbability.judge


def _silent(self: Any, frame: Any) -> list[Any]:  # noqa: ARG001 - stands for a detector's own `score`
    return []


def _unjudged(self: Any, day: AreaDay) -> NDArray[np.float64]:  # noqa: ARG001 - stands for a model's own `score`
    return np.full(len(day.meter_ids), np.nan)


def _unweighed(self: CaseProbability, figures: Mapping[str, NDArray[np.float64]], day: date) -> Verdict:
    verdict = _JUDGE(self, figures, day)
    return replace(
        verdict,
        probability=np.full(len(verdict.probability), np.nan),
        kind=np.full(len(verdict.kind), -1, dtype=np.int64),
    )


def _unknown(names: tuple[str, ...]) -> Callable[[Any, AreaCurves], dict[str, NDArray[np.float64]]]:
    def describe(self: Any, day: AreaCurves) -> dict[str, NDArray[np.float64]]:  # noqa: ARG001
        return {name: np.full(len(day.event_strength), np.nan) for name in names}

    return describe


def _voices() -> Mapping[str, tuple[type[Any], str, Callable[..., Any]]]:
    """By name: the class, the method through which it speaks, and what keeps it silent."""
    archive = Archive("any", 15, "UTC", (Meter("S", "S", "", "A", "supply"), Meter("M", "M", "C", "A", "customer")))
    context = AreaContext(archive.areas["A"], 15, archive.calendar)
    found: dict[str, tuple[type[Any], str, Callable[..., Any]]] = {
        kind.name: (kind, "score", _silent) for kind, _ in ALL_DETECTORS if hasattr(kind, "score")
    }
    found[CaseProbability.name] = CaseProbability, "judge", _unweighed
    for expert in DayBank(context).experts:
        found[expert.name] = type(expert), "describe", _unknown(tuple(expert.features))
    for model in day_models(1):
        found[model.name] = type(model), "score", _unjudged
    return found


def voices() -> tuple[str, ...]:
    """Every detector, day expert and shared model that can be kept silent."""
    return tuple(_voices())


@contextmanager
def muted(name: str) -> Iterator[None]:
    """Keep `name` silent in this process; nobody where it is empty. Raises `MeterwatchError` for an unknown name."""
    if not name:
        yield
        return
    known = _voices()
    if name not in known:
        raise MeterwatchError(f"no detector {name}; there are {', '.join(known)}")
    kind, method, silent = known[name]
    own = kind.__dict__.get(method)
    setattr(kind, method, silent)
    try:
        yield
    finally:
        if own is None:
            delattr(kind, method)
        else:
            setattr(kind, method, own)
