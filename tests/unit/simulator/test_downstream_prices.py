"""Declarations of prices in a simulated feed: some resellers and a few landlords make them, and they change nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from metering.archive import Archive, DownstreamPrice
from simulator.downstream_prices import DEARER, DECLARES, HONEST
from simulator.province import Province
from simulator.recipe import Recipe
from simulator.scenarios.resale import Resale


@cache
def province(pack: str = "resale") -> Province:
    return Province(Recipe(areas=6, meters_per_area=80, days=30, seed=271, packs=(pack,), prevalence=0.15))


def paid(price: DownstreamPrice, archive: Archive) -> float:
    meter = archive.meter(price.meter_id)
    assert meter is not None
    hours = [archive.price_per_kwh(meter.tariff_category, price.from_s + 3600 * h) for h in range(24)]
    return sum(hour[0] for hour in hours if hour) / 24


def by_meter() -> Mapping[str, DownstreamPrice]:
    return {price.meter_id: price for price in province().archive.downstream_prices}


def test_most_resellers_declare_after_their_onset_and_ask_for_more_than_they_pay() -> None:
    resales = [case for case in province().cases if isinstance(case, Resale)]
    declared = [case for case in resales if case.place.meter.meter_id in by_meter()]
    assert 0.4 * len(resales) < len(declared) < (DECLARES + 0.25) * len(resales)
    for case in declared:
        price = by_meter()[case.place.meter.meter_id]
        assert case.start_s <= price.from_s
        assert DEARER[0] - 0.001 < price.price_per_kwh / paid(price, province().archive) < DEARER[1] + 0.001


def test_landlords_ask_for_what_they_pay() -> None:
    landlords = province("clean").archive.downstream_prices
    assert landlords
    for price in landlords:
        assert HONEST[0] - 0.001 < price.price_per_kwh / paid(price, province("clean").archive) < HONEST[1] + 0.001
