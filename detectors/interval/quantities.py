"""What the catalogue's rules compare: one measured quantity each, (meters,), NaN = not judged.

A quantity is made once a frame from the frame's columns; what it shows of itself (observed, expected, unit) is made only where it is
beyond its limits. `low` quantities are abnormal when they are small; they come as they are, the rule turns them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.interval.voltage_rules import PhaseLevels
from detectors.witness import phase_magnitudes, phase_matrix
from metering.archive import NOMINAL_VOLTAGE_V
from metering.evidence import AreaContext
from metering.frame import ReadingFrame
from metering.readings import PHASES

F64 = NDArray[np.float64]
#: (observed, expected, unit) of every row.
Figures = tuple[F64, F64, str]
#: Local hours in which no photovoltaic plant explains a reversed current.
_DARK_HOURS = frozenset({22, 23, 0, 1, 2, 3})
#: A rating below this says nothing of what is noise: shares of it are taken of this instead.
_LEAST_RATED_A, _LEAST_RATED_KW = 40.0, 10.0
#: The tariff's own fields where the archive is silent.
_USUAL_RATED_A = 5.0


@dataclass(frozen=True, slots=True)
class Measure:
    """`value` of a frame, None where the feed lacks a column; `figures` of the same frame's value."""

    value: Callable[[ReadingFrame], F64 | None]
    figures: Callable[[ReadingFrame, F64], Figures]


