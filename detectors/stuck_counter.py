"""Registers that stand still while load flows, and supplies that use nothing for days (EN-04, EN-09)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from detectors.steps import nothing_found
from detectors.witness import expected_from_current_kwh
from metering.evidence import AreaContext, Signal
from metering.frame import ReadingFrame

_F32, _F64, _I32 = np.float32, np.float64, np.int32
_DAY_MINUTES = 1440
_USUAL_RUN_MINUTES = 2 * _DAY_MINUTES


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
        self._usage_rate = context.interval_minutes / (14 * _DAY_MINUTES)
        counter = Slab((count,), _I32)
        self._pages = StatePages(
            "stuck_counter/1",
            {
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
            },
        )

    def _now(self, name: str) -> NDArray[Any]:
        return self._pages.array("now", name)

    def score(self, frame: ReadingFrame) -> list[Signal]:
        p, now = self._params, self._now
        per_interval = self._interval_minutes
        measured = frame.energy_kwh == frame.energy_kwh
        judged = measured & self._customer & (now("age") * per_interval >= p.warm_up_days * _DAY_MINUTES)
        rows = self._candidates(judged)
        if not len(rows):
            return [
                nothing_found(self.name, "register_stopped", judged, "kWh"),
                nothing_found(self.name, "zero_use", judged, "kWh/d"),
            ]
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
        now = self._now
        far = now("zero_run") >= self._zero_intervals
        far |= now("repeat_run") >= self._repeat_intervals
        far |= now("register_gap_kwh") >= self._register_gap_kwh
        return np.flatnonzero(far & judged)

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
        now = self._now
        energy = frame.energy_kwh
        measured = energy == energy
        normal = measured & trusted
        export = frame.column("export_kwh")
        nothing = measured & (energy == 0)
        if export is not None:
            nothing &= ~(export > 0)

        same = measured & (energy == now("last_kwh"))
        starts = measured & ~same
        now("run_start_s")[starts] = frame.interval_start_s
        now("age")[measured] += 1

        repeats = same & (energy > 0)
        for name, goes_on in (("zero", nothing), ("repeat", repeats)):
            run, longest = now(f"{name}_run"), now(f"longest_{name}")
            # A run becomes usual when it has ended; a very long one never does.
            ended = normal & ~goes_on & (run > longest) & (run * self._interval_minutes <= _USUAL_RUN_MINUTES)
            np.copyto(longest, run, where=ended)
            run += goes_on
            run[measured & ~goes_on] = 0
        np.copyto(now("last_kwh"), energy, where=measured)

        used = now("used_kwh")
        learns = normal & (now("zero_run") * self._interval_minutes < _DAY_MINUTES)
        first = learns & (used != used)
        used[first] = energy[first]
        np.copyto(used, used + self._usage_rate * (energy - used), where=learns, casting="same_kind")

        self._count_flow(frame, nothing, measured)
        self._pages.touch("now")

    def _count_flow(self, frame: ReadingFrame, nothing: NDArray[np.bool_], measured: NDArray[np.bool_]) -> None:
        unregistered = self._now("unregistered_kwh")
        unregistered[measured & ~nothing] = 0
        flowed = expected_from_current_kwh(frame, self._phases) if nothing.any() else None
        if flowed is not None:
            np.add(unregistered, flowed, out=unregistered, where=nothing & (flowed > 0), casting="same_kind")
        register = frame.column("register_kwh")
        if register is None:
            return
        gap, last = self._now("register_gap_kwh"), self._now("last_register_kwh")
        read = register == register
        gap[read & (register != last)] = 0
        np.add(gap, frame.energy_kwh, out=gap, where=read & measured & (register == last), casting="same_kind")
        np.copyto(last, register, where=read)

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)
