"""What `DayBalance` says of energy that the supply meter delivers and nobody registers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detectors.day.balance import DayBalance
from detectors.day.voltage import DayVoltage
from detectors.examples import day
from metering.evidence import AreaContext
from tests.unit.detectors.electric_days import (
    HOMES,
    LINE,
    PHASE,
    STEP,
    WORKSHOP,
    Change,
    Figures,
    Load,
    area,
    away,
    days,
    from_day,
    live,
    passes_by,
)

FROM_DAY, TO_DAY = 40, 55
HOME = 4
WITHOUT_CURRENTS = ("energy_kwh", "export_kwh")


def _after(change: Change, only: tuple[str, ...] | None = None) -> Figures:
    return live(DayBalance(area()), days(TO_DAY, from_day(FROM_DAY, change), only=only))[-1]


def _others(values: np.ndarray, *but: int) -> np.ndarray:
    return np.delete(values[:HOMES], but)


@pytest.mark.parametrize("only", [None, WITHOUT_CURRENTS])
def test_the_loss_follows_the_fall_of_a_meter_that_is_bypassed(only: tuple[str, ...] | None) -> None:
    figures = _after(passes_by(HOME, 0.7), only)
    for figure, least in (("balance_fallen_z", 6), ("balance_fallen_alone_z", 6), ("balance_missed_z", 3)):
        assert figures[figure][HOME] > least, figure
        assert figures[figure][HOME] == np.nanmax(figures[figure]), figure
    # shrunk, cut where an hour loses more than five times the usual, and what lasts becomes usual
    assert 0.2 < figures["balance_fallen_share"][HOME] < 1.2
    assert figures["balance_fallen_change"][HOME] > 3


@pytest.mark.parametrize("only", [None, WITHOUT_CURRENTS])
def test_nothing_is_lost_when_a_home_stands_empty(only: tuple[str, ...] | None) -> None:
    figures = _after(away(HOME), only)
    assert abs(figures["balance_fallen_share"][HOME]) < 0.15
    assert figures["balance_fallen_z"][HOME] < 3.5
    assert abs(figures["area_loss_rise_z"][HOME]) < 4


@pytest.mark.parametrize("only", [None, WITHOUT_CURRENTS])
def test_the_areas_loss_rises_by_what_nobody_registers(only: tuple[str, ...] | None) -> None:
    figures = _after(passes_by(WORKSHOP, 0.5), only)
    lost_kwh = 0.5 * 24 * 0.7 * 4.0
    # what lasts becomes usual slowly
    assert 0.5 * lost_kwh < figures["area_loss_rise_kwh"][0] < 1.2 * lost_kwh
    assert figures["area_loss_rise_z"][0] > 5
    before = live(DayBalance(area()), days(FROM_DAY, only=only))[-1]
    assert figures["area_loss_share"][0] > before["area_loss_share"][0] + 0.05
    assert abs(before["area_loss_rise_z"][0]) < 4


def test_the_loss_is_that_of_the_thiefs_phase() -> None:
    figures = _after(passes_by(HOME, 0.8))
    rise_kwh = figures["phase_loss_rise_kwh"]
    same = np.flatnonzero(PHASE[HOME] == PHASE)
    elsewhere = np.flatnonzero((PHASE >= 0) & (PHASE[HOME] != PHASE))
    assert rise_kwh[same].min() > 3 * np.abs(rise_kwh[elsewhere]).max()


def test_two_thieves_are_told_apart_from_their_neighbours() -> None:
    def both(load: Load) -> None:
        passes_by(HOME, 0.7)(load)
        passes_by(13, 0.6)(load)

    z = _after(both)["balance_fallen_z"][:HOMES]
    assert set(np.argsort(z)[-2:].tolist()) == {HOME, 13}


def test_voltage_is_a_second_witness() -> None:
    voltage = DayVoltage(area())
    balance = DayBalance(area(), unseen_kwh=voltage.unseen_kwh)
    everyone = np.ones(HOMES + 1, dtype=np.bool_)
    for curves in days(TO_DAY, from_day(FROM_DAY, passes_by(HOME, 0.7))):
        figures = balance.describe(curves)
        balance.learn(curves, everyone)
        voltage.learn(curves, everyone)
    assert figures["balance_unseen_z"][HOME] > 6
    assert (_others(figures["balance_unseen_z"], HOME) < 4).all()


def test_hours_with_much_unmeasured_are_left_out() -> None:
    def silent(load: Load) -> None:
        if load.number >= FROM_DAY:
            load.hourly["energy_kwh"][8:12, ::2] = np.nan

    def nothing(load: Load) -> None:
        """Everyone lives on."""

    plain = live(DayBalance(area()), days(TO_DAY))[-1]
    gaps = live(DayBalance(area()), days(TO_DAY, nothing, silent))[-1]
    assert abs(gaps["area_loss_rise_z"][0]) < 4
    assert gaps["area_loss_share"][0] == pytest.approx(plain["area_loss_share"][0], abs=0.02)


def test_an_area_without_a_supply_meter_has_no_balance() -> None:
    balance = DayBalance(area(supply=False))
    said = live(balance, days(30, order=list(range(HOMES))))
    assert all(np.isnan(values).all() for values in said[-1].values())
    assert not balance.dump()


def test_what_a_meter_takes_of_the_state_does_not_grow_with_the_area() -> None:
    """Meters that are told apart together stand in blocks."""
    bytes_a_meter = {copies: _bytes_of_state(_many(copies)) for copies in (4, 40)}
    assert bytes_a_meter[40] < 500
    assert bytes_a_meter[40] < 1.6 * bytes_a_meter[4]


def _many(copies: int) -> AreaContext:
    """The area's lines so many times over, behind one supply meter."""
    one = area()
    meters = [
        replace(meter, meter_id=f"{meter.meter_id}-{n}", segment=f"TA-L{2 * n + LINE[row]}-{STEP[row] + 1}")
        for n in range(copies)
        for row, meter in enumerate(one.area.meters[:HOMES])
    ]
    return replace(one, area=replace(one.area, meters=(*meters, one.area.meters[-1])))


def _bytes_of_state(context: AreaContext) -> float:
    count, balance = len(context.area), DayBalance(context)
    balance.learn(day(np.full((24, count), 0.5)), np.ones(count, dtype=np.bool_))
    return sum(map(len, balance.dump().values())) / count
