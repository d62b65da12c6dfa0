"""What a closed day of one area looks like, per meter, as features in [0, 1] for the shared models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.pages import Slab, StatePages
from metering.archive import NOMINAL_VOLTAGE_V
from metering.evidence import AreaContext
from metering.frame import ReadingFrame
from metering.readings import PHASES

_F32 = np.float32
#: Local hours that count as night and as evening.
_NIGHT_HOURS = range(6)
_EVENING_HOURS = range(18, 23)
#: Below this share of measured intervals a day's shape says nothing.
_ENOUGH_MEASURED = 0.5

#: Sums over the day to which every interval adds, all of them at once.
_ADDED = (
    "measured", "judged", "energy", "judged_energy", "expected", "distance", "zero", "repeat", "step", "export",
    "neutral_difference", "line", "neutral", "power_factor", "power_factor_count", "current_a", "current_b", "current_c",
)  # fmt: skip
_VOLTAGES = ("voltage_v", *(f"voltage_{p}_v" for p in PHASES))
#: Sums of magnitudes, and the columns they are taken of. Export is never negative.
_MAGNITUDES = {
    "export": "export_kwh",
    "line": "current_a",
    "power_factor": "power_factor",
    **{f"current_{p}": f"current_{p}_a" for p in PHASES},
}

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
        layout: dict[str, dict[str, Slab]] = {"day": dict.fromkeys((*_ADDED, "night", "evening", "maximum"), row)}
        layout["day"] |= {
            "clock": Slab((1,), np.int64),
            "last": Slab((count,), np.float64, np.nan),
            "lowest_voltage": Slab((count,), _F32, np.nan),
            "highest_voltage": Slab((count,), _F32, np.nan),
        }
        self._pages = StatePages("day_features/1", layout)
        self._sum = {name: self._pages.array("day", name) for name in layout["day"]}
        self._added_up = self._pages.block("day", _ADDED[0], _ADDED[-1])
        # what one interval adds, NaN where it adds nothing
        self._addend = np.zeros((len(_ADDED), count))
        self._addends: dict[str, NDArray[np.float64]] = dict(zip(_ADDED, self._addend, strict=True))

    def add(self, frame: ReadingFrame, expected_kwh: NDArray[np.float64]) -> None:
        """Take one interval in. `expected_kwh` is (meters,), NaN = not known."""
        s, added = self._sum, self._addends
        energy = frame.energy_kwh
        measured = energy == energy
        positive = energy > 0
        added["measured"][...] = measured
        added["energy"][...] = energy
        added["zero"][...] = measured > positive
        distance = np.subtract(energy, expected_kwh, out=added["distance"])
        np.abs(distance, out=distance)
        judged = added["judged"]
        judged[...] = distance == distance
        np.multiply(energy, judged, out=added["judged_energy"])
        np.multiply(expected_kwh, judged, out=added["expected"])
        step = np.subtract(energy, s["last"], out=added["step"])
        np.abs(step, out=step)
        added["repeat"][...] = positive & (step == 0)
        self._add_electrical(frame)
        addend = self._addend
        np.copyto(addend, 0.0, where=addend != addend)
        self._added_up += addend
        kwh = added["energy"]
        np.maximum(s["maximum"], kwh, out=s["maximum"], casting="same_kind")
        hour = self._context.calendar.local(frame.interval_start_s).hour
        if hour in _NIGHT_HOURS:
            s["night"] += kwh
        elif hour in _EVENING_HOURS:
            s["evening"] += kwh
        np.copyto(s["last"], energy, where=measured)
        s["clock"][0] += 1
        self._pages.touch("day")

    def _add_electrical(self, frame: ReadingFrame) -> None:
        s, added, columns = self._sum, self._addends, frame.columns
        volts = [columns[name] for name in _VOLTAGES if name in columns]
        if volts:
            table = np.concatenate(volts).reshape(len(volts), -1)
            np.fmin(s["lowest_voltage"], np.fmin.reduce(table), out=s["lowest_voltage"], casting="same_kind")
            np.fmax(s["highest_voltage"], np.fmax.reduce(table), out=s["highest_voltage"], casting="same_kind")
        for name, column in _MAGNITUDES.items():
            values = columns.get(column)
            if values is None:
                added[name].fill(0.0)
            else:
                np.abs(values, out=added[name])
        factor = columns.get("power_factor")
        added["power_factor_count"][...] = 0.0 if factor is None else factor == factor
        neutral = columns.get("neutral_current_a")
        line, gap = added["line"], added["neutral_difference"]
        if neutral is None or "current_a" not in columns:
            for nothing in (line, gap, added["neutral"]):
                nothing.fill(0.0)
            return
        np.subtract(line, neutral, out=gap)
        np.abs(gap, out=gap)
        both = gap == gap
        np.multiply(line, both, out=line)
        np.multiply(neutral, both, out=added["neutral"])

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
