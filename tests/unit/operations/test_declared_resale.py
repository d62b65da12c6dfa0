"""A declared price on its way to an alert: from when it is in force, against what the customer pays, with what it is worth."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np

from metering.alert import Alert, Worth
from metering.archive import Archive, DownstreamPrice, Meter, TariffPrice
from metering.frame import ReadingFrame
from metering.times import DAY_S
from operations.area import AreaInProgress, Outcome, day_ordinal
from operations.close_area_day import close_area_day
from operations.judge_frame import judge_frame

FIRST = date(2026, 3, 2)
FLAT = (TariffPrice("shop", 0, 24, 0.5, "CNY", date(2025, 1, 1)),)
#: Dear while the shop is open: what it pays is far above the mean of the hours.
BY_HOURS = (
    TariffPrice("shop", 8, 20, 0.9, "CNY", date(2025, 1, 1)),
    TariffPrice("shop", 20, 8, 0.1, "CNY", date(2025, 1, 1)),
)


def archive(*prices: DownstreamPrice, tariffs: tuple[TariffPrice, ...] = FLAT) -> Archive:
    meters = [
        Meter(f"M{i}", f"P{i}", f"C{i}", "A1", "customer", "commercial", "shop", contracted_kw=20.0) for i in range(4)
    ]
    return Archive("shops", 60, "UTC", tuple(meters), tariffs=tariffs, downstream_prices=prices)


def declared(price: float, *, day: float = 5, until: float | None = None) -> DownstreamPrice:
    return DownstreamPrice("M1", at(day), price, "CNY", None if until is None else at(until), 2)


def at(day: float) -> int:
    return archive().calendar.day_start(FIRST) + round(day * DAY_S)


def lived(world: Archive, days: int = 12) -> list[Alert]:
    area, outcome = AreaInProgress(world, world.areas["A1"], {}), Outcome()
    for number in range(days):
        for hour in range(24):
            kwh = np.full(4, 2.0 if 8 <= hour < 20 else 0.05)
            start_s = at(number) + 3600 * hour
            frame = ReadingFrame("A1", start_s, 60, world.areas["A1"].meter_ids, {"energy_kwh": kwh})
            judge_frame(area, frame, np.ones(4, dtype=np.bool_), outcome)
        close_area_day(area, day_ordinal(FIRST + timedelta(days=number)), 0, outcome)
    return [a for a in outcome.alerts.values() if a.abnormality == "resale"]


def test_a_price_above_the_margin_is_an_alert_at_the_close_of_its_first_day() -> None:
    (alert,) = lived(archive(declared(0.75)))
    assert (alert.meter_id, alert.observed, alert.expected, alert.unit) == ("M1", 0.75, 0.55, "CNY/kWh")
    assert alert.since_s == at(5)
    assert at(5) < alert.raised_at_s <= at(6.5)
    assert "passed on" in alert.reasons[0].text


def test_it_is_worth_nothing_to_all_of_the_energy_since_the_declaration() -> None:
    (alert,) = lived(archive(declared(0.75)))
    assert alert.worth is not None
    most = 0.2 * (12 * 2.0 + 12 * 0.05) * 7.25
    assert (alert.worth.basis, alert.worth.money_low, alert.worth.currency) == ("price_difference", 0.0, "CNY")
    assert alert.worth.money_high is not None
    assert abs(alert.worth.money_high - most) < 0.05 * most
    assert alert.worth.money == Worth("price_difference", money=round(alert.worth.money_high / 2, 2)).money


def test_what_is_allowed_is_no_alert_nor_is_another_currency_or_no_tariff() -> None:
    assert not lived(archive(declared(0.54)))
    assert not lived(archive(replace(declared(0.75), currency="EUR")))
    assert not lived(archive(declared(0.75), tariffs=()))


def test_who_pays_most_in_dear_hours_may_pass_that_on() -> None:
    assert not lived(archive(declared(0.9, day=9), tariffs=BY_HOURS), days=12)
    assert lived(archive(declared(1.1, day=9), tariffs=BY_HOURS), days=12)


def test_a_declaration_that_ended_or_fell_ends_the_alert_in_its_time() -> None:
    ended = lived(archive(declared(0.75, day=2, until=4)), days=14)
    fell = lived(archive(declared(0.75, day=2), declared(0.5, day=4)), days=14)
    for (alert,) in (ended, fell):
        assert alert.cleared_at_s is not None
        assert at(10) < alert.cleared_at_s < at(12)
