"""The metered world before anything happens in it: areas, customers, connections, contracts and places."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from metering.archive import Meter
from simulator.world.climates import COLD_PLATEAU, Climate
from simulator.world.customers import draw_load, draw_power_factor, draw_solar_kwp, on_real_shapes
from simulator.world.days import kind_of_day, public_holidays
from simulator.world.load_profiles import LoadParameters
from simulator.world.network import PHASE_COUNT, Network, Transformer, transformer_for
from simulator.world.prices import TARIFF_OF_CLASS, tariffs
from simulator.world.resampled_shapes import ResampledShapes
from simulator.world.settlements import (
    AGRICULTURAL,
    CLASSES,
    COMMERCIAL,
    INDUSTRIAL,
    RESIDENTIAL,
    TEMPORARY,
    Settlement,
    draw_kinds,
    settlement_of,
)

__all__ = ["Customers", "World", "build_area", "kind_of_day", "public_holidays", "tariffs"]

Series = NDArray[np.float64]
Index = NDArray[np.intp]

AREA_STREAM = 2
PHASE_NAMES = ("a", "b", "c")
SINGLE_PHASE_A = 60.0
STANDARD_CONTRACT_KW = (4.0, 6.0, 8.0, 10.0, 12.0)
AREAS_PER_FEEDER = 8


@dataclass(frozen=True, eq=False)
class Customers:
    """One area's customers as rows; arrays of shape (customers,)."""

    meters: tuple[Meter, ...]
    load: LoadParameters
    power_factor: NDArray[np.float64]
    pv_kwp: NDArray[np.float64]
    phase_share: NDArray[np.float64]
    """Per conductor: its mean share of the customer's demand."""
    meter_gain: NDArray[np.float64]
    """Per customer: the meter's class error as a factor near 1."""

    def __len__(self) -> int:
        return len(self.meters)


@dataclass(frozen=True, eq=False)
class World:
    """One transformer area: its supply meter, its customers and the network between them."""

    number: int
    name: str
    supply: Meter
    customers: Customers
    network: Network
    supply_gain: float
    settlement: str = "town_block"
    climate: Climate = field(default=COLD_PLATEAU, repr=False)
    shapes: ResampledShapes | None = field(default=None, repr=False)

    @property
    def meters(self) -> tuple[Meter, ...]:
        """In archive order: the supply meter first."""
        return (self.supply, *self.customers.meters)


@dataclass(frozen=True, slots=True, eq=False)
class _Connections:
    """How the customers hang on the network, (customers,); `phase_of` is 0 to 2 for single-phase ones."""

    three_phase: NDArray[np.bool_]
    contracted_kw: Series
    phase_of: Index
    segment: Index
    lines: int
    segments_per_line: int

    @property
    def conductor_customer(self) -> Index:
        return np.repeat(np.arange(len(self.three_phase)), np.where(self.three_phase, PHASE_COUNT, 1))


def build_area(
    number: int,
    areas: int,
    customers: int,
    seed: int,
    *,
    climate: Climate = COLD_PLATEAU,
    shapes: ResampledShapes | None = None,
) -> World:
    """Draw one area; the same number and seed give the same area whatever else is built.

    With `shapes` the customers live by the curves of real ones.
    """
    rng = np.random.default_rng([seed, AREA_STREAM, number])
    width = max(4, len(str(areas)))
    name = f"A{number + 1:0{width}d}"
    settlement = settlement_of(number, seed)
    kinds = draw_kinds(settlement, customers, rng)
    load = draw_load(kinds, settlement, climate, [seed, AREA_STREAM, number])
    if shapes is not None:
        load = on_real_shapes(load, kinds, shapes, climate, [seed, AREA_STREAM, number])
    pv_kwp = draw_solar_kwp(kinds, load, settlement, rng)
    peak_kw = load.typical_peak_kw(climate.coldest_c, climate.hottest_c)
    connections = _connect(kinds, peak_kw, rng)
    load = _with_ceiling(load, connections.contracted_kw, rng)
    network, phase_share = _lay_out(load, peak_kw, connections, settlement, climate, rng)
    stem = f"{number + 1:0{width}d}"
    latitude, longitude = climate.latitude + rng.normal(0, 0.05), climate.longitude + rng.normal(0, 0.07)
    feeder = f"F{number // AREAS_PER_FEEDER + 1:02d}"
    places = _places(latitude, longitude, connections, rng)
    meters = tuple(
        Meter(
            meter_id=f"M{stem}{row + 1:04d}",
            service_point=f"P{stem}{row + 1:04d}",
            customer_id=f"C{stem}{row + 1:04d}",
            transformer_area=name,
            role="customer",
            customer_class=CLASSES[kinds[row]],
            tariff_category=TARIFF_OF_CLASS[CLASSES[kinds[row]]],
            has_generation=bool(pv_kwp[row] > 0),
            latitude=places[row][0],
            longitude=places[row][1],
            feeder=feeder,
            **_connection_of(connections, row, name),
        )
        for row in range(customers)
    )
    deviation = np.where(connections.three_phase, 0.0025, 0.004)  # class 0.5 behind transformers, class 1 at homes
    return World(
        number=number,
        name=name,
        supply=_supply_meter(stem, name, feeder, latitude, longitude, network.transformer),
        customers=Customers(
            meters=meters,
            load=load,
            power_factor=draw_power_factor(kinds, rng),
            pv_kwp=pv_kwp,
            phase_share=phase_share,
            meter_gain=1 + np.clip(rng.normal(0, deviation), -0.01, 0.01),
        ),
        network=network,
        supply_gain=1 + float(np.clip(rng.normal(0, 0.0015), -0.004, 0.004)),
        settlement=settlement.name,
        climate=climate,
        shapes=shapes,
    )


