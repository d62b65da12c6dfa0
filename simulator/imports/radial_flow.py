"""Power flow of a radial low-voltage grid behind one transformer, for a whole year at once.

Balanced three-phase backward/forward sweep (Shirmohammadi et al. 1988), vectorised over time: exact I²R losses and
voltages of the given powers, without a solver per interval. Shunt capacitance of cables is left out (below 0.1 % of
the currents at 400 V).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metering.errors import FeedError

_CONVERGED_V = 1e-5
_MOST_SWEEPS = 50


@dataclass(frozen=True, slots=True)
class Transformer:
    """Name-plate values. `source_per_unit` is the medium voltage over its nominal, divided by the tap's ratio."""

    rated_kva: float
    nominal_v: float
    short_circuit_percent: float
    copper_loss_percent: float
    no_load_loss_kw: float
    source_per_unit: float = 1.0

    @property
    def impedance_ohm(self) -> complex:
        """Per phase, seen from the low-voltage side."""
        base_ohm = self.nominal_v**2 / (self.rated_kva * 1000)
        resistance = self.copper_loss_percent / 100
        reactance = (max((self.short_circuit_percent / 100) ** 2 - resistance**2, 0.0)) ** 0.5
        return base_ohm * complex(resistance, reactance)


@dataclass(frozen=True, slots=True)
class Line:
    """One cable or overhead line between two buses, given by their numbers; impedance per phase."""

    from_bus: int
    to_bus: int
    impedance_ohm: complex


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """What the sweep found: arrays over time; `voltage_v` is phase to neutral, shape (intervals, buses)."""

    voltage_v: NDArray[np.float64]
    supplied_kw: NDArray[np.float64]
    line_loss_kw: NDArray[np.float64]
    transformer_loss_kw: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class RadialGrid:
    """A tree of buses under the transformer's busbar. `order` lists every bus but the busbar, parents first."""

    busbar: int
    buses: int
    order: tuple[int, ...]
    parent: tuple[int, ...]
    impedance_ohm: tuple[complex, ...]
    branch: tuple[int, ...]
    """For each bus the child of the busbar it hangs on (the outgoing feeder); the busbar itself for the busbar."""


def radial_grid(buses: int, busbar: int, lines: Sequence[Line]) -> RadialGrid:
    """Order the lines as a tree under `busbar`; FeedError where they form a loop or leave a bus without supply."""
    neighbours: dict[int, list[tuple[int, complex]]] = {b: [] for b in range(buses)}
    for line in lines:
        neighbours[line.from_bus].append((line.to_bus, line.impedance_ohm))
        neighbours[line.to_bus].append((line.from_bus, line.impedance_ohm))
    parent, impedance, branch = [-1] * buses, [0j] * buses, [busbar] * buses
    order: list[int] = []
    seen, waiting = {busbar}, [busbar]
    while waiting:
        bus = waiting.pop(0)
        for other, ohm in neighbours[bus]:
            if other in seen:
                continue
            seen.add(other)
            parent[other], impedance[other] = bus, ohm
            branch[other] = other if bus == busbar else branch[bus]
            order.append(other)
            waiting.append(other)
    if len(seen) < buses:
        raise FeedError(f"{buses - len(seen)} of {buses} buses have no line to the transformer; choose another grid")
    if len(lines) != buses - 1:
        raise FeedError(
            f"the grid is meshed ({len(lines)} lines in service for {buses} buses) and losses are only worked out for "
            "radial ones; choose another grid"
        )
    return RadialGrid(busbar, buses, tuple(order), tuple(parent), tuple(impedance), tuple(branch))


def sweep(
    grid: RadialGrid, transformer: Transformer, demand_kw: NDArray[np.float64], demand_kvar: NDArray[np.float64]
) -> Flow:
    """Solve every interval. Demands have shape (intervals, buses); generation is negative demand. FeedError where the
    grid cannot carry the load (the sweep does not settle).

    >>> grid = radial_grid(2, 0, [Line(0, 1, 0.05 + 0.02j)])
    >>> flow = sweep(grid, Transformer(400, 400, 6, 1.2, 1.0), np.array([[0.0, 50.0]]), np.zeros((1, 2)))
    >>> round(float(flow.line_loss_kw[0]), 3), round(float(flow.voltage_v[0, 1]), 1)
    (0.809, 226.9)
    """
    source_v = transformer.source_per_unit * transformer.nominal_v / 3**0.5
    # (buses, intervals): one bus is one contiguous row
    power_va = np.ascontiguousarray((demand_kw + 1j * demand_kvar).T) * (1000 / 3)
    volt = np.full(power_va.shape, source_v, dtype=np.complex128)
    # losses settle to far below a meter's resolution within a handful of sweeps
    for _ in range(_MOST_SWEEPS):
        current = np.conj(power_va / volt)
        for bus in reversed(grid.order):
            current[grid.parent[bus]] += current[bus]
        before = volt.copy()
        volt[grid.busbar] = source_v - transformer.impedance_ohm * current[grid.busbar]
        for bus in grid.order:
            volt[bus] = volt[grid.parent[bus]] - grid.impedance_ohm[bus] * current[bus]
        change_v = float(np.abs(volt - before).max(initial=0.0))
        if change_v < _CONVERGED_V:
            break
        if not np.isfinite(change_v):
            raise FeedError("the grid cannot carry its load: the voltages collapse; choose another grid")
    else:
        raise FeedError(f"the power flow did not settle within {_MOST_SWEEPS} sweeps; choose another grid")
    resistance = np.array([z.real for z in grid.impedance_ohm])
    squared = np.abs(current) ** 2
    line_loss_kw = (
        np.array([resistance[b] for b in grid.order]) @ squared[list(grid.order)] * (3 / 1000)
        if grid.order
        else np.zeros(power_va.shape[1])
    )
    iron_kw = transformer.no_load_loss_kw * transformer.source_per_unit**2
    transformer_loss_kw = iron_kw + transformer.impedance_ohm.real * squared[grid.busbar] * (3 / 1000)
    return Flow(
        voltage_v=np.abs(volt).T,
        supplied_kw=demand_kw.sum(axis=1) + line_loss_kw + transformer_loss_kw,
        line_loss_kw=line_loss_kw,
        transformer_loss_kw=transformer_loss_kw,
    )
