"""What a taught forest makes of a meter's daily figures: the odds of a case, the likely kinds, and which figures said so.

The forest is the starting point that findings move (ADR 0016). It is shipped as numbers in `prior.json`, made by
`python -m benchmarks.detection.train`; nothing of what taught it is needed to ask it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metering.catalogue import CATALOGUE
from metering.errors import StoreError

F64 = NDArray[np.float64]
FILE = Path(__file__).with_name("prior.json")
SCHEMA = "prior/3"
_MOST_SIGMA = 5.0
#: A figure that is known wherever a feed carries what an abnormality's row of the catalogue asks for.
_SEEN_BY: Mapping[str, str] = {
    "voltage_v": "lowest_phase_voltage",
    "current_a": "current_level",
    "neutral_current_a": "neutral_difference_size",
    "power_factor": "power_factor_recent",
    "register_kwh": "register_gap_size",
    "export_kwh": "undeclared_export",
}


#: A word has as many bits as a tree may have leaves.
_MOST_LEAVES = 16
#: What so many questions look at stays in the processor's cache.
_ASKED_AT_ONCE = 128


@dataclass(frozen=True, slots=True, eq=False)
class _Questions:
    """What the trees ask, each question once, and which leaves an answer rules out: a tree without a walk.

    `feature` and `threshold` (questions,) begin with the `unknown_left` questions whose unknown figures go left. `asked`
    (most inner nodes, trees) are places in the questions, or behind them where a tree has fewer nodes; `ruled_out` of the same
    shape are the leaves, counted from the left, that a figure above the threshold leaves behind, as bits. `leaf` (trees, 16).
    Reference: Lucchese et al. (2015), QuickScorer.
    """

    feature: NDArray[np.intp]
    threshold: NDArray[np.float32]
    unknown_left: int
    asked: NDArray[np.intp]
    ruled_out: NDArray[np.uint16]
    leaf: F64

    @classmethod
    def of(cls, forest: Forest) -> _Questions:
        inner = np.flatnonzero(forest.left != np.arange(len(forest.left)))
        asked = {
            n: (not forest.missing_left[n], int(forest.feature[n]), float(forest.threshold[n])) for n in inner.tolist()
        }
        questions = sorted(set(asked.values()))
        place = {question: n for n, question in enumerate(questions)}
        trees = [_leaves_left_of(forest, root) for root in forest.roots.tolist()]
        most = max((len(nodes) for nodes, _ in trees), default=0)
        at = np.full((most, len(trees)), len(questions), dtype=np.intp)
        ruled_out = np.zeros((most, len(trees)), dtype=np.uint16)
        leaf = np.zeros((len(trees), _MOST_LEAVES))
        for tree, (nodes, leaves) in enumerate(trees):
            leaf[tree, : len(leaves)] = forest.value[leaves]
            for n, (node, bits) in enumerate(nodes.items()):
                at[n, tree], ruled_out[n, tree] = place[asked[node]], bits
        return cls(
            np.array([feature for _, feature, _ in questions], dtype=np.intp),
            np.array([threshold for _, _, threshold in questions], dtype=np.float32),
            sum(not unknown_right for unknown_right, _, _ in questions),
            at,
            ruled_out,
            leaf,
        )

    def leaves(self, table: NDArray[np.float32]) -> NDArray[np.intp]:
        """(trees, rows): where each row ends up, as a place in `leaf` laid end to end."""
        goes_right = self._answers(table)
        gone = np.zeros((len(self.leaf), len(table)), dtype=np.uint16)
        for asked, ruled_out in zip(self.asked, self.ruled_out, strict=True):
            gone |= goes_right[asked] * ruled_out[:, None]
        return np.asarray(_FIRST_LEFT.take(gone) + np.arange(0, self.leaf.size, _MOST_LEAVES)[:, None])

    def _answers(self, table: NDArray[np.float32]) -> NDArray[np.bool_]:
        """(questions + 1, rows): whether the figure goes right; the last asks nothing."""
        figures = np.ascontiguousarray(table.T)
        goes_right = np.zeros((len(self.feature) + 1, len(table)), dtype=np.bool_)
        for first in range(0, len(self.feature), _ASKED_AT_ONCE):
            some = slice(first, first + _ASKED_AT_ONCE)
            figure, threshold = figures[self.feature[some]], self.threshold[some, None]
            # NaN compares false, and goes left
            answer = np.greater(figure, threshold, out=goes_right[:-1][some])
            of_right = max(self.unknown_left - first, 0)
            answer[of_right:] |= figure[of_right:] != figure[of_right:]
        return goes_right


def _leaves_left_of(forest: Forest, root: int) -> tuple[dict[int, int], list[int]]:
    """A tree's inner nodes with the leaves to the left of each as bits, and its leaves from the left. Raises `StoreError` where they are too many."""
    nodes: dict[int, int] = {}
    leaves: list[int] = []

    def go(node: int) -> None:
        left = int(forest.left[node])
        if left == node:
            leaves.append(node)
            return
        first = len(leaves)
        go(left)
        nodes[node] = (1 << len(leaves)) - (1 << first)
        go(int(forest.right[node]))

    go(root)
    if len(leaves) > _MOST_LEAVES:
        raise StoreError(
            f"a tree of the prior has {len(leaves)} leaves, more than {_MOST_LEAVES}: teach it anew with `make teach`"
        )
    return nodes, leaves


