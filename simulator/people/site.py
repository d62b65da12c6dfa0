"""What a crew reads at a meter: clamp, voltmeter and reference meter on the line, against what the meter itself shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.area_day import AreaWindow, Window
from simulator.people.crew import FIRST_VISIT_HOUR, LAST_VISIT_HOUR
from simulator.world.network import Network

#: With less load than this (kW) through the connection a reference meter's comparison says nothing.
LEAST_LOAD_KW = 0.02
PHASES = "abc"
Readings = NDArray[np.float32]
Rows = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SiteReading:
    """Means over the interval of the visit, on the phase where line and meter differ most; None where it could not be read.

    `error_percent` is the meter's energy against a reference meter's; the line's values need a world that can be looked at.
    """

    phase: str = ""
    line_current_a: float | None = None
    meter_current_a: float | None = None
    line_voltage_v: float | None = None
    meter_voltage_v: float | None = None
    error_percent: float | None = None

    @property
    def sentence(self) -> str:
        """For the finding's note; empty where nothing was read."""
        where = f" phase {self.phase}" if self.phase else ""
        parts = []
        if self.meter_current_a is not None:
            clamp = "" if self.line_current_a is None else f"clamp {self.line_current_a:.1f} A, "
            parts.append(f"{clamp}meter {self.meter_current_a:.1f} A{where}")
        if self.meter_voltage_v is not None:
            line = "" if self.line_voltage_v is None else f"line {self.line_voltage_v:.0f} V, "
            parts.append(f"{line}meter {self.meter_voltage_v:.0f} V")
        if self.error_percent is not None:
            parts.append(f"{self.error_percent:+.1f} % against the reference meter")
        return "; ".join(parts)


@dataclass(frozen=True, slots=True, eq=False)
class SiteReadings:
    """What could be read at every meter of one area in the visiting hours of one window: (meters, intervals), the supply
    meter first, on each meter's phase of largest difference. NaN: not to be read."""

    start_s: NDArray[np.int64]
    step_s: int
    three_phase: NDArray[np.bool_]
    phase: NDArray[np.int8]
    line_current_a: Readings
    meter_current_a: Readings
    line_voltage_v: Readings
    meter_voltage_v: Readings
    error_percent: Readings

    @classmethod
    def of(cls, network: Network, window: Window, lived: AreaWindow) -> SiteReadings | None:
        """None where no visiting hour lies in the window."""
        hours = (window.local_hour >= FIRST_VISIT_HOUR) & (window.local_hour < LAST_VISIT_HOUR)
        if not hours.any():
            return None
        line_a, line_v = (_by_phase(network, v[:, hours]) for v in (lived.flow.service_a, lived.flow.conductor_v))
        supply_kw, supply_kvar = lived.flow.supplied_kw[:, hours], lived.flow.supplied_kvar[:, hours]
        line_v = np.concatenate([lived.flow.bus_v[None, :, hours], line_v])
        supply_a = 1000 * np.sqrt(supply_kw**2 + supply_kvar**2) / lived.flow.bus_v[:, hours]
        line_a = np.concatenate([supply_a[None], line_a])
        meter_a, meter_v = (_reported(lived, quantity, hours) for quantity in ("current_{}a", "voltage_{}v"))
        meter_a = np.abs(meter_a)
        drawn_kw = np.add.reduceat(lived.drawn_kw[:, hours], network.first_conductor, axis=0)
        drawn_kw = np.concatenate([supply_kw.sum(axis=0)[None], drawn_kw])
        loaded = drawn_kw > LEAST_LOAD_KW
        shown_kw = lived.columns["energy_kwh"][:, hours] / window.interval_h
        error = np.full(drawn_kw.shape, np.nan)
        np.divide(shown_kw - drawn_kw, drawn_kw, out=error, where=loaded)
        gap = np.nan_to_num(np.abs(line_a - meter_a), nan=-1.0)
        phase = gap.argmax(axis=1)

        def on_phase(values: Rows) -> Readings:
            return np.take_along_axis(values, phase[:, None, :], axis=1)[:, 0].astype(np.float32)

        return cls(
            window.start_s[hours],
            window.step_s,
            np.concatenate([[True], ~network.single_phase[network.first_conductor]]),
            phase.astype(np.int8),
            on_phase(line_a),
            on_phase(meter_a),
            on_phase(line_v),
            on_phase(meter_v),
            (100 * error).astype(np.float32),
        )

    def at(self, row: int, at_s: int) -> SiteReading | None:
        """What is read at a meter's row at a time; None where the time is not among them."""
        column = int(np.searchsorted(self.start_s, at_s, side="right")) - 1
        if column < 0 or at_s >= self.start_s[column] + self.step_s:
            return None
        return SiteReading(
            PHASES[self.phase[row, column]] if self.three_phase[row] else "",
            _known(self.line_current_a[row, column], 3),
            _known(self.meter_current_a[row, column], 3),
            _known(self.line_voltage_v[row, column], 1),
            _known(self.meter_voltage_v[row, column], 1),
            _known(self.error_percent[row, column], 2),
        )


def _by_phase(network: Network, conductors: Rows) -> Rows:
    """(conductors, intervals) -> (customers, 3, intervals); a single-phase customer has the first only, the rest is NaN."""
    customers = len(network.first_conductor)
    found = np.full((customers, len(PHASES), conductors.shape[1]), np.nan)
    within = np.arange(len(conductors)) - network.first_conductor[network.conductor_customer]
    found[network.conductor_customer, within] = conductors
    return found


def _reported(lived: AreaWindow, quantity: str, hours: NDArray[np.bool_]) -> Rows:
    """What the meters report of a quantity by phase, (meters, 3, intervals), single-phase meters as in `_by_phase`."""
    by_phase = [lived.columns[quantity.format(f"{letter}_")][:, hours] for letter in PHASES]
    single = lived.columns[quantity.format("")][:, hours]
    by_phase[0] = np.where(np.isnan(by_phase[0]), single, by_phase[0])
    return np.stack(by_phase, axis=1)


def _known(value: np.float32, digits: int) -> float | None:
    return round(float(value), digits) if np.isfinite(value) else None
