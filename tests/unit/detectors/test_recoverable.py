"""The onset is the first day of doubt; what was not registered since then has an interval that holds the truth in four of five cases."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.case.measures import measured
from detectors.case.recoverable import NOTHING_LOST, Recoverable, RecoverableParams
from detectors.examples import context
from metering.catalogue import CATALOGUE

USUAL_KWH = 10.0


def live(meter: Recoverable, ordinal: int, *, share: float, today: float, smoothed: float | None = None) -> None:
    """A day on which the meter registered `share` of what is usual."""
    figures = {
        "log_usual": np.log([USUAL_KWH + 0.1]),
        "class_movement": np.zeros(1),
        "log_today": np.log([share]),
    }
    meter.learn(ordinal, figures, today=np.array([today]), smoothed=np.array([today if smoothed is None else smoothed]))


def quiet(days: int, scatter: float = 0.1, seed: int = 1) -> Recoverable:
    rng = np.random.default_rng(seed)
    meter = Recoverable(context(meters=1))
    for ordinal in range(1, days + 1):
        live(meter, ordinal, share=float(np.exp(scatter * rng.standard_normal())), today=0.01)
    return meter


def test_without_doubt_there_is_nothing_to_say() -> None:
    meter = quiet(30)
    assert meter.since.tolist() == [0]
    assert meter.estimate(0) is None


def test_the_onset_is_the_first_day_of_the_run_that_led_to_the_suspicion() -> None:
    meter = quiet(30)
    live(meter, 31, share=0.5, today=0.5, smoothed=0.1)
    live(meter, 32, share=0.5, today=0.1, smoothed=0.4)  # one calmer day does not end it
    live(meter, 33, share=0.5, today=0.9)
    assert meter.since.tolist() == [31]
    live(meter, 34, share=1.0, today=0.01, smoothed=0.1)
    assert meter.since.tolist() == [0]
    live(meter, 35, share=0.5, today=0.9)
    assert meter.since.tolist() == [35]
    estimate = meter.estimate(0)
    assert estimate is not None
    assert estimate.lost == pytest.approx(0.5 * (USUAL_KWH + 0.3), abs=0.1), "what went before the onset does not count"


def test_the_interval_is_the_wider_the_more_the_meter_scatters() -> None:
    widths = []
    for scatter in (0.05, 0.3):
        meter = quiet(90, scatter)
        for ordinal in range(91, 101):
            live(meter, ordinal, share=0.4, today=0.9)
        estimate = meter.estimate(0)
        assert estimate is not None
        assert estimate.lost == pytest.approx(61.8, abs=0.1)
        assert estimate.lost_low < estimate.lost < estimate.lost_high
        widths.append(estimate.lost_high - estimate.lost_low)
    assert widths[1] > 2 * widths[0]


def test_a_meter_that_uses_more_has_lost_nothing() -> None:
    meter = quiet(60)
    for ordinal in range(61, 71):
        live(meter, ordinal, share=2.0, today=0.9)
    estimate = meter.estimate(0)
    assert estimate is not None
    assert (estimate.lost_low, estimate.lost) == (0.0, 0.0)
    assert estimate.used == pytest.approx(2 * estimate.expected, abs=0.2)


def test_a_day_without_readings_adds_nothing() -> None:
    meter = quiet(60)
    live(meter, 61, share=0.5, today=0.9)
    before = meter.estimate(0)
    live(meter, 62, share=float("nan"), today=0.9)
    assert meter.estimate(0) == before


def test_state_is_restored_exactly() -> None:
    meter = quiet(40)
    live(meter, 41, share=0.5, today=0.9)
    twin = Recoverable(context(meters=1))
    twin.load(meter.dump())
    for each in (meter, twin):
        live(each, 42, share=0.3, today=0.9)
    assert twin.estimate(0) == meter.estimate(0)
    assert twin.dump() == meter.dump()


def test_kinds_that_lose_nothing_are_kinds_of_the_catalogue() -> None:
    assert set(CATALOGUE) >= NOTHING_LOST
    assert "bypass" not in NOTHING_LOST


def test_the_shipped_thresholds_say_where_they_come_from() -> None:
    assert RecoverableParams().doubt < 0.72 * 0.5, "doubt begins before a suspicion does"


# --- observed and expected in the unit of the kind


def one(**figures: float) -> dict[str, np.ndarray]:
    return {name: np.array([value]) for name, value in figures.items()}


ENERGY = one(log_usual=float(np.log(20.1)), class_movement=0.0, fall_kwh=8.0)
ROW, CONTRACT = np.array([True]), np.array([8.0])


@pytest.mark.parametrize(
    ("kind", "figures", "observed", "expected", "unit"),
    [
        ("bypass", {}, 12.0, 20.0, "kWh/d"),
        ("voltage_loss", one(lowest_phase_voltage=0.5), 115.0, 230.0, "V"),
        ("over_capacity", one(peak_over_contract=1.5), 12.0, 8.0, "kW"),
        ("low_power_factor", one(power_factor_recent=0.7, power_factor_change=-0.2), 0.7, 0.9, "1"),
        ("clock_error", one(lag_h=3.0), 3.0, 0.0, "h"),
        ("clock_error", one(lag_h=0.0), 12.0, 20.0, "kWh/d"),
        ("voltage_loss", one(lowest_phase_voltage=float("nan")), 12.0, 20.0, "kWh/d"),
        ("voltage_loss", {}, 12.0, 20.0, "kWh/d"),
    ],
)
def test_observed_and_expected_stand_in_the_unit_of_the_kind(
    kind: str, figures: dict[str, np.ndarray], observed: float, expected: float, unit: str
) -> None:
    found = measured(kind, ENERGY | figures, ROW, CONTRACT)
    assert found.unit == unit
    assert found.observed[0] == pytest.approx(observed)
    assert found.expected[0] == pytest.approx(expected)