#: By the leaves that are gone: the first that is left.
_FIRST_LEFT = np.array(
    [(~gone & (gone + 1)).bit_length() - 1 for gone in range(2**_MOST_LEAVES - 1)] + [0], dtype=np.uint8
)


@dataclass(frozen=True, eq=False)
class Forest:
    """Regression trees on the log-odds scale, their nodes in one row each: (nodes,) arrays over all trees.

    `left` and `right` are places in these arrays, a leaf's are its own; `roots` (trees,) are where each tree begins. A
    figure above its `threshold` goes right, NaN goes left where `missing_left`. `value` of an inner node is what the tree
    would have said there. `base` is the margin before any tree.
    """

    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    missing_left: NDArray[np.bool_]
    value: NDArray[np.float32]
    roots: NDArray[np.int32]
    depth: int
    base: float

    def margin(self, table: NDArray[np.float32]) -> F64:
        """Log-odds (rows,) of a table (rows, features); NaN = not known."""
        questions = self._questions
        return np.asarray(self.base + questions.leaf.take(questions.leaves(table)).sum(axis=0))

    def contributions(self, row: NDArray[np.float32]) -> F64:
        """By how much each figure of one row (features,) moved its margin, along the trees' paths (Saabas)."""
        moved = np.zeros(len(row))
        node = self.roots
        for _ in range(self.depth):
            feature = self.feature[node]
            chosen = self._next(node, row[feature])
            np.add.at(moved, feature, (self.value[chosen] - self.value[node]).astype(np.float64))
            node = chosen
        return moved

    def group_contributions(self, table: NDArray[np.float32], group_of: NDArray[np.intp], groups: int) -> F64:
        """`contributions` of many rows at once, summed by group of figures: (rows, groups); `group_of` (features,)."""
        asked = tuple(group_of.tolist())
        if asked not in self._moved_by_leaf:
            self._moved_by_leaf[asked] = self._along_paths(asked, groups)
        return np.asarray(self._moved_by_leaf[asked].take(self._questions.leaves(table), axis=0).sum(axis=0))

    def _along_paths(self, group_of: tuple[int, ...], groups: int) -> F64:
        """(trees * 16, groups): what the way to each leaf moves, by group, in the order of the questions' leaves."""
        moved = np.zeros((self._questions.leaf.size, groups))

        def go(node: int, so_far: F64, place: int) -> int:
            if self.left[node] == node:
                moved[place] = so_far
                return place + 1
            for chosen in (int(self.left[node]), int(self.right[node])):
                further = so_far.copy()
                further[group_of[self.feature[node]]] += float(self.value[chosen]) - float(self.value[node])
                place = go(chosen, further, place)
            return place

        for tree, root in enumerate(self.roots.tolist()):
            go(root, np.zeros(groups), tree * _MOST_LEAVES)
        return moved

    @cached_property
    def _moved_by_leaf(self) -> dict[tuple[int, ...], F64]:
        """By the grouping that was asked for: there is one."""
        return {}

    @cached_property
    def _questions(self) -> _Questions:
        return _Questions.of(self)

    def _next(self, node: NDArray[np.int32], figure: NDArray[np.float32]) -> NDArray[np.int32]:
        # NaN compares false: it goes left only where the node says so
        goes_left = (figure <= self.threshold[node]) | ((figure != figure) & self.missing_left[node])
        return np.where(goes_left, self.left[node], self.right[node])


