"""The low-voltage network of one transformer area: who hangs where, and what the load on it does to volts and losses.

A *conductor* is one phase of one customer's connection: a single-phase customer has one, a three-phase customer three.
All arrays over conductors have shape (conductors, intervals). Lines leave the busbar; each is a chain of segments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]
Phasors = NDArray[np.complexfloating[Any, Any]]
T = TypeVar("T", bound=np.inexact[Any])
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
#: Each sweep takes currents at the last one's voltages; three leave less than a thousandth of a volt.
SWEEPS = 3
_TURN = np.exp(-2j * np.pi / 3)


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

    def _at_nodes(self, conductors: NDArray[T]) -> NDArray[T]:
        """Sums of (conductors, intervals) by node: (segments * 3, intervals)."""
        order, begins, nodes = self._by_node
        sums = np.zeros((self.segments * PHASE_COUNT, conductors.shape[1]), dtype=conductors.dtype)
        sums[nodes] = np.add.reduceat(conductors[order], begins, axis=0)
        return sums

    def _by_line(self, nodes: NDArray[T]) -> NDArray[T]:
        return nodes.reshape((self.lines, -1, PHASE_COUNT, nodes.shape[-1]))

    def _by_phase(self, conductors: Rows) -> Rows:
        """Sums of (conductors, intervals) by phase: (3, intervals)."""
        return np.asarray(self._at_nodes(conductors).reshape(self.segments, PHASE_COUNT, -1).sum(axis=0))

    @cached_property
    def _wires_ohm(self) -> Rows:
        """Resistance of each service line, there and back where it is single-phase; (conductors, 1)."""
        return np.asarray((np.where(self.single_phase, 2.0, 1.0) * self.service_ohm)[:, None])

    def solve(self, drawn_kva: Phasors, tapped_kva: Phasors, source_v: Rows, joint_ohm: Rows | None = None) -> Solution:
        """Phasors of all voltages and currents, by sweeps of loads to the busbar and back (Shirmohammadi et al. 1988).

        `drawn_kva` (conductors, intervals) and `tapped_kva` (segments * 3, intervals) are active + j reactive power; the
        three phases share a neutral that is as thick as they are. `joint_ohm` (segments * 3, intervals) is resistance in series.
        """
        segment_ohm = self.segment_ohm.reshape(self.lines, -1, 1, 1) * (1 + 1j * REACTANCE_SHARE)
        phase_ohm = segment_ohm if joint_ohm is None else segment_ohm + self._by_line(joint_ohm)
        transformer_ohm = self.transformer.resistance_ohm + 1j * self.transformer.reactance_ohm
        conductor_v = np.full(drawn_kva.shape, NOMINAL_V, dtype=np.complex128)
        node_v = np.full(tapped_kva.shape, NOMINAL_V, dtype=np.complex128)
        wanted_va, tapped_va = 1000 * np.conj(drawn_kva), 1000 * np.conj(tapped_kva)
        taps = bool(tapped_kva.any())
        for _ in range(SWEEPS):
            service_a: Phasors = np.asarray(wanted_va / np.conj(conductor_v), dtype=np.complex128)
            node_a: Phasors = self._at_nodes(service_a)
            if taps:
                node_a = node_a + tapped_va / np.conj(node_v)
            # a segment carries what hangs on it and on those behind it
            segment_a: Phasors = np.cumsum(self._by_line(node_a)[:, ::-1], axis=1)[:, ::-1]
            neutral_a = _as_each_phase_sees(segment_a)
            bus_a = segment_a[:, 0].sum(axis=0)
            bus_v = source_v - transformer_ohm * bus_a
            drop_v = phase_ohm * segment_a + segment_ohm * neutral_a
            node_v = (bus_v - np.cumsum(drop_v, axis=1)).reshape(tapped_kva.shape)
            conductor_v = node_v[self._node] - self._wires_ohm * service_a
        return Solution(bus_v, bus_a, node_v, node_a, segment_a, service_a, conductor_v, phase_ohm, segment_ohm)

    def flow(
        self, net_kw: Rows, net_kvar: Rows, tapped_kw: Rows, source_v: Rows, joint_ohm: Rows | None = None
    ) -> Flow:
        """Voltages, losses and supply for given net powers of the conductors.

        `tapped_kw` (segments * phases, intervals) is load without any meter; `source_v` (3, intervals) is the voltage
        behind the transformer's impedance; `joint_ohm` as for `solve`.
        """
        found = self.solve(net_kw + 1j * net_kvar, tapped_kw * (1 + 1j * TAP_LAG), source_v, joint_ohm)
        lost_kva = found.lost_kva(self)
        drawn_kw = self._by_phase(net_kw) + tapped_kw.reshape(self.segments, PHASE_COUNT, -1).sum(axis=0)
        drawn_kvar = self._by_phase(net_kvar) + TAP_LAG * tapped_kw.reshape(self.segments, PHASE_COUNT, -1).sum(axis=0)
        loss_kw: Rows = np.asarray(lost_kva.real, dtype=np.float64) + self.transformer.no_load_kw / PHASE_COUNT
        return Flow(
            conductor_v=np.abs(found.conductor_v),
            bus_v=np.abs(found.bus_v),
            loss_kw=loss_kw,
            supplied_kw=drawn_kw + loss_kw,
            supplied_kvar=drawn_kvar + lost_kva.imag,
            service_a=np.abs(found.service_a),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """Phasors, each phase in its own frame (a balanced voltage has angle 0 in all three), volts to neutral and amperes.

    `bus_v`, `bus_a` (3, intervals); `node_v`, `node_a` (segments * 3, intervals), what leaves the line at each node;
    `segment_a` (lines, segments of a line, 3, intervals); `service_a`, `conductor_v` (conductors, intervals).
    """

    bus_v: Phasors
    bus_a: Phasors
    node_v: Phasors
    node_a: Phasors
    segment_a: Phasors
    service_a: Phasors
    conductor_v: Phasors
    phase_ohm: Phasors
    neutral_ohm: Phasors

    def lost_kva(self, network: Network) -> Phasors:
        """Copper losses of lines, services and transformer by phase, (3, intervals); the neutral's is shared alike."""
        squared = np.abs(self.segment_a) ** 2
        neutral = _squared_sum(self.segment_a)
        loss_va = (self.phase_ohm * squared + self.neutral_ohm * neutral / PHASE_COUNT).sum(axis=(0, 1))
        loss_va = loss_va + network._by_phase(network._wires_ohm * np.abs(self.service_a) ** 2)
        transformer = network.transformer
        ohm = transformer.resistance_ohm + 1j * transformer.reactance_ohm
        return np.asarray((loss_va + ohm * np.abs(self.bus_a) ** 2) / 1000)


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """What the network did: `conductor_v` and `service_a`, the current in each service line, (conductors, intervals); the rest
    per phase, (3, intervals).

    `supplied_kw` is what the transformer took in: all that was truly drawn, metered or not, plus `loss_kw`.
    """

    conductor_v: Rows
    bus_v: Rows
    loss_kw: Rows
    supplied_kw: Rows
    supplied_kvar: Rows
    service_a: Rows


def _as_each_phase_sees(current_a: Phasors) -> Phasors:
    """The neutral's current in each phase's own frame, (..., 3, intervals)."""
    total = current_a[..., 0:1, :] + _TURN * current_a[..., 1:2, :] + _TURN**2 * current_a[..., 2:3, :]
    return np.concatenate([total, total / _TURN, total / _TURN**2], axis=-2)


def _squared_sum(current_a: Phasors) -> Rows:
    """Squared magnitude of the neutral's current, (..., 1, intervals)."""
    total = current_a[..., 0:1, :] + _TURN * current_a[..., 1:2, :] + _TURN**2 * current_a[..., 2:3, :]
    return np.asarray(np.abs(total) ** 2)


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
