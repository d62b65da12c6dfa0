"""Pulses and standings of the watch as rows, the same for every store."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from metering.watch import Pulse, WatchStanding

_PULSE = TypeAdapter(Pulse)


def pulse_content(pulse: Pulse) -> dict[str, Any]:
    return asdict(pulse)


def pulse_of(content: Any) -> Pulse:
    """A pulse of a newer or older program reads as far as this one knows its fields."""
    return _PULSE.validate_python(content)


def standing_row(standing: WatchStanding) -> dict[str, Any]:
    return {**asdict(standing), "which": list(standing.which)}


def standing_of(row: Any) -> WatchStanding:
    return WatchStanding(**{**row, "which": tuple(row["which"])})
