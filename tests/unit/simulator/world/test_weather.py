"""Weather belongs to its place and its date: the same however long the feed is, and read from a file where there is one."""

from __future__ import annotations

import math
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from metering.errors import FeedError
from simulator.world.climates import CLIMATES, COLD_PLATEAU, Climate, climate_of
from simulator.world.weather import Weather

HOURS = np.arange(0.125, 24, 0.25)
NEW_YEAR = date(2026, 1, 1)


def year_of(climate: Climate, seed: int = 3) -> tuple[Weather, np.ndarray]:
    """A year's weather and its temperatures, (days, quarter hours)."""
    weather = Weather(climate, seed, NEW_YEAR, 365, climate.timezone)
    days = [NEW_YEAR + timedelta(days=number) for number in range(365)]
    return weather, np.array([weather.temperature_c(day, HOURS) for day in days])


def climate_file(
    path: Path,
    *,
    days: int = 365,
    step_h: float = 3.0,
    sunshine: bool = False,
    head: str = "",
    first: str = "2019-01-01",
) -> Path:
    """A sine of a year with its coldest day on 15 January, and of a day with its warmest hour at 15:00 UTC."""
    start = np.datetime64(first, "m")
    hours = np.arange(0, 24 * days + step_h, step_h)
    temperature = 10 - 9 * np.cos(2 * np.pi * (hours / 24 - 14) / 365) + 5 * np.cos(2 * np.pi * (hours - 15) / 24)
    lines = [f"{head}time,temperature_c" + (",sunshine" if sunshine else "")]
    for hour, value in zip(hours, temperature, strict=True):
        moment = start + np.timedelta64(round(60 * hour), "m")
        light = f",{max(0.0, math.cos(math.pi * (hour % 24 - 12) / 12)):.3f}" if sunshine else ""
        lines.append(f"{moment}Z,{value:.3f}{light}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("name", CLIMATES)
def test_a_climates_year_is_the_climates(name: str) -> None:
    climate = CLIMATES[name]
    _, temperature_c = year_of(climate)
    assert temperature_c.mean() == pytest.approx(climate.mean_c, abs=1.5)
    by_day = temperature_c.mean(axis=1)
    smooth = np.convolve(np.concatenate([by_day[-30:], by_day, by_day[:30]]), np.full(61, 1 / 61), "valid")
    coldest = 1 + int(np.argmin(smooth))
    assert min(abs(coldest - climate.coldest_day), 365 - abs(coldest - climate.coldest_day)) < 35
    assert np.quantile(temperature_c, 0.0005) > climate.coldest_c - 4
    assert np.quantile(temperature_c, 0.9995) < climate.hottest_c + 4
    assert np.quantile(temperature_c, 0.001) < climate.coldest_c + 8


def test_in_the_south_january_is_the_warm_and_light_month() -> None:
    weather, temperature_c = year_of(CLIMATES["southern_temperate"])
    assert temperature_c[:31].mean() > temperature_c[181:212].mean() + 8
    january, july = (weather.sunshine(date(2026, month, 15), HOURS) > 0 for month in (1, 7))
    assert january.sum() / 4 == pytest.approx(14.3, abs=0.7)
    assert july.sum() / 4 == pytest.approx(9.7, abs=0.7)


def test_a_days_weather_does_not_depend_on_the_length_of_the_feed() -> None:
    short = Weather(COLD_PLATEAU, 5, date(2026, 11, 20), 12)
    long = Weather(COLD_PLATEAU, 5, date(2026, 11, 20), 700)
    for number in range(12):
        day = date(2026, 11, 20) + timedelta(days=number)
        assert np.array_equal(short.temperature_c(day, HOURS), long.temperature_c(day, HOURS))
        assert np.array_equal(short.sunshine(day, HOURS), long.sunshine(day, HOURS))
    other = Weather(COLD_PLATEAU, 6, date(2026, 11, 20), 12)
    assert not np.array_equal(
        other.temperature_c(date(2026, 11, 20), HOURS), short.temperature_c(date(2026, 11, 20), HOURS)
    )


def test_days_and_years_join_without_a_step() -> None:
    _, temperature_c = year_of(COLD_PLATEAU)
    steps = np.abs(np.diff(temperature_c.ravel()))
    assert steps.max() < 1.5
    weather = Weather(COLD_PLATEAU, 3, NEW_YEAR, 800)
    eve, after = (weather.temperature_c(day, HOURS) for day in (date(2026, 12, 31), date(2027, 1, 1)))
    assert abs(after[0] - eve[-1]) < 1.5


def test_weather_remembers_from_day_to_day() -> None:
    _, temperature_c = year_of(COLD_PLATEAU, seed=8)
    seasonal = [COLD_PLATEAU.seasonal_mean_c(NEW_YEAR + timedelta(days=number)) for number in range(365)]
    departure = temperature_c.mean(axis=1) - seasonal
    assert np.corrcoef(departure[1:], departure[:-1])[0, 1] > 0.6
    assert abs(np.corrcoef(departure[10:], departure[:-10])[0, 1]) < 0.35


def test_the_sun_stands_highest_at_the_places_own_noon() -> None:
    for name, noon_h in (("cold_plateau", 13.0), ("cold_north", 11.8), ("oceanic", 12.45)):
        climate = CLIMATES[name]
        light = Weather(climate, 1, NEW_YEAR, 3, climate.timezone).sunshine(date(2026, 1, 2), HOURS)
        assert HOURS[np.argmax(light)] == pytest.approx(noon_h, abs=0.2)
    summer = Weather(CLIMATES["oceanic"], 1, date(2026, 7, 1), 3, "Europe/Berlin")
    assert HOURS[np.argmax(summer.sunshine(date(2026, 7, 2), HOURS))] == pytest.approx(13.45, abs=0.2), "summer time"


def test_an_unknown_climate_names_those_there_are() -> None:
    with pytest.raises(FeedError, match=r"'cold_plato'.*cold_plateau, cold_north.*CSV"):
        climate_of("cold_plato")


def test_a_climate_file_is_read_to_the_minute_and_repeated_by_years(tmp_path: Path) -> None:
    climate = climate_of(climate_file(tmp_path / "here.csv", step_h=1.0))
    assert climate.mean_c == pytest.approx(10, abs=0.2)
    assert climate.seasonal_swing_c == pytest.approx(9, abs=0.2)
    assert climate.daily_swing_c == pytest.approx(5, abs=0.3)
    assert climate.coldest_day == pytest.approx(15, abs=2)
    weather = Weather(climate, 1, NEW_YEAR, 800, "Asia/Shanghai")
    for day in (date(2026, 3, 1), date(2028, 2, 29)):
        temperature_c = weather.temperature_c(day, HOURS)
        assert HOURS[np.argmax(temperature_c)] == pytest.approx(23, abs=0.3), "15:00 UTC is 23:00 in Shanghai"
        season_c = 10 - 9 * math.cos(2 * math.pi * (day.timetuple().tm_yday - 15) / 365)
        assert temperature_c.mean() == pytest.approx(season_c, abs=0.5)


def test_without_sunshine_the_suns_height_and_usual_clouds_stand_in(tmp_path: Path) -> None:
    head = "# latitude = -37.8\n# longitude = 145\n# by the met office\n"
    climate = climate_of(climate_file(tmp_path / "south.csv", head=head))
    assert climate.latitude == -37.8
    weather = Weather(climate, 1, NEW_YEAR, 30, "Australia/Melbourne")
    light = weather.sunshine(date(2026, 1, 10), HOURS)
    assert HOURS[np.argmax(light)] == pytest.approx(13.33, abs=0.2), "summer time in Melbourne"
    assert (light > 0).sum() / 4 == pytest.approx(14.4, abs=0.6)


def test_recorded_sunshine_is_used_and_tells_the_clouds(tmp_path: Path) -> None:
    climate = climate_of(climate_file(tmp_path / "sun.csv", step_h=0.5, sunshine=True, head="# latitude: 0\n"))
    weather = Weather(climate, 1, NEW_YEAR, 30, "UTC")
    light = weather.sunshine(date(2026, 1, 10), HOURS)
    assert HOURS[np.argmax(light)] == pytest.approx(12, abs=0.3)
    assert light.max() == pytest.approx(1.0, abs=0.01)
    assert weather.clearness(date(2026, 1, 10)) > 0.9


def test_a_file_shorter_than_the_feed_and_than_a_year_is_refused(tmp_path: Path) -> None:
    climate = climate_of(climate_file(tmp_path / "spring.csv", days=60))
    Weather(climate, 1, date(2026, 1, 5), 40, "UTC")
    with pytest.raises(FeedError, match=r"spring\.csv: covers 2019-01-01T00:00:00Z.*whole year"):
        Weather(climate, 1, date(2026, 2, 1), 60, "UTC")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"empty file"),
        ("when,temperature_c\n", r"line 1: column time is missing; found when, temperature_c"),
        ("time,temperature_c\n2026-01-01T00:00Z,1\nyesterday,2\n", r"line 3, column time: 'yesterday' is not a time"),
        ("time,temperature_c\n2026-01-01T00:00Z,1\n2026-01-01T01:00Z,warm\n", r"line 3, column temperature_c: 'warm'"),
        ("time,temperature_c\n2026-01-01T00:00Z,\n", r"line 2, column temperature_c: empty; .*leave the line out"),
        ("time,temperature_c\n2026-01-01T01:00Z,1\n2026-01-01T00:00Z,1\n", r"line 3.*does not come after"),
        ("time,temperature_c\n2026-01-01T00:00Z,1\n2026-01-01T07:30Z,1\n", r"line 3.*7\.5 h after.*more than 6 h"),
        ("time,temperature_c\n2026-01-01T00:00Z,1,3\n", r"line 2: 3 values under 2 columns"),
        ("time,temperature_c,sunshine\n2026-01-01T00:00Z,1,640\n", r"line 2, column sunshine.*divide W/m² by 1000"),
        ("# latitude = 120\ntime,temperature_c\n", r"line 1: '120' is no latitude"),
        ("time,temperature_c\n2026-01-01T00:00Z,1\n2026-01-01T01:00Z,1\n", r"2 rows; give at least a day"),
    ],
)
def test_what_is_wrong_in_a_climate_file_is_named_by_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "weather.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FeedError, match=message):
        climate_of(path)
