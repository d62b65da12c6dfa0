"""`python -m benchmarks.detection.train`: teach the prior on simulated provinces and write `detectors/case/prior.json`.

Needs scikit-learn (`make teach` installs it). The lessons' seeds are for development; `benchmarks/detection` reports on others.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from benchmarks.detection.budgets import shared_budget, watch
from benchmarks.detection.day_worlds import WorldFigures
from benchmarks.detection.lessons import EXAMINATIONS, LESSONS, cached_world
from detectors.case.case_probability import CaseProbabilityParams
from detectors.case.prior import FILE, SCHEMA, Prior, read_prior
from detectors.day.bank import DayBank
from detectors.examples import context
from evaluation.span import WARM_UP_DAYS
from metering.catalogue import CATALOGUE, INFORMATION_FAMILIES

#: A case that is so young is not held against the forest, nor for it.
TOO_YOUNG_DAYS = 2
EVERY_DAYS = 3
LEARNING_RATE = 0.09
HELD_OUT = 0.15
#: A case so young weighs more: it is found early or it costs.
EARLY_DAYS, EARLY_WEIGHT = 12, 2.0
#: Share of the meter-days whose figures are all kept; of each other expert's, in the rest, so many are left out.
WHOLE_SHARE, SILENT_SHARE = 0.6, 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Meter-days: `table` (days, figures), whether a case is there, its scenario and its abnormality (empty: none), its days so far."""

    table: NDArray[np.float32]
    labels: NDArray[np.bool_]
    scenarios: NDArray[np.str_]
    kinds: NDArray[np.str_]
    age: NDArray[np.int64]


def examples(world: WorldFigures, names: Sequence[str]) -> Examples:
    """Meter-days after the warm-up, by the figures of `names`; cases that are information only are left out."""
    place = {name: n for n, name in enumerate(world.names)}
    columns = [place.get(name, -1) for name in names]
    rows: list[NDArray[np.float32]] = []
    labels: list[bool] = []
    scenarios: list[str] = []
    kinds: list[str] = []
    age: list[int] = []
    for meter in np.flatnonzero(~world.is_supply).tolist():
        case = world.truth.get(meter)
        if case is not None and CATALOGUE[case.abnormality].family in INFORMATION_FAMILIES:
            continue
        for day in range(WARM_UP_DAYS + meter % EVERY_DAYS, len(world.table), EVERY_DAYS):
            there = case is not None and case.from_day + TOO_YOUNG_DAYS <= day < case.until_day
            if case is not None and not there and day >= case.from_day:
                continue
            row = world.table[day, meter]
            if np.isnan(row).all():
                continue
            rows.append(row)
            labels.append(there)
            scenarios.append(case.scenario if case is not None and there else "")
            kinds.append(case.abnormality if case is not None and there else "")
            age.append(day - case.from_day if case is not None and there else 0)
    known = np.array(rows)
    table = np.where(np.array(columns) >= 0, known[:, columns], np.float32(np.nan))
    return Examples(table, np.array(labels), np.array(scenarios), np.array(kinds), np.array(age))


def joined(parts: Sequence[Examples]) -> Examples:
    return Examples(
        np.concatenate([p.table for p in parts]),
        np.concatenate([p.labels for p in parts]),
        np.concatenate([p.scenarios for p in parts]),
        np.concatenate([p.kinds for p in parts]),
        np.concatenate([p.age for p in parts]),
    )


def poorer(taught: Examples, names: Sequence[str]) -> Examples:
    """The same, but that in a share of the meter-days some experts are silent, as they are in feeds that carry less.

    So the forest leans on no expert alone, and a column that is not there is no sign of anything.
    """
    rng = np.random.default_rng(5)
    whole = rng.random(len(taught.labels)) < WHOLE_SHARE
    table = taught.table.copy()
    place = {name: n for n, name in enumerate(names)}
    for expert in day_bank().experts[1:]:  # the level is known in every feed
        silent = (rng.random(len(table)) < SILENT_SHARE) & ~whole
        own = np.array([place[name] for name in expert.features])
        table[np.ix_(np.flatnonzero(silent), own)] = np.nan
    return replace(taught, table=table)


def fit_forest(taught: Examples, trees: int) -> tuple[HistGradientBoostingClassifier, LogisticRegression]:
    """The forest and its calibration on meter-days held out."""
    labels, weight = taught.labels, _weights(taught)
    held_out = np.random.default_rng(1).random(len(labels)) < HELD_OUT
    forest = HistGradientBoostingClassifier(
        max_iter=trees,
        learning_rate=LEARNING_RATE,
        max_leaf_nodes=15,
        max_depth=6,
        min_samples_leaf=60,
        l2_regularization=5.0,
        random_state=1,
    )
    forest.fit(taught.table[~held_out], labels[~held_out], sample_weight=weight[~held_out])
    margin = forest.decision_function(taught.table[held_out])[:, None]
    return forest, LogisticRegression(C=1e6).fit(margin, labels[held_out])


