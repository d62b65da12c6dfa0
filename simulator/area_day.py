"""One transformer area through one window of time: what is drawn, what flows, what the meters make of it.

The order is the physics': appliances, benign life, cases that change demand; generation; what does not pass the meter and
taps; the network; the meters; cases that change what a meter measures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from metering.archive import Outage
from simulator import load_profiles as profiles
from simulator.life import LifeEvent
from simulator.network import NOMINAL_V, PHASE_COUNT, Flow, neutral_current_a
from simulator.scenarios.case import Case, Hours, Registration
from simulator.world import World

Rows = NDArray[np.float64]
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


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A run of intervals within one local day; weather is the same everywhere."""

    day: date
    day_number: int
    kind_of_day: int
    start_s: NDArray[np.int64]
    interval_h: float
    local_hour: Rows
    """Local hour at the middle of each interval."""
    temperature_c: Rows
    sunshine: Rows

    @property
    def step_s(self) -> int:
        return round(self.interval_h * 3600)


@dataclass(frozen=True, slots=True, eq=False)
class AreaWindow:
    """What truly happened and what the meters say. `columns` are (meters, intervals), the supply meter first.

    `drawn_kw` (conductors, intervals) is net of generation, `past_meter_kw` the part of it that no meter saw, `tapped_kw` load
    without a meter, `flow` the network's answer.
    """

    columns: Mapping[str, Rows]
    drawn_kw: Rows
    past_meter_kw: Rows
    tapped_kw: Rows
    flow: Flow


