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
    """One area. `segment_line[s]` is the line of segment s; a line's segments stand in order from the busbar outwards."""

    transformer: Transformer
    segment_line: Index
    segment_ohm: Rows
    """Resistance of each segment's phase conductor, shape (segments,)."""
    conductor_customer: Index
    conductor_phase: Index
    conductor_segment: Index
    service_ohm: Rows
    """Resistance of the service line from the segment to the meter, shape (conductors,)."""

    @property
    def segments(self) -> int:
        return len(self.segment_line)

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
        counts = np.bincount(self.conductor_customer)
        return np.asarray(counts[self.conductor_customer] == 1)

    @cached_property
    def _at_node(self) -> Rows:
        """(segments * phases, conductors): which conductors hang on which segment and phase."""
        found = np.zeros((self.segments * PHASE_COUNT, len(self.conductor_phase)))
        found[self.conductor_segment * PHASE_COUNT + self.conductor_phase, np.arange(found.shape[1])] = 1.0
        return found

    @cached_property
    def _downstream(self) -> Rows:
        """(segments, segments): segment k carries what hangs on segment j."""
        same = self.segment_line[:, None] == self.segment_line[None, :]
        order = np.arange(self.segments)
        return np.asarray((same & (order[None, :] >= order[:, None])).astype(np.float64))

    def flow(self, net_kw: Rows, net_kvar: Rows, tapped_kw: Rows, source_v: Rows) -> Flow:
        """Voltages, losses and supply for given net powers of the conductors.

        `tapped_kw` (segments * phases, intervals) is load without any meter; `source_v` (3, intervals) is the voltage
        behind the transformer's impedance. Two sweeps: the second takes currents at the first one's voltages.
        """
        intervals = net_kw.shape[1]
        conductor_v = np.full_like(net_kw, NOMINAL_V)
        node_v = np.full((self.segments * PHASE_COUNT, intervals), NOMINAL_V)
        for _ in range(2):
            active_a = net_kw * (1000 / conductor_v)
            reactive_a = net_kvar * (1000 / conductor_v)
            node_active = (self._at_node @ active_a + tapped_kw * (1000 / node_v)).reshape(self.segments, -1)
            node_reactive = (self._at_node @ reactive_a).reshape(self.segments, -1)
            line_active = (self._downstream @ node_active).reshape(self.segments, PHASE_COUNT, intervals)
            line_reactive = (self._downstream @ node_reactive).reshape(self.segments, PHASE_COUNT, intervals)
            heads_active = node_active.reshape(self.segments, PHASE_COUNT, intervals).sum(axis=0)
            heads_reactive = node_reactive.reshape(self.segments, PHASE_COUNT, intervals).sum(axis=0)
            bus_v = (
                source_v
                - self.transformer.resistance_ohm * heads_active
                - self.transformer.reactance_ohm * heads_reactive
            )
            # the neutral's share: what the other phases carry raises this phase's voltage
            unbalance = 1.5 * line_active - 0.5 * line_active.sum(axis=1, keepdims=True)
            drop = self.segment_ohm[:, None, None] * (line_active + unbalance + 0.35 * line_reactive)
            along = (self._downstream.T @ drop.reshape(self.segments, -1)).reshape(drop.shape)
            node_v = (bus_v[None] - along).reshape(self.segments * PHASE_COUNT, intervals)
            wires = np.where(self.single_phase, 2.0, 1.0)[:, None] * self.service_ohm[:, None]
            conductor_v = self._at_node.T @ node_v - wires * active_a
        squared = line_active**2 + line_reactive**2
        neutral = _vector_sum_squared(line_active) + _vector_sum_squared(line_reactive)
        loss_w = (self.segment_ohm[:, None, None] * squared).sum(axis=0)
        loss_w += (self.segment_ohm[:, None] * neutral).sum(axis=0) / PHASE_COUNT
        service_w = wires * (active_a**2 + reactive_a**2)
        phase_of = np.zeros((PHASE_COUNT, len(self.conductor_phase)))
        phase_of[self.conductor_phase, np.arange(len(self.conductor_phase))] = 1.0
        loss_w += phase_of @ service_w
        loss_w += self.transformer.resistance_ohm * (heads_active**2 + heads_reactive**2)
        loss_kw = loss_w / 1000 + self.transformer.no_load_kw / PHASE_COUNT
        drawn_kw = phase_of @ net_kw + tapped_kw.reshape(self.segments, PHASE_COUNT, intervals).sum(axis=0)
        return Flow(
            conductor_v=conductor_v,
            bus_v=bus_v,
            loss_kw=loss_kw,
            supplied_kw=drawn_kw + loss_kw,
            supplied_kvar=phase_of @ net_kvar,
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
    """Squared sum of three phasors 120 degrees apart, (segments, 3, intervals) -> (segments, intervals)."""
    a, b, c = current[:, 0], current[:, 1], current[:, 2]
    return a * a + b * b + c * c - a * b - b * c - c * a


def neutral_current_a(current_a: Rows) -> Rows:
    """Neutral current of three-phase customers, (..., 3, intervals) -> (..., intervals); harmonics add a little."""
    a, b, c = current_a[..., 0, :], current_a[..., 1, :], current_a[..., 2, :]
    fundamental = a * a + b * b + c * c - a * b - b * c - c * a
    third = 0.05 * (np.abs(a) + np.abs(b) + np.abs(c))
    return np.asarray(np.sqrt(np.clip(fundamental, 0, None) + third * third))
