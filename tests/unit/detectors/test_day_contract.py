"""What the contract's figures say of days that are easy to judge by eye."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from detectors.day.contract import DayContract
from tests.unit.detectors.days import HOMES, Day, Figures, days, homes, live, row

ONSET = 30


def test_hours_over_the_contract_are_counted() -> None:
    def heavy(day: Day) -> None:
        if day.number >= ONSET:
            day.kwh[9:15, 0] = 9.0  # kW, of 8 contracted
            day.kwh[9:15, 1] = 8.5  # within a tenth

    figures = live(DayContract(homes()), days(50, heavy))[-1]
    assert figures["over_contract"][0] == pytest.approx(0.25, abs=0.01)
    assert figures["over_contract"][1] == 0
    assert figures["peak_over_contract"][0] == pytest.approx(9 / 8, abs=0.02)
    assert figures["peak_over_contract"][3] == pytest.approx(1.2 * 0.971 / 8, rel=0.1)


def test_machines_that_run_day_and_night_lift_the_lowest_hour() -> None:
    def mining(day: Day) -> None:
        if day.number >= ONSET:
            day.kwh[:, 0] += 4.0

    contract = DayContract(homes())
    told = list(days(50, mining))
    live(contract, told[:ONSET])
    figures = row(live(contract, told[ONSET:], trusted=[False] + [True] * HOMES)[-1], 0)
    assert figures["minimum_over_contract"] == pytest.approx(0.52, abs=0.02)
    assert figures["minimum_over_mean"] > 0.9
    assert figures["minimum_beside_peers"] > 2.5
    assert figures["minimum_change"] > 2.5
    assert figures["growth_over_contract"] == pytest.approx(0.5, abs=0.02)
    assert figures["load_over_contract"] == pytest.approx(4.33 / 8, abs=0.02)


def _shop(day: Day) -> None:
    if day.number >= ONSET and day.number % 7 < 5:
        day.kwh[9:18, 0] += 2.0


def test_a_shop_on_a_homes_tariff_is_busy_when_homes_are_not() -> None:
    contract = DayContract(homes())
    told = list(days(54, _shop))
    live(contract, told[:ONSET])
    figures = live(contract, told[ONSET:], trusted=[False] + [True] * HOMES)[-1]
    assert figures["business_beside_homes"][0] > 1.5
    assert figures["business_change"][0] > 1.5
    assert figures["business_hours"][0] > 0.6
    assert figures["evening_hours"][0] < 0.25
    assert (np.abs(figures["business_beside_homes"][1:HOMES]) < 0.2).all()


def test_only_homes_are_held_against_homes() -> None:
    area = homes()
    meters = area.area.meters
    shop = replace(area, area=replace(area.area, meters=(replace(meters[0], customer_class="commercial"), *meters[1:])))
    figures = live(DayContract(shop), days(54, _shop))[-1]
    assert math.isnan(figures["business_beside_homes"][0])
    assert figures["residential"][:HOMES].tolist() == [0.0] + [1.0] * (HOMES - 1)


def test_what_the_archive_says_stands_as_it_is() -> None:
    figures: Figures = live(DayContract(homes(phases=3)), days(20))[-1]
    assert figures["three_phase"][:HOMES].tolist() == [1.0] * HOMES
    assert figures["residential"][:HOMES].tolist() == [1.0] * HOMES


def test_missing_hours_are_those_of_the_day() -> None:
    def gaps(day: Day) -> None:
        if day.number == ONSET:
            day.kwh[:6, 0] = np.nan

    said = live(DayContract(homes()), days(ONSET + 2, gaps))
    assert said[ONSET]["missing_hours"][0] == 0.25
    assert said[ONSET + 1]["missing_hours"][0] == 0


def test_a_contract_of_nothing_is_no_contract() -> None:
    figures = live(DayContract(homes(contracted_kw=0.0)), days(20))[-1]
    assert np.isnan(figures["load_over_contract"]).all()
    assert np.isfinite(figures["minimum_beside_peers"][:HOMES]).all()
