"""What hangs on a line from one of its segments on, for cases of a piece of line."""

from __future__ import annotations

import numpy as np

from simulator.hours import Active
from simulator.scenarios.case import Place
from simulator.world.network import NOMINAL_V, PHASE_COUNT, Network


def conductors_behind(network: Network, segment: int) -> Active:
    """Which conductors are fed through a segment: those on it and on the ones after it in its line."""
    of = network.conductor_segment
    per_line = network.segments // network.lines
    return np.asarray((of // per_line == segment // per_line) & (of >= segment))


def segments_with(network: Network, at_least: int) -> tuple[int, ...]:
    """The segments that feed customers on all three phases, through at least so many conductors."""
    found = []
    for segment in range(network.segments):
        behind = conductors_behind(network, segment)
        if behind.sum() >= at_least and len(np.unique(network.conductor_phase[behind])) == PHASE_COUNT:
            found.append(segment)
    return tuple(found)


def mean_current_a(place: Place, segment: int) -> float:
    """A rough mean current per phase through a segment, of the customers behind it."""
    network = place.network
    customers = np.unique(network.conductor_customer[conductors_behind(network, segment)])
    return float(place.customer_kw[customers].sum()) * 1000 / NOMINAL_V / PHASE_COUNT
