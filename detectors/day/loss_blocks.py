"""Which meters the unexplained loss of a phase follows: blocks of meters told apart by least squares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.day.memory import F64, keep
from detectors.day.wiring import Wiring
from detectors.normal_equations import learnt, packed_size, shares_beside_others
from detectors.pages import Slab

_F32 = np.float32
#: What a meter's energy varies by at least, kWh an hour, for the loss to follow it.
_LEAST_KWH = 0.02
#: Of the usual variance of a phase's loss, so much is believed to be noise at least.
_LEAST_NOISE_SHARE = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Follows:
    """What blocks of meters remember of what the loss follows, and what that says: kWh per kWh and in standard errors, (meters,)."""

    squares: F64
    products: F64
    hours: F64
    share: F64
    sure: F64


class LossBlocks:
    """Meters of a phase, some of them together, whose parts in the loss are told apart by least squares."""

    def __init__(self, wiring: Wiring, most: int, *, by_line: bool) -> None:
        self._rows, group, self._place = wiring.blocks(most, by_line=by_line)
        self._phase = group // wiring.lines.count if by_line else group
        self._meters = len(wiring.line)

    def layout(self, name: str) -> dict[str, Slab]:
        blocks, terms = self._rows.shape
        return {
            f"{name}_squares": Slab((packed_size(terms), blocks), _F32),
            f"{name}_products": Slab((terms, blocks), _F32),
            f"{name}_hours": Slab((2, blocks), _F32),
        }

    def follows(
        self,
        pages: Mapping[str, NDArray[Any]],
        name: str,
        regressors: F64,
        e: F64,
        weight: F64,
        kept: F64,
        variance: F64,
        ridge: float,
    ) -> Follows:
        """With a day taken in; `regressors` (24, 3, meters), `e` the weighted loss and `weight` (24, 3), `kept` and `variance` (3,)."""
        phase = self._phase
        kept = kept[phase]
        squares, products = kept * pages[f"{name}_squares"], kept * pages[f"{name}_products"]
        inside = np.where(self._rows >= 0, 1.0, 0.0)
        of_blocks = regressors[:, phase[:, None], self._rows] * (weight[:, phase, None] * inside)
        learnt(squares, products, of_blocks, e[:, phase], np.ones(len(phase)))
        added = np.stack([(weight * weight).sum(axis=0), (e * e).sum(axis=0)])
        hours = kept * pages[f"{name}_hours"] + added[:, phase]
        if not self._rows.size:
            unknown = np.full(self._meters, np.nan)
            return Follows(squares, products, hours, unknown, unknown)
        shares, sure = shares_beside_others(
            squares, products, *hours, least=_LEAST_KWH, ridge=ridge, least_noise=_LEAST_NOISE_SHARE * variance[phase]
        )
        return Follows(squares, products, hours, *self._surest(shares, sure))

    def _surest(self, shares: F64, sure: F64) -> tuple[F64, F64]:
        """(share, standard errors), (meters,), on the phase on which it is surest; NaN for a meter in no block."""
        by_phase = np.where(self._place >= 0, sure.ravel()[self._place], -np.inf)
        best, rows = by_phase.argmax(axis=0), np.arange(self._meters)
        surest = by_phase[best, rows]
        known = np.isfinite(surest)
        share = shares.ravel()[self._place[best, rows]]
        return np.where(known, share, np.nan), np.where(known, surest, np.nan)

    def keep(self, pages: Mapping[str, NDArray[Any]], name: str, follows: Follows) -> None:
        keep(pages[f"{name}_squares"], follows.squares)
        keep(pages[f"{name}_products"], follows.products)
        keep(pages[f"{name}_hours"], follows.hours)
