"""Voltage on each phase: lost under load, broken, too high, too low (VI-01, VI-04, VI-05, VI-06)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from detectors.steps import STAYS, nothing_found, nothing_found_of_all
from detectors.witness import NOISE_CURRENT_A, any_phase, phase_matrix
from metering.archive import NOMINAL_VOLTAGE_V
from metering.evidence import AreaContext, Signal
from metering.frame import ReadingFrame

_F32 = np.float32
#: A phase of which nothing can be told now: its meter is not judged, unless another phase is clearly abnormal.
_HOLDS = 0.5
_LEARN_EVERY_S = 6 * 3600
#: Nominal phase voltages that meters are connected to; 220 to 240 V are one level here.
_LEVELS_V = np.array([57.7, 100.0, 120.0, NOMINAL_VOLTAGE_V, 277.0, 400.0])


@dataclass(frozen=True, slots=True)
class VoltageRulesParams:
    loss_set: float = parameter(
        0.78, meaning="phase voltage under load below which it is lost", unit="Un", low=0.7, high=0.9, source="VI-01"
    )
    loss_recover: float = parameter(
        0.85, meaning="voltage at which it is back", unit="Un", low=0.7, high=1.0, source="VI-01"
    )
    load_share: float = parameter(
        0.005, meaning="phase current that counts as load", unit="Ib", low=0.001, high=0.1, source="VI-01: 0.5 % Ib"
    )
    break_set: float = parameter(
        0.60,
        meaning="voltage of an unloaded phase below which it is broken",
        unit="Un",
        low=0.3,
        high=0.8,
        source="VI-04",
    )
    break_recover: float = parameter(
        0.70, meaning="voltage at which the phase is back", unit="Un", low=0.3, high=1.0, source="VI-05, CM-02"
    )
    over_set: float = parameter(
        1.15, meaning="overvoltage", unit="Un", low=1.05, high=1.4, source="VI-06: 1.15 -> 1.05"
    )
    over_recover: float = parameter(1.07, meaning="overvoltage is over", unit="Un", low=1.0, high=1.3, source="VI-06")
    under_set: float = parameter(
        0.80, meaning="undervoltage", unit="Un", low=0.5, high=0.95, source="VI-06: 0.80 -> 0.90"
    )
    under_recover: float = parameter(0.90, meaning="undervoltage is over", unit="Un", low=0.6, high=1.0, source="VI-06")
    shared_share: float = parameter(
        0.3,
        meaning="share of the area's meters (at least three) low at once that makes it the network's trouble",
        unit="1",
        low=0.05,
        high=1,
        source="proposed: a sag or a feeder fault is nobody's tampering",
    )

    def __post_init__(self) -> None:
        check_ranges(self)


class VoltageRules:
    """Rules on each phase that the meter has; the strength is that of its worst phase, the figures are that phase's.

    `voltage_loss`: low although the phase carries current; without current nothing can be told. `phase_break`: low and
    without current while another phase is alive. All phases gone is an outage and suppresses both (VI-05). A phase that
    never was alive is not judged (three-wire meters have no phase B). Un is the usual level that the meter's highest
    phase is nearest to. Unit V; NaN without a voltage; nothing is emitted for a feed without voltages.

    >>> from detectors.examples import context, frame
    >>> rules = VoltageRules(context(meters=1), VoltageRulesParams())
    >>> good = frame(energy_kwh=[1], voltage_a_v=[231], voltage_b_v=[230], voltage_c_v=[229], current_b_a=[4])
    >>> rules.learn(good, np.array([True]))
    >>> lost = frame(energy_kwh=[1], voltage_a_v=[231], voltage_b_v=[90], voltage_c_v=[229], current_b_a=[4])
    >>> [(s.abnormality, float(s.strength[0]), float(s.observed[0])) for s in rules.score(lost)][:2]
    [('voltage_loss', 1.0, 90.0), ('phase_break', 0.0, 90.0)]
    """

    name = "voltage_rules"
    abnormalities: tuple[str, ...] = ("voltage_loss", "phase_break", "overvoltage", "undervoltage")

    def __init__(self, context: AreaContext, params: VoltageRulesParams) -> None:
        self._params = params
        area = context.area
        count = len(area)
        rated = np.where(area.rated_current_a > 0, area.rated_current_a, 5.0)
        self._load_a = np.maximum(NOISE_CURRENT_A, params.load_share * rated)
        self._any_single = bool((area.phases == 1).any())
        self._not_its_phase = np.array([[False], [True], [True]]) & (area.phases == 1)
        self._pages = StatePages(
            "voltage_rules/1",
            {"phases": {"usual_v": Slab((count,), _F32, np.nan), "alive": Slab((3, count), np.bool_)}},
        )
        self._nominal_v = self._find_nominal_v()
        self._columns = np.arange(count)

    def _find_nominal_v(self) -> NDArray[np.float64]:
        usual = np.nan_to_num(self._pages.array("phases", "usual_v"), nan=NOMINAL_VOLTAGE_V)
        nearest = np.searchsorted(np.sqrt(_LEVELS_V[1:] * _LEVELS_V[:-1]), usual)
        return np.asarray(_LEVELS_V[nearest], dtype=np.float64)

    def _voltage(self, frame: ReadingFrame) -> NDArray[np.float64] | None:
        voltage = phase_matrix(frame, "voltage", "v")
        if voltage is None or not self._any_single:
            return voltage
        return np.where(self._not_its_phase, np.nan, voltage)

    def score(self, frame: ReadingFrame) -> list[Signal]:
        voltage = self._voltage(frame)
        if voltage is None:
            return []
        p = self._params
        nominal = self._nominal_v
        level = voltage / nominal
        alive = self._pages.array("phases", "alive")
        measured = level == level
        judged = measured & alive
        highest, lowest = np.fmax.reduce(level, axis=None), np.fmin.reduce(level, axis=None)
        if not (highest > p.over_recover or lowest < max(p.under_recover, p.loss_recover)):
            of_phases = nothing_found_of_all(
                self.name, any_phase(judged), "V", "voltage_loss", "phase_break", "undervoltage"
            )
            return [*of_phases, nothing_found(self.name, "overvoltage", any_phase(measured), "V")]
        current = phase_matrix(frame, "current", "a")
        magnitude = np.full(voltage.shape, np.nan) if current is None else np.abs(current)
        loaded, idle = magnitude > self._load_a, magnitude <= self._load_a

        low = judged & (level < p.loss_set)
        shared = self._shared(low, judged)
        others_alive = any_phase((level >= p.break_recover) & measured)
        three = judged.sum(axis=0) >= 2
        own = ~shared & (others_alive | ~three)

        back = judged & (level >= p.loss_recover)
        between = judged & ~low & loaded & own
        loss = np.where(back, 0.0, np.where(low & loaded & own, 1.0, np.where(between, STAYS, _HOLDS)))
        dead = (level < p.break_set) & others_alive
        partly = (level >= p.break_set) & (level < p.break_recover)
        broken = np.where(dead & idle, 1.0, np.where(partly & idle, STAYS, _HOLDS))
        # A loaded phase is lost, not broken.
        broken = np.where((level >= p.break_recover) | loaded, 0.0, broken)
        away = np.where(measured, 1e-3 * np.minimum(np.abs(voltage - nominal) / nominal, 1.0), 0.0)
        over = _step(level, p.over_recover, p.over_set)
        under = _step(-level, -p.under_recover, -p.under_set)
        under = np.where(level < p.break_set, _HOLDS, under)
        return [
            self._signal("voltage_loss", loss, judged & (magnitude == magnitude), voltage, nominal, away),
            self._signal("phase_break", broken, judged & three, voltage, nominal, away),
            self._signal("overvoltage", over, measured, voltage, nominal, away),
            self._signal("undervoltage", under, judged, voltage, nominal, away),
        ]

    def _shared(self, low: NDArray[np.bool_], judged: NDArray[np.bool_]) -> bool:
        lows = np.count_nonzero(any_phase(low))
        return bool(lows >= 3 and lows >= self._params.shared_share * np.count_nonzero(any_phase(judged)))

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
        alive |= learns & (voltage >= self._params.break_recover * self._nominal_v)
        self._pages.touch("phases")

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)
        self._nominal_v = self._find_nominal_v()


def _step(value: NDArray[np.float64], recover: float, at_set: float) -> NDArray[np.float64]:
    return np.where(value >= at_set, 1.0, np.where(value > recover, STAYS, 0.0))
