"""Along which line, and up to which segment, voltages fell more than the metered load explains: where an unmetered load or a bad joint is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.day.memory import F64, keep, mean_of_known, moved
from detectors.day.service_drops import Explained
from detectors.day.wiring import Wiring
from detectors.normal_equations import coefficients, learnt, packed_size
from detectors.pages import Slab
from metering.archive import Area
from metering.readings import PHASES

_F32 = np.float32
#: What a node's drop is made of: a constant, the load of its path, that of its line's first segment, and what its transformer gives.
_TERMS = 3
_LOAD_A = 50.0
_PRIOR, _PRIOR_WEIGHT = np.array([0.0, 1.0, 0.2]), np.array([0.05, 0.1, 0.1])
_KEPT_PER_DAY, _RECENT_RATE, _SIGMA_RATE = 0.985, 0.35, 0.1
_FEWEST_HOURS = 12
_LEAST_SIGMA_V = 0.02
_LEAST_V, _LEAST_SURE = 0.1, 4.0


@dataclass(frozen=True, slots=True)
class Place:
    """A segment as the archive names it, its phases, and the volts by which they fell beyond what metered load explains."""

    segment: str
    phases: str
    fallen_v: float


@dataclass(frozen=True, slots=True, eq=False)
class DropsSeen:
    """A day's drops by node and phase, (24, groups), groups = phases times nodes; `recent_v` (groups,) is what is unexplained."""

    design: F64
    target_v: F64
    today_v: F64
    recent_v: F64


class LineDrops:
    """Least squares that forget, of each node's mean drop from the busbar on the load of its path.

    A load without a meter lowers a line from the busbar to where it hangs, and no further: beyond it the fall is as deep as there. A bad
    joint at a line's head lowers all of it alike. The days of a loss are not learnt, so that what is unexplained stays.
    """

    def __init__(self, area: Area) -> None:
        self._wiring = wiring = Wiring(area)
        nodes = wiring.nodes
        self.groups = len(PHASES) * nodes
        at_node = np.zeros((len(wiring.node), nodes))
        rows = np.flatnonzero(wiring.customer)
        at_node[rows, wiring.node[rows]] = 1.0
        carried = np.where(wiring.carries.any(axis=0), wiring.carries, False)
        #: (meters, groups): whose drops make a node's.
        self._weight = (carried[:, :, None] * at_node).swapaxes(0, 1).reshape(len(wiring.node), self.groups)
        self._segment = [_segment_at(area, wiring, node) for node in range(nodes)]
        self._named = np.array([segment is not None for segment in self._segment], dtype=np.bool_)
        self._step = np.array([int(wiring.steps[wiring.node == node][0]) for node in range(nodes)], dtype=np.float64)
        self._counts = self._weight.sum(axis=0)
        line, step = wiring.line_of_node, self._step
        #: (nodes, nodes): for how many steps a load at the second is felt at the first.
        self._lowered = np.where(line[:, None] == line, np.minimum(step[:, None], step), 0.0)

    def layout(self) -> dict[str, Slab]:
        groups = (self.groups,)
        return {
            "squares": Slab((packed_size(_TERMS), self.groups), _F32),
            "products": Slab((_TERMS, self.groups), _F32),
            "recent_v": Slab(groups, _F32, np.nan),
            "sigma_v": Slab(groups, _F32, np.nan),
        }

    def look_at(self, pages: Mapping[str, NDArray[Any]], explained: Explained) -> DropsSeen:
        line_v = explained.line_v + explained.residual_v
        known = line_v == line_v
        have = known @ self._weight
        target = np.where(known, line_v, 0.0) @ self._weight / np.maximum(have, 1e-9)
        target = np.where((have > 0.5 * self._counts) & (self._counts > 0), target, np.nan)
        path_a, head_a = self._wiring.loading_a(explained.amperes)
        head_a = head_a[:, :, self._wiring.line_of_node]
        terms = [np.ones(target.shape), *(a.reshape(target.shape) / _LOAD_A for a in (path_a, head_a))]
        design = np.stack(terms, axis=2)
        design[target != target] = 0.0
        found = coefficients(pages["squares"], pages["products"], _PRIOR_WEIGHT, _PRIOR)
        enough = (target == target).sum(axis=0) >= _FEWEST_HOURS
        today = np.where(enough, mean_of_known(target - (design * found).sum(axis=2)), np.nan)
        recent = moved(pages["recent_v"], today, _RECENT_RATE, enough)
        return DropsSeen(design, target, today, recent)

    def learn(self, pages: Mapping[str, NDArray[Any]], seen: DropsSeen, *, usual: bool) -> None:
        """Take a day in; `usual` says whether the area lost no more than it does, so that its drops may be learnt."""
        keep(pages["recent_v"], seen.recent_v)
        if not usual:
            return
        counted = seen.today_v == seen.today_v
        target = np.where(seen.target_v == seen.target_v, seen.target_v, 0.0) * counted
        learnt(
            pages["squares"], pages["products"], seen.design * counted[:, None], target,
            np.where(counted, _KEPT_PER_DAY, 1.0),
        )  # fmt: skip
        size = 1.25 * np.abs(seen.today_v)
        sigma = pages["sigma_v"].astype(np.float64)
        size = np.where(sigma == sigma, np.minimum(size, 4 * sigma), size)
        keep(pages["sigma_v"], moved(sigma, size, _SIGMA_RATE, counted))

    def place(self, pages: Mapping[str, NDArray[Any]], seen: DropsSeen) -> Place | None:
        """The segment whose load would lower voltages as they fell; None where none fell surely, or the archive names no segments."""
        sigma = np.maximum(pages["sigma_v"].astype(np.float64), _LEAST_SIGMA_V)
        known = (seen.recent_v == seen.recent_v) & (sigma == sigma)
        fallen = np.where(known, seen.recent_v, 0.0).reshape(len(PHASES), -1)
        weight = np.where(known, self._counts / np.where(known, sigma, 1.0) ** 2, 0.0).reshape(len(PHASES), -1)
        # by phase and node: by how much a load there would lower its own line, in proportion, fits what fell
        square = weight @ self._lowered**2
        slope = np.maximum(((weight * fallen) @ self._lowered) / np.maximum(square, 1e-12), 0.0)
        sure = np.where(self._named, (slope**2 * square).sum(axis=0), 0.0)
        if not sure.size or sure.max() < _LEAST_SURE**2:
            return None
        node = int(sure.argmax())
        fallen_v = slope[:, node] * self._step[node]
        if fallen_v.max() < _LEAST_V:
            return None
        phases = "".join(p for p, v in zip(PHASES, fallen_v, strict=True) if v > 0.4 * fallen_v.max())
        return Place(self._segment[node] or "", phases, float(fallen_v.max()))


def _segment_at(area: Area, wiring: Wiring, node: int) -> str | None:
    return next(m.segment for m, at in zip(area.meters, wiring.node, strict=True) if at == node)
