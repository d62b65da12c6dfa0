"""Weather of one place: seasonal, daily and autocorrelated temperature, and the sun's share that clouds let through."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta

import numpy as np
from numpy.typing import NDArray

from metering.times import LocalCalendar
from simulator.world.climate_file import RecordedWeather
from simulator.world.climates import COLD_PLATEAU, Climate, sun_height

__all__ = ["COLD_PLATEAU", "Climate", "Weather"]

Series = NDArray[np.float64]

WEATHER_STREAM = 1
DAYS_DRAWN_PER_YEAR = 366
#: What passes through a fully clouded sky.
LEAST_LIGHT = 0.15


class Weather:
    """Temperature and sunshine of every day of a feed; small, so that any window can ask.

    Drawn by calendar year from the seed, and carried on from 1 January of the feed's first year: a day's weather is the
    same however many days the feed has. A climate with recorded weather is read instead, and repeated by years.
    """

    def __init__(
        self, climate: Climate, seed: int, first_day: date, days: int, timezone: str = "Asia/Shanghai"
    ) -> None:
        self.climate = climate
        self._calendar = LocalCalendar(timezone)
        self._origin = date(first_day.year, 1, 1)
        last_day = first_day + timedelta(days=days)
        if climate.recorded is not None:
            climate.recorded.check_covers(self._calendar.day_start(first_day), self._calendar.day_start(last_day))
        walk = _walk(climate.persistence, seed, first_day.year, last_day.year)
        self._departure_c = climate.day_to_day_c * walk[0]
        self._cloud_odds = 1.2 * walk[1]

    def temperature_c(self, day: date, local_hour: Series) -> Series:
        """Outside temperature at the local hours of `day`, warmest at 15:00; days join without a step."""
        recorded = self.climate.recorded
        if recorded is not None:
            return recorded.at(recorded.temperature_c, self._epoch_s(day, local_hour))
        number = self._number(day)
        blend = np.clip(local_hour / 24, 0, 1)
        departure = (1 - blend) * self._departure_c[number] + blend * self._departure_c[number + 1]
        swing = self.climate.daily_swing_c * (0.6 + 0.55 * self._clearness_by_hour(day, local_hour))
        temperature: Series = self.climate.seasonal_mean_c(day) + departure
        return np.asarray(temperature + swing * np.cos(2 * np.pi * (local_hour - 15) / 24))

    def sunshine(self, day: date, local_hour: Series) -> Series:
        """Share (0..1) of full sun on the ground: the sun's height times what the day's clouds let through."""
        recorded = self.climate.recorded
        if recorded is not None and recorded.sunshine is not None:
            return np.clip(recorded.at(recorded.sunshine, self._epoch_s(day, local_hour)), 0, 1)
        height = sun_height(self.climate.latitude, day, local_hour - self._noon_h(day))
        return np.asarray(height * (LEAST_LIGHT + (1 - LEAST_LIGHT) * self.clearness(day)))

    def clearness(self, day: date) -> float:
        """Share (0..1) of the day's sky without clouds."""
        recorded = self.climate.recorded
        if recorded is not None and recorded.sunshine is not None:
            return self._recorded_clearness(recorded, recorded.sunshine, day)
        usual = math.log(self.climate.clear_share / (1 - self.climate.clear_share))
        usual += self.climate.clearer_in_winter * self.climate.winterliness(day)
        return 1 / (1 + math.exp(-(usual + self._cloud_odds[self._number(day)])))

    def _clearness_by_hour(self, day: date, local_hour: Series) -> Series:
        """The skies of two days meet at midnight, over the six hours on both sides of it."""
        yesterday = day if day <= self._origin else day - timedelta(days=1)
        before = np.clip((6 - local_hour) / 12, 0, 0.5)
        after = np.clip((local_hour - 18) / 12, 0, 0.5)
        today = self.clearness(day)
        tomorrow = self.clearness(day + timedelta(days=1))
        return np.asarray(today + before * (self.clearness(yesterday) - today) + after * (tomorrow - today))

    def mean_c(self, day: date) -> float:
        """The day's mean temperature."""
        return float(self.temperature_c(day, np.arange(0.5, 24)).mean())

    def _number(self, day: date) -> int:
        return (day - self._origin).days

    def _noon_h(self, day: date) -> float:
        """When the sun stands highest by the local clock, summer time counted in."""
        at_noon = datetime.combine(day, time(12), self._calendar.zone)
        summer_time_h = (at_noon.dst() or timedelta()).total_seconds() / 3600
        recorded = self.climate.recorded
        if recorded is not None and recorded.longitude is not None:
            offset_h = (at_noon.utcoffset() or timedelta()).total_seconds() / 3600
            return 12 - recorded.longitude / 15 + offset_h
        return self.climate.solar_noon_h + summer_time_h

    def _epoch_s(self, day: date, local_hour: Series) -> Series:
        # where the clock changes within the day, the sun does not: an hour of weather more or less passes unnoticed
        return np.asarray(self._calendar.day_start(day) + 3600 * local_hour)

    def _recorded_clearness(self, recorded: RecordedWeather, sunshine: Series, day: date) -> float:
        hours = np.arange(0.25, 24, 0.5)
        full = sun_height(self.climate.latitude, day, hours - self._noon_h(day)).sum()
        if full < 0.5:  # polar night
            return self.climate.clear_share
        share = recorded.at(sunshine, self._epoch_s(day, hours)).sum() / full
        return float(np.clip((share - LEAST_LIGHT) / (1 - LEAST_LIGHT), 0, 1))


def _walk(persistence: float, seed: int, first_year: int, last_year: int) -> Series:
    """Two autocorrelated series of unit variance, (2, days from 1 January of the first year); a longer one begins alike."""
    shocks = np.concatenate(
        [
            np.random.default_rng([seed, WEATHER_STREAM, year]).standard_normal((DAYS_DRAWN_PER_YEAR, 2))[: _days(year)]
            for year in range(first_year, last_year + 1)
        ]
    ).T
    walk = np.empty_like(shocks)
    walk[:, 0] = shocks[:, 0]
    fresh = math.sqrt(1 - persistence**2)
    for day in range(1, shocks.shape[1]):
        walk[:, day] = persistence * walk[:, day - 1] + fresh * shocks[:, day]
    return walk


def _days(year: int) -> int:
    return (date(year + 1, 1, 1) - date(year, 1, 1)).days
