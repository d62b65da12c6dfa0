"""Least squares that forget, for many meters or lines at once: symmetric sums kept packed, a few numbers each."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.day.memory import F64


@cache
def _pairs(terms: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    rows, columns = np.triu_indices(terms)
    rows.setflags(write=False)
    columns.setflags(write=False)
    return rows, columns


def packed_size(terms: int) -> int:
    """How many numbers a symmetric matrix of so many terms is kept in."""
    return terms * (terms + 1) // 2


def packed(symmetric: F64) -> F64:
    """(packed, many) of (many, terms, terms)."""
    rows, columns = _pairs(symmetric.shape[-1])
    return np.ascontiguousarray(symmetric[:, rows, columns].T)


def unpacked(sums: NDArray[Any], terms: int) -> F64:
    """(many, terms, terms) of (packed, many)."""
    rows, columns = _pairs(terms)
    symmetric = np.empty((sums.shape[1], terms, terms))
    symmetric[:, rows, columns] = sums.T
    symmetric[:, columns, rows] = sums.T
    return symmetric


def coefficients(sums: NDArray[Any], products: NDArray[Any], weight: F64, prior: F64) -> F64:
    """(many, terms): what fits best, held to `prior` (terms,) as by so many hours of `weight` (terms,).

    `sums` (packed, many) and `products` (terms, many) are what `learnt` gave.

    >>> sums, products = np.zeros((1, 1)), np.zeros((1, 1))
    >>> learnt(sums, products, np.ones((4, 1, 1)), np.full((4, 1), 3.0), np.ones(1))
    >>> coefficients(sums, products, np.array([4.0]), np.array([1.0])).tolist()
    [[2.0]]
    """
    terms = len(products)
    matrix = unpacked(sums, terms)
    matrix[:, np.arange(terms), np.arange(terms)] += weight
    right = products.T.astype(np.float64) + weight * prior
    return np.asarray(np.linalg.solve(matrix, right[:, :, None])[:, :, 0])


def fitted(design: F64, found: F64) -> F64:
    """(hours, many): what `found` (many, terms) makes of `design` (hours, many, terms)."""
    return np.asarray(np.einsum("hmt,mt->hm", design, found))


def learnt(sums: NDArray[Any], products: NDArray[Any], design: F64, target: F64, kept: F64) -> None:
    """Take hours in, in place: `design` (hours, many, terms), rows of zeros where an hour says nothing; `target` (hours, many).

    What was learnt before counts `kept` (many,) times as much as it did.
    """
    by_one = design.transpose(1, 2, 0)
    sums *= kept
    sums += packed(by_one @ design.transpose(1, 0, 2))
    products *= kept
    products += (by_one @ target.T[:, :, None])[:, :, 0].T


def shares_beside_others(
    sums: NDArray[Any],
    products: NDArray[Any],
    hours: NDArray[Any],
    squares: NDArray[Any],
    *,
    least: float,
    ridge: float,
    least_noise: F64,
) -> tuple[F64, F64]:
    """((many, terms) by how much each term counts, the same in standard errors), all terms of one fit beside each other.

    Coefficients are shrunk by `ridge` of a term's own mean square; `least` is added to its root, so that what hardly varies says nothing.
    `hours` and `squares` (many,) are the hours and the target's squared sum; the noise is what is left of it, at least `least_noise` (many,).
    """
    terms = len(products)
    count = np.maximum(hours, 1.0).astype(np.float64)
    gram = unpacked(sums, terms)
    gram /= count[:, None, None]
    diagonal = np.einsum("bii->bi", gram)
    size = np.sqrt(np.maximum(diagonal, 0.0)) + least
    gram /= size[:, :, None] * size[:, None, :]
    diagonal += ridge
    right = products.T / size / count[:, None]
    inverse = np.linalg.inv(gram)
    found = (inverse @ right[:, :, None])[:, :, 0]
    # without the ridge: gram @ found = right - ridge * found, inverse @ gram = 1 - ridge * inverse
    left = squares / count - (found * (right + ridge * found)).sum(axis=1)
    noise = np.fmax(np.fmax(left, least_noise), 1e-12)
    doubled = np.einsum("bij,bij->bi", inverse, inverse)
    spread = np.maximum(np.einsum("bii->bi", inverse) - ridge * doubled, 1e-12)
    return found / size, found / np.sqrt(spread * (noise / count)[:, None])
