"""Peers: the meters of an area that weather, season and holidays move together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metering.evidence import AreaContext

#: Fewer measured peers than this say nothing about a common movement.
FEWEST_PEERS = 5


class PeerGroups:
    """Groups of customers by class and generation; a group too small borrows the median of all customers."""

    def __init__(self, labels: list[tuple[object, ...] | None]) -> None:
        self._everyone = np.array([label is not None for label in labels], dtype=np.bool_)
        distinct = sorted({label for label in labels if label is not None}, key=repr)
        groups = (np.array([other == label for other in labels], dtype=np.bool_) for label in distinct)
        #: rows of the groups that can ever have enough
        self._groups = [np.flatnonzero(group) for group in groups if np.count_nonzero(group) >= FEWEST_PEERS]

    def median(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Each row's group median of `values` (NaN left out); 0 where not even the area has enough, NaN off-group.

        >>> PeerGroups([("home",)] * 5 + [("shop",), None]).median(np.array([1.0, 2, 3, 4, 5, 9, 7])).tolist()
        [3.0, 3.0, 3.0, 3.0, 3.0, 3.5, nan]
        """
        present = values == values
        medians = np.full(values.shape, np.nan)
        medians[self._everyone] = _median(values[self._everyone & present])
        for group in self._groups:
            members = values[group]
            members = members[members == members]
            if len(members) >= FEWEST_PEERS:
                medians[group] = _middle(members)
        return medians


def _median(values: NDArray[np.float64]) -> float:
    return _middle(values) if len(values) >= FEWEST_PEERS else 0.0


def _middle(values: NDArray[np.float64]) -> float:
    """The median of some known values; NumPy's own takes ten times as long on so few."""
    ordered = np.sort(values)
    count = len(ordered)
    return float((ordered[(count - 1) // 2] + ordered[count // 2]) / 2)


def peer_groups(context: AreaContext) -> PeerGroups:
    return PeerGroups(
        [None if m.role == "supply" else (m.customer_class, bool(m.has_generation)) for m in context.area.meters]
    )
