"""From strengths of evidence to one risk per meter: how likely a visit finds something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from metering.catalogue import CATALOGUE, FAMILIES, INFORMATION_FAMILIES
from metering.evidence import SET_STRENGTH

#: The most that an unusual day adds to what the evidence says.
NOVELTY_SHARE = 0.1
#: By how much of the gap to certainty full evidence moves a known probability, which has weighed most of it already.
_EVIDENCE_SHARE = 0.2
#: Novelty below this is everyday life.
_NOVELTY_FROM = 0.8


def family_strengths(strength: NDArray[np.floating], codes: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """A day's strongest evidence (codes, meters) as the strongest per family, weighted by the catalogue, (meters,) 0..1.

    What does not reach the set value is half a case at most. Only what says something about a case worth visiting counts: hazards
    rank by harm in a lane of their own, so that an overloaded transformer never looks like theft. Not judged (NaN) is nothing.
    """
    rows, weights, families = _weighing(tuple(codes))
    known = strength[rows]
    known = np.where(known == known, known, 0)
    weighted = np.where(known >= SET_STRENGTH, known, known / 2) * weights[:, None]
    return {family: weighted[first:end].max(axis=0) for family, first, end in families}


@cache
def _weighing(codes: tuple[str, ...]) -> tuple[list[int], NDArray[np.float64], list[tuple[str, int, int]]]:
    """(rows of the codes that count, family by family, their weights, (family, its first place in them, the place behind its last))."""
    rows: list[int] = []
    families: list[tuple[str, int, int]] = []
    for family in FAMILIES:
        first = len(rows)
        of_family = [(n, CATALOGUE[code]) for n, code in enumerate(codes) if CATALOGUE[code].family == family]
        rows += [n for n, row in of_family if row.lane in ("suspicion", "area") and row.weight]
        if len(rows) > first:
            families.append((family, first, len(rows)))
    return rows, np.array([CATALOGUE[codes[n]].weight for n in rows]), families


def risk(
    family_strength: Mapping[str, NDArray[np.float64]],
    novelty: NDArray[np.float64],
    probability: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The probability of a case where one is known, nudged by the evidence; elsewhere the evidence alone.

    Evidence is a noisy-or over the families' strengths (weighted already): each alone can make a case, none dilutes another.

    Shapes (meters,); NaN counts as nothing. Families of information add nothing; novelty closes at most
    `NOVELTY_SHARE` of the gap to certainty. A supply meter's row holds the area's own risk.

    >>> unknown = np.full(2, np.nan)
    >>> risk({"theft": np.array([0.9, 0.0]), "energy": np.array([0.5, np.nan])}, np.array([np.nan, 1.0]), unknown).round(3).tolist()
    [0.95, 0.1]
    >>> risk({"theft": np.array([0.9, 0.0])}, unknown, np.array([0.7, 0.2])).round(3).tolist()
    [0.754, 0.2]
    """
    innocent = np.ones(len(novelty))
    for family in sorted(family_strength):
        if family not in INFORMATION_FAMILIES and family != "novelty":
            innocent *= 1 - np.clip(_or_nothing(family_strength[family]), 0.0, 1.0)
    unusual = np.clip((_or_nothing(novelty) - _NOVELTY_FROM) / (1 - _NOVELTY_FROM), 0.0, 1.0)
    by_evidence = 1 - innocent * (1 - NOVELTY_SHARE * unusual)
    return np.where(
        probability == probability, 1 - (1 - probability) * (1 - _EVIDENCE_SHARE * by_evidence), by_evidence
    )


def _or_nothing(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(values == values, values, 0.0)