@dataclass(frozen=True, eq=False)
class Prior:
    """A taught forest with its calibration, and a linear model that tells the kinds apart among cases.

    `features` are the figures it asks for, by name; a figure that a feed cannot give is NaN to it. `kind_lead` (kinds,) are log-odds by which each
    kind may be suspected before others: a kind that is hardly ever false has room in its budget. `story` says on what it was taught.
    """

    features: tuple[str, ...]
    forest: Forest
    slope: float
    shift: float
    kinds: tuple[str, ...]
    kind_centre: F64
    kind_scale: F64
    kind_weight: F64
    kind_lead: F64
    story: Mapping[str, Any]

    def table(self, figures: Mapping[str, F64], meters: int) -> NDArray[np.float32]:
        """(meters, features) of the figures by name; what is not there is NaN."""
        table = np.full((len(self.features), meters), np.nan, dtype=np.float32)
        for place, name in self._places.items():
            values = figures.get(name)
            if values is not None:
                table[place] = values
        return table.T

    def odds(self, table: NDArray[np.float32]) -> F64:
        """Calibrated log-odds (rows,) that a meter has a case; NaN where nothing at all is known of it."""
        odds = self.slope * self.forest.margin(table) + self.shift
        return np.where((table == table).any(axis=1), odds, np.nan)

    def reasons(self, row: NDArray[np.float32]) -> list[tuple[str, float]]:
        """(figure, log-odds by which it moved this row), the strongest first."""
        moved = self.slope * self.forest.contributions(row)
        order = np.argsort(-np.abs(moved), kind="stable")
        return [(self.features[n], float(moved[n])) for n in order if moved[n] != 0]

    def moved_by(self, table: NDArray[np.float32], group_of: NDArray[np.intp], groups: int) -> F64:
        """Log-odds (rows, groups) by which each group of figures moved each row; `group_of` (features,) is a figure's group."""
        return self.slope * self.forest.group_contributions(table, group_of, groups)

    def probable_kinds(self, table: NDArray[np.float32]) -> F64:
        """(rows, kinds): how likely each kind is, if there is a case. A kind is not named where nothing of what it shows in is measured."""
        score = self._bounded(table) @ self.kind_weight[:, :-1].T + self.kind_weight[:, -1]
        for kind, places in self._shows_in.items():
            score[np.isnan(table[:, places]).all(axis=1), kind] = -np.inf
        score = np.exp(score - score.max(axis=1, keepdims=True))
        return np.asarray(score / score.sum(axis=1, keepdims=True))

    def told_apart(self, row: NDArray[np.float32], kind: int, rival: int) -> list[tuple[str, float]]:
        """(figure, log-odds by which it speaks for `kind` rather than `rival`, places in `kinds`) of one row, the strongest first."""
        apart = self._bounded(row[None])[0] * (self.kind_weight[kind, :-1] - self.kind_weight[rival, :-1])
        order = np.argsort(-np.abs(apart), kind="stable")
        return [(self.features[n], float(apart[n])) for n in order if apart[n] != 0]

    def _bounded(self, table: NDArray[np.float32]) -> F64:
        """The figures in standard deviations around what is usual among cases; what is not known is as usual."""
        bounded = (table - self.kind_centre) / self.kind_scale
        return np.clip(np.where(bounded == bounded, bounded, 0.0), -_MOST_SIGMA, _MOST_SIGMA)

    @cached_property
    def _shows_in(self) -> dict[int, list[int]]:
        """Of each kind that shows in more than energy, the places of the figures that say whether that is measured."""
        place = {name: n for n, name in enumerate(self.features)}
        found = {}
        for number, kind in enumerate(self.kinds):
            seen_by = [_SEEN_BY[name] for name in CATALOGUE[kind].inputs if name in _SEEN_BY]
            if seen_by and all(name in place for name in seen_by):
                found[number] = [place[name] for name in seen_by]
        return found

    @cached_property
    def _places(self) -> dict[int, str]:
        return dict(enumerate(self.features))


def read_prior(path: Path) -> Prior:
    """Raises `StoreError` where the file is of another version."""
    told = json.loads(path.read_text(encoding="utf-8"))
    if told.get("schema") != SCHEMA:
        raise StoreError(
            f"{path.name} is of schema {told.get('schema')}, not {SCHEMA}: teach it anew with `make teach`"
        )
    return Prior(
        tuple(told["features"]),
        _forest(told["forest"]),
        told["slope"],
        told["shift"],
        tuple(told["kinds"]),
        np.array(told["kind_centre"], dtype=np.float64),
        np.array(told["kind_scale"], dtype=np.float64),
        np.array(told["kind_weight"], dtype=np.float64),
        np.array(told["kind_lead"], dtype=np.float64),
        told["story"],
    )


@lru_cache(maxsize=1)
def shipped_prior() -> Prior:
    """The prior that comes with the product."""
    return read_prior(FILE)


def _forest(told: Mapping[str, Any]) -> Forest:
    trees: Sequence[Sequence[float]] = told["feature"]
    begins = np.concatenate([[0], np.cumsum([len(t) for t in trees])]).astype(np.int32)

    def flat(name: str, dtype: Any) -> NDArray[Any]:
        return np.concatenate([np.asarray(tree, dtype=dtype) for tree in told[name]])

    def places(name: str) -> NDArray[np.int32]:
        return np.concatenate(
            [np.asarray(tree, dtype=np.int32) + begin for tree, begin in zip(told[name], begins[:-1], strict=True)]
        )

    return Forest(
        flat("feature", np.int32),
        flat("threshold", np.float32),
        places("left"),
        places("right"),
        flat("missing_left", np.bool_),
        flat("value", np.float32),
        begins[:-1].copy(),
        int(told["depth"]),
        float(told["base"]),
    )
