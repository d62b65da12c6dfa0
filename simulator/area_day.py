"""One transformer area through one window of time: what is drawn, what flows, what the meters make of it.

The order is the physics': appliances, benign life, cases that change demand; generation; what does not pass the meter and
taps; the network; the meters; cases that change what a meter measures; what is reported and what the registers count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from metering.archive import Outage
from simulator.hours import Active, Hours, Rows
from simulator.life import LifeEvent
from simulator.metering_chain import REGISTER_STEP, STANDARD_COLUMNS, MeterErrors, MeteringChain
from simulator.scenarios.case import Case
from simulator.world import load_profiles as profiles
from simulator.world.demand import AreaDemand
from simulator.world.network import NOMINAL_V, PHASE_COUNT, Flow
from simulator.world.world import World

__all__ = ["REGISTER_STEP", "STANDARD_COLUMNS", "AreaSimulation", "AreaWindow", "Window"]

#: Cold-load pickup: what an outage of some hours makes up for afterwards, and how fast that fades.
PICKUP_SHARE, PICKUP_FULL_AFTER_H, PICKUP_FADES_H, PICKUP_OVER_H = 0.9, 4.0, 0.8, 6.0


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
    clearness: float
    """Share of the day's sky without clouds."""
    mean_c: float
    """The day's mean outside temperature."""

    @property
    def step_s(self) -> int:
        return round(self.interval_h * 3600)


@dataclass(frozen=True, slots=True, eq=False)
class AreaWindow:
    """What truly happened and what the meters say. `columns` are (meters, intervals), the supply meter first.

    `columns` holds `STANDARD_COLUMNS` and `REGISTER_STEP`. `drawn_kw` (conductors, intervals) is net of generation, `past_meter_kw`
    the part of it that no meter saw, `tapped_kw` load without a meter, `flow` the network's answer, `unmetered_kwh` the energy
    that each case drew and its meter did not show, in the order of the simulation's cases.
    """

    columns: Mapping[str, Rows]
    drawn_kw: Rows
    past_meter_kw: Rows
    tapped_kw: Rows
    flow: Flow
    unmetered_kwh: Sequence[float]


@dataclass(frozen=True, slots=True, eq=False)
class _Running:
    """A case that is present in the window."""

    number: int
    case: Case
    active: Active
    hours: Hours


@dataclass(slots=True, eq=False)
class _Taps:
    """Load without a meter, by node, and how much of it belongs to each case."""

    total_kw: Rows
    of_case: dict[int, Rows] = field(default_factory=dict)


