"""Curves: a gap stays a gap, hours are the utility's own, days are compared over what was read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from desk.curves import (
    Episode,
    balance_options,
    episode_of,
    load_options,
    phase_options,
    window_of,
)
from desk.texts import Words
from metering.alert import Alert
from metering.archive import Archive
from metering.curves import Curves
from metering.errors import StoreError
from metering.points import Point
from metering.ports import ReadingColumns
from metering.times import DAY_S, LocalCalendar, to_epoch_s
from operations.load_curves import read_curves
from storage.memory_series import MemoryTimeSeries

HOUR_S = 3600
#: Local midnight in Shanghai.
START_S = to_epoch_s(datetime(2026, 2, 27, 16, tzinfo=UTC))
SAY = Words("en")
Read = Callable[..., Curves]


@pytest.fixture
def read(archive: Archive) -> Read:
    series = MemoryTimeSeries()
    for hour in range(72):
        if 30 <= hour < 33:
            continue
        at = START_S + hour * HOUR_S
        energy = np.array([0.5 if hour < 48 else 0.1])
        columns = {"energy_kwh": energy, "expected_kwh": np.array([0.5]), "voltage_v": np.array([231.0])}
        series.write_readings([ReadingColumns("TA-1", at, ["M-1"], columns)])
        fields = {"supplied_kwh": 10.0, "metered_kwh": 9.0, "loss_kwh": 1.0}
        series.write_points([Point("area_balance", {"transformer_area": "TA-1"}, at, fields)])
    span = (START_S, START_S + 72 * HOUR_S)

    def read(meter_id: str | None = "M-1", span: tuple[int, int] = span, by_day: bool = False, **more: Any) -> Curves:
        return read_curves(series, archive, "TA-1", meter_id, *span, by_day=by_day, **more)

    return read


def test_a_hole_in_the_readings_is_a_gap_in_the_curve(read: Read) -> None:
    curves = read()
    assert len(curves.observed) == 70
    assert [at for at, kwh in curves.observed if kwh is None] == [START_S + 30 * HOUR_S]
    assert curves.read


def test_a_day_compares_expected_energy_only_where_energy_was_read(read: Read) -> None:
    curves = read(by_day=True)
    assert [kwh for _, kwh in curves.observed] == pytest.approx([12.0, 10.5, 2.4])
    assert [kwh for _, kwh in curves.expected] == pytest.approx([12.0, 10.5, 12.0])
    assert [share for _, share in curves.loss_share] == pytest.approx([0.1] * 3)


def test_half_a_day_is_no_day(read: Read) -> None:
    curves = read(span=(START_S + HOUR_S, START_S + 71 * HOUR_S), by_day=True)
    assert len(curves.observed) == 1


def test_the_given_expected_curve_wins_over_the_stored_one(read: Read) -> None:
    given = [(START_S, 0.7), (START_S + HOUR_S, float("nan"))]
    assert read(expected_curve=lambda *_window: given).expected[:2] == ((START_S, 0.7), (START_S + HOUR_S, 0.5))


def test_readings_are_shown_where_the_models_state_cannot_be_read(read: Read, caplog: pytest.LogCaptureFixture) -> None:
    def refuse(*_window: object) -> list[tuple[int, float]]:
        raise StoreError("the state pages of TA-1 are of another version")

    assert read(expected_curve=refuse).read
    assert "another version" in caplog.text


def test_a_whole_area_has_a_balance_and_no_load_curve(read: Read) -> None:
    curves = read(None, (START_S, START_S + DAY_S))
    assert not curves.read
    assert len(curves.supplied) == 24


def test_the_axis_shows_the_utility_s_hours(read: Read) -> None:
    calendar = LocalCalendar("Asia/Shanghai")
    options = load_options(read(), Episode(START_S, None), calendar, SAY, "dark")
    first_ms = options["series"][0]["data"][0][0]
    assert datetime.fromtimestamp(first_ms / 1000, UTC).hour == 0
    assert options["useUTC"] is True
    assert [s["name"] for s in options["series"]] == ["observed", "expected"]


def test_every_chart_can_be_made_in_both_lights(read: Read) -> None:
    curves, calendar, episode = read(), LocalCalendar("UTC"), Episode(START_S, START_S + HOUR_S)
    for theme in ("dark", "light"):
        assert len(phase_options(curves.voltages, "V", curves, episode, calendar, SAY, theme)["series"]) == 1
        assert len(balance_options(curves, episode, calendar, SAY, theme)["yAxis"]) == 2
        days = load_options(read(by_day=True), episode, calendar, SAY, theme)
        assert days["series"][0]["type"] == "bar"


def test_without_any_reading_there_is_still_a_chart_to_make(read: Read) -> None:
    curves = read("M-2", (START_S, START_S + DAY_S))
    assert not curves.read
    assert load_options(curves, Episode(START_S, None), LocalCalendar("UTC"), SAY, "dark")["series"][0]["data"] == []


def test_windows_lie_around_the_episode_and_never_beyond_the_clock() -> None:
    clock_s = START_S + 100 * DAY_S
    lasting, over = Episode(START_S + 90 * DAY_S, None), Episode(START_S, START_S + 3 * DAY_S)
    assert window_of(lasting, "onset", clock_s) == (START_S + 86 * DAY_S, START_S + 98 * DAY_S)
    assert window_of(lasting, "latest", clock_s) == (clock_s - 14 * DAY_S, clock_s)
    assert window_of(over, "latest", clock_s)[1] == START_S + 5 * DAY_S
    assert window_of(over, "onset", clock_s) == (START_S - 4 * DAY_S, START_S + 5 * DAY_S)
    assert window_of(Episode(clock_s, None), "onset", clock_s)[1] > clock_s


def test_an_episode_spans_all_alerts_and_lasts_while_one_does(make_alert: Callable[..., Alert]) -> None:
    first = make_alert(1, since_s=100, cleared_at_s=500)
    assert episode_of([first, make_alert(2, since_s=200, cleared_at_s=900)]) == Episode(100, 900)
    assert episode_of([first, make_alert(2, since_s=200)]) == Episode(100, None)
    assert episode_of([make_alert(1, since_s=0, raised_at_s=700)]) == Episode(700, None)
