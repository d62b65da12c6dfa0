"""Current per phase over hours and against what was usual: lost, unbalanced, reversed at small load (VI-08, VI-11, WR-02)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.limits import limits_of
from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from detectors.steps import STAYS, nothing_found, step_strength
from detectors.witness import any_phase, phase_magnitudes, phase_matrix
from metering.evidence import AreaContext, Signal
from metering.frame import ReadingFrame

_F32 = np.float32
_DAY_MINUTES = 1440
#: Longer than any rule asks for, so that a small count holds it.
_LONGEST_RUN = 20_000
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

    starting_a: float = parameter(
        0.04,
        meaning="current of a directly connected meter from which on its direction is sure",
        unit="A",
        low=0.02,
        high=1,
        source="IEC 62053-21: starts at 0.4 % Ib, of 10 A",
    )
    reverse_minutes: float = parameter(
        360.0,
        meaning="shortest time of a small reversed current",
        unit="min",
        low=60,
        high=10080,
        source="proposed: standby of an absent home; WR-02 judges larger currents after an hour",
    )

    def __post_init__(self) -> None:
        check_ranges(self)


class CurrentRules:
    """Rules on currents that have to know what was usual; what a feed does not carry is not judged (NaN, or no signal). Unit A.

    `current_loss`: a phase that used to carry load has none, far longer than ever before, while another is loaded.
    `current_unbalance`: commercial and industrial customers that used to be balanced. `power_reversed`: a phase's current has run
    backwards for `reverse_minutes` and never forwards, however small it is; of directly connected meters that the archive knows to be
    without generation (larger currents are the catalogue's rule, after an hour). Supply meters are not judged. Ib is 5 A where it is not known.

    >>> from detectors.examples import context, frame
    >>> rules = CurrentRules(context(meters=1, fields={"phases": [3]}), CurrentRulesParams())
    >>> [s.abnormality for s in rules.score(frame(energy_kwh=[1], current_a_a=[2.0], current_b_a=[0.0], current_c_a=[2.0]))]
    ['current_loss', 'power_reversed']
    """

    name = "current_rules"
    abnormalities: tuple[str, ...] = ("current_loss", "current_unbalance", "power_reversed")

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
        direct = np.array([(m.ct_ratio or 1.0) == 1.0 for m in area.meters], dtype=np.bool_)
        self._consumer = self._customer & direct & area.generation_known & ~area.has_generation
        self._reverse_intervals = max(2, round(params.reverse_minutes / context.interval_minutes))
        self._pages = StatePages(
            "current_rules/2",
            {
                "phases": {
                    "age": Slab((count,), np.int32),
                    "usual_a": Slab((3, count), _F32),
                    "quiet_run": Slab((3, count), np.int32),
                    "longest_quiet": Slab((3, count), np.int32),
                    "usual_unbalance": Slab((count,), _F32, 1.0),
                    "reverse_run": Slab((3, count), np.int16),
                }
            },
        )
        self._any_reversed = False

    def score(self, frame: ReadingFrame) -> list[Signal]:
        magnitude = phase_magnitudes(frame)
        if magnitude is None:
            return []
        signals = [self._loss(magnitude)]
        if self._any_balanced_class:
            signals.append(self._unbalance(magnitude))
        signals.append(self._reversed(frame, magnitude))
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

    def _reversed(self, frame: ReadingFrame, magnitude: NDArray[np.float64]) -> Signal:
        """Small currents; a larger one is also judged here, but sooner by the catalogue's rule."""
        judged = self._consumer & any_phase(magnitude >= self._params.starting_a)
        run = self._pages.array("phases", "reverse_run")
        if not self._any_reversed:
            return nothing_found(self.name, "power_reversed", judged, "A")
        current = phase_matrix(frame, "current", "a")
        assert current is not None  # noqa: S101 - there are magnitudes
        backwards = run + (current <= -self._params.starting_a)
        worst = np.argmax(backwards, axis=0)[None, :]
        longest = np.take_along_axis(backwards, worst, axis=0)[0]
        strength = np.where(longest >= self._reverse_intervals, 1.0, np.where(longest > 0, STAYS, 0.0))
        observed = np.take_along_axis(current, worst, axis=0)[0]
        return self._signal("power_reversed", strength, judged, observed, np.zeros(len(frame)), "A")

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
        self._count_reversed(frame)
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

    def _count_reversed(self, frame: ReadingFrame) -> None:
        """How long each phase has run backwards; what is too small to tell leaves it as it is."""
        current, run = phase_matrix(frame, "current", "a"), self._pages.array("phases", "reverse_run")
        assert current is not None  # noqa: S101 - there are magnitudes
        backwards = current <= -self._params.starting_a
        if not (self._any_reversed or np.count_nonzero(backwards)):
            return
        np.copyto(run, 0, where=current >= self._params.starting_a)
        np.add(run, 1, out=run, where=backwards & self._consumer & (run < _LONGEST_RUN))
        self._any_reversed = bool(run.any())

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)
        self._any_reversed = bool(self._pages.array("phases", "reverse_run").any())


def _unbalance_of(magnitude: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(largest phase current, (largest - smallest) / largest); NaN unless all three are measured."""
    largest = magnitude.max(axis=0)
    return largest, (largest - magnitude.min(axis=0)) / np.maximum(largest, 1e-9)
