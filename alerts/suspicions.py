"""What is suspected just now in one area: conditions on their way to an alert, from half of the time that the catalogue asks on.

A flicker of an interval, and what the catalogue raises at once or calls information, is never suspected.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Set
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from metering.catalogue import CATALOGUE, Abnormality
from metering.suspicion import Suspicion

#: Of the time that a condition must hold, it has held for so much when it is shown.
SHOWN_FROM_SHARE = 0.5
_NEVER_S = np.iinfo(np.int32).max


def shown_from_s(rows: Iterable[Abnormality], raises: NDArray[np.bool_]) -> NDArray[np.int32]:
    """(rows,) seconds for which a condition must have held to be shown as suspected; of kinds that never are, more than any does."""
    return np.array(
        [
            int(60 * row.set_after_minutes * SHOWN_FROM_SHARE)
            if raised and row.lane != "information" and row.set_after_minutes
            else _NEVER_S
            for row, raised in zip(rows, raises.tolist(), strict=True)
        ],
        dtype=np.int32,
    )


class Suspicions:
    """Of one transformer area, by the bank's flat cell; saved as a page that changes only when what is suspected does."""

    def __init__(self) -> None:
        self._of: dict[int, Suspicion] = {}

    def __bool__(self) -> bool:
        return bool(self._of)

    def follow(self, cells: Set[int], begin: Callable[[int], Suspicion | None]) -> None:
        """These cells are suspected now, and no other; `begin` tells of one that was not."""
        if self._of.keys() == cells:
            return
        now = {cell: self._of.get(cell) or begin(cell) for cell in sorted(cells)}
        self._of = {cell: suspicion for cell, suspicion in now.items() if suspicion is not None}

    def at(self, cell: int) -> Suspicion | None:
        return self._of.get(cell)

    def items(self) -> tuple[tuple[int, Suspicion], ...]:
        return tuple(self._of.items())

    def forget(self, cell: int) -> None:
        self._of.pop(cell, None)

    def all(self) -> tuple[Suspicion, ...]:
        return tuple(self._of.values())

    # --- state, as it is saved

    def dump(self) -> bytes:
        return json.dumps([[cell, asdict(suspicion)] for cell, suspicion in self._of.items()]).encode()

    def load(self, page: bytes) -> None:
        self._of = {cell: Suspicion(**row) for cell, row in json.loads(page)}


def suspicions_in(page: bytes) -> tuple[Suspicion, ...]:
    """What an area's saved page tells."""
    found = Suspicions()
    found.load(page)
    return found.all()


def nearest_first(suspicions: Iterable[Suspicion], now_s: int) -> list[Suspicion]:
    """Hazards first, then what becomes an alert the soonest."""
    return sorted(
        suspicions,
        key=lambda s: (
            CATALOGUE[s.abnormality].lane != "hazard",
            s.must_s - s.held_s(now_s),
            s.since_s,
            s.service_point,
            s.abnormality,
        ),
    )
