"""The novelty's forest, asked for a whole area at once, says what River's own says meter by meter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from river.anomaly import HalfSpaceTrees

from detectors.case.novelty import Novelty, NoveltyParams
from detectors.day.features import FEATURES
from detectors.pages import pack_model
from metering.evidence import AreaDay

PARAMS = NoveltyParams(trees=4, height=5, window=60, learns_every=1)
METERS = 23


def a_day(rng: np.random.Generator, number: int) -> AreaDay:
    features = {name: rng.beta(2, 5, METERS) for name in FEATURES}
    for values in features.values():
        values[rng.random(METERS) < 0.1] = np.nan
    return AreaDay(
        "TA",
        number,
        tuple(f"M{n}" for n in range(METERS)),
        np.ones(METERS),
        np.zeros(METERS),
        features,
        {},
        rng.random(METERS) < 0.8,
        np.full(METERS, np.nan),
        np.zeros((METERS, 0), dtype=np.float16),
    )


def told_to_river(day: AreaDay) -> list[dict[str, float]]:
    table = np.stack([day.features[name] for name in FEATURES], axis=1)
    return [dict(zip(FEATURES, row, strict=True)) for row in np.nan_to_num(table, nan=0.5).tolist()]


def rivers_forest(seed: int) -> Any:
    limits: dict[Any, tuple[float, float]] = dict.fromkeys(FEATURES, (0.0, 1.0))
    return HalfSpaceTrees(
        n_trees=PARAMS.trees, height=PARAMS.height, window_size=PARAMS.window, limits=limits, seed=seed
    )


def lived(days: int) -> tuple[Novelty, Any, NDArray[np.float64]]:
    """Both taught the same days, and what ours said of the last one before it was learnt."""
    rng, ours, river = np.random.default_rng(3), Novelty(7, PARAMS), rivers_forest(7)
    said = np.zeros(0)
    for number in range(days):
        day = a_day(rng, number)
        said = ours.score(day)
        expected = [river.score_one(row) for row in told_to_river(day)]
        if np.isfinite(said).any():
            np.testing.assert_array_equal(said, expected)
        ours.learn(day)
        for row, trusted in zip(told_to_river(day), day.trusted, strict=True):
            if trusted:
                river.learn_one(row)
    return ours, river, said


def test_scores_and_windows_are_rivers_own() -> None:
    _, _, said = lived(days=12)
    assert np.ptp(said) > 0.1


def test_a_page_of_rivers_own_forest_is_read() -> None:
    ours, river, _ = lived(days=9)
    restored = Novelty(8, PARAMS)
    restored.load(pack_model("novelty/1", (int(river.counter) + 2 * PARAMS.window, river)))
    day = a_day(np.random.default_rng(4), 9)
    np.testing.assert_array_equal(restored.score(day), ours.score(day))
    ours.learn(day)
    restored.learn(day)
    np.testing.assert_array_equal(restored.score(day), ours.score(day))


@pytest.mark.parametrize("days", [2, 9])
def test_a_page_holds_all_that_was_learnt(days: int) -> None:
    ours, _, _ = lived(days)
    restored = Novelty(8, PARAMS)
    restored.load(ours.dump())
    assert restored.dump() == ours.dump()
    day = a_day(np.random.default_rng(4), days)
    np.testing.assert_array_equal(restored.score(day), ours.score(day))
