"""From what flows to what is reported: meters with their class errors, clocks, multipliers, rounding and registers' steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulator.hours import Hours, Rows
from simulator.scenarios.case import Registration
from simulator.world.network import PHASE_COUNT, Flow, neutral_current_a
from simulator.world.world import World

STANDARD_COLUMNS = (
    "energy_kwh",
    "export_kwh",
    "voltage_v",
    "voltage_a_v",
    "voltage_b_v",
    "voltage_c_v",
    "current_a",
    "current_a_a",
    "current_b_a",
    "current_c_a",
    "neutral_current_a",
    "power_factor",
    "temperature_c",
)
#: What a register moves in an interval; no column of a reading, but what `register_kwh` is counted from.
REGISTER_STEP = "register_step_kwh"
#: How long a tampered meter remembers its own readings.
MEMORY_H = 48
#: What of it: all that carries the time of its clock.
REMEMBERED = tuple(name for name in STANDARD_COLUMNS if name != "temperature_c")


@dataclass(frozen=True, slots=True)
class MeterErrors:
    """How well the meters of a province measure. Spreads are standard deviations.

    `voltage_noise_v` is noise per reading, `voltage_gain` a share that stays with each meter; `supply_gain` is the master
    meter's error, a share that stays, `supply_drift_per_year` how it moves; `clock_s` is how far customers' clocks run ahead.
    """

    voltage_noise_v: float = 0.15
    voltage_gain: float = 0.0015
    supply_gain: float = 0.0015
    supply_drift_per_year: float = 0.0
    clock_s: float = 8.0


#: Noisy voltages, a master meter that is off by a percent and drifts, clocks that nobody sets.
HARD_ERRORS = MeterErrors(
    voltage_noise_v=0.9, voltage_gain=0.005, supply_gain=0.012, supply_drift_per_year=0.03, clock_s=40.0
)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What every conductor's element measures before anybody meddled; rows are (conductors, intervals)."""

    registration: Registration

    def part(self, conductors: slice) -> Registration:
        """Views into one customer's rows."""
        r = self.registration
        return Registration(
            r.voltage_v[conductors],
            r.current_a[conductors],
            r.power_kw[conductors],
            r.reactive_kvar[conductors],
            r.energy_kwh[conductors],
        )


