"""An area's local day by the hour, added up interval by interval: what the day experts are given at the day's close."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from detectors.pages import Slab, StatePages
from detectors.witness import Missing, implied_kwh
from metering.evidence import AreaContext, AreaCurves
from metering.frame import ReadingFrame
from metering.readings import PHASES

HOURS = 24
#: Added up over an hour.
SUMS = ("energy_kwh", "export_kwh", "step_kwh", "implied_kwh")
#: Averaged over an hour.
MEANS = (
    "voltage_a", "voltage_b", "voltage_c", "current_a", "current_b", "current_c", "neutral_a", "power_factor",
)  # fmt: skip
COLUMNS = (*SUMS, *MEANS)
#: An hour of which less was measured has no value.
_LEAST_MEASURED = 0.5
#: Of what voltage and current imply the first phase must be known; meters of one phase have no other.
_FIRST_PHASE = np.array([[True], [False], [False]])
_F16, _F32 = np.float16, np.float32
#: Voltages are kept as what they are above this, so that half precision holds hundredths of a volt.
_KEPT_ABOVE_V = 230.0


class DayCurves:
    """Adds up an area's frames of one local day by the hour; `close` gives the curves and begins the next day.

    The hour in progress is kept in single precision, the hours that are over in half precision (0.05 %): 24 bytes a meter and hour.
    """

    def __init__(self, context: AreaContext) -> None:
        self._context = context
        area = context.area
        count = len(area)
        self._single = ~(area.phases == 3)
        self._any_single = bool(self._single.any())
        layout: dict[str, dict[str, Slab]] = {
            f"hour-{hour:02d}": {"values": Slab((len(COLUMNS), count), _F16, np.nan)} for hour in range(HOURS)
        }
        layout["now"] = {
            "sums": Slab((len(COLUMNS), count), _F32),
            "counts": Slab((len(COLUMNS), count), _F32),
            "clock": Slab((2,), np.int64, -1),  # hour in progress, intervals of it
            "last_kwh": Slab((count,), np.float64, np.nan),
            "register_kwh": Slab((count,), np.float64, np.nan),
            "events": Slab((count,), _F32),
        }
        self._pages = StatePages("day_curves/1", layout)
        self._now = {name: self._pages.array("now", name) for name in layout["now"]}
        self._addend = np.full((len(COLUMNS), count), np.nan, dtype=_F32)
        self._row = {name: self._addend[n] for n, name in enumerate(COLUMNS)}
        volts, amperes = COLUMNS.index("voltage_a"), COLUMNS.index("current_a")
        self._volts, self._amperes = (self._addend[n : n + len(PHASES)] for n in (volts, amperes))

    def add(self, frame: ReadingFrame) -> None:
        """Take one closed interval in."""
        now, row, columns = self._now, self._row, frame.columns
        hour = self._context.calendar.local(frame.interval_start_s).hour
        clock = now["clock"]
        if clock[0] != hour:
            self._close_hour()
            clock[0] = hour
        clock[1] += 1
        energy = frame.energy_kwh
        row["energy_kwh"][...] = energy
        _put(row["export_kwh"], columns.get("export_kwh"))
        row["step_kwh"][...] = np.abs(energy - now["last_kwh"])
        self._electrical(frame)
        known = self._addend == self._addend
        np.add(now["sums"], self._addend, out=now["sums"], where=known)
        now["counts"] += known
        np.copyto(now["last_kwh"], energy, where=known[0])
        register = columns.get("register_kwh")
        if register is not None:
            np.copyto(now["register_kwh"], register, where=register == register)
        self._pages.touch("now")

    def _electrical(self, frame: ReadingFrame) -> None:
        """Voltages, currents and what they imply; a single-phase meter's stand in phase a."""
        row, columns = self._row, frame.columns
        for phase in PHASES:
            _put(row[f"voltage_{phase}"], columns.get(f"voltage_{phase}_v"))
            _put(row[f"current_{phase}"], columns.get(f"current_{phase}_a"))
        if self._any_single:
            for name, whole in (("voltage_a", columns.get("voltage_v")), ("current_a", columns.get("current_a"))):
                np.copyto(row[name], np.nan if whole is None else whole, where=self._single, casting="same_kind")
        _put(row["neutral_a"], columns.get("neutral_current_a"))
        factor = columns.get("power_factor")
        _put(row["power_factor"], factor)
        if factor is None:
            row["implied_kwh"].fill(np.nan)
        else:
            amperes = np.abs(self._amperes)
            row["implied_kwh"][...] = implied_kwh(
                amperes, self._volts, row["power_factor"], frame.hours, Missing(_FIRST_PHASE)
            )
            if not frame.all_measured:
                row["implied_kwh"][~frame.measured] = np.nan
        self._volts -= _F32(_KEPT_ABOVE_V)

    def tell(self, row: int, strength: float) -> None:
        """The meter of this row reported something outside a work order; `strength` (0..1) is what it says of a case."""
        events = self._now["events"]
        events[row] = max(float(events[row]), strength)
        self._pages.touch("now")

    def _close_hour(self) -> None:
        now = self._now
        hour, intervals = (int(n) for n in now["clock"])
        if hour >= 0 and intervals > 0:
            sums, counts = now["sums"], now["counts"]
            values = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
            values[: len(SUMS)] *= intervals
            values[counts < _LEAST_MEASURED * intervals] = np.nan
            page = f"hour-{hour:02d}"
            self._pages.array(page, "values")[...] = np.clip(values, -60_000, 60_000)
            self._pages.touch(page)
            sums[...] = 0
            counts[...] = 0
        now["clock"][...] = (-1, 0)

    def close(self, day_ordinal: int, day_type: int) -> AreaCurves:
        """The day's curves; begins the next day."""
        self._close_hour()
        hourly: dict[str, NDArray[np.float64]] = {}
        table = np.stack([self._pages.array(f"hour-{hour:02d}", "values") for hour in range(HOURS)]).astype(np.float64)
        for n, name in enumerate(COLUMNS):
            hourly[name] = table[:, n] + _KEPT_ABOVE_V if name.startswith("voltage") else table[:, n]
        closed = AreaCurves(
            self._context.area.transformer_area,
            day_ordinal,
            day_type,
            hourly,
            self._now["register_kwh"].copy(),
            self._now["events"].astype(np.float64),
        )
        for hour in range(HOURS):
            self._pages.array(f"hour-{hour:02d}", "values")[...] = np.nan
        self._now["register_kwh"][...] = np.nan
        self._now["events"][...] = 0
        return closed

    def pages_used(self) -> frozenset[str]:
        """The names of what `dump` gives."""
        return self._pages.used

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: Mapping[str, bytes]) -> None:
        self._pages.load(dict(pages))


def _put(row: NDArray[np.float32], values: NDArray[np.float64] | None) -> None:
    """A column that the feed does not carry counts as NaN."""
    if values is None:
        row.fill(np.nan)
    else:
        row[...] = values
