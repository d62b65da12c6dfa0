"""The metered world before anything happens in it: areas, customers, connections, contracts, tariffs and places."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import holidays
import numpy as np
from numpy.typing import NDArray

from metering.archive import CustomerClass, Meter, TariffPrice
from simulator import load_profiles as profiles
from simulator.load_profiles import LoadParameters
from simulator.network import PHASE_COUNT, Network, transformer_for

COLDEST_C = -22.0
#: Around Gonghe, Hainan prefecture, Qinghai.
LATITUDE, LONGITUDE = 36.284, 100.620
PHASE_NAMES = ("a", "b", "c")
CLASS_SHARES: tuple[tuple[CustomerClass, float], ...] = (
    ("residential", 0.86),
    ("commercial", 0.12),
    ("industrial", 0.02),
)
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

    @property
    def meters(self) -> tuple[Meter, ...]:
        """In archive order: the supply meter first."""
        return (self.supply, *self.customers.meters)


def build_area(number: int, areas: int, customers: int, seed: int) -> World:
    """Draw one area; the same number and seed give the same area whatever else is built."""
    rng = np.random.default_rng([seed, 2, number])
    width = max(4, len(str(areas)))
    name = f"A{number + 1:0{width}d}"
    kinds = rng.choice(len(CLASS_SHARES), size=customers, p=[share for _, share in CLASS_SHARES])
    if not (kinds == 1).any() and customers >= 10:
        kinds[int(rng.integers(customers))] = 1
    load = _draw_load(kinds, rng)
    pv_kwp = np.where((kinds == 0) & (rng.random(customers) < 0.04), rng.uniform(3, 9, customers).round(1), 0.0)
    peak_kw = load.typical_peak_kw(COLDEST_C)
    three_phase = (kinds == 2) | ((kinds == 1) & (peak_kw > 8)) | (peak_kw > 11.5) | (rng.random(customers) < 0.03)
    contracted_kw = _contracted_kw(kinds, peak_kw, three_phase, rng)
    load = _with_ceiling(load, contracted_kw, rng)

    segments_per_line = max(2, min(5, customers // 15 + 1))
    lines = max(1, min(8, round(customers / 35)))
    segments = lines * segments_per_line
    customer_segment = np.sort(rng.integers(0, segments, customers))
    phase_of = rng.permutation(np.arange(customers) % PHASE_COUNT)

    conductor_customer = np.repeat(np.arange(customers), np.where(three_phase, PHASE_COUNT, 1))
    first = np.flatnonzero(np.r_[True, np.diff(conductor_customer) > 0])
    within = np.arange(len(conductor_customer)) - first[conductor_customer]
    conductor_phase = np.where(three_phase[conductor_customer], within, phase_of[conductor_customer])
    weights = np.clip(rng.normal(1, 0.15, len(conductor_customer)), 0.5, 1.6)
    phase_share = weights / np.bincount(conductor_customer, weights)[conductor_customer]

    coincident_kw = float(np.sum(load.mean_kw(-12.0)) * 1.9 + np.sort(peak_kw)[-3:].sum() * 0.5)
    transformer = transformer_for(coincident_kw / 0.75)
    line_a = coincident_kw * 1000 / 230 / PHASE_COUNT / lines
    network = Network(
        transformer=transformer,
        lines=lines,
        # laid out for a few percent of drop at the end of the line under its peak
        segment_ohm=rng.uniform(7, 16, segments) / segments_per_line / line_a,
        conductor_customer=conductor_customer,
        conductor_phase=conductor_phase,
        conductor_segment=customer_segment[conductor_customer],
        service_ohm=np.clip(
            rng.uniform(0.8, 3.0, customers) * PHASE_COUNT**three_phase / (contracted_kw * 1000 / 230), 0.002, 0.12
        )[conductor_customer],
    )

    feeder = f"F{number // AREAS_PER_FEEDER + 1:02d}"
    latitude, longitude = LATITUDE + rng.normal(0, 0.05), LONGITUDE + rng.normal(0, 0.07)
    bearing = rng.uniform(0, 2 * np.pi, lines)
    meters = []
    for row in range(customers):
        segment = int(customer_segment[row])
        line, step = segment // segments_per_line, segment % segments_per_line + 1
        reach = 0.0007 * (step + rng.uniform(-0.4, 0.4))
        ct_ratio = _ct_ratio(contracted_kw[row]) if three_phase[row] else None
        meters.append(
            Meter(
                meter_id=f"M{number + 1:0{width}d}{row + 1:04d}",
                service_point=f"P{number + 1:0{width}d}{row + 1:04d}",
                customer_id=f"C{number + 1:0{width}d}{row + 1:04d}",
                transformer_area=name,
                role="customer",
                customer_class=CLASS_SHARES[kinds[row]][0],
                tariff_category=_TARIFF_OF_CLASS[CLASS_SHARES[kinds[row]][0]],
                contracted_kw=float(contracted_kw[row]),
                phases=3 if three_phase[row] else 1,
                rated_current_a=SINGLE_PHASE_A if not three_phase[row] else (100.0 if ct_ratio is None else 5.0),
                ct_ratio=ct_ratio,
                has_generation=bool(pv_kwp[row] > 0),
                latitude=round(latitude + reach * float(np.cos(bearing[line])) + rng.normal(0, 0.0001), 6),
                longitude=round(longitude + 1.24 * reach * float(np.sin(bearing[line])) + rng.normal(0, 0.0001), 6),
                feeder=feeder,
                segment=f"{name}-L{line + 1}-{step}",
                phase="abc" if three_phase[row] else PHASE_NAMES[phase_of[row]],
            )
        )
    supply_ct = _ct_ratio(transformer.rated_kva)
    supply = Meter(
        meter_id=f"S{number + 1:0{width}d}",
        service_point=f"T{number + 1:0{width}d}",
        customer_id="",
        transformer_area=name,
        role="supply",
        phases=PHASE_COUNT,
        rated_current_a=5.0,
        ct_ratio=supply_ct if supply_ct is not None else 1.0,
        latitude=round(latitude, 6),
        longitude=round(longitude, 6),
        feeder=feeder,
        phase="abc",
        rated_kva=transformer.rated_kva,
        cable_rated_a=round(1.25 * transformer.rated_kva * 1000 / (PHASE_COUNT * 230), 0),
    )
    return World(
        number=number,
        name=name,
        supply=supply,
        customers=Customers(
            meters=tuple(meters),
            load=load,
            power_factor=np.clip(
                np.where(kinds == 2, rng.normal(0.9, 0.03, customers), rng.normal(0.96, 0.02, customers)), 0.8, 0.995
            ),
            pv_kwp=pv_kwp,
            phase_share=phase_share,
            # class 1 meters for households, class 0.5 behind current transformers
            meter_gain=1 + np.clip(rng.normal(0, np.where(three_phase, 0.0025, 0.004), customers), -0.01, 0.01),
        ),
        network=network,
        supply_gain=1 + float(np.clip(rng.normal(0, 0.0015), -0.004, 0.004)),
    )


def _draw_load(kinds: NDArray[np.intp], rng: np.random.Generator) -> LoadParameters:
    """Parameters by class: 0 residential, 1 commercial, 2 industrial."""
    count = len(kinds)

    def by_class(
        residential: NDArray[np.float64], commercial: NDArray[np.float64], industrial: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return np.choose(kinds, [residential, commercial, industrial])

    def lognormal(median: float, spread: float) -> NDArray[np.float64]:
        return median * np.exp(spread * rng.standard_normal(count))

    habit = np.choose(
        kinds,
        [
            rng.choice(4, count, p=[0.4, 0.27, 0.23, 0.1]),
            4 + rng.choice(4, count, p=[0.45, 0.2, 0.25, 0.1]),
            8 + rng.choice(3, count, p=[0.55, 0.25, 0.2]),
        ],
    )
    scale_kw = by_class(lognormal(0.24, 0.5), np.clip(lognormal(2.4, 0.8), 0.5, 25), np.clip(lognormal(18, 0.7), 6, 90))
    heated = rng.random(count) < np.choose(kinds, [0.28, 0.5, 0.15])
    zero = np.zeros(count)
    return LoadParameters(
        habit=habit,
        standby_kw=by_class(rng.uniform(0.03, 0.14, count), 0.06 * scale_kw, 0.03 * scale_kw),
        scale_kw=scale_kw,
        shift_h=np.round(
            np.choose(kinds, [rng.normal(0, 0.9, count), rng.normal(0, 0.6, count), rng.normal(0, 0.4, count)]) * 4
        )
        / 4,
        noise=by_class(rng.uniform(0.3, 0.6, count), rng.uniform(0.12, 0.25, count), rng.uniform(0.1, 0.25, count)),
        memory_h=np.choose(kinds, [1.3, 2.0, 3.0]).astype(np.float64),
        day_noise=by_class(
            rng.uniform(0.12, 0.32, count), rng.uniform(0.06, 0.15, count), rng.uniform(0.06, 0.2, count)
        ),
        heating_kw_per_k=np.where(
            heated, by_class(rng.uniform(0.02, 0.07, count), 0.02 * scale_kw, 0.006 * scale_kw), zero
        ),
        heating_below_c=rng.uniform(13, 17, count),
        night_setback=by_class(
            rng.uniform(0.55, 1.0, count), rng.uniform(0.2, 0.6, count), rng.uniform(0.2, 0.5, count)
        ),
        appliance_kw=by_class(rng.uniform(0.5, 1.9, count), rng.uniform(0.5, 2, count), 0.1 * scale_kw),
        appliances_per_day=by_class(rng.uniform(1.5, 6, count), rng.uniform(1, 5, count), rng.uniform(2, 8, count)),
        growth_per_year=rng.normal(0.03, 0.05, count),
        ceiling_kw=np.full(count, np.inf),
    )


def _contracted_kw(
    kinds: NDArray[np.intp], peak_kw: NDArray[np.float64], three_phase: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.float64]:
    """What was agreed: a standard size for households, else the expected peak with some reserve."""
    reserve = rng.uniform(1.05, 1.45, len(peak_kw))
    standard = np.array(STANDARD_CONTRACT_KW)
    household = standard[np.clip(np.searchsorted(standard, 1.15 * peak_kw), 0, len(standard) - 1)]
    large = np.ceil(peak_kw * reserve / 5) * 5
    contracted: NDArray[np.float64] = np.where((kinds == 0) & ~three_phase, household, np.maximum(large, 10.0))
    return np.where(~three_phase, np.minimum(contracted, 13.0), contracted)


def _with_ceiling(load: LoadParameters, contracted_kw: NDArray[np.float64], rng: np.random.Generator) -> LoadParameters:
    """A main switch is sized by the contract and lets a little more through; one in seven lets peaks pass for a while."""
    generous = rng.random(len(contracted_kw)) < 0.15
    reach = np.where(generous, rng.uniform(1.1, 1.4, len(contracted_kw)), rng.uniform(1.02, 1.08, len(contracted_kw)))
    return replace(load, ceiling_kw=reach * contracted_kw)


def _ct_ratio(power_kw: float) -> float | None:
    """Current transformers with 5 A secondaries for connections beyond 60 kW; None for direct connection."""
    if power_kw <= 60:
        return None
    primary_a = power_kw * 1000 / 230 / PHASE_COUNT
    for standard_a in (100, 150, 200, 300, 400, 600, 800, 1000, 1500, 2000, 3000, 4000, 6000):
        if primary_a <= standard_a:
            return standard_a / 5
    return float(np.ceil(primary_a / 1000) * 1000 / 5)


_TARIFF_OF_CLASS: dict[CustomerClass, str] = {
    "residential": "residential",
    "commercial": "general_commercial",
    "industrial": "large_industrial",
}
#: Hours and prices (CNY per kWh) after Qinghai's time-of-use scheme: the sunny hours are the cheap ones.
_PRICES: tuple[tuple[str, int, int, float], ...] = (
    ("residential", 0, 24, 0.3771),
    ("general_commercial", 7, 9, 0.7460),
    ("general_commercial", 9, 17, 0.3120),
    ("general_commercial", 17, 23, 0.7460),
    ("general_commercial", 23, 7, 0.5290),
    ("large_industrial", 7, 9, 0.5880),
    ("large_industrial", 9, 17, 0.2310),
    ("large_industrial", 17, 23, 0.5880),
    ("large_industrial", 23, 7, 0.4095),
)


def tariffs(first_day: date) -> tuple[TariffPrice, ...]:
    effective = date(first_day.year - 1, 1, 1)
    return tuple(TariffPrice(c, a, b, price, "CNY", effective) for c, a, b, price in _PRICES)


def public_holidays(country: str, first_day: date, days: int) -> frozenset[date]:
    """Days off of a country that fall into the feed."""
    last_day = first_day + timedelta(days=days)
    years = range(first_day.year, last_day.year + 1)
    return frozenset(d for d in holidays.country_holidays(country, years=years) if first_day <= d <= last_day)


def kind_of_day(day: date, days_off: frozenset[date]) -> int:
    if day in days_off:
        return profiles.HOLIDAY
    return profiles.WEEKEND if day.weekday() >= 5 else profiles.WORKDAY
