"""Weather of one place: seasonal, daily and autocorrelated temperature, and the sun's share that clouds let through."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Climate:
    """What a place's weather is drawn from; temperatures in °C, latitude in degrees."""

    latitude: float
    mean_c: float
    seasonal_swing_c: float
    daily_swing_c: float
    day_to_day_c: float
    persistence: float = 0.75
    clear_share: float = 0.75

    def seasonal_mean_c(self, day: date) -> float:
        """The long-term mean of a day; coldest in mid January.

        >>> round(COLD_PLATEAU.seasonal_mean_c(date(2026, 1, 15)), 1), round(COLD_PLATEAU.seasonal_mean_c(date(2026, 7, 16)), 1)
        (-9.0, 15.0)
        """
        return self.mean_c - self.seasonal_swing_c * math.cos(2 * math.pi * (day.timetuple().tm_yday - 15) / 365.25)


#: The plateau around Gonghe in Hainan prefecture, Qinghai (2,900 m): long heating season, strong sun, wide daily swing.
COLD_PLATEAU = Climate(latitude=36.28, mean_c=3.0, seasonal_swing_c=12.0, daily_swing_c=7.0, day_to_day_c=3.2)


class Weather:
    """Temperature and sunshine of every day of a feed, drawn once from the seed; small, so that any window can ask."""

    def __init__(self, climate: Climate, seed: int, first_day: date, days: int) -> None:
        self._climate = climate
        self._first_day = first_day
        rng = np.random.default_rng([seed, 1])
        shocks = rng.standard_normal((2, days + 2))
        walk = np.empty_like(shocks)
        walk[:, 0] = shocks[:, 0]
        fresh = math.sqrt(1 - climate.persistence**2)
        for day in range(1, days + 2):
            walk[:, day] = climate.persistence * walk[:, day - 1] + fresh * shocks[:, day]
        self._departure_c = climate.day_to_day_c * walk[0]
        self._clear = 1 / (1 + np.exp(-(math.log(climate.clear_share / (1 - climate.clear_share)) + 1.2 * walk[1])))

    def temperature_c(self, day: date, local_hour: Series) -> Series:
        """Outside temperature at the local hours of `day`, warmest at 15:00; days join without a step."""
        number = (day - self._first_day).days
        blend = np.clip(local_hour / 24, 0, 1)
        departure = (1 - blend) * self._departure_c[number] + blend * self._departure_c[number + 1]
        swing = self._climate.daily_swing_c * (0.6 + 0.55 * self._clear[number])
        temperature: Series = self._climate.seasonal_mean_c(day) + departure
        return np.asarray(temperature + swing * np.cos(2 * np.pi * (local_hour - 15) / 24))

    def sunshine(self, day: date, local_hour: Series) -> Series:
        """Share (0..1) of full sun on the ground: the sun's height times what the day's clouds let through.

        Local noon is taken as 13:00, as in a country that keeps one time zone far west of its meridian.
        """
        number = (day - self._first_day).days
        declination = math.radians(-23.44) * math.cos(2 * math.pi * (day.timetuple().tm_yday + 10) / 365.25)
        latitude = math.radians(self._climate.latitude)
        hour_angle = np.pi * (local_hour - 13) / 12
        height = math.sin(latitude) * math.sin(declination) + math.cos(latitude) * math.cos(declination) * np.cos(
            hour_angle
        )
        return np.asarray(np.clip(height, 0, None) * (0.15 + 0.85 * self._clear[number]))
