"""Money is energy at the tariff's price, with the energy's interval; without a price it is not stated; some kinds lose no energy."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from detectors.case.recoverable import Estimate
from metering.alert import Worth
from metering.archive import Archive, Meter, TariffPrice
from operations.worth import worth_of

DAY = date(2026, 3, 2)
HOME = Meter("M1", "P1", "C1", "A", "customer", "residential", "home")
SHOP = Meter("M2", "P2", "C2", "A", "customer", "commercial", "shop")
SINCE = date(2025, 1, 1)
TARIFFS = (
    TariffPrice("home", 0, 24, 0.4, "CNY", SINCE),
    TariffPrice("shop", 8, 20, 1.2, "CNY", SINCE),
    TariffPrice("shop", 20, 8, 0.6, "CNY", SINCE),
    TariffPrice("half", 0, 12, 0.6, "CNY", SINCE),
)
ARCHIVE = Archive("small", 60, "Asia/Shanghai", (HOME, SHOP), tariffs=TARIFFS)
ESTIMATE = Estimate(50.0, 100.0, 150.0, used=400.0, expected=500.0)


def worth(abnormality: str, archive: Archive = ARCHIVE, estimate: Estimate = ESTIMATE) -> Worth:
    return worth_of(abnormality, estimate, HOME, archive.areas["A"], archive, DAY)


def test_energy_at_the_meters_price() -> None:
    assert worth("bypass") == Worth("energy", 50.0, 100.0, 150.0, 20.0, 40.0, 60.0, "CNY")


def test_without_tariffs_money_is_not_stated() -> None:
    assert worth("bypass", replace(ARCHIVE, tariffs=(), _by_area={})) == Worth("energy", 50.0, 100.0, 150.0)


@pytest.mark.parametrize("abnormality", ["over_capacity", "clock_error", "overvoltage", "reading_failed"])
def test_kinds_that_lose_no_energy(abnormality: str) -> None:
    assert worth(abnormality, estimate=replace(ESTIMATE, lost_low=0.0)) == Worth("nothing_lost")


def test_energy_that_is_clearly_missing_is_said_whatever_the_kind_is_called() -> None:
    assert worth("clock_error").kwh == 100.0
    assert worth("phase_break") == Worth("nothing_lost"), "what a dead phase fed no longer runs"


def test_a_home_that_is_a_shop_owes_the_difference_of_prices() -> None:
    more = Estimate(0.0, 0.0, 0.0, used=400.0, expected=300.0)
    found = worth("tariff_misuse", estimate=more)
    assert (found.basis, found.kwh, found.currency) == ("price_difference", 0.0, "CNY")
    assert found.money_low == pytest.approx(100 * 0.5), "at least for what came on top of the usual"
    assert found.money_high == pytest.approx(400 * 0.5), "at most for all of it"
    homes = replace(ARCHIVE, meters=(HOME,), _by_area={})
    assert worth("tariff_misuse", homes, more) == Worth("price_difference"), "no business there to compare with"


def test_a_price_is_the_mean_of_the_days_hours() -> None:
    shop = ARCHIVE.mean_price_per_kwh("shop", DAY)
    assert shop is not None
    assert shop[0] == pytest.approx(0.9)
    assert shop[1] == "CNY"
    assert ARCHIVE.mean_price_per_kwh("half", DAY) is None, "an hour without a price leaves the mean unknown"
    assert ARCHIVE.mean_price_per_kwh(None, DAY) is None
    assert ARCHIVE.mean_price_per_kwh("home", date(2024, 1, 1)) is None
