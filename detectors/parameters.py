"""A detector's thresholds: every field of a `...Params` says what it means, its unit, its range and where it is from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, fields
from typing import Any, TypeVar

from metering.errors import SettingsError, ThresholdError
from metering.ranges import number_fault

P = TypeVar("P")


def parameter(default: float, *, meaning: str, unit: str, low: float, high: float, source: str) -> Any:
    """A dataclass field with its documentation as metadata; `check_ranges` holds it to [low, high]."""
    return field(
        default=default, metadata={"meaning": meaning, "unit": unit, "low": low, "high": high, "source": source}
    )


def check_ranges(params: object) -> None:
    """Raises `SettingsError` naming the field, its value and its allowed range."""
    for each in fields(params):  # type: ignore[arg-type]
        value = getattr(params, each.name)
        low, high = each.metadata["low"], each.metadata["high"]
        if (fault := number_fault(each.name, value, low, high, each.metadata["unit"])) is not None:
            raise SettingsError(f"{type(params).__name__}.{fault} ({each.metadata['meaning']})")


def from_section(kind: type[P], section: str, values: Mapping[str, float]) -> P:
    """Params from a section of a thresholds file. Raises `ThresholdError` naming what there is, or what to write.

    >>> from detectors.interval.voltage_rules import VoltageRulesParams
    >>> from_section(VoltageRulesParams, "voltage_rules", {"load_share": 0.01}).load_share
    0.01
    """
    known = {each.name: each.metadata for each in fields(kind)}  # type: ignore[arg-type]
    for name, value in values.items():
        if name not in known:
            raise ThresholdError(f"[{section}] has no {name!r}; it has {', '.join(known)}", section, name)
        of = known[name]
        if (fault := number_fault(name, value, of["low"], of["high"], of["unit"])) is not None:
            raise ThresholdError(f"[{section}] {fault} ({of['meaning']})", section, name)
    return kind(**values)
