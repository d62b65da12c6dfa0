"""Days that look like no other meter's day: one forest of half-spaces over all areas (DQ-10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river.anomaly import HalfSpaceTrees

from detectors.day.features import FEATURES
from detectors.pages import pack_model, unpack_model
from detectors.parameters import check_ranges, parameter
from metering.evidence import AreaDay

_SCHEMA = "novelty/1"
#: What stands for a feature that is not known: the middle, so that an absent column is never an extreme.
_NEUTRAL = 0.5


@dataclass(frozen=True, slots=True)
class NoveltyParams:
    trees: int = parameter(6, meaning="trees of the forest", unit="trees", low=1, high=50, source="cost: 3 us a tree")
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
        source="cost: learning is half of it",
    )

    def __post_init__(self) -> None:
        check_ranges(self)


class Novelty:
    """HalfSpaceTrees on the day's features. It only says *unusual*: a channel of its own, never a case by itself.

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
        self._learnt = 0
        self._forest: Any = HalfSpaceTrees(
            n_trees=self._params.trees,
            height=self._params.height,
            window_size=self._params.window,
            limits=dict.fromkeys(FEATURES, (0.0, 1.0)),
            seed=seed,
        )

    def score(self, day: AreaDay) -> NDArray[np.float64]:
        scores = np.full(len(day.meter_ids), np.nan)
        if self._learnt <= self._params.window:
            return scores
        values, known = _table(day)
        for row in np.flatnonzero(known):
            scores[row] = self._forest.score_one(dict(zip(FEATURES, values[row], strict=True)))
        return scores.clip(0.0, 1.0)

    def learn(self, day: AreaDay) -> None:
        values, known = _table(day)
        every = self._params.learns_every
        for row in np.flatnonzero(known & day.trusted)[day.day_ordinal % every :: every]:
            self._forest.learn_one(dict(zip(FEATURES, values[row], strict=True)))
            self._learnt += 1

    def dump(self) -> bytes:
        return pack_model(_SCHEMA, (self._learnt, self._forest))

    def load(self, page: bytes) -> None:
        self._learnt, self._forest = unpack_model(_SCHEMA, page)


def _table(day: AreaDay) -> tuple[list[list[float]], NDArray[np.bool_]]:
    """Features as rows of Python floats in a fixed order, and which rows know any of them but the missing share."""
    count = len(day.meter_ids)
    nowhere = np.full(count, np.nan)
    table = np.stack([day.features.get(name, nowhere) for name in FEATURES], axis=1)
    shape = [i for i, name in enumerate(FEATURES) if name != "missing_share"]
    known = ~np.isnan(table[:, shape]).all(axis=1)
    return np.where(np.isnan(table), _NEUTRAL, np.clip(table, 0.0, 1.0)).tolist(), known
