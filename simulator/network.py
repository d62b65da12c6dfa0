"""The low-voltage network of one transformer area: who hangs where, and what the load on it does to volts and losses.

A *conductor* is one phase of one customer's connection: a single-phase customer has one, a three-phase customer three.
All arrays over conductors have shape (conductors, intervals). Lines leave the busbar; each is a chain of segments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]
Index = NDArray[np.intp]

NOMINAL_V = 230.0
PHASE_COUNT = 3
#: Standard distribution transformers (kVA) with no-load and load loss (W) of an S11 design (GB/T 6451).
TRANSFORMERS: Sequence[tuple[float, float, float]] = (
    (30, 100, 600),
    (50, 130, 870),
    (80, 180, 1250),
    (100, 200, 1500),
    (160, 280, 2200),
    (200, 340, 2600),
    (315, 480, 3650),
    (400, 570, 4300),
    (500, 680, 5150),
    (630, 810, 6200),
    (800, 980, 7500),
    (1000, 1150, 10300),
    (1250, 1360, 12000),
    (1600, 1640, 14500),
    (2000, 1940, 18300),
    (2500, 2290, 21200),
)
SHORT_CIRCUIT_SHARE = 0.045
#: Reactance over resistance of a low-voltage line, and reactive over active power of what is tapped.
REACTANCE_SHARE = 0.35
TAP_LAG = 0.25


@dataclass(frozen=True, slots=True)
class Transformer:
    """Name plate. `parallel` stands for several equal units that feed one very large area."""

    unit_kva: float
    no_load_w: float
    load_loss_w: float
    parallel: int = 1

    @property
    def rated_kva(self) -> float:
        return self.unit_kva * self.parallel

    @property
    def no_load_kw(self) -> float:
        return self.no_load_w * self.parallel / 1000

    @property
    def resistance_ohm(self) -> float:
        """Per phase, seen from the low-voltage side."""
        rated_a = self.unit_kva * 1000 / (PHASE_COUNT * NOMINAL_V)
        return self.load_loss_w / (PHASE_COUNT * rated_a**2) / self.parallel

    @property
    def reactance_ohm(self) -> float:
        impedance = SHORT_CIRCUIT_SHARE * PHASE_COUNT * NOMINAL_V**2 / (self.unit_kva * 1000) / self.parallel
        return float(np.sqrt(max(impedance**2 - self.resistance_ohm**2, 0.0)))


def transformer_for(peak_kva: float) -> Transformer:
    """The smallest standard transformer that carries `peak_kva`.

    >>> transformer_for(140).rated_kva, transformer_for(4000).rated_kva
    (160.0, 5000.0)
    """
    for rated_kva, no_load_w, load_loss_w in TRANSFORMERS:
        if rated_kva >= peak_kva:
            return Transformer(float(rated_kva), no_load_w, load_loss_w)
    rated_kva, no_load_w, load_loss_w = TRANSFORMERS[-1]
    return Transformer(float(rated_kva), no_load_w, load_loss_w, parallel=int(np.ceil(peak_kva / rated_kva)))


@dataclass(frozen=True, eq=False)
class Network:
    """One area: `lines` leave the busbar, each a chain of equally many segments, numbered line by line, outwards."""

    transformer: Transformer
    lines: int
    segment_ohm: Rows
    """Resistance of each segment's phase conductor, shape (segments,)."""
    conductor_customer: Index
    conductor_phase: Index
    conductor_segment: Index
    service_ohm: Rows
    """Resistance of the service line from the segment to the meter, shape (conductors,)."""

    @property
    def segments(self) -> int:
        return len(self.segment_ohm)

    @cached_property
    def first_conductor(self) -> Index:
        """Where each customer's conductors begin (they stand together, customers in order)."""
        return np.flatnonzero(np.r_[True, np.diff(self.conductor_customer) > 0])

    def conductors_of(self, customer: int) -> slice:
        end = np.searchsorted(self.conductor_customer, customer, side="right")
        return slice(int(self.first_conductor[customer]), int(end))

    @cached_property
    def single_phase(self) -> NDArray[np.bool_]:
        """Per conductor: whether its service line has a neutral that carries the same current."""
        return np.asarray(np.bincount(self.conductor_customer)[self.conductor_customer] == 1)

    @cached_property
    def _node(self) -> Index:
        """Per conductor the node it hangs on: its segment and phase as one number."""
        return self.conductor_segment * PHASE_COUNT + self.conductor_phase

    @cached_property
    def _by_node(self) -> tuple[Index, Index, Index]:
        """Conductors in order of their nodes, where each node's begin, and which nodes have any."""
        order = np.argsort(self._node, kind="stable")
        nodes, begins = np.unique(self._node[order], return_index=True)
        return order, begins, nodes

    def _at_nodes(self, conductors: Rows) -> Rows:
        """Sums of (conductors, intervals) by node: (segments * 3, intervals)."""
        order, begins, nodes = self._by_node
        sums = np.zeros((self.segments * PHASE_COUNT, conductors.shape[1]))
        sums[nodes] = np.add.reduceat(conductors[order], begins, axis=0)
        return sums

    def _by_line(self, nodes: Rows) -> Rows:
        return np.asarray(nodes.reshape(self.lines, -1, PHASE_COUNT, nodes.shape[-1]))

    def _by_phase(self, conductors: Rows) -> Rows:
        """Sums of (conductors, intervals) by phase: (3, intervals)."""
        return np.asarray(self._at_nodes(conductors).reshape(self.segments, PHASE_COUNT, -1).sum(axis=0))

    def flow(self, net_kw: Rows, net_kvar: Rows, tapped_kw: Rows, source_v: Rows) -> Flow:
        """Voltages, losses and supply for given net powers of the conductors.

        `tapped_kw` (segments * phases, intervals) is load without any meter; `source_v` (3, intervals) is the voltage
        behind the transformer's impedance. Two sweeps: the second takes currents at the first one's voltages.
        """
        ohm = self.segment_ohm.reshape(self.lines, -1, 1, 1)
        wires_ohm = (np.where(self.single_phase, 2.0, 1.0) * self.service_ohm)[:, None]
        tapped_kvar = TAP_LAG * tapped_kw
        conductor_v = np.full_like(net_kw, NOMINAL_V)
        node_v = np.full_like(tapped_kw, NOMINAL_V)
        for _ in range(2):
            active_a = net_kw * (1000 / conductor_v)
            reactive_a = net_kvar * (1000 / conductor_v)
            node_active = self._by_line(self._at_nodes(active_a) + tapped_kw * (1000 / node_v))
            node_reactive = self._by_line(self._at_nodes(reactive_a) + tapped_kvar * (1000 / node_v))
            # a segment carries what hangs on it and on those behind it
            line_active = np.cumsum(node_active[:, ::-1], axis=1)[:, ::-1]
            line_reactive = np.cumsum(node_reactive[:, ::-1], axis=1)[:, ::-1]
            heads_active, heads_reactive = line_active[:, 0].sum(axis=0), line_reactive[:, 0].sum(axis=0)
            transformer = self.transformer
            bus_v = source_v - transformer.resistance_ohm * heads_active - transformer.reactance_ohm * heads_reactive
            # the neutral's share: what the other phases carry raises this phase's voltage
            unbalance = 1.5 * line_active - 0.5 * line_active.sum(axis=2, keepdims=True)
            drop = ohm * (line_active + unbalance + REACTANCE_SHARE * line_reactive)
            node_v = (bus_v - np.cumsum(drop, axis=1)).reshape(tapped_kw.shape)
            conductor_v = node_v[self._node] - wires_ohm * active_a
        squared = line_active**2 + line_reactive**2
        neutral = _vector_sum_squared(line_active) + _vector_sum_squared(line_reactive)
        loss_w = (ohm * (squared + neutral / PHASE_COUNT)).sum(axis=(0, 1))
        loss_w += self._by_phase(wires_ohm * (active_a**2 + reactive_a**2))
        loss_w += transformer.resistance_ohm * (heads_active**2 + heads_reactive**2)
        loss_kw = loss_w / 1000 + transformer.no_load_kw / PHASE_COUNT
        drawn_kw = self._by_phase(net_kw) + tapped_kw.reshape(self.segments, PHASE_COUNT, -1).sum(axis=0)
        drawn_kvar = self._by_phase(net_kvar) + tapped_kvar.reshape(self.segments, PHASE_COUNT, -1).sum(axis=0)
        return Flow(
            conductor_v=conductor_v,
            bus_v=bus_v,
            loss_kw=loss_kw,
            supplied_kw=drawn_kw + loss_kw,
            supplied_kvar=drawn_kvar,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """What the network did: `conductor_v` (conductors, intervals); the rest per phase, (3, intervals).

    `supplied_kw` is what the transformer took in: all that was truly drawn, metered or not, plus `loss_kw`.
    """

    conductor_v: Rows
    bus_v: Rows
    loss_kw: Rows
    supplied_kw: Rows
    supplied_kvar: Rows


def _vector_sum_squared(current: Rows) -> Rows:
    """Squared sum of three phasors 120 degrees apart, (..., 3, intervals) -> (..., 1, intervals)."""
    a, b, c = current[..., 0:1, :], current[..., 1:2, :], current[..., 2:3, :]
    return np.asarray(a * a + b * b + c * c - a * b - b * c - c * a)


def neutral_current_a(current_a: Rows) -> Rows:
    """Neutral current of three-phase customers, (..., 3, intervals) -> (..., intervals); harmonics add a little."""
    a, b, c = current_a[..., 0, :], current_a[..., 1, :], current_a[..., 2, :]
    fundamental = _vector_sum_squared(current_a)[..., 0, :]
    third = 0.05 * (np.abs(a) + np.abs(b) + np.abs(c))
    return np.asarray(np.sqrt(np.clip(fundamental, 0, None) + third * third))
