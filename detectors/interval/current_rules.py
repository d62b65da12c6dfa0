"""Current per phase against what was usual: lost, unbalanced (VI-08, VI-11)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.limits import limits_of
from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from detectors.steps import nothing_found, step_strength
from detectors.witness import any_phase, phase_magnitudes
from metering.evidence import AreaContext, Signal
from metering.frame import ReadingFrame

_F32 = np.float32
_DAY_MINUTES = 1440
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

    def __post_init__(self) -> None:
        check_ranges(self)


class CurrentRules:
    """Rules on currents that have to know what was usual; what a feed does not carry is not judged (NaN, or no signal). Unit A.

    `current_loss`: a phase that used to carry load has none, far longer than ever before, while another is loaded.
    `current_unbalance`: commercial and industrial customers that used to be balanced. Supply meters are not judged. Ib is 5 A
    where it is not known.

    >>> from detectors.examples import context, frame
    >>> rules = CurrentRules(context(meters=1, fields={"phases": [3]}), CurrentRulesParams())
    >>> [s.abnormality for s in rules.score(frame(energy_kwh=[1], current_a_a=[2.0], current_b_a=[0.0], current_c_a=[2.0]))]
    ['current_loss']
    """

    name = "current_rules"
    abnormalities: tuple[str, ...] = ("current_loss", "current_unbalance")

    def __init__(self, context: AreaContext, params: CurrentRulesParams) -> None:
        self._params = params
        self._context = context
        self._limits = limits_of(context.area, "current_unbalance", context.limits)
        area = context.area
        count = len(area)
        basic = np.where(area.rated_current_a > 0, area.rated_current_a, 5.0)
        self._none_a = np.maximum(0.05, params.loss_share * basic)
        self._loaded_a = np.maximum(0.5, params.loaded_share * basic)
        self._customer = ~area.is_supply
        self._many = (area.phases != 1) & self._customer
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
        magnitude = phase_magnitudes(frame)
        if magnitude is None:
            return []
        signals = [self._loss(magnitude)]
        if self._any_balanced_class:
            signals.append(self._unbalance(magnitude))
        return signals

    def _loss(self, magnitude: NDArray[np.float64]) -> Signal:
        state = self._pages.array
        usual, quiet = state("phases", "usual_a"), state("phases", "quiet_run")
        a, b, c = magnitude == magnitude
        ready = (a & b | b & c | a & c) & self._many & (state("phases", "age") >= self._warm_up)
        if quiet.max() + 1 < self._loss_intervals or not np.count_nonzero(
            ready & (quiet + 1 >= self._loss_intervals) & (usual >= self._loaded_a)
        ):
            return nothing_found(self.name, "current_loss", ready, "A")
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

    def _unbalance(self, magnitude: NDArray[np.float64]) -> Signal:
        largest, unbalance = _unbalance_of(magnitude)
        usual = self._pages.array("phases", "usual_unbalance")
        ready = self._balanced_class & (largest >= 4 * self._loaded_a) & (usual <= 0.5) & (unbalance == unbalance)
        if not np.count_nonzero(ready & (unbalance > self._limits.recover)):
            return nothing_found(self.name, "current_unbalance", ready, "1")
        strength = step_strength(unbalance, self._limits.recover, self._limits.set)
        return self._signal("current_unbalance", strength, ready, unbalance, usual, "1")

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
        magnitude = phase_magnitudes(frame)
        if magnitude is None:
            return
        state = self._pages.array
        measured = magnitude == magnitude
        age = state("phases", "age")
        age += any_phase(measured)
        quiet, longest, usual = (
            state("phases", "quiet_run"),
            state("phases", "longest_quiet"),
            state("phases", "usual_a"),
        )
        flows = magnitude >= self._none_a
        ended = flows & (quiet > 0)
        if np.count_nonzero(ended):
            np.copyto(longest, quiet, where=ended & trusted & (quiet > longest))
            np.copyto(quiet, 0, where=ended)
        quiet += measured > flows
        self._pages.touch("phases")
        # What is usual is learnt once an hour.
        if frame.interval_start_s % 3600 >= 60 * frame.interval_minutes:
            return
        # A phase that has long been quiet keeps what it used to carry.
        learns = measured & trusted & (quiet < self._loss_intervals)
        hours = age * (self._context.interval_minutes / max(self._context.interval_minutes, 60))
        rate = np.maximum(self._rate, 1 / np.maximum(hours, 1))
        np.copyto(usual, usual + rate * (magnitude - usual), where=learns, casting="same_kind")
        if not self._any_balanced_class:
            return
        largest, unbalance = _unbalance_of(magnitude)
        learns = trusted & (largest >= self._loaded_a) & (unbalance == unbalance)
        level = state("phases", "usual_unbalance")
        np.copyto(level, level + self._rate * (unbalance - level), where=learns, casting="same_kind")

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)


def _unbalance_of(magnitude: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(largest phase current, (largest - smallest) / largest); NaN unless all three are measured."""
    largest = magnitude.max(axis=0)
    return largest, (largest - magnitude.min(axis=0)) / np.maximum(largest, 1e-9)
