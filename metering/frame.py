"""`ReadingFrame`: one transformer area, one metering interval, all its meters in archive order, as columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from metering.errors import FrameError
from metering.readings import NON_NEGATIVE_COLUMNS, READING_COLUMNS
from metering.times import from_epoch_s, iso

Column = NDArray[np.float64]


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

    def __post_init__(self) -> None:
        where = f"frame {self.transformer_area} {iso(self.interval_start_s)}"
        if not 1 <= self.interval_minutes <= 1440:
            raise FrameError(f"{where}: interval of {self.interval_minutes} minutes; give 1 to 1440")
        if self.interval_start_s % 60:
            raise FrameError(f"{where}: an interval starts on a whole minute")
        if len(set(self.meter_ids)) != len(self.meter_ids):
            raise FrameError(f"{where}: a meter stands twice")
        if "energy_kwh" not in self.columns:
            raise FrameError(f"{where}: no energy_kwh; found {sorted(self.columns)}")
        for name, values in self.columns.items():
            if name not in READING_COLUMNS:
                raise FrameError(f"{where}: unknown column {name!r}; known are {', '.join(READING_COLUMNS)}")
            if values.shape != (len(self.meter_ids),) or values.dtype != np.float64:
                raise FrameError(
                    f"{where}: {name} is {values.dtype} of shape {values.shape}, not float64 ({len(self.meter_ids)},)"
                )
            if np.isinf(values).any():
                raise FrameError(f"{where}: {name} holds an infinity")
            if name in NON_NEGATIVE_COLUMNS and (values < 0).any():
                raise FrameError(f"{where}: {name} holds a negative value")
            values.setflags(write=False)

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

    def column(self, name: str) -> Column | None:
        """The column, or None where this feed does not carry it."""
        return self.columns.get(name)

    def __len__(self) -> int:
        return len(self.meter_ids)
