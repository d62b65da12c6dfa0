"""Each meter's error by the area's balance, and who hangs elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from detectors.area.meter_errors import MeterErrors, MeterErrorsParams
from detectors.day.balance import DayBalance
from metering.errors import SettingsError, StoreError
from metering.evidence import RECOVER_STRENGTH, SET_STRENGTH, AreaCurves
from tests.unit.detectors.electric_days import HOMES, SUPPLY, Change, Load, area, days, from_day, passes_by


def lived(told: Iterable[AreaCurves], probability: float = 0.0) -> MeterErrors:
    balance, errors = DayBalance(area()), MeterErrors(area())
    for curves in told:
        errors.learn(curves, balance.balance(curves), np.full(HOMES + 1, probability))
        balance.learn(curves, np.ones(HOMES + 1, dtype=np.bool_))
    return errors


def shows(home: int, factor: float) -> Change:
    """The meter shows so many times what flows."""

    def wrong(load: Load) -> None:
        load.hourly["energy_kwh"][:, home] *= factor
        for phase in "abc":
            load.hourly[f"current_{phase}"][:, home] *= factor

    return wrong


def belongs_elsewhere(home: int) -> Change:
    """The archive has the meter here; its use and its voltage are another transformer's."""

    def stranger(load: Load) -> None:
        rng = np.random.default_rng([load.number, 7])
        load.hourly["energy_kwh"][:, SUPPLY] -= 1.02 * load.drawn[:, home]
        for phase in "abc":
            load.hourly[f"voltage_{phase}"][:, home] = 233 + rng.normal(0, 1.5, 24)

    return stranger


def test_meters_that_are_right_are_right() -> None:
    errors = lived(days(50))
    estimates = errors.estimates()
    assert len(estimates) >= HOMES // 2
    right = [e.low <= 0 <= e.high for e in estimates]
    assert np.mean(right) >= 0.9
    assert not errors.elsewhere.any()


@pytest.mark.parametrize(("factor", "share"), [(1.25, 0.2), (0.8, -0.25)])
def test_a_wrong_meter_is_named_first_with_its_error(factor: float, share: float) -> None:
    first = lived(days(70, alter=shows(18, factor))).ranked()[0]
    assert first.meter_id == "M18"
    assert first.low < share < first.high
    assert first.share == pytest.approx(share, abs=0.08)


def test_what_is_the_same_every_day_makes_no_meter_wrong() -> None:
    def tapped(load: Load) -> None:
        load.hourly["energy_kwh"][:, SUPPLY] += 3.0

    errors = lived(days(60, alter=from_day(25, tapped)))
    assert np.mean([e.low <= 0 <= e.high for e in errors.estimates()]) >= 0.9


def test_a_meter_of_another_transformer_is_found_and_no_other() -> None:
    errors = lived(days(50, alter=belongs_elsewhere(18)))
    assert np.flatnonzero(errors.elsewhere).tolist() == [18]
    signal = errors.signal(np.full(HOMES + 1, 9.0))
    assert signal.strength[18] >= SET_STRENGTH
    assert np.nanmax(np.delete(signal.strength, 18)) <= RECOVER_STRENGTH
    assert np.isnan(signal.strength[SUPPLY])
    assert signal.observed[18] == 9.0
    assert signal.expected[18] < 4.0


def test_one_that_counts_twice_but_follows_the_busbar_hangs_here() -> None:
    """The balance lacks half of what it shows; its voltage is the area's."""
    assert not lived(days(50, alter=shows(18, 6.0))).elsewhere.any()


def test_who_has_a_case_of_its_own_is_not_thought_to_hang_elsewhere() -> None:
    assert not lived(days(50, alter=belongs_elsewhere(18)), probability=0.9).elsewhere.any()


def test_a_theft_is_not_taken_for_a_wrong_area() -> None:
    assert not lived(days(60, from_day(25, passes_by(18, 0.7)))).elsewhere.any()


def test_nothing_is_said_in_the_warm_up_or_without_a_supply_meter() -> None:
    assert lived(days(15)).estimates() == []
    dark = [replace(c, hourly={n: _without(v) for n, v in c.hourly.items()}) for c in days(40)]
    errors = lived(dark)
    assert errors.estimates() == []
    assert np.isnan(errors.signal(np.ones(HOMES + 1)).strength).all()


def _without(
    values: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    gone = values.copy()
    gone[:, SUPPLY] = np.nan
    return gone


def test_estimates_are_new_once_a_week() -> None:
    balance, errors, new = DayBalance(area()), MeterErrors(area()), []
    for number, curves in enumerate(days(50)):
        if errors.learn(curves, balance.balance(curves), np.zeros(HOMES + 1)):
            new.append(number)
        balance.learn(curves, np.ones(HOMES + 1, dtype=np.bool_))
    assert len(new) >= 4
    assert set(np.diff(new)) == {7}


def test_what_is_saved_goes_on_as_if_nothing_had_happened() -> None:
    told = list(days(50, alter=shows(18, 1.2)))
    half, whole = lived(told[:30]), lived(told)
    other, balance = MeterErrors(area()), DayBalance(area())
    other.load(half.dump())
    assert set(half.dump_dirty()) == {"loss", "meters"}
    assert half.dump_dirty() == {}
    for number, curves in enumerate(told):
        if number >= 30:
            other.learn(curves, balance.balance(curves), np.zeros(HOMES + 1))
        balance.learn(curves, np.ones(HOMES + 1, dtype=np.bool_))
    assert other.estimates() == whole.estimates()
    with pytest.raises(StoreError, match="of another"):
        other.load({"loss": b"{}"})


def test_parameters_out_of_range_are_refused() -> None:
    with pytest.raises(SettingsError, match="kept_per_day"):
        MeterErrorsParams(kept_per_day=0.5)
