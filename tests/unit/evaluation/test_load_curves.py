"""Load curves: energy by local day, gaps as gaps, the typical day before and since, out of one pass over a feed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluation.load_curves import LoadCurve, collect_curves
from metering.archive import Archive, Meter
from metering.times import DAY_S, LocalCalendar, parse_iso
from tests.unit.evaluation.made_runs import archive

MIDNIGHT_S = parse_iso("2026-03-09T16:00:00Z")
EAST = LocalCalendar("Asia/Shanghai")


@dataclass(frozen=True)
class Batch:
    times_s: NDArray[np.int64]
    meter_codes: NDArray[np.int32]
    meter_names: list[str]
    columns: dict[str, NDArray[np.float64]]


def batch(rows: list[tuple[int, str, float]]) -> Batch:
    names = ["M0", "M1", "M2"]
    return Batch(
        np.array([t for t, _, _ in rows], dtype=np.int64),
        np.array([names.index(m) for _, m, _ in rows], dtype=np.int32),
        names,
        {"energy_kwh": np.array([e for _, _, e in rows])},
    )


def hourly(energy: NDArray[np.float64], start_s: int = MIDNIGHT_S, zone: LocalCalendar = EAST) -> LoadCurve:
    """Energies of consecutive hours, NaN left out."""
    times_s = start_s + 3600 * np.arange(len(energy))
    return LoadCurve(times_s[np.isfinite(energy)], energy[np.isfinite(energy)], 60, zone)


def test_days_are_local_and_add_up() -> None:
    days, daily = hourly(np.arange(48.0)).by_day()
    assert days.tolist() == [EAST.day_of(MIDNIGHT_S).toordinal(), EAST.day_of(MIDNIGHT_S).toordinal() + 1]
    assert daily.tolist() == [276.0, 852.0]


def test_a_day_measured_in_part_is_taken_for_a_whole_one_and_a_silent_day_is_a_gap() -> None:
    energy = np.ones(96)
    energy[24:30] = np.nan
    energy[48:72] = np.nan
    energy[72:85] = np.nan
    _, daily = hourly(energy).by_day()
    assert daily.tolist()[:2] == [24.0, 24.0]
    assert np.isnan(daily[2]), "nothing was measured"
    assert np.isnan(daily[3]), "eleven of twenty-four hours are not enough"


def test_the_day_of_the_clock_change_has_its_own_length() -> None:
    berlin = LocalCalendar("Europe/Berlin")
    start_s = parse_iso("2026-03-28T23:00:00Z")
    _, daily = hourly(np.ones(23 + 24), start_s, berlin).by_day()
    assert daily.tolist() == [23.0, 24.0]


def test_the_typical_day_is_mean_demand_by_local_hour() -> None:
    quarter = LoadCurve(MIDNIGHT_S + 900 * np.arange(192), np.where(np.arange(192) % 96 < 4, 0.5, 0.1), 15, EAST)
    typical = quarter.typical_day(MIDNIGHT_S, MIDNIGHT_S + 2 * DAY_S)
    assert typical is not None
    assert typical[0] == pytest.approx(2.0), "four times 0.5 kWh in the hour after midnight"
    assert typical[1:] == pytest.approx(np.full(23, 0.4))
    assert quarter.typical_day(0, MIDNIGHT_S) is None


def test_daily_readings_have_no_typical_day() -> None:
    daily = LoadCurve(MIDNIGHT_S + DAY_S * np.arange(3), np.ones(3), 1440, EAST)
    assert daily.typical_day(0, 2**40) is None
    assert daily.by_day()[1].tolist() == [1.0, 1.0, 1.0]


def test_one_pass_keeps_the_wanted_meters_and_the_last_value_of_an_interval() -> None:
    batches = [
        batch([(900, "M0", 1.0), (0, "M1", 5.0), (0, "M0", 2.0)]),
        batch([(900, "M0", 3.0), (1800, "M0", np.nan), (2700, "M0", -1.0), (np.iinfo(np.int64).min, "M0", 9.0)]),
    ]
    found = collect_curves(batches, ["M0", "M2"], archive())
    assert found["M0"].times_s.tolist() == [0, 900]
    assert found["M0"].energy_kwh.tolist() == [2.0, 3.0]
    assert len(found["M2"].by_day()[0]) == 0
    assert sorted(found) == ["M0", "M2"]


def test_what_no_connection_carries_is_left_out() -> None:
    small = Archive("small", 60, "UTC", (Meter("M0", "SP", "C", "A1", "customer", contracted_kw=5.0),))
    found = collect_curves([batch([(0, "M0", 4.0), (3600, "M0", 5000.0)])], ["M0"], small)
    assert found["M0"].energy_kwh.tolist() == [4.0]
