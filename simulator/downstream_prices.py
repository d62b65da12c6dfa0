"""What customers declare of electricity that they pass on: honest landlords at what they pay, resellers who declare at more.

Landlords: 4 % of businesses and 0.5 % of homes, all days, for two to eight tenants, at the mean price of their tariff's day, 4 % more or less.
Resellers: six in ten, from within two weeks after the onset, at 1.15 to 1.9 times that price.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from metering.archive import DownstreamPrice, TariffPrice
from metering.times import DAY_S
from simulator.plan import Span
from simulator.scenarios.case import Case
from simulator.scenarios.resale import Resale
from simulator.world.bookings import Bookings
from simulator.world.world import World

LANDLORDS: Mapping[str, float] = {"commercial": 0.04, "residential": 0.005}
HONEST = (0.96, 1.04)
DECLARES, DEARER, DECLARED_WITHIN_DAYS = 0.6, (1.15, 1.9), 14.0
_STREAM = 22


def draw_downstream_prices(
    worlds: Sequence[World],
    cases: Iterable[Case],
    bookings: Bookings,
    tariffs: Sequence[TariffPrice],
    span: Span,
    seed: int,
) -> tuple[DownstreamPrice, ...]:
    """The declarations of a span of days, by time and meter."""
    numbers = {world.name: world.number for world in worlds}
    resales = [case for case in cases if isinstance(case, Resale)]
    at_work = {(numbers[case.place.meter.transformer_area], case.place.row) for case in resales}
    found = [
        *_landlords(worlds, at_work, bookings, tariffs, span, seed),
        *_resellers(resales, numbers, bookings, tariffs, span, seed),
    ]
    return tuple(sorted(found, key=lambda p: (p.from_s, p.meter_id)))


def _landlords(
    worlds: Sequence[World],
    resellers: set[tuple[int, int]],
    bookings: Bookings,
    tariffs: Sequence[TariffPrice],
    span: Span,
    seed: int,
) -> Iterator[DownstreamPrice]:
    for world in worlds:
        rng = np.random.default_rng([seed, _STREAM, world.number])
        for row, meter in enumerate(world.customers.meters):
            draw, factor, tenants = rng.random(), rng.uniform(*HONEST), int(rng.integers(2, 9))
            meter_id = bookings.standing(world.number, row, span.start_s)
            rents_out = draw < LANDLORDS.get(meter.customer_class or "", 0.0)
            if rents_out and meter_id is not None and (world.number, row) not in resellers:
                price, currency = _mean_price(tariffs, meter.tariff_category)
                yield DownstreamPrice(meter_id, span.start_s, round(price * factor, 4), currency, None, tenants)


def _resellers(
    resales: Iterable[Resale],
    numbers: Mapping[str, int],
    bookings: Bookings,
    tariffs: Sequence[TariffPrice],
    span: Span,
    seed: int,
) -> Iterator[DownstreamPrice]:
    rng = np.random.default_rng([seed, _STREAM, len(numbers)])
    for case in resales:
        declares, factor = rng.random() < DECLARES, rng.uniform(*DEARER)
        from_s = case.start_s + round(DAY_S * rng.uniform(0, DECLARED_WITHIN_DAYS)) // 3600 * 3600
        meter = case.place.meter
        meter_id = bookings.standing(numbers[meter.transformer_area], case.place.row, from_s)
        if declares and meter_id is not None and from_s < min(span.end_s, case.end_s or span.end_s):
            price, currency = _mean_price(tariffs, meter.tariff_category)
            yield DownstreamPrice(meter_id, from_s, round(price * factor, 4), currency, case.end_s, case.units)


def _mean_price(tariffs: Sequence[TariffPrice], category: str | None) -> tuple[float, str]:
    """The mean over a tariff's 24 hours."""
    parts = [((t.to_hour - t.from_hour) % 24 or 24, t) for t in tariffs if t.tariff_category == category]
    return sum(hours * t.price_per_kwh for hours, t in parts) / 24, parts[0][1].currency
