"""What of a line's drop its metered loads do not explain, and which of its meters that follows (tapping, EN-06)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.day.memory import F64, count_up, keep, mean_of_known, moved
from detectors.day.wiring import Wiring
from detectors.normal_equations import coefficients, fitted, learnt, packed_size, shares_beside_others
from detectors.pages import Slab
from metering.readings import PHASES

_F32 = np.float32
#: What explains a line's mean drop on a phase: a constant, the mean load of its meters' paths, the load of its first segment,
#: that of the other phases, the load of the path to its end.
_TERMS = 5
_PRIOR = np.array([0.0, 0.5, 0.1, 0.0, 0.1])
_PRIOR_WEIGHT = np.array([0.01, 0.05, 0.05, 0.05, 0.05])
_LOAD_A = 100.0
#: So many meters of a line and phase are told apart together; more of them stand in several blocks.
_BLOCK = 8
_KEPT_PER_DAY = 0.985
_KEPT_RECENTLY = 0.9
_RECENT_RATE = 0.25
_WARM_UP_DAYS, _SETTLING_DAYS = 14, 5
#: A current that varies less is noise, and how much of a meter's own variance a coefficient is shrunk by.
_LEAST_A = 0.05
#: How far a phase's common movement against its usual current is followed, and what a day's hours have together at least.
_LEAST_MOVEMENT, _MOST_MOVEMENT = 0.4, 2.5
_LEAST_DAY_A = 1.2
_RIDGE = 0.3
_MOST_SIGMA, _LEARNT_SIGMA = 6.0, 2.5
_FEWEST_HOURS = 12
#: Of the variance of a block's residual, so much is believed to be noise at least, as a share of the usual one.
_LEAST_NOISE_SHARE = 0.3
_MARGINAL = ("missed_e", "missed_missed", "fallen_e", "fallen_fallen", "own_e", "own_own", "e_e", "hours")


@dataclass(frozen=True, slots=True, eq=False)
class LinesSeen:
    """A day's lines: `residual_v` (24, groups) is what of a line's mean drop on a phase is unexplained, NaN where unknown."""

    design: F64
    explained_v: F64
    residual_v: F64
    recent_v: F64
    marginal: F64
    squares: F64
    products: F64
    hours: F64


@dataclass(frozen=True, slots=True, eq=False)
class Used:
    """What a day's meters used, (24, meters) amperes, 0 where unknown: `missed_a` is what they used less than usual, `fallen_a` the same of
    the whole day as the meter's phase moved, spread over its hours as is usual."""

    own_a: F64
    missed_a: F64
    fallen_a: F64

    @classmethod
    def of(cls, own_a: F64, usual_a: F64, wiring: Wiring) -> Used:
        known = (own_a == own_a) & (usual_a == usual_a)
        own, usual = np.where(known, own_a, 0.0), np.where(known, usual_a, 0.0)
        group = np.maximum(wiring.by_phase.of, 0)
        now, before = (np.bincount(group, a.sum(axis=0)) for a in (own, usual))
        movement = np.clip(now / np.maximum(before, 0.1), _LEAST_MOVEMENT, _MOST_MOVEMENT)[group]
        expected = usual * movement
        fallen = expected.sum(axis=0) - own.sum(axis=0)
        return cls(own, usual - own, expected * (fallen / np.maximum(expected.sum(axis=0), _LEAST_DAY_A)))


