"""Voltage on each phase: lost under load or broken (VI-01, VI-04, VI-05)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.limits import limits_of
from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from detectors.steps import STAYS, nothing_found_of_all
from detectors.witness import NOISE_CURRENT_A, any_phase, phase_magnitudes, phase_matrix
from metering.archive import NOMINAL_VOLTAGE_V
from metering.evidence import AreaContext, Signal
from metering.frame import ReadingFrame

_F32 = np.float32
#: A phase of which nothing can be told now: its meter is not judged, unless another phase is clearly abnormal.
_HOLDS = 0.5
_LEARN_EVERY_S = 6 * 3600
#: No network has a voltage above this (Un): the meter's figure is wrong, and tells nothing.
_ABSURD = 2.5
#: A lost phase is below this share of the meter's highest one.
_APART = 0.85
#: Fewer meters that are low at once are each its own case.
_FEWEST_LOW = 3
#: Nominal phase voltages that meters are connected to; 220 to 240 V are one level here.
_LEVELS_V = np.array([57.7, 100.0, 120.0, NOMINAL_VOLTAGE_V, 277.0, 400.0])


#: A phase below this share of nominal is dead or broken; how low its voltage is says nothing more.
_DEAD = 0.6


@dataclass(frozen=True, slots=True)
class VoltageRulesParams:
    load_share: float = parameter(
        0.005, meaning="phase current that counts as load", unit="Ib", low=0.001, high=0.1, source="VI-01: 0.5 % Ib"
    )
    shared_share: float = parameter(
        0.3,
        meaning="share of a line's or of the area's meters (at least three) low at once that makes it the network's trouble",
        unit="1",
        low=0.05,
        high=1,
        source="proposed: a sag or a feeder fault is nobody's tampering",
    )

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, slots=True, eq=False)
class PhaseLevels:
    """The phases' voltages of a frame over their nominal ones; (3, meters) or (meters,), NaN = not measured.

    `judged`: measured, of a phase that was alive before. `lowest` is of the judged phases, `lowest_live` of those that are not dead.
    """

    voltage_v: NDArray[np.float64]
    nominal_v: NDArray[np.float64]
    level: NDArray[np.float64]
    judged: NDArray[np.bool_]
    highest: NDArray[np.float64]
    lowest: NDArray[np.float64]
    lowest_live: NDArray[np.float64]


class VoltageRules:
    """Rules on each phase that the meter has; the strength is that of its worst phase, the figures are that phase's.

    `voltage_loss`: low although the phase carries current; without current nothing can be told. `phase_break`: low and
    without current while another phase is alive. All phases gone is an outage and suppresses both (VI-05). A phase that
    never was alive is not judged (three-wire meters have no phase B; where the archive says three-wire, B never is). Un is the
    usual level that the meter's highest phase is nearest to. Set and recover values are the catalogue's, per meter. Unit V; NaN
    without a voltage; nothing is emitted for a feed without voltages.

    >>> from detectors.examples import context, frame
    >>> rules = VoltageRules(context(meters=1), VoltageRulesParams())
    >>> good = frame(energy_kwh=[1], voltage_a_v=[231], voltage_b_v=[230], voltage_c_v=[229], current_b_a=[4])
    >>> rules.learn(good, np.array([True]))
    >>> lost = frame(energy_kwh=[1], voltage_a_v=[231], voltage_b_v=[90], voltage_c_v=[229], current_b_a=[4])
    >>> [(s.abnormality, float(s.strength[0]), float(s.observed[0])) for s in rules.score(lost)]
    [('voltage_loss', 1.0, 90.0), ('phase_break', 0.0, 90.0)]
    """

    name = "voltage_rules"
    abnormalities: tuple[str, ...] = ("voltage_loss", "phase_break")

    def __init__(self, context: AreaContext, params: VoltageRulesParams) -> None:
        self._params = params
        area = context.area
        count = len(area)
        rated = np.where(area.rated_current_a > 0, area.rated_current_a, 5.0)
        self._load_a = np.maximum(NOISE_CURRENT_A, params.load_share * rated)
        self._loss = limits_of(area, "voltage_loss", context.limits)
        self._break = limits_of(area, "phase_break", context.limits)
        single = area.phases == 1
        three_wire = np.array([meter.known_wiring == "three_wire" for meter in area.meters], dtype=np.bool_)
        self._not_its_phase = np.array([[False], [True], [True]]) & single
        self._not_its_phase |= np.array([[False], [True], [False]]) & three_wire
        self._any_lacks_a_phase = bool(self._not_its_phase.any())
        lines = [(meter.feeder, meter.segment) for meter in area.meters]
        number = {line: n for n, line in enumerate(dict.fromkeys(lines))}
        self._line = np.array([number[line] for line in lines], dtype=np.intp)
        self._pages = StatePages(
            "voltage_rules/1",
            {"phases": {"usual_v": Slab((count,), _F32, np.nan), "alive": Slab((3, count), np.bool_)}},
        )
        self._nominal_v = self._find_nominal_v()
        self._columns = np.arange(count)

    @property
    def recovers_at(self) -> NDArray[np.float64] | float:
        """The level from which on a phase is no lost one any more, over nominal."""
        return self._loss.recover

    def _find_nominal_v(self) -> NDArray[np.float64]:
        usual = np.nan_to_num(self._pages.array("phases", "usual_v"), nan=NOMINAL_VOLTAGE_V)
        nearest = np.searchsorted(np.sqrt(_LEVELS_V[1:] * _LEVELS_V[:-1]), usual)
        return np.asarray(_LEVELS_V[nearest], dtype=np.float64)

    def _voltage(self, frame: ReadingFrame) -> NDArray[np.float64] | None:
        voltage = phase_matrix(frame, "voltage", "v")
        if voltage is None or not self._any_lacks_a_phase:
            return voltage
        return np.where(self._not_its_phase, np.nan, voltage)

    def levels(self, frame: ReadingFrame) -> PhaseLevels | None:
        """What other rules may ask of the same frame; None for a feed without voltages. Made once a frame while nothing is learnt."""
        known: PhaseLevels | None = frame.shared.get("phase_levels")
        if known is not None and known.nominal_v is self._nominal_v:
            return known
        voltage = self._voltage(frame)
        if voltage is None:
            return None
        level = voltage / self._nominal_v
        if np.fmax.reduce(level, axis=None) > _ABSURD:
            voltage = np.where(level > _ABSURD, np.nan, voltage)
            level = voltage / self._nominal_v
        judged = (level == level) & self._pages.array("phases", "alive")
        of_live = np.where(judged, level, np.nan)
        highest = np.fmax(np.fmax(level[0], level[1]), level[2])
        lowest = np.fmin(np.fmin(of_live[0], of_live[1]), of_live[2])
        lowest_live = lowest
        if np.fmin.reduce(lowest) < _DEAD:
            of_live[of_live < _DEAD] = np.nan
            lowest_live = np.fmin(np.fmin(of_live[0], of_live[1]), of_live[2])
        levels = PhaseLevels(voltage, self._nominal_v, level, judged, highest, lowest, lowest_live)
        frame.shared["phase_levels"] = levels
        return levels

    def score(self, frame: ReadingFrame) -> list[Signal]:
        levels = self.levels(frame)
        if levels is None:
            return []
        if not np.count_nonzero(levels.lowest < self._loss.recover):
            judged = levels.lowest == levels.lowest
            return nothing_found_of_all(self.name, judged, "V", *self.abnormalities)
        voltage, nominal, level, judged = levels.voltage_v, levels.nominal_v, levels.level, levels.judged
        measured = level == level
        magnitude = phase_magnitudes(frame)
        if magnitude is None:
            magnitude = np.full(voltage.shape, np.nan)
        loaded, idle = magnitude > self._load_a, magnitude <= self._load_a

        low = judged & (level < self._loss.set)
        shared = self._shared(low, judged)
        others_alive = any_phase((level >= self._break.recover) & measured)
        three = judged.sum(axis=0) >= 2
        # a weak line sinks all of a meter's phases alike; alone, a phase must be lower than lines get
        apart = np.where(three, level < np.maximum(_APART, self._loss.set) * levels.highest, level < self._break.set)
        own = ~shared & (others_alive | ~three) & apart

        back = judged & (level >= self._loss.recover)
        between = judged & ~low & loaded & own
        loss = np.where(back, 0.0, np.where(low & loaded & own, 1.0, np.where(between, STAYS, _HOLDS)))
        dead = (level < self._break.set) & others_alive
        partly = (level >= self._break.set) & (level < self._break.recover)
        broken = np.where(dead & idle, 1.0, np.where(partly & idle, STAYS, _HOLDS))
        # A loaded phase is lost, not broken.
        broken = np.where((level >= self._break.recover) | loaded, 0.0, broken)
        away = np.where(measured, 1e-3 * np.minimum(np.abs(voltage - nominal) / nominal, 1.0), 0.0)
        return [
            self._signal("voltage_loss", loss, judged & (magnitude == magnitude), voltage, nominal, away),
            self._signal("phase_break", broken, judged & three, voltage, nominal, away),
        ]

    def _shared(self, low: NDArray[np.bool_], judged: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(meters,): who is low together with others of the same line, or of the whole area."""
        lows, all_judged = any_phase(low), any_phase(judged)
        count = np.count_nonzero(lows)
        if count < _FEWEST_LOW:
            return np.zeros(len(lows), dtype=np.bool_)
        share = self._params.shared_share
        if count >= share * np.count_nonzero(all_judged):
            return np.ones(len(lows), dtype=np.bool_)
        of_line, judged_of_line = (np.bincount(self._line, weights=rows) for rows in (lows, all_judged))
        network = (of_line >= _FEWEST_LOW) & (of_line >= share * judged_of_line)
        return np.asarray(network[self._line])

    def _signal(
        self,
        code: str,
        strength: NDArray[np.float64],
        judged: NDArray[np.bool_],
        voltage: NDArray[np.float64],
        nominal: NDArray[np.float64],
        away: NDArray[np.float64],
    ) -> Signal:
        ranked = np.where(judged, strength, -1.0)
        # Of equally strong phases the one farthest from nominal is shown.
        worst = (ranked + away).argmax(axis=0), self._columns
        top, shown = ranked[worst], voltage[worst]
        known = (top >= 0) & (top != _HOLDS)
        return Signal(
            self.name,
            code,
            np.where(known, top, np.nan).astype(_F32),
            np.where(known, shown, np.nan),
            np.where(known, nominal, np.nan),
            "V",
        )

    def learn(self, frame: ReadingFrame, trusted: NDArray[np.bool_]) -> None:
        usual = self._pages.array("phases", "usual_v")
        # A level and its phases are slow things: every six hours is enough, but the first sight of a meter counts.
        regular = frame.interval_start_s % _LEARN_EVERY_S < 60 * frame.interval_minutes
        if not regular and not np.count_nonzero(usual != usual):
            return
        voltage = self._voltage(frame)
        if voltage is None:
            return
        usual, alive = self._pages.array("phases", "usual_v"), self._pages.array("phases", "alive")
        highest = np.fmax(np.fmax(voltage[0], voltage[1]), voltage[2])
        learns = trusted & (highest > 40.0)
        moved = np.where(usual == usual, usual + 0.1 * (highest - usual), highest)
        np.copyto(usual, moved, where=learns, casting="same_kind")
        self._nominal_v = self._find_nominal_v()
        alive |= learns & (voltage >= self._break.recover * self._nominal_v)
        self._pages.touch("phases")

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)
        self._nominal_v = self._find_nominal_v()
