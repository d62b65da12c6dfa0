"""What a closed day of one area looks like, per meter, as features in [0, 1] for the shared models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.pages import Slab, StatePages
from detectors.witness import phase_columns
from metering.archive import NOMINAL_VOLTAGE_V
from metering.evidence import AreaContext
from metering.frame import ReadingFrame

_F32 = np.float32
#: Local hours that count as night and as evening.
_NIGHT_HOURS = range(6)
_EVENING_HOURS = range(18, 23)
#: Below this share of measured intervals a day's shape says nothing.
_ENOUGH_MEASURED = 0.5

FEATURES: Mapping[str, str] = {
    "level": "energy over (energy + expected): 0.5 = as expected",
    "distance": "sum of absolute differences from the profile over (energy + expected)",
    "night_share": "share of the day's energy from 0 to 6 local time",
    "evening_share": "share of the day's energy from 18 to 23 local time",
    "load_factor": "mean over maximum demand",
    "zero_share": "share of measured intervals with exactly no energy",
    "repeat_share": "share of measured intervals equal to the one before, not zero",
    "step_share": "sum of absolute steps between intervals over twice the energy",
    "demand_over_contract": "maximum demand over twice the contracted capacity",
    "export_share": "export over (export + energy)",
    "lowest_voltage": "lowest phase voltage over nominal, 0.5 -> 0 and 1.5 -> 1",
    "highest_voltage": "highest phase voltage over nominal, 0.5 -> 0 and 1.5 -> 1",
    "phase_unbalance": "largest phase's current-sum over the sum of all three, 1/3 -> 0 and 1 -> 1",
    "neutral_difference": "sum of line and neutral current's difference over the larger sum (single phase)",
    "power_factor": "mean of its magnitude",
    "missing_share": "share of the day's intervals without a reading",
}


class DayAccumulator:
    """Adds up an area's frames of one local day; `close` gives the features and begins the next day.

    Every feature has shape (meters,), float64 in [0, 1], NaN = not known (column absent, archive silent, or fewer than
    half of the day's intervals measured; `missing_share` is known as soon as there was a frame). `totals` before
    `close` gives the day's energy (kWh, NaN where nothing was measured) and missing share.

    >>> from detectors.examples import context, frame, MONDAY_S
    >>> day = DayAccumulator(context(meters=2))
    >>> for i in range(96):
    ...     day.add(frame(start_s=MONDAY_S + 900 * i, energy_kwh=[0.5 if i < 24 else 0.1, None]), np.array([0.2, 0.2]))
    >>> closed = day.close()
    >>> round(float(closed["night_share"][0]), 3), closed["missing_share"].tolist(), float(closed["level"][1])
    (0.625, [0.0, 1.0], nan)
    """

    def __init__(self, context: AreaContext) -> None:
        self._context = context
        area = context.area
        count = len(area)
        self._contracted_kw = np.where(area.contracted_kw > 0, area.contracted_kw, np.nan)
        row = Slab((count,), _F32)
        names = (
            "measured", "judged", "energy", "judged_energy", "expected", "distance", "night", "evening", "maximum",
            "zero", "repeat", "step", "export", "neutral_difference", "line", "neutral", "power_factor",
            "power_factor_count", "current_a", "current_b", "current_c",
        )  # fmt: skip
        layout: dict[str, dict[str, Slab]] = {"day": dict.fromkeys(names, row)}
        layout["day"] |= {
            "clock": Slab((1,), np.int64),
            "last": Slab((count,), np.float64, np.nan),
            "lowest_voltage": Slab((count,), _F32, np.nan),
            "highest_voltage": Slab((count,), _F32, np.nan),
        }
        self._pages = StatePages("day_features/1", layout)
        self._sum = {name: self._pages.array("day", name) for name in layout["day"]}

    def add(self, frame: ReadingFrame, expected_kwh: NDArray[np.float64]) -> None:
        """Take one interval in. `expected_kwh` is (meters,), NaN = not known."""
        s = self._sum
        energy = frame.energy_kwh
        measured = energy == energy
        kwh = np.where(measured, energy, 0.0)
        s["clock"] += 1
        s["measured"] += measured
        s["energy"] += kwh
        np.maximum(s["maximum"], kwh, out=s["maximum"], casting="same_kind")
        hour = self._context.calendar.local(frame.interval_start_s).hour
        if hour in _NIGHT_HOURS:
            s["night"] += kwh
        elif hour in _EVENING_HOURS:
            s["evening"] += kwh
        difference = np.abs(energy - expected_kwh)
        judged = difference == difference
        s["judged"] += judged
        s["judged_energy"] += np.where(judged, energy, 0)
        s["expected"] += np.where(judged, expected_kwh, 0)
        s["distance"] += np.where(judged, difference, 0)
        positive = measured & (energy > 0)
        s["zero"] += measured & ~positive
        step = np.abs(energy - s["last"])
        s["repeat"] += positive & (step == 0)
        s["step"] += np.where(step == step, step, 0)
        np.copyto(s["last"], energy, where=measured)
        self._add_electrical(frame)
        self._pages.touch("day")

    def _add_electrical(self, frame: ReadingFrame) -> None:
        s, columns = self._sum, frame.columns
        export = columns.get("export_kwh")
        if export is not None:
            s["export"] += np.nan_to_num(export)
        for volts in (columns.get("voltage_v"), *phase_columns(frame, "voltage", "v")):
            if volts is not None:
                np.fmin(s["lowest_voltage"], volts, out=s["lowest_voltage"], casting="same_kind")
                np.fmax(s["highest_voltage"], volts, out=s["highest_voltage"], casting="same_kind")
        for phase, current in zip("abc", phase_columns(frame, "current", "a"), strict=True):
            if current is not None:
                s[f"current_{phase}"] += np.nan_to_num(np.abs(current))
        factor = columns.get("power_factor")
        if factor is not None:
            s["power_factor"] += np.nan_to_num(np.abs(factor))
            s["power_factor_count"] += factor == factor
        neutral = columns.get("neutral_current_a")
        line = columns.get("current_a")
        if neutral is not None and line is not None:
            gap = np.abs(np.abs(line) - neutral)
            both = gap == gap
            s["neutral_difference"] += np.where(both, gap, 0)
            s["line"] += np.where(both, np.abs(line), 0)
            s["neutral"] += np.where(both, neutral, 0)

    def totals(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(energy in kWh, share of intervals missing) of the day so far; energy is NaN where nothing was measured."""
        s = self._sum
        intervals = int(s["clock"][0])
        energy = np.where(s["measured"] > 0, s["energy"], np.nan).astype(np.float64)
        missing = 1 - s["measured"] / intervals if intervals else np.full(len(energy), np.nan)
        return energy, missing.astype(np.float64)

    def close(self, extra: Mapping[str, NDArray[np.float64]] | None = None) -> dict[str, NDArray[np.float64]]:
        """The day's features by name, `extra` (a detector's levels, 0..1) added as they are; begins the next day."""
        s: dict[str, NDArray[Any]] = {name: values.astype(np.float64) for name, values in self._sum.items()}
        _, missing = self.totals()
        hours = self._context.interval_minutes / 60
        enough = missing <= 1 - _ENOUGH_MEASURED
        measured, energy = s["measured"], s["energy"]
        single = np.where(np.isfinite(self._context.area.phases), self._context.area.phases, 1) == 1
        currents = np.stack([s[f"current_{p}"] for p in "abc"])
        with np.errstate(invalid="ignore", divide="ignore"):
            judged_sum = s["judged_energy"] + s["expected"]
            features = {
                "level": s["judged_energy"] / judged_sum,
                "distance": s["distance"] / judged_sum,
                "night_share": s["night"] / energy,
                "evening_share": s["evening"] / energy,
                "load_factor": energy / measured / s["maximum"],
                "zero_share": s["zero"] / measured,
                "repeat_share": s["repeat"] / measured,
                "step_share": s["step"] / (2 * energy),
                "demand_over_contract": s["maximum"] / hours / (2 * self._contracted_kw),
                "export_share": np.where(s["export"] > 0, s["export"] / (s["export"] + energy), 0.0),
                "lowest_voltage": s["lowest_voltage"] / NOMINAL_VOLTAGE_V - 0.5,
                "highest_voltage": s["highest_voltage"] / NOMINAL_VOLTAGE_V - 0.5,
                "phase_unbalance": np.where(
                    single, np.nan, 1.5 * (currents.max(axis=0) / currents.sum(axis=0) - 1 / 3)
                ),
                "neutral_difference": np.where(
                    single, s["neutral_difference"] / np.maximum(s["line"], s["neutral"]), np.nan
                ),
                "power_factor": s["power_factor"] / s["power_factor_count"],
            }
            for name in ("level", "distance"):
                features[name] = np.where(s["judged"] >= _ENOUGH_MEASURED * measured, features[name], np.nan)
            features = {name: np.where(enough, np.clip(v, 0.0, 1.0), np.nan) for name, v in features.items()}
        features["missing_share"] = np.clip(missing, 0.0, 1.0)
        self._begin()
        return features | dict(extra or {})

    def _begin(self) -> None:
        for name, values in self._sum.items():
            if name != "last":
                values[...] = np.nan if name.endswith("_voltage") else 0
        self._pages.touch("day")

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)
