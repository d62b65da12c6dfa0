"""Current per phase, its sign, and the neutral: lost, reversed, past the meter (VI-08, VI-11, TH-05, WR-01, WR-02)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from detectors.steps import STAYS, nothing_found, step_strength
from detectors.witness import any_phase, phase_matrix
from metering.archive import NOMINAL_VOLTAGE_V
from metering.evidence import AreaContext, Signal
from metering.frame import ReadingFrame

_F32 = np.float32
_DAY_MINUTES = 1440
#: Local hours in which no photovoltaic plant explains a reversed current.
_DARK_HOURS = frozenset({22, 23, 0, 1, 2, 3})
#: Classes whose three-phase load is balanced by design; a home's is not.
_BALANCED_CLASSES = frozenset({"industrial", "commercial", "agricultural"})


@dataclass(frozen=True, slots=True)
class CurrentRulesParams:
    loss_share: float = parameter(
        0.005, meaning="phase current that counts as none", unit="Ib", low=0.001, high=0.05, source="VI-08: 0.5 % Ib"
    )
    loaded_share: float = parameter(
        0.05, meaning="phase current that counts as load", unit="Ib", low=0.01, high=0.3, source="VI-08: 5 % Ib"
    )
    loss_minutes: float = parameter(
        360.0,
        meaning="shortest time of a lost current",
        unit="min",
        low=15,
        high=10080,
        source="proposed, long: VI-08 60 s",
    )
    loss_over_longest: float = parameter(
        3.0,
        meaning="how many times longer than ever before a phase must have been without current",
        unit="1",
        low=1.5,
        high=20,
        source="proposed: a phase may well have nothing switched on",
    )
    loss_warm_up_days: float = parameter(
        7.0, meaning="measured days before a phase's current can be lost", unit="d", low=1, high=60, source="proposed"
    )
    neutral_set: float = parameter(
        0.40,
        meaning="difference of line and neutral over the larger",
        unit="1",
        low=0.1,
        high=0.98,
        source="TH-05: 40 %",
    )
    neutral_recover: float = parameter(
        0.25, meaning="difference that is none", unit="1", low=0.05, high=0.9, source="proposed"
    )
    neutral_least_a: float = parameter(
        0.5,
        meaning="larger of the two currents below which nothing is judged",
        unit="A",
        low=0.1,
        high=20,
        source="TH-05: 0.1 A",
    )
    reverse_share: float = parameter(
        0.005, meaning="reversed current or power that counts", unit="Ib", low=0.001, high=0.05, source="WR-02: 0.5 %"
    )
    unbalance_set: float = parameter(
        0.90, meaning="(largest - smallest) over largest phase current", unit="1", low=0.2, high=0.99, source="VI-11"
    )
    unbalance_recover: float = parameter(
        0.70, meaning="unbalance that is over", unit="1", low=0.1, high=0.95, source="proposed"
    )

    def __post_init__(self) -> None:
        check_ranges(self)


class CurrentRules:
    """Rules on currents; what a feed does not carry is not judged (NaN, or no signal at all). Unit A, or kWh of export.

    `current_loss`: a phase that used to carry load has none, far longer than ever before, while another is loaded.
    `power_reversed`: a negative phase current without declared generation; where the archive does not say whether
    there is any, only dark hours count. `reverse_energy`: export of a customer known to have no generation.
    `neutral_line_difference`: single-phase meters that measure both. `current_unbalance`: commercial and
    industrial customers that used to be balanced. Supply meters are not judged. Ib is 5 A where it is not known.

    >>> from detectors.examples import context, frame
    >>> rules = CurrentRules(context(meters=2, fields={"phases": [1, 1]}), CurrentRulesParams())
    >>> signals = rules.score(frame(energy_kwh=[1, 1], current_a=[2.0, 9.0], neutral_current_a=[9.0, 8.8]))
    >>> [(s.abnormality, s.strength.round(2).tolist()) for s in signals if s.abnormality == "neutral_line_difference"]
    [('neutral_line_difference', [1.0, 0.0])]
    """

    name = "current_rules"
    abnormalities: tuple[str, ...] = (
        "current_loss",
        "current_unbalance",
        "power_reversed",
        "reverse_energy",
        "neutral_line_difference",
    )

    def __init__(self, context: AreaContext, params: CurrentRulesParams) -> None:
        self._params = params
        self._context = context
        area = context.area
        count = len(area)
        basic = np.where(area.rated_current_a > 0, area.rated_current_a, 5.0)
        self._none_a = np.maximum(0.05, params.loss_share * basic)
        self._loaded_a = np.maximum(0.5, params.loaded_share * basic)
        self._reverse_a = np.maximum(0.2, params.reverse_share * basic)
        phases = np.where(np.isfinite(area.phases), area.phases, 1.0)
        ratio = np.array([m.ct_ratio or 1.0 for m in area.meters])
        self._reverse_kw = np.maximum(0.05, params.reverse_share * basic * ratio * phases * NOMINAL_VOLTAGE_V / 1000)
        self._customer = ~area.is_supply
        self._single = (area.phases == 1) & self._customer
        self._many = (area.phases != 1) & self._customer
        self._no_generation = area.generation_known & ~area.has_generation & self._customer
        self._unknown_generation = ~area.generation_known & self._customer
        classes = np.array([m.customer_class in _BALANCED_CLASSES for m in area.meters], dtype=np.bool_)
        self._balanced_class = classes & self._many
        self._any_balanced_class = bool(self._balanced_class.any())
        self._rate = max(context.interval_minutes, 60) / (14 * _DAY_MINUTES)
        self._warm_up = params.loss_warm_up_days * _DAY_MINUTES / context.interval_minutes
        self._loss_intervals = max(2.0, params.loss_minutes / context.interval_minutes)
        self._pages = StatePages(
            "current_rules/1",
            {
                "phases": {
                    "age": Slab((count,), np.int32),
                    "usual_a": Slab((3, count), _F32),
                    "quiet_run": Slab((3, count), np.int32),
                    "longest_quiet": Slab((3, count), np.int32),
                    "usual_unbalance": Slab((count,), _F32, 1.0),
                }
            },
        )

    def score(self, frame: ReadingFrame) -> list[Signal]:
        signals = []
        current = phase_matrix(frame, "current", "a")
        if current is not None:
            signals += [self._loss(current), self._reversed(frame, current)]
            if self._any_balanced_class:
                signals.append(self._unbalance(current))
        export = frame.column("export_kwh")
        if export is not None:
            signals.append(self._reverse_energy(frame, export))
        neutral, line = frame.column("neutral_current_a"), frame.column("current_a")
        if neutral is not None and current is not None:
            signals.append(
                self._neutral(current[0] if line is None else np.where(line == line, line, current[0]), neutral)
            )
        return signals

    def _loss(self, current: NDArray[np.float64]) -> Signal:
        state = self._pages.array
        usual, quiet = state("phases", "usual_a"), state("phases", "quiet_run")
        a, b, c = current == current
        ready = (a & b | b & c | a & c) & self._many & (state("phases", "age") >= self._warm_up)
        suspects = quiet + 1 >= self._loss_intervals
        suspects &= usual >= self._loaded_a
        suspects &= ready
        if not np.count_nonzero(suspects):
            return nothing_found(self.name, "current_loss", ready, "A")
        magnitude = np.abs(current)
        other_loaded = any_phase(magnitude >= self._loaded_a)
        is_none = magnitude < self._none_a
        needed = np.maximum(self._loss_intervals, self._params.loss_over_longest * state("phases", "longest_quiet"))
        lost = is_none & (usual >= self._loaded_a) & (quiet + 1 >= needed)
        ready &= other_loaded | ~lost.any(axis=0)
        strength = np.where(lost, 1.0, 0.0)
        worst = np.argmax(strength, axis=0)[None, :]
        top = np.take_along_axis(strength, worst, axis=0)[0]
        observed = np.take_along_axis(magnitude, worst, axis=0)[0]
        expected = np.take_along_axis(usual, worst, axis=0)[0]
        return self._signal("current_loss", top, ready, observed, expected, "A")

    def _unbalance(self, current: NDArray[np.float64]) -> Signal:
        largest, unbalance = _unbalance_of(current)
        usual = self._pages.array("phases", "usual_unbalance")
        ready = self._balanced_class & (largest >= 4 * self._loaded_a) & (usual <= 0.5) & (unbalance == unbalance)
        if not np.count_nonzero(ready & (unbalance > self._params.unbalance_recover)):
            return nothing_found(self.name, "current_unbalance", ready, "1")
        strength = step_strength(unbalance, self._params.unbalance_recover, self._params.unbalance_set)
        return self._signal("current_unbalance", strength, ready, unbalance, usual, "1")

    def _reversed(self, frame: ReadingFrame, current: NDArray[np.float64]) -> Signal:
        hour = self._context.calendar.local(frame.interval_start_s).hour
        dark = hour in _DARK_HOURS and self._context.interval_minutes <= 60
        ready = self._no_generation | (self._unknown_generation & dark)
        back = any_phase(current >= self._reverse_a)
        if not np.fmin.reduce(current, axis=None) < 0:
            return nothing_found(self.name, "power_reversed", ready & back, "A")
        lowest = np.fmin(np.fmin(current[0], current[1]), current[2])
        reverse = lowest / self._reverse_a
        if not np.count_nonzero(ready & (reverse < -0.5)):
            return nothing_found(self.name, "power_reversed", ready & back, "A")
        strength = np.where(reverse <= -1, 1.0, np.where(reverse < -0.5, STAYS, 0.0))
        # Without load the sign cannot be told.
        ready &= (reverse < -0.5) | back
        return self._signal("power_reversed", strength, ready, lowest, np.zeros(len(lowest)), "A")

    def _reverse_energy(self, frame: ReadingFrame, export: NDArray[np.float64]) -> Signal:
        ready = self._no_generation & (export == export)
        reverse = export / frame.hours / self._reverse_kw
        if not np.count_nonzero(ready & (reverse > 0.2)):
            return nothing_found(self.name, "reverse_energy", ready, "kWh")
        strength = step_strength(reverse, 0.2, 1.0)
        return self._signal("reverse_energy", strength, ready, export, np.zeros(len(export)), "kWh")

    def _neutral(self, line: NDArray[np.float64], neutral: NDArray[np.float64]) -> Signal:
        p = self._params
        magnitude = np.abs(line)
        larger = np.maximum(magnitude, neutral)
        difference = np.abs(magnitude - neutral) / np.maximum(larger, 1e-9)
        ready = self._single & (larger >= p.neutral_least_a)
        if not np.count_nonzero(ready & (difference > p.neutral_recover)):
            return nothing_found(self.name, "neutral_line_difference", ready, "A")
        strength = step_strength(difference, p.neutral_recover, p.neutral_set)
        return self._signal("neutral_line_difference", strength, ready, magnitude, neutral, "A")

    def _signal(
        self,
        code: str,
        strength: NDArray[np.float64] | NDArray[np.float32],
        judged: NDArray[np.bool_],
        observed: NDArray[np.float64],
        expected: NDArray[np.float64] | NDArray[np.float32],
        unit: str,
    ) -> Signal:
        return Signal(
            self.name,
            code,
            np.where(judged, strength, np.nan).astype(_F32),
            np.where(judged, observed, np.nan),
            np.where(judged, expected, np.nan).astype(np.float64),
            unit,
        )

    def learn(self, frame: ReadingFrame, trusted: NDArray[np.bool_]) -> None:
        current = phase_matrix(frame, "current", "a")
        if current is None:
            return
        state = self._pages.array
        measured = current == current
        normal = measured & trusted
        age = state("phases", "age")
        age += any_phase(measured)
        magnitude = np.abs(current)
        quiet, longest, usual = (
            state("phases", "quiet_run"),
            state("phases", "longest_quiet"),
            state("phases", "usual_a"),
        )
        is_none = measured & (magnitude < self._none_a)
        flows = measured > is_none
        np.copyto(longest, quiet, where=normal & flows & (quiet > longest))
        quiet += is_none
        np.copyto(quiet, 0, where=flows)
        self._pages.touch("phases")
        # What is usual is learnt once an hour.
        if frame.interval_start_s % 3600 >= 60 * frame.interval_minutes:
            return
        # A phase that has long been quiet keeps what it used to carry.
        learns = normal & (quiet < self._loss_intervals)
        hours = state("phases", "age") * (self._context.interval_minutes / max(self._context.interval_minutes, 60))
        rate = np.maximum(self._rate, 1 / np.maximum(hours, 1))
        np.copyto(usual, usual + rate * (magnitude - usual), where=learns, casting="same_kind")
        largest, unbalance = _unbalance_of(current)
        learns = trusted & (largest >= self._loaded_a) & (unbalance == unbalance)
        level = state("phases", "usual_unbalance")
        np.copyto(level, level + self._rate * (unbalance - level), where=learns, casting="same_kind")

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)


def _unbalance_of(current: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(largest phase current, (largest - smallest) / largest); NaN unless all three are measured."""
    magnitude = np.abs(current)
    largest = magnitude.max(axis=0)
    return largest, (largest - magnitude.min(axis=0)) / np.maximum(largest, 1e-9)