class LineFollowers:
    """Per line and phase, least squares of the mean drop on the load that the meters report; per meter, what follows the rest.

    An unmetered load lowers the voltages of a whole line. What its residual rises and falls with within the hours of some ten days is
    asked twice: each meter by itself, and all of a block together (ridge), for its own current and for what is missed of its usual.
    """

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        lines, count = wiring.lines.count, len(wiring.line)
        self.groups = lines * len(PHASES)
        rows = np.flatnonzero(wiring.customer)
        on_line = np.zeros((count, lines))
        on_line[rows, wiring.lines.of[rows]] = 1.0
        at_node = np.zeros((count, wiring.nodes))
        at_node[rows, wiring.node[rows]] = 1.0
        weight = wiring.share[:, :, None] * on_line  # (3, meters, lines)
        self._all_of_it = weight.sum(axis=1).ravel()
        by_node = np.einsum("mn,pml->pnl", at_node, weight)
        #: (3, nodes, lines): how a line's mean path is made of its nodes.
        self._path_share = by_node / np.maximum(weight.sum(axis=1), 1e-9)[:, None]
        self._weight = weight.swapaxes(0, 1).reshape(count, self.groups)
        ends = [np.flatnonzero(wiring.line_of_node == line)[-1] for line in range(lines)]
        self._end = np.array(ends, dtype=np.intp)
        self._blocks, group, self._place = wiring.blocks(_BLOCK, by_line=True)
        self._group_of_block = group
        self._terms = 2 * self._blocks.shape[1]

    def layout(self) -> dict[str, Slab]:
        blocks, meters = len(self._blocks), len(self._wiring.line)
        return {
            "line_squares": Slab((packed_size(_TERMS), self.groups), _F32),
            "line_products": Slab((_TERMS, self.groups), _F32),
            "line_variance": Slab((self.groups,), _F32, np.nan),
            "line_recent_v": Slab((self.groups,), _F32),
            "block_squares": Slab((packed_size(self._terms), blocks), _F32),
            "block_products": Slab((self._terms, blocks), _F32),
            "block_hours": Slab((2, blocks), _F32),
            "marginal": Slab((len(_MARGINAL), meters), _F32),
            "line_days": Slab((self.groups,), np.uint8),
        }

    # --- reading

    def look_at(self, pages: Mapping[str, NDArray[Any]], line_v: F64, amperes: F64, used: Used) -> LinesSeen:
        """`line_v` (24, meters) is the drop on the line alone, NaN where unknown; `amperes` (24, 3, meters) are complete;
        `used` is what its followers are made of."""
        design, mean_v = self._design(line_v, amperes)
        found = coefficients(pages["line_squares"], pages["line_products"], _PRIOR_WEIGHT, _PRIOR)
        explained_v = fitted(design, found)
        residual_v = mean_v - explained_v
        warm = (pages["line_days"] >= _WARM_UP_DAYS) & ((residual_v == residual_v).sum(axis=0) >= _FEWEST_HOURS)
        recent_v = moved(pages["line_recent_v"], mean_of_known(residual_v), _RECENT_RATE, warm)
        deviation_v = np.sqrt(np.where(warm, pages["line_variance"], 1.0).astype(np.float64))
        said = (residual_v == residual_v) & warm
        e = np.where(said, np.clip(residual_v, -_MOST_SIGMA * deviation_v, _MOST_SIGMA * deviation_v), 0.0)
        marginal = self._marginal(pages, e, said, used)
        squares, products, hours = self._of_blocks(pages, e, said, used)
        return LinesSeen(design, explained_v, residual_v, recent_v, marginal, squares, products, hours)

    def _design(self, line_v: F64, amperes: F64) -> tuple[F64, F64]:
        """((24, groups, terms) of what explains, (24, groups) mean drop, NaN where half of a line's meters or more are unknown)."""
        known = line_v == line_v
        have = known @ self._weight
        mean_v = np.where(known, line_v, 0.0) @ self._weight / np.maximum(have, 1e-9)
        mean_v = np.where((have > 0.5 * self._all_of_it) & (self._all_of_it > 1.0), mean_v, np.nan)
        path_a, head_a = self._wiring.loading_a(amperes)
        mean_path_a = (path_a.swapaxes(0, 1) @ self._path_share).swapaxes(0, 1)
        other_a = head_a.sum(axis=1, keepdims=True) - head_a
        terms = [np.ones(mean_v.shape)]
        terms += [a.reshape(mean_v.shape) / _LOAD_A for a in (mean_path_a, head_a, other_a, path_a[:, :, self._end])]
        design = np.stack(terms, axis=2)
        design[mean_v != mean_v] = 0.0
        return design, mean_v

    def _marginal(self, pages: Mapping[str, NDArray[Any]], e: F64, said: NDArray[np.bool_], used: Used) -> F64:
        """Sums of each meter's products with its own line's residual, (sums, meters)."""
        counted = said.any(axis=0) @ self._weight.T > 0
        heard = np.where(said, 1.0, 0.0) @ self._weight.T > 0.99
        felt_v = np.where(heard, e @ self._weight.T, 0.0)
        own, missed, fallen = (np.where(heard, a, 0.0) for a in (used.own_a, used.missed_a, used.fallen_a))
        pairs = (
            (missed, felt_v),
            (missed, missed),
            (fallen, felt_v),
            (fallen, fallen),
            (own, felt_v),
            (own, own),
            (felt_v, felt_v),
            (heard, heard),
        )
        added = np.stack([(x * y).sum(axis=0) for x, y in pairs])
        return np.asarray(np.where(counted, _KEPT_RECENTLY, 1.0) * pages["marginal"] + added)

    def _of_blocks(
        self, pages: Mapping[str, NDArray[Any]], e: F64, said: NDArray[np.bool_], used: Used
    ) -> tuple[F64, F64, F64]:
        """Sums over the blocks' hours: (squares, products, (hours, squared residual))."""
        inside = self._blocks >= 0
        heard = said[:, self._group_of_block]
        use = np.where(inside & heard[:, :, None], 1.0, 0.0)
        regressors = np.concatenate([a[:, self._blocks] * use for a in (used.fallen_a, used.own_a)], axis=2)
        felt_v = e[:, self._group_of_block]
        kept = np.where(heard.any(axis=0), _KEPT_RECENTLY, 1.0)
        squares, products = kept * pages["block_squares"], kept * pages["block_products"]
        learnt(squares, products, regressors, felt_v, np.ones(len(kept)))
        hours = kept * pages["block_hours"] + np.stack([heard.sum(axis=0), (felt_v * felt_v).sum(axis=0)])
        return squares, products, hours

    def figures(self, pages: Mapping[str, NDArray[Any]], seen: LinesSeen) -> dict[str, F64]:
        """(meters,), NaN where a line has said too little yet."""
        variance = np.where(pages["line_days"] > _WARM_UP_DAYS, pages["line_variance"], np.nan).astype(np.float64)
        known = np.isfinite(variance)
        counts = np.where(known, 1.0, 0.0) @ self._weight.T
        moved_v = np.where(known, seen.recent_v, 0.0)
        sure_v = np.where(known, seen.recent_v / np.sqrt(np.where(known, variance, 1.0)), 0.0)
        m = dict(zip(_MARGINAL, seen.marginal, strict=True))
        noise = m["e_e"] / np.maximum(m["hours"], 1.0)
        fallen_z, own_z = self._together(seen, variance)
        figures = {
            "line_unexplained_v": moved_v @ self._weight.T,
            "line_unexplained_z": sure_v @ self._weight.T,
            "line_follows_missed_z": m["missed_e"] / np.sqrt(m["missed_missed"] * noise + 1e-9),
            "line_follows_fallen_z": m["fallen_e"] / np.sqrt(m["fallen_fallen"] * noise + 1e-9),
            "line_follows_own_z": m["own_e"] / np.sqrt(m["own_own"] * noise + 1e-9),
            "line_follows_fallen_most_z": fallen_z,
            "line_follows_own_most_z": own_z,
        }
        return {name: np.where(counts > 0.99, values, np.nan) for name, values in figures.items()}

    def _together(self, seen: LinesSeen, variance: F64) -> tuple[F64, F64]:
        """Standard errors by which (fallen, own) current explains the residual beside the block's others, the largest of a meter's phases."""
        _, sure = shares_beside_others(
            seen.squares,
            seen.products,
            *seen.hours,
            least=_LEAST_A,
            ridge=_RIDGE,
            least_noise=_LEAST_NOISE_SHARE * variance[self._group_of_block],
        )
        z = sure.reshape(len(self._blocks), 2, -1)
        both = []
        for part in (z[:, 0].ravel(), z[:, 1].ravel()):
            if not part.size:
                both.append(np.full(self._place.shape[1], np.nan))
                continue
            both.append(np.fmax.reduce(np.where(self._place >= 0, part[self._place], np.nan)))
        return both[0], both[1]

    # --- learning

    def learn(self, pages: Mapping[str, NDArray[Any]], seen: LinesSeen) -> None:
        """Take a day in. An hour's residual is learnt up to two and a half times its usual size, so that a lasting one becomes usual slowly."""
        said = seen.residual_v == seen.residual_v
        counted = said.sum(axis=0) >= _FEWEST_HOURS
        variance = pages["line_variance"].astype(np.float64)
        settled = (pages["line_days"] >= _WARM_UP_DAYS) & np.isfinite(variance)
        limit = np.where(settled, _LEARNT_SIGMA * np.sqrt(np.where(settled, variance, 1.0)), np.inf)
        target = np.where(said & counted, seen.explained_v + np.clip(seen.residual_v, -limit, limit), 0.0)
        kept = np.where(counted, _KEPT_PER_DAY, 1.0)
        learnt(pages["line_squares"], pages["line_products"], seen.design * counted[:, None], target, kept)
        square = mean_of_known(seen.residual_v**2)
        square = np.where(np.isfinite(variance), np.minimum(square, 4 * variance), square)
        keep(pages["line_variance"], moved(variance, square, 0.08, counted & (pages["line_days"] >= _SETTLING_DAYS)))
        keep(pages["line_recent_v"], seen.recent_v)
        keep(pages["marginal"], seen.marginal)
        keep(pages["block_squares"], seen.squares)
        keep(pages["block_products"], seen.products)
        keep(pages["block_hours"], seen.hours)
        count_up(pages["line_days"], counted)