def _connect(kinds: Index, peak_kw: Series, rng: np.random.Generator) -> _Connections:
    customers = len(kinds)
    large = (kinds == COMMERCIAL) & (peak_kw > 8) | (kinds == AGRICULTURAL) & (peak_kw > 5) | (peak_kw > 11.5)
    works = (kinds == INDUSTRIAL) | (kinds == TEMPORARY)
    three_phase = works | large | (rng.random(customers) < 0.03)
    segments_per_line = max(2, min(5, customers // 15 + 1))
    lines = max(1, min(14, round(customers / 35)))
    return _Connections(
        three_phase=three_phase,
        contracted_kw=_contracted_kw(kinds, peak_kw, three_phase, rng),
        phase_of=rng.permutation(np.arange(customers) % PHASE_COUNT),
        segment=np.sort(rng.integers(0, lines * segments_per_line, customers)),
        lines=lines,
        segments_per_line=segments_per_line,
    )


def _contracted_kw(
    kinds: Index, peak_kw: Series, three_phase: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.float64]:
    """What was agreed: a standard size for households, else the expected peak with some reserve."""
    reserve = rng.uniform(1.05, 1.45, len(peak_kw))
    standard = np.array(STANDARD_CONTRACT_KW)
    household = standard[np.clip(np.searchsorted(standard, 1.15 * peak_kw), 0, len(standard) - 1)]
    large = np.ceil(peak_kw * reserve / 5) * 5
    contracted: NDArray[np.float64] = np.where(
        (kinds == RESIDENTIAL) & ~three_phase, household, np.maximum(large, 10.0)
    )
    return np.where(~three_phase, np.minimum(contracted, 13.0), contracted)


def _with_ceiling(load: LoadParameters, contracted_kw: Series, rng: np.random.Generator) -> LoadParameters:
    """A main switch is sized by the contract and lets a little more through; one in seven lets peaks pass for a while."""
    generous = rng.random(len(contracted_kw)) < 0.15
    reach = np.where(generous, rng.uniform(1.1, 1.4, len(contracted_kw)), rng.uniform(1.02, 1.08, len(contracted_kw)))
    return replace(load, ceiling_kw=reach * contracted_kw)


def _lay_out(
    load: LoadParameters,
    peak_kw: Series,
    connections: _Connections,
    settlement: Settlement,
    climate: Climate,
    rng: np.random.Generator,
) -> tuple[Network, Series]:
    """Transformer and lines for what the customers draw together, and each conductor's share of its customer's demand."""
    conductor_customer = connections.conductor_customer
    three_phase = connections.three_phase
    first = np.flatnonzero(np.r_[True, np.diff(conductor_customer) > 0])
    within = np.arange(len(conductor_customer)) - first[conductor_customer]
    conductor_phase = np.where(three_phase[conductor_customer], within, connections.phase_of[conductor_customer])
    weights = np.clip(rng.normal(1, 0.15, len(conductor_customer)), 0.5, 1.6)
    phase_share = weights / np.bincount(conductor_customer, weights)[conductor_customer]

    seasons_kw = [float(load.mean_kw(mean_c).sum()) for mean_c in (climate.cold_day_c, climate.hot_day_c)]
    pumps_kw = 0.45 * float(load.equipment.pump_kw.sum())
    coincident_kw = 1.9 * max(seasons_kw) + pumps_kw + 0.5 * float(np.sort(peak_kw)[-3:].sum())
    lines, segments = connections.lines, connections.lines * connections.segments_per_line
    line_a = coincident_kw * 1000 / 230 / PHASE_COUNT / lines
    # laid out for a few percent of drop at the end of the line under its peak
    drop = rng.uniform(7, 16, segments) * settlement.long_lines / connections.segments_per_line
    service_ohm = rng.uniform(0.8, 3.0, len(peak_kw)) * PHASE_COUNT**three_phase
    service_ohm = np.clip(service_ohm / (connections.contracted_kw * 1000 / 230), 0.002, 0.12)
    network = Network(
        transformer=transformer_for(coincident_kw / 0.75),
        lines=lines,
        segment_ohm=drop / line_a,
        conductor_customer=conductor_customer,
        conductor_phase=conductor_phase,
        conductor_segment=connections.segment[conductor_customer],
        service_ohm=service_ohm[conductor_customer],
    )
    return network, phase_share


def _places(
    latitude: float, longitude: float, connections: _Connections, rng: np.random.Generator
) -> list[tuple[float, float]]:
    """Latitude and longitude of each customer, along the bearing of its line."""
    bearing = rng.uniform(0, 2 * np.pi, connections.lines)
    line, step = np.divmod(connections.segment, connections.segments_per_line)
    reach = 0.0007 * (step + 1 + rng.uniform(-0.4, 0.4, len(line)))
    scatter = rng.normal(0, 0.0001, (2, len(line)))
    north = latitude + reach * np.cos(bearing[line]) + scatter[0]
    east = longitude + reach * np.sin(bearing[line]) / np.cos(np.radians(latitude)) + scatter[1]
    return [(round(float(n), 6), round(float(e), 6)) for n, e in zip(north, east, strict=True)]


class _Connection(TypedDict):
    contracted_kw: float
    phases: int
    rated_current_a: float
    ct_ratio: float | None
    segment: str
    phase: str


def _connection_of(connections: _Connections, row: int, area: str) -> _Connection:
    line, step = divmod(int(connections.segment[row]), connections.segments_per_line)
    contracted_kw = float(connections.contracted_kw[row])
    three_phase = bool(connections.three_phase[row])
    ct_ratio = _ct_ratio(contracted_kw) if three_phase else None
    return {
        "contracted_kw": contracted_kw,
        "phases": PHASE_COUNT if three_phase else 1,
        "rated_current_a": SINGLE_PHASE_A if not three_phase else (100.0 if ct_ratio is None else 5.0),
        "ct_ratio": ct_ratio,
        "segment": f"{area}-L{line + 1}-{step + 1}",
        "phase": "abc" if three_phase else PHASE_NAMES[connections.phase_of[row]],
    }


def _supply_meter(
    stem: str, area: str, feeder: str, latitude: float, longitude: float, transformer: Transformer
) -> Meter:
    return Meter(
        meter_id=f"S{stem}",
        service_point=f"T{stem}",
        customer_id="",
        transformer_area=area,
        role="supply",
        phases=PHASE_COUNT,
        rated_current_a=5.0,
        ct_ratio=_ct_ratio(transformer.rated_kva) or 1.0,
        latitude=round(latitude, 6),
        longitude=round(longitude, 6),
        feeder=feeder,
        phase="abc",
        rated_kva=transformer.rated_kva,
        cable_rated_a=round(1.25 * transformer.rated_kva * 1000 / (PHASE_COUNT * 230), 0),
    )


def _ct_ratio(power_kw: float) -> float | None:
    """Current transformers with 5 A secondaries for connections beyond 60 kW; None for direct connection."""
    if power_kw <= 60:
        return None
    primary_a = power_kw * 1000 / 230 / PHASE_COUNT
    for standard_a in (100, 150, 200, 300, 400, 600, 800, 1000, 1500, 2000, 3000, 4000, 6000):
        if primary_a <= standard_a:
            return standard_a / 5
    return float(np.ceil(primary_a / 1000) * 1000 / 5)