class MeteringChain:
    """The meters of one area; carries their clocks' and memories' state from window to window."""

    def __init__(self, world: World, errors: MeterErrors, rng: np.random.Generator, remembered: Sequence[int]) -> None:
        self._world = world
        self._errors = errors
        conductors, customers = len(world.network.conductor_phase), len(world.customers)
        bound = 2.7 * errors.voltage_gain
        self._voltage_gain = 1 + np.clip(rng.normal(0, errors.voltage_gain, conductors), -bound, bound)
        # the world's own draw is for the usual spread; a worse one widens it
        self._supply_gain = 1 + (world.supply_gain - 1) * errors.supply_gain / 0.0015
        self._supply_drift = errors.supply_drift_per_year * float(rng.standard_normal())
        self._clock_s = np.abs(rng.normal(0, errors.clock_s, customers))
        self._last_kwh: Rows | None = None
        self._factor = np.empty((0, 0))
        self._elapsed_h = 0.0
        self._past: dict[int, dict[str, Rows]] = {}
        self._present: dict[int, dict[str, Rows]] = {}
        self.remember(remembered)

    def remember(self, rows: Iterable[int]) -> None:
        """Keep what the meters of these rows report, for cases that send old readings for new ones."""
        for row in rows:
            if row not in self._past:
                self._past[row] = {name: np.empty(0) for name in REMEMBERED}
                self._present[row] = {}

    def with_memory(self, hours: Hours, row: int) -> Hours:
        return replace(hours, before=self._past[row])

    def measure(self, interval_h: float, through_kw: Rows, kvar: Rows, flow: Flow, rng: np.random.Generator) -> Seen:
        """What the elements measure of the power that passes the meters, all (conductors, intervals)."""
        noise_v = rng.normal(0, self._errors.voltage_noise_v, through_kw.shape)
        voltage_v = np.maximum(flow.conductor_v * self._voltage_gain[:, None] + noise_v, 0.0)
        apparent_kva = np.sqrt(through_kw**2 + kvar**2)
        current_a = np.where(through_kw < 0, -1.0, 1.0) * apparent_kva * 1000 / np.maximum(flow.conductor_v, 20.0)
        gain = self._world.customers.meter_gain[self._world.network.conductor_customer, None]
        power_kw = through_kw * gain
        self._factor = gain * interval_h * (1 + 0.0008 * rng.standard_normal(through_kw.shape))
        return Seen(Registration(voltage_v, current_a, power_kw, kvar, through_kw * self._factor))

    def as_energy_kwh(self, drawn_kw: Rows, conductors: slice) -> Rows:
        """What the meter of these conductors would have shown of `drawn_kw`, (intervals,), never below zero."""
        return np.asarray(np.clip((drawn_kw * self._factor[conductors]).sum(axis=0), 0, None))

    def report(
        self, seen: Seen, flow: Flow, interval_h: float, temperature_c: Rows, rng: np.random.Generator
    ) -> dict[str, Rows]:
        """The readings' columns and `REGISTER_STEP`: primary values, rounded as meters show them, (meters, intervals)."""
        network, meters, element = self._world.network, self._world.meters, seen.registration
        first = network.first_conductor
        single = network.single_phase[first]
        shape = (len(meters), len(temperature_c))
        columns = {name: np.full(shape, np.nan) for name in STANDARD_COLUMNS}
        ratio = np.array([meter.ct_ratio or 1.0 for meter in meters])[:, None]
        supply_kva = np.sqrt(flow.supplied_kw**2 + flow.supplied_kvar**2)

        net_kwh = np.empty(shape)
        net_kwh[0] = self._supply_kwh(flow, interval_h, rng)
        net_kwh[1:] = self._by_the_meters_clock(np.add.reduceat(element.energy_kwh, first, axis=0), interval_h)
        net_kwh = np.round(net_kwh / ratio, 4) * ratio
        columns["energy_kwh"] = np.round(np.clip(net_kwh, 0, None), 4)
        columns["export_kwh"] = np.round(np.clip(-net_kwh, 0, None), 4)
        columns[REGISTER_STEP] = columns["energy_kwh"].copy()
        apparent = np.empty(shape)
        apparent[0] = supply_kva.sum(axis=0)
        apparent[1:] = np.add.reduceat(element.voltage_v * np.abs(element.current_a), first, axis=0) / 1000
        active = np.empty(shape)
        active[0] = np.abs(flow.supplied_kw.sum(axis=0))
        active[1:] = np.abs(np.add.reduceat(element.power_kw, first, axis=0))
        # below a few watts a meter shows unity
        factor = np.divide(active, apparent, out=np.ones(shape), where=apparent > 0.003)
        columns["power_factor"] = np.round(np.clip(factor, 0, 1), 3)
        columns["temperature_c"][0] = np.round(temperature_c + rng.normal(0, 0.3, shape[1]), 1)
        self._single_phase_columns(columns, element, first[single], np.flatnonzero(single) + 1, rng)
        three = np.flatnonzero(~network.single_phase)
        self._three_phase_columns(columns, element, three, np.flatnonzero(~single) + 1, ratio)
        self._supply_columns(columns, flow, supply_kva, float(ratio[0, 0]), rng)
        self._memorise(columns, interval_h)
        return columns

    def _supply_kwh(self, flow: Flow, interval_h: float, rng: np.random.Generator) -> Rows:
        drift = self._supply_drift * self._elapsed_h / 8766
        self._elapsed_h += interval_h * flow.supplied_kw.shape[1]
        supply_kwh = flow.supplied_kw * interval_h * (self._supply_gain + drift)
        return np.asarray((supply_kwh * (1 + 0.0005 * rng.standard_normal(supply_kwh.shape))).sum(axis=0))

    def _by_the_meters_clock(self, energy_kwh: Rows, interval_h: float) -> Rows:
        """A clock that runs ahead closes its interval early: a share of each interval's energy counts for the next one."""
        share = (self._clock_s / (3600 * interval_h))[:, None]
        before = energy_kwh[:, :1] if self._last_kwh is None else self._last_kwh
        self._last_kwh = energy_kwh[:, -1:].copy()
        earlier = np.concatenate([before, energy_kwh[:, :-1]], axis=1)
        return np.asarray(energy_kwh + share * (earlier - energy_kwh))

    def _single_phase_columns(
        self,
        columns: dict[str, Rows],
        element: Registration,
        conductors: NDArray[np.intp],
        rows: NDArray[np.intp],
        rng: np.random.Generator,
    ) -> None:
        columns["voltage_v"][rows] = np.round(element.voltage_v[conductors], 1)
        columns["current_a"][rows] = np.round(element.current_a[conductors], 3)
        noise = 1 + 0.004 * rng.standard_normal((len(rows), element.current_a.shape[1]))
        columns["neutral_current_a"][rows] = np.round(np.abs(element.current_a[conductors]) * noise, 3)

    def _three_phase_columns(
        self,
        columns: dict[str, Rows],
        element: Registration,
        conductors: NDArray[np.intp],
        rows: NDArray[np.intp],
        ratio: Rows,
    ) -> None:
        by_phase = (-1, PHASE_COUNT, element.voltage_v.shape[1])
        volts, amperes = (
            element.voltage_v[conductors].reshape(by_phase),
            element.current_a[conductors].reshape(by_phase),
        )
        own = ratio[rows]
        columns["neutral_current_a"][rows] = np.round(neutral_current_a(amperes) / own, 3) * own
        for phase, letter in enumerate("abc"):
            columns[f"voltage_{letter}_v"][rows] = np.round(volts[:, phase], 1)
            columns[f"current_{letter}_a"][rows] = np.round(amperes[:, phase] / own, 3) * own

    def _supply_columns(
        self, columns: dict[str, Rows], flow: Flow, supply_kva: Rows, ratio: float, rng: np.random.Generator
    ) -> None:
        supply_a = np.where(flow.supplied_kw < 0, -1.0, 1.0) * supply_kva * 1000 / flow.bus_v
        columns["neutral_current_a"][0] = np.round(neutral_current_a(supply_a) / ratio, 3) * ratio
        for phase, letter in enumerate("abc"):
            noise_v = rng.normal(0, 0.1, flow.bus_v.shape[1])
            columns[f"voltage_{letter}_v"][0] = np.round(flow.bus_v[phase] + noise_v, 1)
            columns[f"current_{letter}_a"][0] = np.round(supply_a[phase] / ratio, 3) * ratio

    def _memorise(self, columns: dict[str, Rows], interval_h: float) -> None:
        """What was the present becomes the past; a case asks for the past before its window joins it."""
        keep = round(MEMORY_H / interval_h)
        for row, past in self._past.items():
            for name, values in self._present[row].items():
                past[name] = np.concatenate([past[name], values])[-keep:]
            self._present[row] = {name: columns[name][row].copy() for name in REMEMBERED}
