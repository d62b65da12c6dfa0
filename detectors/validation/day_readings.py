"""What validation counts of an area's local day while its intervals close: the highest readings, and what did not come or was refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metering.errors import StoreError
from metering.frame import ReadingFrame

_F32, _I32 = np.float32, np.int32
#: Counted per meter; `doubtful_kwh` is the highest reading that was doubted, `inactive_kwh` what came while out of service.
_ROWS: Mapping[str, type[np.generic]] = {
    "measured": _I32, "refused": _I32, "repeated": _I32, "doubtful": _I32, "doubtful_kwh": _F32, "inactive_kwh": _F32,
}  # fmt: skip


class DayReadings:
    """Counts per meter, (meters,), of one local day. An interval in which nobody was measured (an outage, a silent area) counts for nobody.

    >>> from detectors.examples import frame
    >>> today = DayReadings(2)
    >>> for kwh in (0.2, 0.9, 0.3, 0.4):
    ...     today.add(frame(energy_kwh=[kwh, None if kwh == 0.9 else kwh]))
    >>> [f"{kwh:.1f}" for kwh in today.highest_kwh[:, 0]], today.intervals, today.rows["measured"].tolist()
    (['0.9', '0.4', '0.3'], 4, [4, 3])
    """

    def __init__(self, meters: int) -> None:
        #: (3, meters) the day's three highest readings (kWh), 0 where there are fewer
        self.highest_kwh = np.zeros((3, meters), dtype=_F32)
        self.rows: dict[str, NDArray[Any]] = {name: np.zeros(meters, dtype=kind) for name, kind in _ROWS.items()}
        #: intervals in which anybody was measured, and all there were
        self.intervals = 0
        self.frames = 0
        self._kwh, self._second, self._third = np.zeros((3, meters), dtype=_F32)

    def add(self, frame: ReadingFrame) -> None:
        """Take one closed interval in."""
        measured = frame.measured
        self.frames += 1
        if not frame.all_measured and not np.count_nonzero(measured):
            return
        self.intervals += 1
        self.rows["measured"] += measured
        kwh, second, third = self._kwh, self._second, self._third
        np.fmax(frame.energy_kwh, 0.0, out=kwh, casting="same_kind")
        highest = self.highest_kwh
        np.minimum(highest[0], kwh, out=second)
        np.maximum(highest[0], kwh, out=highest[0])
        np.minimum(highest[1], second, out=third)
        np.maximum(highest[1], second, out=highest[1])
        np.maximum(highest[2], third, out=highest[2])

    def doubt(self, rows: NDArray[np.intp], energy_kwh: NDArray[np.float64]) -> None:
        """These rows' readings of the interval are doubted; `energy_kwh` (rows,)."""
        self.rows["doubtful"][rows] += 1
        worst = self.rows["doubtful_kwh"]
        worst[rows] = np.maximum(worst[rows], energy_kwh)

    def refuse(self, row: int, *, repeated: bool = False) -> None:
        """A reading of this row was set aside: it was a repetition, or wrong by itself."""
        self.rows["repeated" if repeated else "refused"][row] += 1

    def use_out_of_service(self, row: int, energy_kwh: float) -> None:
        self.rows["inactive_kwh"][row] += energy_kwh

    def missing_share(self) -> NDArray[np.float64]:
        """Share of the intervals without a reading, (meters,); NaN on a day on which nobody was measured."""
        if not self.intervals:
            return np.full(self.highest_kwh.shape[1], np.nan)
        return np.asarray(1 - self.rows["measured"] / self.intervals)

    def unsure_share(self) -> NDArray[np.float64]:
        """Share of the day that is missing, whoever else was, or doubted, (meters,)."""
        return np.asarray(1 - (self.rows["measured"] - self.rows["doubtful"]) / max(self.frames, 1))

    # --- state

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {**self.rows, "highest_kwh": self.highest_kwh, "intervals": np.array([self.intervals, self.frames])}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Raises `StoreError` where the arrays are of another number of meters."""
        if arrays["highest_kwh"].shape != self.highest_kwh.shape:
            raise StoreError(
                "a day's counts are of another number of meters; learn the area anew: `meterwatch state reset AREA`"
            )
        self.highest_kwh[...] = arrays["highest_kwh"]
        for name, values in self.rows.items():
            values[...] = arrays[name]
        self.intervals, self.frames = (int(count) for count in arrays["intervals"])
