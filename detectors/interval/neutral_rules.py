"""A floating neutral: on one line some phases rise while others sink, as their loads let them (VI-16)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.interval.voltage_rules import PhaseLevels, VoltageRules, VoltageRulesParams
from detectors.parameters import check_ranges, parameter
from detectors.steps import STAYS, nothing_found
from detectors.witness import any_phase
from metering.evidence import AreaContext, Signal
from metering.frame import ReadingFrame

_CODE = "neutral_lost"
#: Below this share of nominal a phase is dead, not sunk.
_DEAD = 0.5


@dataclass(frozen=True, slots=True)
class NeutralRulesParams:
    high: float = parameter(
        1.09, meaning="level from which on a phase counts as risen", unit="Un", low=1.03, high=1.5, source="proposed"
    )
    low: float = parameter(
        0.93, meaning="level up to which a phase counts as sunk", unit="Un", low=0.5, high=0.99, source="proposed"
    )
    fewest: float = parameter(
        2.0, meaning="meters of one line that must have risen, and that must have sunk", unit="meters", low=1, high=20,
        source="one meter alone has a joint of its own",
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_ranges(self)


class NeutralRules:
    """On one line and in one interval some meters' voltages are far up and others' far down: the neutral is lost or bad before them.

    A sag, a weak line's end or a sunny noon move all of a line's voltages one way; only the neutral moves them apart. The evidence is
    the area's own, in its supply meters' rows: NaN elsewhere, and in an area without a supply meter. `observed` is the
    highest voltage (V), `expected` the nominal one. Phases that are dead count for neither side. Stateless; the nominal voltages are
    those of the bank's `VoltageRules`. Reference: IEC 60364-4-44, 442.3 (loss of the neutral in a three-phase system).

    >>> from detectors.examples import context, frame
    >>> rules = NeutralRules(context(meters=5, supply=True), NeutralRulesParams())
    >>> apart = frame(energy_kwh=[1] * 5, voltage_v=[268, 260, 190, 185, None])
    >>> [(float(s.strength[4]), float(s.observed[4])) for s in rules.score(apart)]
    [(1.0, 268.0)]
    """

    name = "neutral_rules"
    abnormalities: tuple[str, ...] = (_CODE,)

    def __init__(
        self,
        context: AreaContext,
        params: NeutralRulesParams,
        levels: Callable[[ReadingFrame], PhaseLevels | None] | None = None,
    ) -> None:
        self._params = params
        self._levels = VoltageRules(context, VoltageRulesParams()).levels if levels is None else levels
        self._supply = context.area.is_supply
        lines = [None if m.role == "supply" else (m.feeder, m.segment) for m in context.area.meters]
        distinct = sorted({line for line in lines if line is not None}, key=repr)
        number = {line: n for n, line in enumerate(distinct)}
        #: the supply meter is on no line
        self._line = np.array([len(distinct) if line is None else number[line] for line in lines], dtype=np.intp)
        self._lines = len(distinct)

    def score(self, frame: ReadingFrame) -> list[Signal]:
        levels = self._levels(frame)
        if levels is None or not self._supply.any():
            return []
        p = self._params
        if not np.count_nonzero(levels.highest > p.high):
            heard = bool(np.count_nonzero(levels.highest == levels.highest))
            return [nothing_found(self.name, _CODE, self._supply & heard, "V")]
        sunk = any_phase((levels.level < p.low) & (levels.level >= _DEAD))
        up, down = self._on_a_line(levels.highest > p.high), self._on_a_line(sunk)
        holds = ((up >= p.fewest) & (down >= p.fewest)).any()
        strength = 1.0 if holds else STAYS if ((up > 0) & (down > 0)).any() else 0.0
        highest_v = float(np.nanmax(np.where(self._supply, np.nan, levels.highest * levels.nominal_v)))
        return [
            Signal(
                self.name,
                _CODE,
                np.where(self._supply, np.float32(strength), np.float32(np.nan)),
                np.where(self._supply, highest_v, np.nan),
                np.where(self._supply, levels.nominal_v, np.nan),
                "V",
            )
        ]

    def _on_a_line(self, rows: NDArray[np.bool_]) -> NDArray[np.intp]:
        """(lines,): how many of these rows are on each line."""
        return np.bincount(self._line[rows], minlength=self._lines + 1)[: self._lines]

    def learn(self, frame: ReadingFrame, trusted: NDArray[np.bool_]) -> None:
        """Nothing to learn."""

    def dump(self) -> dict[str, bytes]:
        return {}

    def dump_dirty(self) -> dict[str, bytes]:
        return {}

    def load(self, pages: dict[str, bytes]) -> None:
        """No state."""
