"""Registers that stand still while load flows, and supplies that use nothing for days (EN-04, EN-09)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from detectors.steps import nothing_found
from detectors.witness import NOISE_CURRENT_A, expected_from_current_kwh
from metering.evidence import AreaContext, Signal
from metering.frame import ReadingFrame
from metering.readings import PHASES

_NO_ROWS: NDArray[np.intp] = np.empty(0, dtype=np.intp)
_F32, _F64, _I32 = np.float32, np.float64, np.int32
_DAY_MINUTES = 1440
_USUAL_RUN_MINUTES = 2 * _DAY_MINUTES
_CURRENTS = ("current_a", *(f"current_{phase}_a" for phase in PHASES))


@dataclass(frozen=True, slots=True)
class StuckCounterParams:
    warm_up_days: float = parameter(
        7.0, meaning="measured days before a meter is judged", unit="d", low=1, high=60, source="proposed, replay"
    )
    unregistered_kwh: float = parameter(
        0.1,
        meaning="energy by voltage, current and power factor that an unmoved meter failed to register",
        unit="kWh",
        low=0.01,
        high=10,
        source="EN-04, Southern Grid terminal: 0.1 kWh",
    )
    unregistered_minutes: float = parameter(
        60.0,
        meaning="shortest time without energy on a loaded meter",
        unit="min",
        low=15,
        high=1440,
        source="EN-04: 15 min",
    )
    register_gap_kwh: float = parameter(
        2.0,
        meaning="interval energy (over the CT ratio) that passes while the register does not move",
        unit="kWh",
        low=0.1,
        high=100,
        source="proposed: two steps of a register of whole kWh",
    )
    repeat_intervals: float = parameter(
        8.0,
        meaning="fewest equal intervals to speak of a repeat",
        unit="intervals",
        low=4,
        high=1000,
        source="proposed",
    )
    repeat_minutes: float = parameter(
        720.0,
        meaning="shortest time of the very same energy",
        unit="min",
        low=60,
        high=10080,
        source="proposed, replay",
    )
    repeat_over_longest: float = parameter(
        3.0,
        meaning="how many times longer than ever before a repeat or a run of zeros must be",
        unit="1",
        low=1.5,
        high=20,
        source="proposed: coarse registers repeat small values every night",
    )
    zero_days: float = parameter(
        7.0, meaning="days of exactly zero energy", unit="d", low=1, high=60, source="EN-09: 7 d"
    )
    used_kwh_per_day: float = parameter(
        0.3, meaning="least former use for a zero to be surprising", unit="kWh/d", low=0.01, high=100, source="proposed"
    )

    def __post_init__(self) -> None:
        check_ranges(self)


class StuckCounter:
    """Counts per meter how long it has shown no energy, the same energy, or an unmoved register.

    `register_stopped`: no energy although current and voltage carried `unregistered_kwh`, or a register unmoved while
    interval energy flows, or the very same energy far longer than ever before. `observed` is what was registered,
    `expected` what flowed (kWh over the run). `zero_use`: exactly zero for `zero_days` where there used to be use and no
    such run of zeros; `observed` 0, `expected` the former use in kWh/d. Missing readings stop no counter and move none.
    Meters with generation, which import nothing by day, are only judged for `zero_use`.

    >>> from detectors.examples import context, frame, MONDAY_S
    >>> stuck = StuckCounter(context(meters=1, fields={"has_generation": [False]}), StuckCounterParams(warm_up_days=1))
    >>> for i in range(110):
    ...     reading = frame(start_s=MONDAY_S + 900 * i, energy_kwh=[0.2 + i % 7 if i < 100 else 0.0], current_a=[8.0])
    ...     stuck.learn(reading, np.array([True]))
    >>> stopped, zero = stuck.score(reading)
    >>> float(stopped.strength[0]), round(float(stopped.expected[0]), 2), round(float(zero.strength[0]), 3)
    (1.0, 3.68, 0.0)
    """

    name = "stuck_counter"
    abnormalities: tuple[str, ...] = ("register_stopped", "zero_use")

    def __init__(self, context: AreaContext, params: StuckCounterParams) -> None:
        self._params = params
        area = context.area
        count = len(area)
        self._interval_minutes = context.interval_minutes
        self._customer = ~area.is_supply
        self._may_generate = area.has_generation
        self._known_consumer = area.generation_known & ~area.has_generation
        ct_ratio = np.array([m.ct_ratio or 1.0 for m in area.meters])
        self._register_gap_kwh = params.register_gap_kwh * np.maximum(ct_ratio, 1.0)
        self._phases = np.where(np.isfinite(area.phases), area.phases, 1.0)
        self._zero_intervals = max(1.0, params.unregistered_minutes / context.interval_minutes)
        self._repeat_intervals = max(params.repeat_intervals, params.repeat_minutes / context.interval_minutes)
        self._warm_up_intervals = params.warm_up_days * _DAY_MINUTES / context.interval_minutes
        # the use is looked at once an hour, and is the mean of a fortnight
        self._usage_rate = max(context.interval_minutes, 60) / (14 * _DAY_MINUTES)
        counter = Slab((count,), _I32)
        layout = {
            "now": {
                "age": counter,
                "zero_run": counter,
                "repeat_run": counter,
                "longest_zero": counter,
                "longest_repeat": counter,
                "run_start_s": Slab((count,), np.int64),
                "last_kwh": Slab((count,), _F64, np.nan),
                "last_register_kwh": Slab((count,), _F64, np.nan),
                "unregistered_kwh": Slab((count,), _F32),
                "register_gap_kwh": Slab((count,), _F32),
                "used_kwh": Slab((count,), _F32, np.nan),
            }
        }
        self._pages = StatePages("stuck_counter/1", layout)
        self._state: dict[str, NDArray[Any]] = {name: self._pages.array("now", name) for name in layout["now"]}
        self._runs = self._pages.block("now", "zero_run", "repeat_run")
        self._longest = self._pages.block("now", "longest_zero", "longest_repeat")
        self._remember()

    def _remember(self) -> None:
        """What follows from the state and is asked in every interval."""
        now = self._state
        #: rows whose run of zeros or of the same energy goes on
        self._running: NDArray[np.bool_] = np.asarray((self._runs > 0).any(axis=0))
        self._any_running = bool(self._running.any())
        #: whether some register stands still
        self._standing = bool((now["register_gap_kwh"] > 0).any())
        self._look_at_age()

    def _look_at_age(self) -> None:
        warm = self._state["age"] >= self._warm_up_intervals
        self._all_warm = bool(warm.all())
        self._judged: NDArray[np.bool_] = warm & self._customer
        self._nothing = self._nothing_found(self._judged)

    def _nothing_found(self, judged: NDArray[np.bool_]) -> list[Signal]:
        return [
            nothing_found(self.name, "register_stopped", judged, "kWh"),
            nothing_found(self.name, "zero_use", judged, "kWh/d"),
        ]

    def _now(self, name: str) -> NDArray[Any]:
        return self._state[name]

    def score(self, frame: ReadingFrame) -> list[Signal]:
        p, now = self._params, self._now
        per_interval = self._interval_minutes
        judged = self._judged if frame.all_measured else self._judged & frame.measured
        rows = self._candidates(judged)
        if not len(rows):
            return list(self._nothing) if frame.all_measured else self._nothing_found(judged)
        zero_run, zero_minutes = now("zero_run")[rows], now("zero_run")[rows] * float(per_interval)
        repeat_run, used_kwh = now("repeat_run")[rows], now("used_kwh")[rows].astype(np.float64)
        needed = np.where(self._known_consumer[rows], p.unregistered_minutes, float(_DAY_MINUTES))
        consumes = ~self._may_generate[rows]
        flowed_kwh, gap_kwh = now("unregistered_kwh")[rows], now("register_gap_kwh")[rows]
        unregistered = (flowed_kwh >= p.unregistered_kwh) & (zero_minutes >= needed) & consumes
        unmoved = gap_kwh >= self._register_gap_kwh[rows]
        longest = p.repeat_over_longest * now("longest_repeat")[rows]
        repeated = (repeat_run >= np.maximum(self._repeat_intervals, longest)) & consumes
        flowed = np.where(unmoved, gap_kwh, np.where(unregistered, flowed_kwh, used_kwh * repeat_run))
        registered = np.where(repeated & ~unmoved, now("last_kwh")[rows] * repeat_run, 0.0)

        used_per_day = used_kwh * (_DAY_MINUTES / per_interval)
        surprising = (used_per_day >= p.used_kwh_per_day) & (
            zero_run > p.repeat_over_longest * now("longest_zero")[rows]
        )
        zero = surprising & (zero_minutes >= p.zero_days * _DAY_MINUTES)
        stopped = unregistered | unmoved | repeated
        return [
            self._signal("register_stopped", rows, stopped, judged, (registered, flowed), "kWh"),
            self._signal("zero_use", rows, zero, judged, (np.zeros(len(rows)), used_per_day), "kWh/d"),
        ]

    def _candidates(self, judged: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Rows whose counters have come far enough for any of the rules."""
        now, rows = self._now, _NO_ROWS
        if self._any_running:
            running = np.flatnonzero(self._running)
            zero_run, repeat_run = self._runs[:, running]
            far = (zero_run >= self._zero_intervals) | (repeat_run >= self._repeat_intervals)
            rows = running[far & judged[running]]
        if self._standing:
            unmoved = np.flatnonzero((now("register_gap_kwh") >= self._register_gap_kwh) & judged)
            rows = np.union1d(rows, unmoved)
        return rows

    def _signal(
        self,
        code: str,
        rows: NDArray[np.intp],
        holds: NDArray[np.bool_],
        judged: NDArray[np.bool_],
        figures: tuple[NDArray[np.float64], NDArray[np.float64]],
        unit: str,
    ) -> Signal:
        quiet = nothing_found(self.name, code, judged, unit)
        if not holds.any():
            return quiet
        found = rows[holds]
        observed, expected = np.full((2, len(judged)), np.nan)
        since_s = np.zeros(len(judged), np.int64)
        observed[found], expected[found] = figures[0][holds], figures[1][holds]
        quiet.strength[found] = 1.0
        since_s[found] = self._now("run_start_s")[found]
        return Signal(self.name, code, quiet.strength, observed, expected, unit, since_s)

    def learn(self, frame: ReadingFrame, trusted: NDArray[np.bool_]) -> None:
        now, energy, start_s = self._state, frame.energy_kwh, frame.interval_start_s
        # Most rows neither use nothing nor repeat themselves: only the others are looked at one by one.
        of_note = energy == now["last_kwh"]
        of_note |= energy == 0
        if self._any_running:
            of_note |= self._running
        if frame.all_measured:
            rows = np.flatnonzero(of_note)
            self._count_runs(frame, rows, trusted)
            np.copyto(now["run_start_s"], start_s, where=~of_note)
            now["last_kwh"][...] = energy
        else:
            measured = frame.measured
            rows = np.flatnonzero(of_note & measured)
            self._count_runs(frame, rows, trusted)
            np.copyto(now["run_start_s"], start_s, where=measured & ~of_note)
            np.copyto(now["last_kwh"], energy, where=measured)
        if not self._all_warm:
            now["age"] += frame.measured
            self._look_at_age()
        if start_s % 3600 < 60 * self._interval_minutes:
            self._look_at_use(energy, frame.measured & trusted)
        if "register_kwh" in frame.columns:
            self._watch_register(frame)
        self._pages.touch("now")

    def _count_runs(self, frame: ReadingFrame, rows: NDArray[np.intp], trusted: NDArray[np.bool_]) -> None:
        """Runs of nothing and runs of the very same energy, of the measured rows that have or begin one."""
        if not len(rows):
            return
        now, energy = self._state, frame.energy_kwh[rows]
        same, nothing = energy == now["last_kwh"][rows], energy == 0
        export = frame.columns.get("export_kwh")
        if export is not None:
            nothing &= ~(export[rows] > 0)
        now["run_start_s"][rows[~same]] = frame.interval_start_s
        goes_on = np.stack([nothing, same & (energy > 0)])
        runs, longest = self._runs[:, rows], self._longest[:, rows]
        # A run becomes usual when it has ended; a very long one never does.
        ended = (runs > longest) & ~goes_on & trusted[rows]
        if np.count_nonzero(ended):
            ended &= runs * self._interval_minutes <= _USUAL_RUN_MINUTES
            self._longest[:, rows] = np.where(ended, runs, longest)
        self._runs[:, rows] = (runs + 1) * goes_on
        self._running[rows] = goes_on[0] | goes_on[1]
        self._any_running = bool(np.count_nonzero(self._running))
        now["unregistered_kwh"][rows[~nothing]] = 0
        self._count_flow(frame, rows[nothing])

    def _look_at_use(self, energy: NDArray[np.float64], normal: NDArray[np.bool_]) -> None:
        """The mean energy of an interval, of which a day without any energy is not part."""
        used = self._state["used_kwh"]
        learns = normal
        if self._any_running:
            learns = normal & (self._state["zero_run"] * self._interval_minutes < _DAY_MINUTES)
        first = learns & (used != used)
        if np.count_nonzero(first):
            used[first] = energy[first]
        np.add(used, self._usage_rate * (energy - used), out=used, where=learns, casting="same_kind")

    def _count_flow(self, frame: ReadingFrame, rows: NDArray[np.intp]) -> None:
        """What voltage and current say passed through meters that show nothing."""
        if not len(rows):
            return
        amperes = [frame.columns[name][rows] for name in _CURRENTS if name in frame.columns]
        if not amperes or float(np.fmax.reduce(np.abs(np.concatenate(amperes)))) < NOISE_CURRENT_A:
            return
        passed = expected_from_current_kwh(frame, self._phases, rows)
        if passed is None:
            return
        self._state["unregistered_kwh"][rows] += np.where(passed > 0, passed, 0.0).astype(_F32)

    def _watch_register(self, frame: ReadingFrame) -> None:
        """Interval energy that passes while the register stands still."""
        register = frame.columns["register_kwh"]
        gap, last = self._state["register_gap_kwh"], self._state["last_register_kwh"]
        read = register == register
        if not np.count_nonzero(read):
            return
        stands = register == last
        if self._standing:
            gap[read & ~stands] = 0
        if np.count_nonzero(stands):
            np.add(gap, frame.energy_kwh, out=gap, where=stands & frame.measured, casting="same_kind")
        self._standing = bool(np.count_nonzero(gap))
        np.copyto(last, register, where=read)

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)
        self._remember()
