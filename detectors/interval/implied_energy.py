"""Registers that run away: they count a multiple of the energy that the meter's own voltage and current imply (EN-02, EN-05)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from detectors.steps import STAYS, nothing_found
from detectors.witness import Missing, implied_kwh, phase_magnitudes, phase_matrix
from metering.archive import NOMINAL_VOLTAGE_V
from metering.evidence import AreaContext, Signal
from metering.frame import ReadingFrame

F64 = NDArray[np.float64]
Rows = NDArray[np.intp]
_CODE = "register_runaway"
_F32 = np.float32
_NO_ROWS: Rows = np.empty(0, dtype=np.intp)
#: Fewer alike may be chance.
_FEWEST_INTERVALS = 4
#: Fewer meters at once are each their own case.
_FEWEST_SHARED = 3
_DAY_MINUTES = 1440
_OTHER_PHASES = np.array([[False], [True], [True]])
#: Of one sample's ratio so much counts at most, as a logarithm: a wrong value must not teach what is usual.
_MOST_LOG = 3.0


@dataclass(frozen=True, slots=True)
class ImpliedEnergyParams:
    ratio: float = parameter(
        1.6,
        meaning="registered over implied energy from which on an interval counts",
        unit="1",
        low=1.2,
        high=10,
        source="proposed: above the 1.5 of a three-phase meter that lacks one current; EN-02: 6, EN-05: 4",
    )
    noises: float = parameter(
        5.0,
        meaning="mean deviations of the meter's own ratio by which an interval must exceed the usual one",
        unit="1",
        low=2,
        high=20,
        source="proposed: snapshots of voltage and current scatter, averages do not",
    )
    alike: float = parameter(
        1.15,
        meaning="how far an interval's ratio may lie from its run's: a register counts a fixed multiple",
        unit="1",
        low=1.02,
        high=2,
        source="proposed: energies that were replaced or moved in time have another ratio in every interval",
    )
    run_minutes: float = parameter(
        90.0,
        meaning="shortest time, and at least four intervals, of the same multiple",
        unit="min",
        low=15,
        high=1440,
        source="proposed: longer than a wrong reading or a clock that is off by a part of an interval",
    )
    short_ratio: float = parameter(
        1.3,
        meaning="implied over registered energy of an interval that shows that energies are replaced or moved in time",
        unit="1",
        low=1.1,
        high=5,
        source="proposed: a register that counts too much never counts too little beside",
    )
    short_hours: float = parameter(
        24.0,
        meaning="time after such an interval in which nothing is said",
        unit="h",
        low=0,
        high=720,
        source="proposed",
    )
    shared_share: float = parameter(
        0.3,
        meaning="share of the area's loaded meters (at least three) that count too much at once, which no register explains",
        unit="1",
        low=0.05,
        high=1,
        source="proposed: a concentrator that had a wrong multiplier",
    )
    excess_kwh: float = parameter(
        0.05,
        meaning="least energy that a run counts too much",
        unit="kWh",
        low=0.01,
        high=10,
        source="proposed: five times the least step of a register",
    )
    least_kw: float = parameter(
        0.01,
        meaning="implied demand below which nothing can be told",
        unit="kW",
        low=0.001,
        high=1,
        source="EN-02: 0.01 kWh, skipped",
    )
    warm_up_samples: float = parameter(
        48.0,
        meaning="loaded samples, one an hour, before a meter's ratio is known",
        unit="samples",
        low=12,
        high=1000,
        source="proposed: two loaded days",
    )

    def __post_init__(self) -> None:
        check_ranges(self)


class ImpliedEnergy:
    """Compares what a customer's register counted with the sum of V x I x power factor over its phases, interval by interval.

    `register_runaway`: for `run_minutes` every loaded interval counted the same multiple of what was implied, and far more
    than this meter's ratio ever scatters. `observed` is what the run counted, `expected` what was implied (kWh). A ratio below
    one is not judged: a register that counts too little is the day's to weigh. Energies that validation doubts are looked at too:
    one wrong reading is nobody's register, the same multiple of every interval is. Intervals without load, without one of the
    meter's phases, or with exactly the energy of the interval before say nothing; a phase without power factor counts as
    unity, a feed without voltages as nominal. A meter that counted too little within the last day is not said to run away:
    its energies are moved or replaced. What is usual of a meter is learnt from hourly samples. No signal without currents.

    >>> from detectors.examples import context, frame, MONDAY_S
    >>> rule = ImpliedEnergy(context(meters=1, fields={"phases": [1]}), ImpliedEnergyParams())
    >>> for i in range(300):
    ...     amperes, times = 2 + i % 5, 2.5 if i >= 290 else 1.0
    ...     reading = frame(start_s=MONDAY_S + 900 * i, energy_kwh=[0.0575 * amperes * times], current_a=[amperes])
    ...     (signal,) = rule.score(reading)
    ...     rule.learn(reading, np.array([True]))
    >>> float(signal.strength[0]), round(float(signal.observed[0]), 2), round(float(signal.expected[0]), 2)
    (1.0, 5.75, 2.3)
    """

    name = "implied_energy"
    abnormalities: tuple[str, ...] = (_CODE,)

    def __init__(self, context: AreaContext, params: ImpliedEnergyParams) -> None:
        self._params = params
        area = context.area
        count = len(area)
        self._customer = ~area.is_supply
        three_wire = np.array([meter.known_wiring == "three_wire" for meter in area.meters], dtype=np.bool_)
        self._unknown_phases = ~((area.phases == 1) | (area.phases == 3))
        self._any_unknown_phases = bool(self._unknown_phases.any())
        #: (3, meters) that each meter has
        self._phases: NDArray[np.bool_] = ~(_OTHER_PHASES & (area.phases == 1)) & ~(
            np.array([[False], [True], [False]]) & three_wire
        )
        self._least_kwh = params.least_kw * context.interval_minutes / 60
        self._needed = max(_FEWEST_INTERVALS, round(params.run_minutes / context.interval_minutes))
        self._rate = max(context.interval_minutes, 60) / (14 * _DAY_MINUTES)
        counted = Slab((count,), _F32)
        layout = {
            "ratio": {
                "usual": counted,
                "noise": counted,
                "counted_kwh": counted,
                "implied_kwh": counted,
                "last_kwh": counted,
                "samples": Slab((count,), np.int32),
                "run": Slab((count,), np.int32),
                "begun_min": Slab((count,), np.int32),
                "short_min": Slab((count,), np.int32),
            }
        }
        self._pages = StatePages("implied_energy/1", layout)
        self._state = {name: self._pages.array("ratio", name) for name in layout["ratio"]}
        self._remember()

    def _remember(self) -> None:
        """What follows from the state and is asked in every interval."""
        now, p = self._state, self._params
        self._any_run = bool(now["run"].any())
        self._warm: NDArray[np.bool_] = (now["samples"] >= p.warm_up_samples) & self._customer
        # a register that has counted too little is not what its later ratio is measured by
        usual = np.exp(np.maximum(now["usual"], 0.0))
        scatter = np.exp(np.minimum(p.noises * now["noise"], 10.0))
        #: limits that nothing passes where the ratio is not known
        self._limit = np.where(self._warm, usual * np.maximum(p.ratio, scatter), np.inf)
        self._short = np.where(self._warm, np.exp(now["usual"]) / np.maximum(p.short_ratio, scatter), 0.0)

    # --- what an interval says

    def _implied_kwh(self, frame: ReadingFrame) -> F64 | None:
        """(meters,) by voltage, current and power factor; NaN where a phase is missing or there is next to no load."""
        if "implied_kwh" not in frame.shared:
            frame.shared["implied_kwh"] = self._make_implied_kwh(frame)
        known: F64 | None = frame.shared["implied_kwh"]
        return known

    def _make_implied_kwh(self, frame: ReadingFrame) -> F64 | None:
        amperes, volts = phase_magnitudes(frame), phase_matrix(frame, "voltage", "v")
        if amperes is None:
            return None
        told = implied_kwh(
            amperes,
            NOMINAL_VOLTAGE_V if volts is None else volts,
            frame.column("power_factor"),
            frame.hours,
            Missing(phases=self._needed_phases(frame), power_factor=1.0),
        )
        return np.where(told >= self._least_kwh, told, np.nan)

    def _needed_phases(self, frame: ReadingFrame) -> NDArray[np.bool_]:
        """(3, meters). Where the archive does not say how many phases a meter has: all three, or one current for the whole meter."""
        phases, whole = self._phases, frame.column("current_a")
        if whole is not None and self._any_unknown_phases:
            phases = phases & ~(self._unknown_phases & (whole == whole) & _OTHER_PHASES)
        return phases

    def _run_with(self, frame: ReadingFrame, rows: Rows, implied_kwh: F64) -> tuple[NDArray[np.int32], F64, F64, Rows]:
        """(intervals, counted kWh, implied kWh) of the rows' runs with this interval in them, and the rows whose run begins in it."""
        now = self._state
        energy, implied = frame.received_kwh[rows], implied_kwh[rows]
        run, counted, so_far = now["run"][rows], now["counted_kwh"][rows], now["implied_kwh"][rows]
        apart = np.maximum(energy * so_far, counted * implied) > self._params.alike * np.minimum(
            energy * so_far, counted * implied
        )
        begins = (run == 0) | apart
        goes_on = ~begins
        return run * goes_on + 1, counted * goes_on + energy, so_far * goes_on + implied, rows[begins]

    def _over(self, frame: ReadingFrame, implied_kwh: F64) -> Rows:
        """The rows whose interval counts too much; none where a good part of the area does."""
        over = np.flatnonzero(frame.received_kwh >= self._limit * implied_kwh)
        if len(over) >= _FEWEST_SHARED:
            loaded = np.count_nonzero(self._warm & (implied_kwh == implied_kwh))
            if len(over) >= self._params.shared_share * loaded:
                return _NO_ROWS
        return over

    def score(self, frame: ReadingFrame) -> list[Signal]:
        implied_kwh = self._implied_kwh(frame)
        if implied_kwh is None:
            return []
        judged = self._warm & (implied_kwh == implied_kwh) & (frame.received_kwh == frame.received_kwh)
        rows = self._over(frame, implied_kwh)
        if not len(rows):
            return [nothing_found(self.name, _CODE, judged, "kWh")]
        run, counted, implied, begins = self._run_with(frame, rows, implied_kwh)
        new = frame.received_kwh[rows].astype(_F32) != self._state["last_kwh"][rows]
        moved = self._state["short_min"][rows] > frame.interval_start_s // 60 - round(60 * self._params.short_hours)
        holds = new & ~moved & (run >= self._needed) & (counted - implied >= self._params.excess_kwh)
        strength = np.where(judged, _F32(0), _F32(np.nan))
        strength[rows] = np.where(holds, _F32(1), _F32(STAYS))
        observed, expected = np.full((2, len(frame)), np.nan)
        observed[rows], expected[rows] = counted, implied
        since_s = np.zeros(len(frame), np.int64)
        since_s[rows] = self._state["begun_min"][rows] * np.int64(60)
        since_s[begins] = 0
        return [Signal(self.name, _CODE, strength, observed, expected, "kWh", since_s)]

    # --- what is remembered

    def learn(self, frame: ReadingFrame, trusted: NDArray[np.bool_]) -> None:
        implied_kwh = self._implied_kwh(frame)
        if implied_kwh is None:
            return
        over = self._over(frame, implied_kwh)
        if self._any_run or len(over):
            self._count(frame, over, implied_kwh)
        short = frame.received_kwh < self._short * implied_kwh
        if np.count_nonzero(short):
            self._state["short_min"][short] = frame.interval_start_s // 60
            self._pages.touch("ratio")
        if frame.interval_start_s % 3600 < 60 * frame.interval_minutes:
            usual = frame.received_kwh < self._limit * implied_kwh
            self._learn_ratio(np.flatnonzero(trusted & usual & (frame.energy_kwh > 0)), frame, implied_kwh)

    def _count(self, frame: ReadingFrame, over: Rows, implied_kwh: F64) -> None:
        now = self._state
        ended = (now["run"] > 0) & (frame.received_kwh < self._limit * implied_kwh)
        for name in ("run", "counted_kwh", "implied_kwh"):
            now[name][ended] = 0
        rows = over[frame.received_kwh[over].astype(_F32) != now["last_kwh"][over]]
        run, counted, implied, begins = self._run_with(frame, rows, implied_kwh)
        now["run"][rows], now["counted_kwh"][rows], now["implied_kwh"][rows] = run, counted, implied
        now["begun_min"][begins] = frame.interval_start_s // 60
        now["last_kwh"][rows] = frame.received_kwh[rows]
        self._any_run = bool(now["run"].any())
        self._pages.touch("ratio")

    def _learn_ratio(self, rows: Rows, frame: ReadingFrame, implied_kwh: F64) -> None:
        if not len(rows):
            return
        now = self._state
        samples = now["samples"][rows] + 1
        share = np.maximum(1 / samples, self._rate)
        away = np.clip(np.log(frame.energy_kwh[rows] / implied_kwh[rows]) - now["usual"][rows], -_MOST_LOG, _MOST_LOG)
        now["usual"][rows] += share * away
        now["noise"][rows] += share * (np.abs(away) - now["noise"][rows])
        now["samples"][rows] = samples
        self._remember()
        self._pages.touch("ratio")

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)
        self._remember()
