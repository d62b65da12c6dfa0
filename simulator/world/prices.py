"""Tariffs of the simulated utility: hours and prices of each category, in CNY per kWh."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from metering.archive import CustomerClass, TariffPrice

TARIFF_OF_CLASS: Mapping[CustomerClass, str] = {
    "residential": "residential",
    "commercial": "general_commercial",
    "industrial": "large_industrial",
    "agricultural": "agricultural",
    "public": "public_service",
    "temporary": "temporary_supply",
}
#: After Qinghai's time-of-use scheme: the sunny hours are the cheap ones.
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
    ("agricultural", 7, 23, 0.3520),
    ("agricultural", 23, 7, 0.2460),
    ("public_service", 0, 24, 0.4260),
    ("temporary_supply", 0, 24, 0.8950),
)


def tariffs(first_day: date) -> tuple[TariffPrice, ...]:
    """In force since the first day of the year before `first_day`."""
    effective = date(first_day.year - 1, 1, 1)
    return tuple(TariffPrice(c, a, b, price, "CNY", effective) for c, a, b, price in _PRICES)
