"""Climates by name, or out of a file: what a place's weather is drawn from, and what people there have against it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metering.errors import FeedError
from simulator.world.climate_file import RecordedWeather, read_climate_file

Series = NDArray[np.float64]
DayOfYear = int


@dataclass(frozen=True, slots=True)
class Climate:
    """What a place's weather is drawn from; temperatures in °C, swings as half the range, latitude in degrees.

    Shares are of the homes that have the equipment; seasons are (first, last) days of the year, past new year's where
    the first is the later one. `recorded` weather replaces what would be drawn.
    """

    name: str
    latitude: float
    longitude: float
    mean_c: float
    seasonal_swing_c: float
    daily_swing_c: float
    day_to_day_c: float
    persistence: float = 0.75
    clear_share: float = 0.75
    clearer_in_winter: float = 0.0
    """By how much winter is clearer than the mean, as a logarithm of odds; negative where summers are the sunny ones."""
    solar_noon_h: float = 12.5
    """When the sun stands highest by the local clock without summer time."""
    coldest_day: DayOfYear = 15
    electric_heating_share: float = 0.2
    heat_pump_share: float = 0.04
    air_conditioner_share: float = 0.0
    irrigation: tuple[DayOfYear, DayOfYear] = (105, 270)
    school_vacations: tuple[tuple[DayOfYear, DayOfYear], ...] = ()
    timezone: str = "Asia/Shanghai"
    country: str = "CN"
    shops_close_on_sundays: bool = False
    recorded: RecordedWeather | None = field(default=None, repr=False)

    def winterliness(self, day: date) -> float:
        """1 on the coldest day of an average year, -1 half a year later."""
        return math.cos(2 * math.pi * (day.timetuple().tm_yday - self.coldest_day) / 365.25)

    def seasonal_mean_c(self, day: date) -> float:
        """The long-term mean of a day.

        >>> round(COLD_PLATEAU.seasonal_mean_c(date(2026, 1, 15)), 1), round(COLD_PLATEAU.seasonal_mean_c(date(2026, 7, 16)), 1)
        (-9.0, 15.0)
        """
        return self.mean_c - self.seasonal_swing_c * self.winterliness(day)

    @property
    def coldest_c(self) -> float:
        """A cold night of most winters: what heating and connections are laid out for.

        >>> round(COLD_PLATEAU.coldest_c), round(CLIMATES["warm_south"].hottest_c)
        (-22, 39)
        """
        return self.mean_c - self.seasonal_swing_c - 1.9 * self.day_to_day_c - 0.98 * self.daily_swing_c

    @property
    def hottest_c(self) -> float:
        return self.mean_c + self.seasonal_swing_c + 1.9 * self.day_to_day_c + 0.98 * self.daily_swing_c

    @property
    def cold_day_c(self) -> float:
        """The mean of a cold winter's day, when the evening peak is the year's."""
        return self.mean_c - self.seasonal_swing_c - self.day_to_day_c

    @property
    def hot_day_c(self) -> float:
        return self.mean_c + self.seasonal_swing_c + self.day_to_day_c

    def irrigation_need(self, day: date) -> float:
        """0 outside the season of irrigation, rising to 1 over its first weeks and falling over its last.

        >>> [round(COLD_PLATEAU.irrigation_need(date(2026, month, 10)), 2) for month in (1, 4, 7, 9)]
        [0.0, 0.36, 1.0, 0.64]
        """
        first, last = self.irrigation
        into, left = (day.timetuple().tm_yday - first) % 365, (last - day.timetuple().tm_yday) % 365
        return min(1.0, (into + 1) / 25, (left + 1) / 25) if in_season(day, first, last) else 0.0

    def on_school_vacation(self, day: date) -> bool:
        return any(in_season(day, first, last) for first, last in self.school_vacations)


def in_season(day: date, first: DayOfYear, last: DayOfYear) -> bool:
    """
    >>> in_season(date(2026, 1, 5), 354, 30), in_season(date(2026, 3, 5), 354, 30)
    (True, False)
    """
    number = day.timetuple().tm_yday
    return first <= number <= last if first <= last else number >= first or number <= last


def sun_height(latitude: float, day: date, hours_from_noon: Series) -> Series:
    """Sine of the sun's height, never below the horizon's 0."""
    declination = math.radians(-23.44) * math.cos(2 * math.pi * (day.timetuple().tm_yday + 10) / 365.25)
    parallel = math.radians(latitude)
    level, swing = math.sin(parallel) * math.sin(declination), math.cos(parallel) * math.cos(declination)
    return np.asarray(np.clip(level + swing * np.cos(np.pi * hours_from_noon / 12), 0, None))


_CHINESE_VACATIONS = ((17, 48), (190, 243))

#: The plateau around Gonghe in Hainan prefecture, Qinghai (2,900 m): long heating season, strong sun, wide daily swing.
COLD_PLATEAU = Climate(
    name="cold_plateau",
    latitude=36.284,
    longitude=100.620,
    mean_c=3.0,
    seasonal_swing_c=12.0,
    daily_swing_c=7.0,
    day_to_day_c=3.2,
    clearer_in_winter=0.2,
    solar_noon_h=13.0,
    electric_heating_share=0.28,
    heat_pump_share=0.04,
    irrigation=(92, 268),
    school_vacations=_CHINESE_VACATIONS,
)
#: North-east China about Shenyang, between Beijing and Harbin: homes on district heating, some heat pumps, hot July.
_COLD_NORTH = Climate(
    name="cold_north",
    latitude=41.8,
    longitude=123.4,
    mean_c=8.3,
    seasonal_swing_c=17.5,
    daily_swing_c=5.5,
    day_to_day_c=3.4,
    clear_share=0.62,
    clearer_in_winter=0.4,
    solar_noon_h=11.8,
    electric_heating_share=0.12,
    heat_pump_share=0.08,
    air_conditioner_share=0.5,
    irrigation=(100, 265),
    school_vacations=_CHINESE_VACATIONS,
)
#: The middle Yangtze about Wuhan: no district heating, air conditioners cool in summer and heat in winter.
_HOT_SUMMER_COLD_WINTER = Climate(
    name="hot_summer_cold_winter",
    latitude=30.6,
    longitude=114.3,
    mean_c=17.2,
    seasonal_swing_c=12.6,
    daily_swing_c=4.2,
    day_to_day_c=3.0,
    clear_share=0.45,
    clearer_in_winter=-0.4,
    solar_noon_h=12.4,
    electric_heating_share=0.22,
    heat_pump_share=0.45,
    air_conditioner_share=0.9,
    irrigation=(135, 268),
    school_vacations=_CHINESE_VACATIONS,
)
#: The Pearl river about Guangzhou: ten months warm, little heating, air conditioners everywhere.
_WARM_SOUTH = Climate(
    name="warm_south",
    latitude=23.1,
    longitude=113.3,
    mean_c=22.6,
    seasonal_swing_c=7.5,
    daily_swing_c=3.8,
    day_to_day_c=2.5,
    clear_share=0.42,
    clearer_in_winter=0.3,
    solar_noon_h=12.4,
    electric_heating_share=0.08,
    heat_pump_share=0.1,
    air_conditioner_share=0.95,
    irrigation=(80, 320),
    school_vacations=_CHINESE_VACATIONS,
)
#: North-west Europe between the Rhine and the Elbe: mild, cloudy, gas for heat, few air conditioners.
_OCEANIC = Climate(
    name="oceanic",
    latitude=52.2,
    longitude=8.0,
    mean_c=10.2,
    seasonal_swing_c=8.2,
    daily_swing_c=4.2,
    day_to_day_c=3.2,
    clear_share=0.4,
    clearer_in_winter=-0.6,
    solar_noon_h=12.45,
    electric_heating_share=0.06,
    heat_pump_share=0.08,
    air_conditioner_share=0.03,
    irrigation=(140, 245),
    school_vacations=((190, 230), (357, 6), (95, 105), (285, 297)),
    timezone="Europe/Berlin",
    country="DE",
    shops_close_on_sundays=True,
)
#: South-east Australia about Melbourne, on the southern half of the earth: reversible air conditioners, hot spells.
_SOUTHERN_TEMPERATE = Climate(
    name="southern_temperate",
    latitude=-37.8,
    longitude=145.0,
    mean_c=15.2,
    seasonal_swing_c=5.8,
    daily_swing_c=5.8,
    day_to_day_c=3.9,
    persistence=0.6,
    clear_share=0.5,
    clearer_in_winter=-0.5,
    solar_noon_h=12.35,
    coldest_day=197,
    electric_heating_share=0.15,
    heat_pump_share=0.5,
    air_conditioner_share=0.75,
    irrigation=(288, 105),
    school_vacations=((354, 28), (96, 110), (180, 194), (264, 278)),
    timezone="Australia/Melbourne",
    country="AU-VIC",
)
CLIMATES: Mapping[str, Climate] = {
    climate.name: climate
    for climate in (
        COLD_PLATEAU,
        _COLD_NORTH,
        _HOT_SUMMER_COLD_WINTER,
        _WARM_SOUTH,
        _OCEANIC,
        _SOUTHERN_TEMPERATE,
    )
}


def climate_of(name_or_path: str | Path) -> Climate:
    """A built-in climate, or the one measured in a file; `FeedError` names the climates there are.

    >>> climate_of("oceanic").country
    'DE'
    """
    known = CLIMATES.get(str(name_or_path))
    if known is not None:
        return known
    path = Path(name_or_path)
    if not path.is_file():
        raise FeedError(
            f"no climate {str(name_or_path)!r} and no such file: choose from {', '.join(CLIMATES)}, "
            "or give a CSV file with time,temperature_c and perhaps sunshine"
        )
    return _measured(read_climate_file(path))


def _measured(recorded: RecordedWeather) -> Climate:
    """The statistics that equipment and connections are laid out by, worked out from a file."""
    temperature_c = recorded.temperature_c
    day = recorded.times_s // 86_400
    of_day = np.unique(day, return_inverse=True)[1]
    daily_mean_c = np.bincount(of_day, temperature_c) / np.bincount(of_day)
    swing_c = float(np.sqrt(2) * np.std(temperature_c - daily_mean_c[of_day]))
    year = 2 * np.pi * (np.unique(day) % 365.2425) / 365.2425  # day 0 is 1 January 1970
    season = np.column_stack([np.ones_like(year), np.cos(year), np.sin(year)])
    if len(year) >= 300:
        (mean_c, cosine, sine), *_ = np.linalg.lstsq(season, daily_mean_c)
    else:  # too short for a season: the days as they are
        mean_c, cosine, sine = float(np.mean(daily_mean_c)), 0.0, 0.0
    seasonal_c = float(np.hypot(cosine, sine))
    coldest_day = 1 + int(np.arctan2(-sine, -cosine) / (2 * np.pi) * 365.25) % 365 if seasonal_c > 0.5 else 15
    southern = 100 < coldest_day < 280 if recorded.latitude is None else recorded.latitude < 0
    summer_c = mean_c + seasonal_c
    return Climate(
        name=recorded.path.stem,
        latitude=recorded.latitude if recorded.latitude is not None else (-38.0 if southern else 38.0),
        longitude=recorded.longitude if recorded.longitude is not None else 0.0,
        mean_c=float(mean_c),
        seasonal_swing_c=seasonal_c,
        daily_swing_c=swing_c,
        day_to_day_c=float(np.std(daily_mean_c - season @ [mean_c, cosine, sine])),
        clear_share=0.6,
        coldest_day=coldest_day,
        air_conditioner_share=float(np.clip((summer_c - 19) / 9, 0, 0.95)),
        irrigation=(288, 105) if southern else (105, 270),
        school_vacations=((354, 28),) if southern else ((190, 240),),
        recorded=recorded,
    )
