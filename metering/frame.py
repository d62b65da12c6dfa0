"""`ReadingFrame`: one transformer area, one metering interval, all its meters in archive order, as columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metering.errors import FrameError
from metering.readings import NON_NEGATIVE_COLUMNS, READING_COLUMNS
from metering.times import from_epoch_s, iso

Column = NDArray[np.float64]
_KNOWN, _NON_NEGATIVE = frozenset(READING_COLUMNS), frozenset(NON_NEGATIVE_COLUMNS)
_LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True, slots=True, eq=False)
class ReadingFrame:
    """The readings of one transformer area in one metering interval.

    `meter_ids` has shape (meters,) in archive order; every column has the same shape, float64, NaN = missing,
    never infinite, and never negative where the quantity cannot be. `energy_kwh` is always there.
    The arrays are read-only. Raises `FrameError` where an invariant does not hold.
    """

    transformer_area: str
    interval_start_s: int
    interval_minutes: int
    meter_ids: tuple[str, ...]
    columns: Mapping[str, Column]
    shared: dict[str, Any] = field(default_factory=dict, init=False, repr=False)
    """What rules derive from the columns alone and share with each other, by name, read-only."""

    def __post_init__(self) -> None:
        if not 1 <= self.interval_minutes <= 1440:
            raise FrameError(f"{self._where}: interval of {self.interval_minutes} minutes; give 1 to 1440")
        if self.interval_start_s % 60:
            raise FrameError(f"{self._where}: an interval starts on a whole minute")
        if len(set(self.meter_ids)) != len(self.meter_ids):
            raise FrameError(f"{self._where}: a meter stands twice")
        if "energy_kwh" not in self.columns:
            raise FrameError(f"{self._where}: no energy_kwh; found {sorted(self.columns)}")
        shape, non_negative, signed = (len(self.meter_ids),), [], []
        for name, values in self.columns.items():
            if name in _NON_NEGATIVE:
                non_negative.append(values)
            elif name in _KNOWN:
                signed.append(values)
            else:
                raise FrameError(f"{self._where}: unknown column {name!r}; known are {', '.join(READING_COLUMNS)}")
            if values.shape != shape or values.dtype != np.float64:
                raise FrameError(
                    f"{self._where}: {name} is {values.dtype} of shape {values.shape}, not float64 {shape}"
                )
            values.setflags(write=False)
        # All columns at once, in a few array operations; the culprit is looked for only where there is one.
        if not (_within(non_negative, 0.0) and _within(signed, -_LARGEST)):
            self._complain()

    @property
    def _where(self) -> str:
        return f"frame {self.transformer_area} {iso(self.interval_start_s)}"

    def _complain(self) -> None:
        for name, values in self.columns.items():
            if np.isinf(values).any():
                raise FrameError(f"{self._where}: {name} holds an infinity")
            if name in _NON_NEGATIVE and (values < 0).any():
                raise FrameError(f"{self._where}: {name} holds a negative value")

    @property
    def interval_start(self) -> datetime:
        return from_epoch_s(self.interval_start_s)

    @property
    def interval_end_s(self) -> int:
        return self.interval_start_s + 60 * self.interval_minutes

    @property
    def hours(self) -> float:
        """Length of the interval in hours: energy in kWh divided by it is mean demand in kW."""
        return self.interval_minutes / 60

    @property
    def energy_kwh(self) -> Column:
        return self.columns["energy_kwh"]

    @property
    def measured(self) -> NDArray[np.bool_]:
        """(meters,), read-only: where an energy was measured."""
        known: NDArray[np.bool_] | None = self.shared.get("measured")
        if known is None:
            energy = self.energy_kwh
            known = self.shared["measured"] = energy == energy
            known.setflags(write=False)
            self.shared["all_measured"] = np.count_nonzero(known) == len(known)
        return known

    @property
    def all_measured(self) -> bool:
        """Whether every meter's energy was measured: the usual case."""
        return len(self.measured) > 0 and bool(self.shared["all_measured"])

    @property
    def received_kwh(self) -> Column:
        """`energy_kwh` as it was received: with what validation doubts and left out of this frame."""
        received: Column = self.shared.get("received_kwh", self.energy_kwh)
        return received

    def column(self, name: str) -> Column | None:
        """The column, or None where this feed does not carry it."""
        return self.columns.get(name)

    def __len__(self) -> int:
        return len(self.meter_ids)


def _within(columns: list[Column], least: float) -> bool:
    """Whether no value is below `least` or infinite; NaN is neither."""
    if not columns:
        return True
    values = np.concatenate(columns) if len(columns) > 1 else columns[0]
    if not values.size:
        return True
    lowest, highest = np.fmin.reduce(values), np.fmax.reduce(values)
    return not (lowest < least or highest > _LARGEST)