class AreaSimulation:
    """One area's state from window to window. Windows must come in order of time, each once."""

    def __init__(
        self,
        world: World,
        *,
        seed: int,
        life: Sequence[LifeEvent] = (),
        cases: Sequence[Case] = (),
        outages: Sequence[Outage] = (),
        registers: bool = False,
    ) -> None:
        self.world = world
        self._seed = seed
        self.life = tuple(life)
        self._cases = tuple(cases)
        self._outages = tuple(outages)
        rng = np.random.default_rng([seed, 4, world.number])
        customers = len(world.customers)
        self._noise = profiles.LoadNoise(customers, rng)
        self._source = rng.standard_normal(PHASE_COUNT)
        self._voltage_gain = 1 + np.clip(rng.normal(0, 0.0015, len(world.network.conductor_phase)), -0.004, 0.004)
        # who moved in or charges a vehicle keeps to the contract: what goes beyond it for hours is a case and labelled
        self._ceiling_kw = world.customers.load.ceiling_kw.copy()
        for event in self.life:
            if event.kind in ("new_tenant", "electric_vehicle"):
                contracted_kw = world.customers.meters[event.row].contracted_kw
                self._ceiling_kw[event.row] = contracted_kw or self._ceiling_kw[event.row]
        self._day: date | None = None
        self._day_noise = np.zeros(customers)
        self._register_kwh = np.round(rng.uniform(50, 30_000, customers + 1), 2) if registers else None

    def window(self, window: Window) -> AreaWindow:
        world, network = self.world, self.world.network
        load_rng = np.random.default_rng([self._seed, 5, world.number, int(window.start_s[0])])
        meter_rng = np.random.default_rng([self._seed, 6, world.number, int(window.start_s[0])])
        powered = self._powered(window)
        running = [(case, case.active(window.start_s), self._hours(case, window)) for case in self._cases]
        running = [(case, active, hours) for case, active, hours in running if active.any()]

        demand_kw = self._demand_kw(window, load_rng)
        for case, active, hours in running:
            if case.place.row >= 0:
                case.change_demand(demand_kw[case.place.row], hours, active)
        demand_kw *= powered
        drawn_kw = self._by_conductor(demand_kw, load_rng)
        past_meter_kw = np.zeros_like(drawn_kw)
        tapped_kw = np.zeros((network.segments * PHASE_COUNT, len(window.start_s)))
        for case, active, hours in running:
            if case.place.row >= 0:
                own = network.conductors_of(case.place.row)
                case.divert(drawn_kw[own], past_meter_kw[own], hours, active)
            else:
                case.tap(tapped_kw, hours, active)
        tapped_kw *= powered
        lag = np.sqrt(1 / world.customers.power_factor**2 - 1)[network.conductor_customer, None]
        kvar = drawn_kw * lag
        # the lag of what passes the meter; generation feeds active power only
        metered_kvar = (drawn_kw - past_meter_kw) * lag
        drawn_kw = drawn_kw - self._generation_kw(window, load_rng) * powered
        flow = network.flow(drawn_kw, kvar, tapped_kw, self._source_v(window, load_rng))
        registration = self._measure(window, drawn_kw - past_meter_kw, metered_kvar, flow, meter_rng)
        for case, active, hours in running:
            if case.place.row >= 0:
                own = network.conductors_of(case.place.row)
                view = Registration(
                    registration.voltage_v[own],
                    registration.current_a[own],
                    registration.power_kw[own],
                    registration.energy_kwh[own],
                )
                case.register(view, hours, active)
        columns = self._columns(window, registration, flow, powered, meter_rng)
        return AreaWindow(columns, drawn_kw, past_meter_kw, tapped_kw, flow)

    def _hours(self, case: Case, window: Window) -> Hours:
        seeds = [self._seed, 7, self.world.number, case.place.row + 1, case.start_s, int(window.start_s[0])]
        return Hours(window.start_s, window.local_hour, window.interval_h, np.random.default_rng(seeds))

    def _powered(self, window: Window) -> Rows:
        """Share of each interval with supply."""
        powered = np.ones(len(window.start_s))
        end_s = window.start_s + window.step_s
        for outage in self._outages:
            off_s = np.minimum(end_s, outage.end_s) - np.maximum(window.start_s, outage.start_s)
            powered -= np.clip(off_s, 0, None) / window.step_s
        return np.clip(powered, 0, 1)

    def _demand_kw(self, window: Window, rng: np.random.Generator) -> Rows:
        load = self.world.customers.load
        if window.day != self._day:
            self._day, self._day_noise = window.day, self._noise.next_day(rng)
        demand_kw = profiles.demand_kw(
            load,
            kind_of_day=window.kind_of_day,
            local_hour=window.local_hour,
            hours=window.interval_h,
            temperature_c=window.temperature_c,
            noise=self._noise.within(load.memory_h, len(window.start_s), window.interval_h, rng),
            day_noise=self._day_noise,
            days_since_start=window.day_number,
            rng=rng,
        )
        for event in self.life:
            seeds = (self._seed, 8, self.world.number, event.row)
            event.apply(demand_kw[event.row], window.start_s, window.interval_h, seeds)
        return np.minimum(demand_kw, self._ceiling_kw[:, None])

    def _by_conductor(self, demand_kw: Rows, rng: np.random.Generator) -> Rows:
        """Demand split over phases: steady shares, wandering a little where there are three."""
        network = self.world.network
        share = np.repeat(self.world.customers.phase_share[:, None], demand_kw.shape[1], axis=1)
        three = np.flatnonzero(~network.single_phase)
        if len(three):
            wander = np.exp(0.12 * rng.standard_normal((len(three), demand_kw.shape[1])))
            wandering = (share[three] * wander).reshape(-1, PHASE_COUNT, demand_kw.shape[1])
            share[three] = (wandering / wandering.sum(axis=1, keepdims=True)).reshape(len(three), -1)
        return np.asarray(demand_kw[network.conductor_customer] * share)

    def _generation_kw(self, window: Window, rng: np.random.Generator) -> Rows:
        """Rooftop generation at the conductors; passing clouds are the whole area's."""
        clouds = np.clip(1 + 0.12 * rng.standard_normal(len(window.start_s)), 0.3, 1.15)
        output = 0.82 * window.sunshine * clouds
        customers, of = self.world.customers, self.world.network.conductor_customer
        return np.asarray((customers.pv_kwp[of] * customers.phase_share)[:, None] * output[None, :])

    def _source_v(self, window: Window, rng: np.random.Generator) -> Rows:
        """Voltage behind the transformer: a set-point, the medium-voltage network's own day, and slow noise."""
        shocks = rng.standard_normal((len(window.start_s), PHASE_COUNT))
        keep = np.full(PHASE_COUNT, np.exp(-window.interval_h / 3))
        own = profiles.autoregression(shocks, keep, self._source).T
        self._source = own[:, -1].copy()
        # two thirds of the wandering are common to the phases
        noise = 0.8 * own[:1] + 0.35 * own
        daily = np.cos(2 * np.pi * (window.local_hour - 3.5) / 24)
        return NOMINAL_V * 1.035 + 1.4 * daily + 1.1 * noise

    def _measure(
        self, window: Window, through_kw: Rows, kvar: Rows, flow: Flow, rng: np.random.Generator
    ) -> Registration:
        gain = self.world.customers.meter_gain[self.world.network.conductor_customer, None]
        voltage_v = flow.conductor_v * self._voltage_gain[:, None] + rng.normal(0, 0.15, through_kw.shape)
        apparent_kva = np.sqrt(through_kw**2 + kvar**2)
        current_a = np.where(through_kw < 0, -1.0, 1.0) * apparent_kva * 1000 / flow.conductor_v
        power_kw = through_kw * gain
        energy_kwh = power_kw * window.interval_h * (1 + 0.0008 * rng.standard_normal(through_kw.shape))
        return Registration(voltage_v, current_a, power_kw, energy_kwh)

    def _columns(
        self, window: Window, seen: Registration, flow: Flow, powered: Rows, rng: np.random.Generator
    ) -> dict[str, Rows]:
        """Everything as the readings carry it: primary values, rounded as meters show them, NaN without power."""
        network, meters = self.world.network, self.world.meters
        first = network.first_conductor
        single = network.single_phase[first]
        shape = (len(meters), len(window.start_s))
        columns = {name: np.full(shape, np.nan) for name in STANDARD_COLUMNS}
        one, three = first[single], np.flatnonzero(~network.single_phase)
        one_rows, three_rows = np.flatnonzero(single) + 1, np.flatnonzero(~single) + 1
        ratio = np.array([meter.ct_ratio or 1.0 for meter in meters])[:, None]

        supply_kva = np.sqrt(flow.supplied_kw**2 + flow.supplied_kvar**2)
        supply_a = np.where(flow.supplied_kw < 0, -1.0, 1.0) * supply_kva * 1000 / flow.bus_v
        supply_kwh = flow.supplied_kw * window.interval_h * self.world.supply_gain
        supply_kwh = supply_kwh * (1 + 0.0005 * rng.standard_normal(supply_kwh.shape))

        net_kwh = np.empty(shape)
        net_kwh[0] = supply_kwh.sum(axis=0)
        net_kwh[1:] = np.add.reduceat(seen.energy_kwh, first, axis=0)
        net_kwh = np.round(net_kwh / ratio, 4) * ratio
        columns["energy_kwh"] = np.round(np.clip(net_kwh, 0, None), 4)
        columns["export_kwh"] = np.round(np.clip(-net_kwh, 0, None), 4)
        apparent = np.empty(shape)
        apparent[0] = supply_kva.sum(axis=0)
        apparent[1:] = np.add.reduceat(seen.voltage_v * np.abs(seen.current_a), first, axis=0) / 1000
        active = np.empty(shape)
        active[0] = np.abs(flow.supplied_kw.sum(axis=0))
        active[1:] = np.abs(np.add.reduceat(seen.power_kw, first, axis=0))
        # below a few watts a meter shows unity
        factor = np.divide(active, apparent, out=np.ones(shape), where=apparent > 0.003)
        columns["power_factor"] = np.round(np.clip(factor, 0, 1), 3)

        columns["voltage_v"][one_rows] = np.round(seen.voltage_v[one], 1)
        columns["current_a"][one_rows] = np.round(seen.current_a[one], 3)
        neutral = columns["neutral_current_a"]
        neutral[one_rows] = np.round(
            np.abs(seen.current_a[one]) * (1 + 0.004 * rng.standard_normal((len(one), shape[1]))), 3
        )
        by_phase = (-1, PHASE_COUNT, shape[1])
        three_v, three_a = seen.voltage_v[three].reshape(by_phase), seen.current_a[three].reshape(by_phase)
        three_ratio = ratio[three_rows]
        neutral[three_rows] = np.round(neutral_current_a(three_a) / three_ratio, 3) * three_ratio
        neutral[0] = np.round(neutral_current_a(supply_a) / ratio[0], 3) * ratio[0]
        for phase, letter in enumerate("abc"):
            volts, amperes = columns[f"voltage_{letter}_v"], columns[f"current_{letter}_a"]
            volts[three_rows] = np.round(three_v[:, phase], 1)
            amperes[three_rows] = np.round(three_a[:, phase] / three_ratio, 3) * three_ratio
            volts[0] = np.round(flow.bus_v[phase] + rng.normal(0, 0.1, shape[1]), 1)
            amperes[0] = np.round(supply_a[phase] / ratio[0], 3) * ratio[0]
        columns["temperature_c"][0] = np.round(window.temperature_c + rng.normal(0, 0.3, shape[1]), 1)
        if self._register_kwh is not None:
            counted = self._register_kwh[:, None] + np.cumsum(columns["energy_kwh"], axis=1)
            columns["register_kwh"] = np.round(counted, 4)
            self._register_kwh = columns["register_kwh"][:, -1].copy()
        without_power = powered <= 0
        if without_power.any():
            for values in columns.values():
                values[:, without_power] = np.nan
        return columns