class Quantities:
    """The quantities of one area, by name. `levels` gives the phases' voltages over their nominal ones."""

    def __init__(
        self,
        context: AreaContext,
        levels: Callable[[ReadingFrame], PhaseLevels | None],
        *,
        neutral_least_a: float,
        loaded_share: float,
        unbalance_least_share: float,
    ) -> None:
        self._context, self._levels = context, levels
        area = context.area
        customer, count = ~area.is_supply, len(area)
        phases = np.where(np.isfinite(area.phases), area.phases, 1.0)
        ratio = np.array([meter.ct_ratio or 1.0 for meter in area.meters])
        stated_a = np.where(area.rated_current_a > 0, area.rated_current_a, np.nan)
        rated_a = np.where(np.isfinite(stated_a), stated_a, _USUAL_RATED_A) * ratio
        self._three = area.phases == 3
        self._single = (area.phases == 1) & customer
        self._neutral_from_a = np.where(self._single, neutral_least_a, np.inf)
        self._rated_a = stated_a * ratio
        self._basic_a = np.maximum(rated_a, _LEAST_RATED_A)
        self._unbalanced_rows: list[int] = np.flatnonzero(area.is_supply & self._three).tolist()
        self._reverse_a = 0.005 * self._basic_a
        no_generation = area.generation_known & ~area.has_generation & customer
        self._no_generation, self._or_unknown = no_generation, no_generation | (~area.generation_known & customer)
        basic_kw = np.maximum(rated_a * phases * NOMINAL_VOLTAGE_V / 1000, _LEAST_RATED_KW)
        self._export_kw = np.where(no_generation, basic_kw, np.nan)
        self._contracted_kw = np.where(customer & (area.contracted_kw > 0), area.contracted_kw, np.nan)
        self._rated_kw = np.where(customer & (area.rated_kw > 0), area.rated_kw, np.nan)
        kva = np.array([meter.rated_kva or np.nan for meter in area.meters])
        self._rated_kva = np.where(area.is_supply & (kva > 0), kva, np.nan)
        self._supply_rows: list[int] = area.supply_rows.tolist()
        self._least_a = unbalance_least_share * self._rated_kva * 1000 / (len(PHASES) * NOMINAL_VOLTAGE_V)
        self._neutral_rated_a = np.where(self._three, self._rated_a, np.nan)
        self._loaded_kw = loaded_share * self._contracted_kw
        self._nothing = np.full(count, np.nan)
        self._nothing.setflags(write=False)
        self._none = np.zeros(count)
        self._none.setflags(write=False)

    def by_name(self) -> Mapping[str, Measure]:
        """Every quantity that this area's archive allows."""
        known: dict[str, Measure] = {
            "highest_voltage": Measure(self._highest_voltage, self._phase_voltage),
            "lowest_voltage": Measure(self._lowest_voltage, self._phase_voltage),
        }
        if self._three.any():
            known["voltage_unbalance"] = Measure(self._voltage_unbalance, self._share)
        if self._unbalanced_rows:
            known["current_unbalance"] = Measure(self._current_unbalance, self._share)
        if np.isfinite(self._rated_a).any():
            known["largest_current"] = Measure(self._largest_current, self._times(self._rated_a, "A"))
        if np.isfinite(self._neutral_rated_a).any():
            known["neutral_current"] = Measure(self._neutral_current, self._times(self._neutral_rated_a, "A"))
        if self._single.any():
            known["neutral_line_difference"] = Measure(self._neutral_line_difference, self._line_and_neutral)
        if self._or_unknown.any():
            known["reversed_current"] = Measure(self._reversed_current, self._lowest_current)
        if np.isfinite(self._export_kw).any():
            known["export_power"] = Measure(self._export_power, self._export)
        if np.isfinite(self._contracted_kw).any():
            known["demand_over_contract"] = Measure(
                self._demand_over(self._contracted_kw), self._times(self._contracted_kw, "kW")
            )
            known["power_factor"] = Measure(self._power_factor, self._share)
        if np.isfinite(self._rated_kw).any():
            known["demand_over_rating"] = Measure(self._demand_over(self._rated_kw), self._times(self._rated_kw, "kW"))
        if np.isfinite(self._rated_kva).any():
            known["load_over_rating"] = Measure(self._load_over_rating, self._times(self._rated_kva, "kVA"))
        return known

    # --- what is shown

    def _share(self, _frame: ReadingFrame, value: F64) -> Figures:
        return value, self._nothing, "1"

    @staticmethod
    def _times(rated: F64, unit: str) -> Callable[[ReadingFrame, F64], Figures]:
        return lambda _frame, value: (value * rated, rated, unit)

    def _phase_voltage(self, frame: ReadingFrame, value: F64) -> Figures:
        levels = self._levels(frame)
        assert levels is not None  # noqa: S101 - there is a value
        return value * levels.nominal_v, levels.nominal_v, "V"

    # --- voltage

    def _highest_voltage(self, frame: ReadingFrame) -> F64 | None:
        levels = self._levels(frame)
        return None if levels is None else levels.highest

    def _lowest_voltage(self, frame: ReadingFrame) -> F64 | None:
        levels = self._levels(frame)
        return None if levels is None else levels.lowest_live

    def _voltage_unbalance(self, frame: ReadingFrame) -> F64 | None:
        levels = self._levels(frame)
        if levels is None:
            return None
        return np.asarray((levels.highest - levels.lowest_live) / levels.highest)

    # --- current

    def _largest(self, frame: ReadingFrame) -> F64 | None:
        """The largest phase current by magnitude (A)."""
        if "largest_a" not in frame.shared:
            magnitude = phase_magnitudes(frame)
            largest = None if magnitude is None else np.fmax(np.fmax(magnitude[0], magnitude[1]), magnitude[2])
            frame.shared["largest_a"] = largest
        found: F64 | None = frame.shared["largest_a"]
        return found

    def _largest_current(self, frame: ReadingFrame) -> F64 | None:
        largest = self._largest(frame)
        return None if largest is None else largest / self._rated_a

    def _current_unbalance(self, frame: ReadingFrame) -> F64 | None:
        current = phase_matrix(frame, "current", "a")
        if current is None:
            return None
        value = np.full(len(frame), np.nan)
        for row in self._unbalanced_rows:
            amperes = np.abs(current[:, row]).tolist()
            # a NaN fails the comparison
            if max(amperes) >= self._least_a[row]:
                value[row] = (max(amperes) - min(amperes)) / max(amperes)
        return value

    def _neutral_current(self, frame: ReadingFrame) -> F64 | None:
        neutral = frame.column("neutral_current_a")
        return None if neutral is None else neutral / self._neutral_rated_a

    def _line(self, frame: ReadingFrame) -> F64 | None:
        current, line = phase_matrix(frame, "current", "a"), frame.column("current_a")
        if current is None or line is None:
            return None if current is None else np.abs(current[0])
        return np.abs(np.where(line == line, line, current[0]))

    def _neutral_line_difference(self, frame: ReadingFrame) -> F64 | None:
        neutral, line = frame.column("neutral_current_a"), self._line(frame)
        if neutral is None or line is None:
            return None
        larger = np.maximum(line, neutral)
        value: F64 = np.full(len(frame), np.nan)
        np.divide(np.abs(line - neutral), larger, out=value, where=larger >= self._neutral_from_a)
        return value

    def _line_and_neutral(self, frame: ReadingFrame, _value: F64) -> Figures:
        line, neutral = self._line(frame), frame.column("neutral_current_a")
        assert line is not None  # noqa: S101 - there is a value
        assert neutral is not None  # noqa: S101
        return line, neutral, "A"

    def _reversed_current(self, frame: ReadingFrame) -> F64 | None:
        current, largest = phase_matrix(frame, "current", "a"), self._largest(frame)
        if current is None or largest is None:
            return None
        hour = self._context.calendar.local(frame.interval_start_s).hour
        dark = hour in _DARK_HOURS and self._context.interval_minutes <= 60
        # without load the sign cannot be told
        judged = (self._or_unknown if dark else self._no_generation) & (largest >= self._reverse_a)
        lowest = np.fmin(np.fmin(current[0], current[1]), current[2])
        return np.where(judged, lowest / -self._basic_a, np.nan)

    def _lowest_current(self, _frame: ReadingFrame, value: F64) -> Figures:
        return value * -self._basic_a, self._none, "A"

    # --- energy

    def _export_power(self, frame: ReadingFrame) -> F64 | None:
        export = frame.column("export_kwh")
        return None if export is None else export / (self._export_kw * frame.hours)

    def _export(self, frame: ReadingFrame, _value: F64) -> Figures:
        export = frame.column("export_kwh")
        assert export is not None  # noqa: S101 - there is a value
        return export, self._none, "kWh"

    @staticmethod
    def _demand_over(rated_kw: F64) -> Callable[[ReadingFrame], F64 | None]:
        return lambda frame: np.asarray(frame.energy_kwh / (rated_kw * frame.hours))

    def _load_over_rating(self, frame: ReadingFrame) -> F64 | None:
        """The supply meters' apparent power where their power factor is known, else their active power."""
        value = np.full(len(frame), np.nan)
        export, factor = frame.column("export_kwh"), frame.column("power_factor")
        for row in self._supply_rows:
            load = float(frame.energy_kwh[row]) / frame.hours
            if export is not None and not export[row] / frame.hours <= load:
                load = float(np.fmax(load, export[row] / frame.hours))
            cosine = 1.0 if factor is None else abs(float(factor[row]))
            value[row] = load / (min(cosine, 1.0) if cosine >= 0.5 else 1.0) / self._rated_kva[row]
        return value

    def _power_factor(self, frame: ReadingFrame) -> F64 | None:
        factor = frame.column("power_factor")
        if factor is None:
            return None
        return np.where(frame.energy_kwh >= self._loaded_kw * frame.hours, np.abs(factor), np.nan)