def _weights(taught: Examples) -> NDArray[np.float64]:
    """Every scenario weighs the same, so that rare kinds count as much as common ones; within it, the early days of cases more."""
    often = Counter(s for s in taught.scenarios.tolist() if s)
    share = taught.labels.sum() / len(often)
    weight = np.array([1.0 if not s else share / often[s] for s in taught.scenarios.tolist()])
    weight[taught.labels & (taught.age <= EARLY_DAYS)] *= EARLY_WEIGHT
    weight[taught.labels] *= taught.labels.sum() / weight[taught.labels].sum()
    return weight


def teach(names: Sequence[str], taught: Examples, trees: int) -> dict[str, Any]:
    """The prior as its file holds it."""
    forest, calibration = fit_forest(taught, trees)
    centre = np.nanmedian(taught.table, axis=0).astype(np.float64)
    scale = np.maximum(np.nanstd(taught.table.astype(np.float64), axis=0), 1e-3)
    bounded = np.clip(np.nan_to_num((taught.table[taught.labels] - centre) / scale), -5, 5)
    teller = LogisticRegression(C=0.3, max_iter=1500).fit(bounded, taught.kinds[taught.labels])
    return {
        "schema": SCHEMA,
        "features": list(names),
        "forest": _forest(forest),
        "slope": round(float(calibration.coef_[0, 0]), 6),
        "shift": round(float(calibration.intercept_[0]), 6),
        "kinds": teller.classes_.tolist(),
        "kind_centre": np.round(centre, 5).tolist(),
        "kind_scale": np.round(scale, 5).tolist(),
        "kind_weight": np.round(np.column_stack([teller.coef_, teller.intercept_]), 4).tolist(),
        "kind_lead": [0.0] * len(teller.classes_),
        "story": {
            "taught_on": [lesson.name for lesson in LESSONS],
            "meter_days": len(taught.labels),
            "abnormal": int(taught.labels.sum()),
        },
    }


def _forest(model: HistGradientBoostingClassifier) -> dict[str, Any]:
    parts: dict[str, list[list[float]]] = {
        name: [] for name in ("feature", "threshold", "left", "right", "missing_left", "value")
    }
    depth = 0
    for (predictor,) in model._predictors:
        nodes = predictor.nodes
        own = np.arange(len(nodes))
        leaf = nodes["is_leaf"].astype(bool)
        depth = max(depth, int(nodes["depth"].max()))
        # leaves are shrunk by the learning rate, inner nodes are not
        value = np.where(leaf, 1.0, LEARNING_RATE) * nodes["value"]
        parts["feature"].append(np.where(leaf, 0, nodes["feature_idx"]).astype(int).tolist())
        parts["threshold"].append([float(f"{x:.6g}") for x in np.where(leaf, 0.0, nodes["num_threshold"])])
        parts["left"].append(np.where(leaf, own, nodes["left"]).astype(int).tolist())
        parts["right"].append(np.where(leaf, own, nodes["right"]).astype(int).tolist())
        parts["missing_left"].append(nodes["missing_go_to_left"].astype(int).tolist())
        parts["value"].append([float(f"{x:.4g}") for x in value])
    return parts | {"depth": depth, "base": round(float(np.ravel(model._baseline_prediction)[0]), 6)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="folder for the worlds' figures")
    parser.add_argument("--out", type=Path, default=FILE)
    parser.add_argument("--trees", type=int, default=160)
    given = parser.parse_args()
    names = tuple(sorted(figure_names()))
    parts = []
    for lesson in LESSONS:
        parts.append(examples(cached_world(lesson, given.cache), names))
        print(
            f"{lesson.name}: {len(parts[-1].labels):,} meter-days, {parts[-1].labels.mean():.3f} abnormal", flush=True
        )
    found = teach(names, poorer(joined(parts), names), given.trees)
    _write(found, given.out)
    found["kind_lead"] = leads(read_prior(given.out), given.cache)
    _write(found, given.out)
    print(f"{given.out.name}: {given.out.stat().st_size:,} bytes")


def leads(prior: Prior, cache: Path) -> list[float]:
    """(kinds,): log-odds by which each kind may be suspected before others, by what it costs and finds in the examinations."""
    worlds = [watch(cached_world(examination, cache), prior) for examination in EXAMINATIONS]
    set_at = shared_budget(worlds, prior.kinds)
    for kind, at in zip(prior.kinds, set_at.tolist(), strict=True):
        print(f"{kind}: suspected from {at:.2f}")
    usual = CaseProbabilityParams().set_probability
    return [round(float(lead), 4) for lead in np.log(usual / (1 - usual)) - np.log(set_at / (1 - set_at))]


def _write(found: dict[str, Any], out: Path) -> None:
    out.write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")


def figure_names() -> frozenset[str]:
    """The names of all figures that the day bank can give."""
    return frozenset(day_bank().features)


def day_bank() -> DayBank:
    """The experts, in their order."""
    return DayBank(context(meters=6))


if __name__ == "__main__":
    main()
