"""Days that look like no other meter's day: one forest of half-spaces over all areas (DQ-10)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river.anomaly import HalfSpaceTrees

from detectors.day.features import FEATURES
from detectors.pages import is_of, pack_arrays, unpack_arrays, unpack_model
from detectors.parameters import check_ranges, parameter
from metering.evidence import AreaDay

_SCHEMA = "novelty/2"
#: River's own forest, pickled.
_SCHEMA_OF_OLD = "novelty/1"
#: A node that saw a smaller share of the window is not looked into any further (Tan et al. 2011, as River has it).
_SMALL_SHARE = 0.1
#: What stands for a feature that is not known: the middle, so that an absent column is never an extreme.
_NEUTRAL = 0.5


@dataclass(frozen=True, slots=True)
class NoveltyParams:
    trees: int = parameter(6, meaning="trees of the forest", unit="trees", low=1, high=50, source="cost: 0.2 us a tree")
    height: int = parameter(8, meaning="halvings per tree", unit="levels", low=2, high=12, source="Tan et al. 2011")
    window: int = parameter(
        250, meaning="meter-days per reference window", unit="meter-days", low=50, high=100000, source="Tan et al. 2011"
    )
    learns_every: int = parameter(
        4,
        meaning="one meter in so many teaches it a day",
        unit="meters",
        low=1,
        high=100,
        source="a quarter of all meters is enough of a window",
    )

    def __post_init__(self) -> None:
        check_ranges(self)


class Novelty:
    """HalfSpaceTrees on the day's features. It only says *unusual*: a channel of its own, never a case by itself.

    The trees are River's; how many rows reached each leaf lies in arrays, so that an area's meters go down a tree together. It says
    what River's own `score_one` and `learn_one` say meter by meter.

    Scores are (meters,) in 0..1; NaN in the first window (River would say 0: not yet an opinion), without a single
    known shape feature, or for a supply meter's row if its features are all NaN. Rows are learnt in archive order, each
    meter every few days.
    Reference: Tan, Ting, Liu (2011), Fast anomaly detection for streaming data.

    >>> model = Novelty(seed=1, params=NoveltyParams(window=50, learns_every=1))
    >>> def day(level): return AreaDay("TA", 1, ("M0",), np.ones(1), np.zeros(1), {"level": np.array([level])}, {}, np.ones(1, bool), np.ones(1), np.zeros((1, 0)))
    >>> float(model.score(day(0.5))[0])
    nan
    >>> for i in range(200):
    ...     model.learn(day(0.45 + 0.1 * (i % 10) / 10))
    >>> bool(model.score(day(0.02))[0] > model.score(day(0.5))[0])
    True
    """

    name = "novelty"

    def __init__(self, seed: int, params: NoveltyParams | None = None) -> None:
        self._params = params or NoveltyParams()
        self._trees = _drawn(seed, self._params).unlearnt()
        self._learnt = 0
        self._told = self._of_leaves()

    def score(self, day: AreaDay) -> NDArray[np.float64]:
        scores = np.full(len(day.meter_ids), np.nan)
        if self._learnt <= self._params.window:
            return scores
        values, known = _table(day)
        told = self._told.take(self._trees.leaves(values[known])).sum(axis=0)
        most = self._told.size * 2 - len(self._told)
        scores[known] = np.clip(1 - told / (most * self._params.window), 0.0, 1.0)
        return scores

    def learn(self, day: AreaDay) -> None:
        values, known = _table(day)
        every, window = self._params.learns_every, self._params.window
        rows = np.flatnonzero(known & day.trusted)[day.day_ordinal % every :: every]
        leaves = self._trees.leaves(values[rows])
        while leaves.shape[1]:
            room = window - self._learnt % window
            now, leaves = leaves[:, :room], leaves[:, room:]
            self._trees.count(now)
            self._learnt += now.shape[1]
            if self._learnt % window == 0:
                self._trees.turn()
                self._told = self._of_leaves()

    def _of_leaves(self) -> NDArray[np.float64]:
        """(trees, leaves): the sum from the root to the leaf of 2 to the level times mass, up to the first node of small mass."""
        masses = [self._trees.reference.astype(np.float64)]
        while masses[0].shape[1] > 1:
            masses.insert(0, masses[0].reshape(len(masses[0]), -1, 2).sum(axis=2))
        told, goes_on = np.zeros(masses[0].shape), np.ones(masses[0].shape, dtype=np.bool_)
        for level, mass in enumerate(masses):
            if level:
                told, goes_on = np.repeat(told, 2, axis=1), np.repeat(goes_on, 2, axis=1)
            told += np.where(goes_on, mass * 2.0**level, 0.0)
            goes_on &= mass >= _SMALL_SHARE * self._params.window
        return told

    def dump(self) -> bytes:
        trees = {name: getattr(self._trees, name) for name in _Trees.__slots__}
        return pack_arrays(_SCHEMA, trees | {"learnt": np.array([self._learnt])})

    def load(self, page: bytes) -> None:
        if is_of(_SCHEMA_OF_OLD, page):
            self._learnt, forest = unpack_model(_SCHEMA_OF_OLD, page)
            self._trees = _Trees.of(forest)
        else:
            arrays = unpack_arrays(_SCHEMA, page)
            self._learnt = int(arrays.pop("learnt")[0])
            self._trees = _Trees(**arrays)
        self._told = self._of_leaves()


@dataclass(slots=True, eq=False)
class _Trees:
    """Complete trees of one height: `feature` (a place in FEATURES) and `threshold` (trees, inner nodes), level by level from the
    root; how many rows reached each leaf, (trees, leaves): of the `window` in progress and of the last one, the `reference`."""

    feature: NDArray[np.intp]
    threshold: NDArray[np.float64]
    window: NDArray[np.int32]
    reference: NDArray[np.int32]

    @classmethod
    def of(cls, forest: Any) -> _Trees:
        place = {name: n for n, name in enumerate(FEATURES)}
        feature, threshold = [], []
        level: list[list[Any]] = [[root] for root in forest.trees]
        for _ in range(forest.height):
            feature.append([[place[node.feature] for node in nodes] for nodes in level])
            threshold.append([[node.threshold for node in nodes] for nodes in level])
            level = [[child for node in nodes for child in node.children] for nodes in level]
        return cls(
            np.concatenate(feature, axis=1),
            np.concatenate(threshold, axis=1),
            np.array([[leaf.l_mass for leaf in leaves] for leaves in level], dtype=np.int32),
            np.array([[leaf.r_mass for leaf in leaves] for leaves in level], dtype=np.int32),
        )

    def unlearnt(self) -> _Trees:
        return _Trees(self.feature, self.threshold, np.zeros_like(self.window), np.zeros_like(self.reference))

    def leaves(self, values: NDArray[np.float64]) -> NDArray[np.intp]:
        """(trees, rows): the place in the leaves laid end to end of each row of (rows, features)."""
        trees, inner = self.feature.shape
        tree = np.arange(trees)[:, None]
        first, at_row = tree * inner, np.arange(len(values)) * len(FEATURES)
        figure = np.ascontiguousarray(values).ravel()
        node = np.zeros((trees, len(values)), dtype=np.intp)
        for _ in range(inner.bit_length()):
            place = node + first
            goes_right = figure.take(self.feature.take(place) + at_row) >= self.threshold.take(place)
            node += node
            node += 1
            node += goes_right
        return np.asarray(node + (tree * (inner + 1) - inner))

    def count(self, leaves: NDArray[np.intp]) -> None:
        self.window += np.bincount(leaves.ravel(), minlength=self.window.size).reshape(self.window.shape)

    def turn(self) -> None:
        """The window in progress is the reference from now on."""
        self.reference, self.window = self.window, np.zeros_like(self.window)


@lru_cache(maxsize=2)
def _drawn(seed: int, params: NoveltyParams) -> _Trees:
    """The trees that River draws for the seed."""
    forest: Any = HalfSpaceTrees(
        n_trees=params.trees,
        height=params.height,
        window_size=params.window,
        limits=dict.fromkeys(FEATURES, (0.0, 1.0)),
        seed=seed,
    )
    forest.learn_one(dict.fromkeys(FEATURES, _NEUTRAL))  # it draws them when it learns
    return _Trees.of(forest)


def _table(day: AreaDay) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Features (meters, features) in a fixed order, and which rows know any of them but the missing share."""
    nowhere = np.full(len(day.meter_ids), np.nan)
    table = np.stack([day.features.get(name, nowhere) for name in FEATURES], axis=1)
    unknown = table != table
    known = ~unknown[:, _SHAPE].all(axis=1)
    table = np.clip(table, 0.0, 1.0)
    table[unknown] = _NEUTRAL
    return table, known


_SHAPE = [n for n, name in enumerate(FEATURES) if name != "missing_share"]