class AreaSimulation:
    """One area's state from window to window. Windows must come in order of time, each once.

    `presence` gives for customer rows that come or go the span (from, to) in UTC seconds in which they are connected here.
    """

    def __init__(
        self,
        world: World,
        *,
        seed: int,
        life: Sequence[LifeEvent] = (),
        cases: Sequence[Case] = (),
        outages: Sequence[Outage] = (),
        errors: MeterErrors | None = None,
        presence: Mapping[int, tuple[int, int]] | None = None,
    ) -> None:
        self.world = world
        self._seed = seed
        self.life: tuple[LifeEvent, ...] = ()
        self.cases = tuple(cases)
        self._outages = (*outages, *(outage for case in cases for outage in case.outages()))
        self._presence = dict(presence or {})
        self._interruptions: dict[int, list[tuple[int, int]]] = {}
        rng = np.random.default_rng([seed, 4, world.number])
        self._demand = AreaDemand(world, seed, rng)
        self._source = rng.standard_normal(PHASE_COUNT)
        remembered = sorted({case.place.row + 1 for case in self.cases if case.remembers})
        self._meters = MeteringChain(world, MeterErrors() if errors is None else errors, rng, remembered)
        self._contracted_kw = np.array([meter.contracted_kw or np.inf for meter in world.customers.meters])
        self._lag = np.sqrt(1 / world.customers.power_factor**2 - 1)[world.network.conductor_customer]
        self.add_life(life, ())

    def interrupt(self, number: int, from_s: int, until_s: int) -> None:
        """The case of that number is not there from `from_s` until `until_s`: it was mended, or its owner lies low."""
        self._interruptions.setdefault(number, []).append((from_s, until_s))

    def add_cases(self, cases: Iterable[Case]) -> None:
        """More cases, from the next window on; they are numbered after those there are."""
        cases = tuple(cases)
        self.cases = (*self.cases, *cases)
        self._outages = (*self._outages, *(outage for case in cases for outage in case.outages()))
        self._meters.remember(case.place.row + 1 for case in self.cases if case.remembers)

    def add_life(self, life: Iterable[LifeEvent], outages: Iterable[Outage]) -> None:
        """More of benign life and more outages, from the next window on."""
        life = tuple(life)
        self.life = (*self.life, *life)
        self._outages = (*self._outages, *outages)

    def window(self, window: Window) -> AreaWindow:
        world, network = self.world, self.world.network
        load_rng = np.random.default_rng([self._seed, 5, world.number, int(window.start_s[0])])
        meter_rng = np.random.default_rng([self._seed, 6, world.number, int(window.start_s[0])])
        powered = self._powered(window)
        running = self._running(window)
        own = {r.number: network.conductors_of(r.case.place.row) for r in running if r.case.place.row >= 0}
        living = self._living(window)

        demand_kw = self._demand_kw(window, living, load_rng)
        for r in running:
            if r.number in own:
                r.case.change_demand(demand_kw[r.case.place.row], r.hours, r.active)
            else:
                r.case.change_area_demand(demand_kw, self._contracted_kw, r.hours, r.active)
        demand_kw *= powered * self._catching_up(window)
        for row, (from_s, to_s) in self._presence.items():
            demand_kw[row, (window.start_s < from_s) | (window.start_s >= to_s)] = 0.0
        drawn_kw = self._by_conductor(demand_kw, load_rng)
        past_meter_kw = np.zeros_like(drawn_kw)
        lag = np.repeat(self._lag[:, None], len(window.start_s), axis=1)
        generation_kw = self._generation_kw(window, load_rng)
        for event, active, hours in living:
            if event.row >= 0:
                event.generate(generation_kw[network.conductors_of(event.row)], hours, active)
        for r in running:
            if r.number in own:
                at = own[r.number]
                r.case.change_phases(drawn_kw[at], r.hours, r.active)
                r.case.divert(drawn_kw[at], past_meter_kw[at], r.hours, r.active)
                r.case.change_lag(lag[at], r.hours, r.active)
                r.case.generate(generation_kw[at], r.hours, r.active)
        taps = self._taps(running, powered)
        kvar = drawn_kw * lag
        # the lag of what passes the meter; generation feeds active power only
        metered_kvar = (drawn_kw - past_meter_kw) * lag
        drawn_kw = drawn_kw - generation_kw * powered
        honest_kw = {n: drawn_kw[at] for n, at in own.items()}
        flow = network.flow(drawn_kw, kvar, taps.total_kw, self._source_v(window, load_rng), self._joints(running))
        for r in running:
            r.case.disturb(flow.conductor_v, drawn_kw, r.hours, r.active)
        seen = self._meters.measure(window.interval_h, drawn_kw - past_meter_kw, metered_kvar, flow, meter_rng)
        honest_kwh = self._honest_kwh(window, honest_kw, own, taps)
        for r in running:
            if r.number in own:
                r.case.register(seen.part(own[r.number]), r.hours, r.active)
        columns = self._meters.report(seen, flow, window.interval_h, window.temperature_c, meter_rng)
        for r in running:
            row = r.case.place.row + 1
            hours = self._meters.with_memory(r.hours, row) if r.case.remembers else r.hours
            r.case.report({name: values[row] for name, values in columns.items()}, hours, r.active)
            if r.number not in own:
                r.case.report_area(columns, hours, r.active)
        unmetered = [0.0] * len(self.cases)
        for r in running:
            shown_kwh = columns["energy_kwh"][r.case.place.row + 1] if r.number in own else 0.0
            missing = np.nan_to_num(honest_kwh[r.number] - shown_kwh)[r.active]
            unmetered[r.number] = float(missing.sum())
        self._leave_out(columns, window, powered)
        return AreaWindow(columns, drawn_kw, past_meter_kw, taps.total_kw, flow, unmetered)

    def _running(self, window: Window) -> list[_Running]:
        found = []
        for number, case in enumerate(self.cases):
            active = case.active(window.start_s)
            for from_s, until_s in self._interruptions.get(number, ()):
                active &= (window.start_s < from_s) | (window.start_s >= until_s)
            if active.any():
                seeds = [self._seed, 7, self.world.number, case.place.row + 1, case.start_s, int(window.start_s[0])]
                found.append(_Running(number, case, active, self._hours(window, seeds)))
        return found

    def _hours(self, window: Window, seeds: Sequence[int]) -> Hours:
        return Hours(
            window.start_s,
            window.local_hour,
            window.interval_h,
            np.random.default_rng(list(seeds)),
            window.kind_of_day,
            window.temperature_c,
            window.sunshine,
        )

    def _taps(self, running: Sequence[_Running], powered: Rows) -> _Taps:
        network = self.world.network
        taps = _Taps(np.zeros((network.segments * PHASE_COUNT, len(powered))))
        for r in running:
            before_kw = taps.total_kw.sum(axis=0)
            r.case.tap(taps.total_kw, r.hours, r.active)
            taps.of_case[r.number] = (taps.total_kw.sum(axis=0) - before_kw) * powered
        taps.total_kw *= powered
        return taps

    def _joints(self, running: Sequence[_Running]) -> Rows | None:
        """Resistance in series with the segments' conductors, (segments * 3, intervals); None where all joints are sound."""
        joint_ohm: Rows | None = None
        for r in running:
            if r.case.of_area:
                if joint_ohm is None:
                    joint_ohm = np.zeros((self.world.network.segments * PHASE_COUNT, len(r.active)))
                r.case.add_resistance(joint_ohm, r.hours, r.active)
        return joint_ohm

    def _honest_kwh(
        self, window: Window, drawn_kw: Mapping[int, Rows], own: Mapping[int, slice], taps: _Taps
    ) -> dict[int, Rows]:
        """What an honest meter would have shown of each case: what was drawn through the connection and tapped, (intervals,)."""
        found = {}
        for number, tapped_kw in taps.of_case.items():
            through = 0.0 if number not in own else self._meters.as_energy_kwh(drawn_kw[number], own[number])
            found[number] = np.asarray(through + tapped_kw * window.interval_h)
        return found

    def _leave_out(self, columns: Mapping[str, Rows], window: Window, powered: Rows) -> None:
        """NaN where a meter has no power or is not connected here."""
        without_power = powered <= 0
        if without_power.any():
            for values in columns.values():
                values[:, without_power] = np.nan
            columns[REGISTER_STEP][:, without_power] = 0.0
        for row, (from_s, to_s) in self._presence.items():
            away = (window.start_s < from_s) | (window.start_s >= to_s)
            if away.any():
                for values in columns.values():
                    values[row + 1, away] = np.nan
                columns[REGISTER_STEP][row + 1, away] = 0.0

    def _powered(self, window: Window) -> Rows:
        """Share of each interval with supply."""
        powered = np.ones(len(window.start_s))
        end_s = window.start_s + window.step_s
        for outage in self._outages:
            off_s = np.minimum(end_s, outage.end_s) - np.maximum(window.start_s, outage.start_s)
            powered -= np.clip(off_s, 0, None) / window.step_s
        return np.clip(powered, 0, 1)

    def _catching_up(self, window: Window) -> Rows:
        """After a long outage heaters, boilers and refrigerators all run at once (cold-load pickup): a factor from 1 to 1.9."""
        factor = np.ones(len(window.start_s))
        for outage in self._outages:
            since_h = (window.start_s + window.step_s / 2 - outage.end_s) / 3600
            if since_h[-1] > 0 and since_h[0] < PICKUP_OVER_H:
                missed = min((outage.end_s - outage.start_s) / (PICKUP_FULL_AFTER_H * 3600), 1.0)
                factor += np.where(
                    since_h > 0, PICKUP_SHARE * missed * np.exp(-np.maximum(since_h, 0) / PICKUP_FADES_H), 0
                )
        return factor

    def _living(self, window: Window) -> list[tuple[LifeEvent, Active, Hours]]:
        """What of benign life is present in the window."""
        first_s, end_s = int(window.start_s[0]), int(window.start_s[-1]) + window.step_s
        hours = self._hours(window, [self._seed, 8, self.world.number, first_s])
        return [
            (event, event.active(window.start_s), hours)
            for event in self.life
            if event.start_s < end_s and (event.end_s is None or event.end_s > first_s)
        ]

    def _demand_kw(
        self, window: Window, living: Iterable[tuple[LifeEvent, Active, Hours]], rng: np.random.Generator
    ) -> Rows:
        demand_kw = self._demand.window_kw(window, rng)
        ceiling_kw = np.repeat(self.world.customers.load.ceiling_kw[:, None], demand_kw.shape[1], axis=1)
        for event, active, hours in living:
            event.change_demand(demand_kw[event.row] if event.row >= 0 else demand_kw, hours, active)
            # who moved in or charges a vehicle keeps to the contract: what goes beyond it for hours is a case and labelled
            if event.lifts_ceiling and np.isfinite(self._contracted_kw[event.row]):
                ceiling_kw[event.row, active] = self._contracted_kw[event.row]
        return np.minimum(demand_kw, ceiling_kw)

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
