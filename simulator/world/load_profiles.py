"""What customers draw: daily and weekly shapes by habit, heating by weather, appliances, noise that remembers.

Every customer follows one formula with parameters of its own::

    demand = standby + scale * shape(local hour, kind of day) * day factor * noise + heating + appliances + equipment

so that one vectorised call makes a whole area's window. Shapes are this project's own, after published load research
of households, shops and one- to three-shift works. Equipment with a life of its own (chargers, heat pumps, pumps, lamps)
is in `equipment.py`; `demand.py` puts it all together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.world.equipment import Equipment

Series = NDArray[np.float64]
Rows = NDArray[np.float64]

SLOTS = 96  # quarter hours of a local day
WORKDAY, WEEKEND, HOLIDAY = 0, 1, 2

#: Relative load by local hour 0..23: workday, weekend, holiday. Scaled below so that the workday's mean is 1.
_HOURLY: Mapping[str, tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]] = {
    "worker": (
        (3, 2, 2, 2, 2, 3, 7, 10, 8, 6, 5, 6, 8, 6, 5, 5, 6, 9, 13, 16, 16, 15, 11, 6),
        (4, 3, 2, 2, 2, 2, 4, 7, 9, 10, 9, 10, 12, 10, 8, 7, 8, 10, 13, 16, 17, 15, 11, 6),
        (5, 3, 2, 2, 2, 2, 4, 7, 10, 11, 11, 13, 14, 11, 9, 9, 10, 13, 16, 18, 18, 17, 14, 9),
    ),
    "home": (
        (3, 2, 2, 2, 2, 3, 6, 8, 9, 9, 9, 11, 12, 10, 8, 8, 9, 11, 13, 14, 14, 12, 8, 5),
        (3, 2, 2, 2, 2, 3, 5, 8, 9, 9, 9, 11, 12, 10, 8, 8, 9, 11, 13, 14, 14, 12, 9, 5),
        (4, 3, 2, 2, 2, 3, 5, 8, 9, 9, 10, 13, 14, 11, 8, 8, 9, 12, 15, 16, 16, 14, 11, 7),
    ),
    "elder": (
        (2, 2, 2, 2, 2, 5, 9, 10, 8, 7, 8, 12, 11, 7, 6, 6, 8, 11, 13, 12, 10, 6, 3, 2),
        (2, 2, 2, 2, 2, 5, 9, 10, 8, 7, 8, 12, 11, 7, 6, 6, 8, 11, 13, 12, 10, 6, 3, 2),
        (3, 2, 2, 2, 2, 4, 8, 10, 9, 9, 10, 14, 13, 8, 7, 7, 9, 13, 15, 14, 12, 8, 5, 3),
    ),
    "late": (
        (12, 9, 6, 3, 2, 2, 2, 3, 4, 5, 6, 8, 9, 8, 6, 6, 7, 8, 11, 13, 15, 17, 17, 15),
        (14, 11, 8, 4, 2, 2, 2, 2, 3, 4, 6, 9, 10, 9, 8, 8, 8, 9, 12, 14, 15, 17, 17, 16),
        (14, 11, 8, 4, 2, 2, 2, 2, 3, 5, 7, 10, 12, 10, 9, 9, 9, 11, 13, 15, 16, 17, 17, 16),
    ),
    "shop": (
        (3, 3, 3, 3, 3, 3, 4, 6, 9, 13, 15, 15, 15, 15, 15, 15, 15, 16, 17, 17, 15, 10, 5, 3),
        (3, 3, 3, 3, 3, 3, 4, 6, 9, 14, 17, 17, 17, 17, 17, 17, 17, 18, 18, 18, 16, 11, 6, 3),
        (3, 3, 3, 3, 3, 3, 3, 4, 6, 9, 11, 12, 12, 12, 12, 12, 12, 12, 12, 11, 9, 6, 4, 3),
    ),
    "office": (
        (3, 3, 3, 3, 3, 3, 4, 8, 15, 18, 19, 18, 12, 13, 18, 19, 18, 15, 8, 5, 4, 3, 3, 3),
        (3, 3, 3, 3, 3, 3, 3, 3, 4, 5, 5, 5, 4, 4, 5, 5, 4, 4, 3, 3, 3, 3, 3, 3),
        (3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3),
    ),
    "restaurant": (
        (3, 3, 3, 3, 3, 3, 4, 6, 8, 10, 14, 20, 21, 14, 8, 7, 9, 17, 23, 22, 18, 12, 6, 4),
        (4, 3, 3, 3, 3, 3, 4, 6, 8, 11, 15, 22, 23, 16, 9, 8, 10, 19, 25, 25, 21, 14, 8, 4),
        (3, 3, 3, 3, 3, 3, 3, 4, 6, 8, 12, 18, 19, 13, 8, 7, 8, 16, 21, 20, 15, 10, 5, 3),
    ),
    "hotel": (
        (7, 6, 6, 6, 6, 7, 11, 14, 13, 10, 9, 9, 10, 9, 9, 9, 10, 12, 15, 16, 16, 15, 13, 9),
        (8, 7, 6, 6, 6, 7, 10, 14, 15, 12, 10, 10, 11, 10, 10, 10, 11, 13, 16, 17, 17, 16, 14, 10),
        (9, 7, 6, 6, 6, 7, 10, 15, 16, 13, 11, 11, 12, 11, 11, 11, 12, 14, 17, 19, 19, 18, 15, 11),
    ),
    "one_shift": (
        (2, 2, 2, 2, 2, 2, 4, 12, 20, 22, 22, 20, 11, 18, 22, 22, 21, 16, 6, 4, 3, 2, 2, 2),
        (2, 2, 2, 2, 2, 2, 2, 4, 6, 7, 7, 6, 4, 5, 6, 5, 4, 3, 2, 2, 2, 2, 2, 2),
        (2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2),
    ),
    "two_shift": (
        (3, 3, 3, 3, 3, 4, 14, 20, 21, 21, 21, 19, 15, 20, 20, 18, 20, 20, 16, 20, 20, 19, 9, 4),
        (3, 3, 3, 3, 3, 4, 11, 15, 16, 16, 16, 14, 10, 12, 10, 6, 4, 4, 4, 4, 3, 3, 3, 3),
        (3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 3, 3, 3, 3, 3, 3, 3, 3),
    ),
    "three_shift": (
        (18, 18, 18, 17, 18, 18, 17, 19, 20, 20, 20, 19, 18, 20, 20, 18, 20, 20, 19, 20, 19, 19, 17, 18),
        (17, 17, 17, 16, 17, 17, 16, 17, 18, 18, 18, 17, 16, 18, 18, 16, 18, 18, 17, 18, 17, 17, 15, 16),
        (7, 7, 7, 7, 7, 7, 7, 7, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 7, 7, 7, 7),
    ),
    "farm": (
        (5, 5, 5, 5, 8, 16, 19, 15, 10, 8, 8, 9, 10, 8, 8, 9, 13, 18, 19, 14, 10, 8, 6, 5),
        (5, 5, 5, 5, 8, 16, 19, 15, 10, 8, 8, 9, 10, 8, 8, 9, 13, 18, 19, 14, 10, 8, 6, 5),
        (5, 5, 5, 5, 8, 16, 19, 15, 10, 8, 8, 9, 10, 8, 8, 9, 13, 18, 19, 14, 10, 8, 6, 5),
    ),
    "pump_house": (
        (9, 9, 9, 9, 9, 9, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 9, 9),
        (9, 9, 9, 9, 9, 9, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 9, 9),
        (9, 9, 9, 9, 9, 9, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 9, 9),
    ),
    "street_lighting": (
        (10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10),
        (10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10),
        (10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10),
    ),
    "school": (
        (2, 2, 2, 2, 2, 3, 8, 16, 20, 20, 20, 19, 15, 15, 19, 19, 18, 12, 7, 6, 6, 5, 3, 2),
        (2, 2, 2, 2, 2, 2, 2, 3, 4, 5, 5, 4, 4, 4, 4, 4, 3, 3, 2, 2, 2, 2, 2, 2),
        (2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 2, 2, 2, 2, 2, 2, 2, 2),
    ),
    "public_office": (
        (4, 4, 4, 4, 4, 4, 5, 9, 17, 19, 19, 18, 12, 13, 18, 18, 16, 11, 7, 5, 4, 4, 4, 4),
        (4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5, 4, 4, 4, 4, 4, 4, 4, 4),
        (4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4),
    ),
    "building_site": (
        (3, 3, 3, 3, 3, 4, 9, 18, 21, 21, 21, 18, 8, 18, 21, 21, 20, 16, 8, 6, 5, 4, 3, 3),
        (3, 3, 3, 3, 3, 4, 7, 13, 15, 15, 15, 13, 7, 12, 14, 14, 13, 10, 6, 5, 4, 4, 3, 3),
        (3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 3, 3),
    ),
}
HABITS = tuple(_HOURLY)
RESIDENTIAL_HABITS = HABITS[:4]
COMMERCIAL_HABITS = HABITS[4:8]
INDUSTRIAL_HABITS = HABITS[8:11]


def _shape_table() -> Rows:
    table = np.empty((len(HABITS), 3, SLOTS))
    quarter = np.arange(SLOTS) / 4
    hours = np.arange(25) + 0.5
    for number, habit in enumerate(HABITS):
        scale = np.mean(_HOURLY[habit][WORKDAY])
        for kind, hourly in enumerate(_HOURLY[habit]):
            table[number, kind] = np.interp(quarter, hours - 1, [hourly[-1], *hourly], period=24) / scale
    return table


#: (habits, kinds of day, quarter hours), mean 1 on workdays.
SHAPES = _shape_table()


@dataclass(frozen=True, slots=True, eq=False)
class LoadParameters:
    """One row per customer, each of shape (customers,). Powers in kW."""

    habit: NDArray[np.intp]
    standby_kw: Series
    scale_kw: Series
    shift_h: Series
    """How much later than the shape this customer lives (hours)."""
    noise: Series
    """Standard deviation of the logarithm of the noise within a day."""
    memory_h: Series
    """Time over which the noise forgets (hours)."""
    day_noise: Series
    winter_more: Series
    """By how much midwinter's level lies above the year's: longer evenings, more time at home."""
    heating_kw_per_k: Series
    """Of heaters that turn electricity into heat as it is; heat pumps are equipment."""
    heating_below_c: Series
    night_setback: Series
    """Share of the heating that stays on by night."""
    appliance_kw: Series
    appliances_per_day: Series
    growth_per_year: Series
    closed_before: Series
    """Days before Chinese New Year from which on a business stands still; 0 where it does not close."""
    closed_after: Series
    peak_factor: Series
    """What the shape rarely passes, against its mean."""
    ceiling_kw: Series
    """What the customer's main switch lets through."""
    donor: NDArray[np.intp]
    """Whose real curves the customer lives by instead of its habit; -1 for nobody's."""
    equipment: Equipment

    def typical_peak_kw(self, coldest_c: float, hottest_c: float) -> Series:
        """A demand that is rarely passed, on the coldest days or the hottest: what a connection is laid out for."""
        peaks_kw = self.scale_kw * self.peak_factor * np.exp(1.2 * self.noise)
        base = self.standby_kw + peaks_kw + 1.2 * self.appliance_kw
        heating = self.heating_kw_per_k * np.clip(self.heating_below_c - coldest_c, 0, None)
        heating += self.equipment.heat_pump_kw(self.heating_below_c, coldest_c)
        cooling = self.equipment.cooling_kw(hottest_c)
        return np.asarray(base + np.maximum(heating, cooling) + self.equipment.standing_kw)

    def mean_kw(self, mean_c: float) -> Series:
        """A rough mean demand at an outside temperature of `mean_c`."""
        heating = self.heating_kw_per_k * np.clip(self.heating_below_c - mean_c, 0, None) * 0.85
        base = self.standby_kw + self.scale_kw + heating + self.appliance_kw * self.appliances_per_day / 60
        return np.asarray(base + self.equipment.mean_kw(self.heating_below_c, mean_c))


class LoadNoise:
    """The noise that one area's customers carry from window to window and from day to day."""

    def __init__(self, customers: int, rng: np.random.Generator) -> None:
        self._within = rng.standard_normal(customers)
        self._of_day = rng.standard_normal(customers)

    def within(self, memory_h: Series, intervals: int, hours: float, rng: np.random.Generator) -> Rows:
        """Standard normal noise of shape (customers, intervals) with each customer's memory, following the last window's."""
        return self.following(rng.standard_normal((intervals, len(self._within))), memory_h, hours)

    def following(self, shocks: Rows, memory_h: Series, hours: float) -> Rows:
        """The same out of given shocks, (intervals, customers)."""
        noise = autoregression(shocks, np.exp(-hours / memory_h), self._within)
        self._within = noise[-1].copy()
        return np.ascontiguousarray(noise.T)

    def next_day(self, rng: np.random.Generator) -> Series:
        """Standard normal, one per customer, correlated from day to day."""
        self._of_day = 0.55 * self._of_day + np.sqrt(1 - 0.55**2) * rng.standard_normal(len(self._of_day))
        return self._of_day


def shocks_at(start_s: NDArray[np.int64], customers: int, salt: int) -> Rows:
    """Nearly normal shocks, (intervals, customers), that hang on the time alone: the same however a day is cut into windows.

    >>> whole = shocks_at(np.arange(0, 86_400, 900), 50, 3)
    >>> bool((shocks_at(np.array([900, 1800]), 50, 3) == whole[1:3]).all()), float(whole.std().round(1))
    (True, 1.0)
    """
    mixed = start_s.astype(np.uint64)[:, None] * np.uint64(0x9E3779B97F4A7C15)
    mixed = mixed + np.arange(1, customers + 1, dtype=np.uint64) * np.uint64(0xD1B54A32D192ED03) + np.uint64(salt)
    # splitmix64; the sum of its four 16-bit parts is as good as normal within three deviations
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = mixed ^ (mixed >> np.uint64(31))
    parts = [((mixed >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.float64) for shift in (0, 16, 32, 48)]
    return np.asarray((np.sum(parts, axis=0) / 65_536 - 2) * np.sqrt(3))


def autoregression(shocks: Rows, keep: Series, last: Series) -> Rows:
    """First-order autoregression of unit variance over the first axis of `shocks` (intervals, rows), after `last`."""
    walk = np.empty_like(shocks)
    fresh = np.sqrt(1 - keep**2)
    for step, shock in enumerate(shocks):
        last = walk[step] = keep * last + fresh * shock
    return walk


def shape_of(load: LoadParameters, kinds_of_day: NDArray[np.intp], local_hour: Series) -> Rows:
    """Every customer's shape on its own kind of day, (customers, intervals), mean 1 over a workday."""
    slot = (((local_hour[None, :] - load.shift_h[:, None]) % 24) * 4).astype(np.intp)
    return np.asarray(SHAPES[load.habit[:, None], kinds_of_day[:, None], slot])


def activity_of(load: LoadParameters, shape: Rows, noise: Rows) -> Rows:
    """The shape under a logarithmic noise of mean 1; `noise` is standard normal, (customers, intervals)."""
    spread = load.noise[:, None]
    return np.asarray(shape * np.exp(spread * noise - 0.5 * spread * spread))


def level_kw(load: LoadParameters, day_noise: Series, winterliness: float, days_since_start: int) -> Series:
    """Each customer's scale on a day; `day_noise` is standard normal, `winterliness` 1 in midwinter and -1 in midsummer."""
    level = load.scale_kw * np.exp(load.day_noise * day_noise - 0.5 * load.day_noise**2)
    level *= 1 + load.winter_more * winterliness
    return np.asarray(level * (1 + load.growth_per_year * days_since_start / 365))


def night_schedule(load: LoadParameters, local_hour: Series) -> Rows:
    """Share of the heating that runs, (customers, intervals)."""
    by_night = (local_hour >= 23) | (local_hour < 6)
    return np.where(by_night[None, :], load.night_setback[:, None], 1.0)


def heating_kw(load: LoadParameters, local_hour: Series, temperature_c: Series) -> Rows:
    cold = np.clip(load.heating_below_c[:, None] - temperature_c[None, :], 0, None)
    return np.asarray(load.heating_kw_per_k[:, None] * cold * night_schedule(load, local_hour))


def appliances_kw(load: LoadParameters, shape: Rows, hours: float, rng: np.random.Generator) -> Rows:
    """Kettles, cookers, washers, welders: they start when people are active and run for part of an hour."""
    chance = load.appliances_per_day[:, None] * hours / 24 * shape
    draw = rng.random(shape.shape)
    start = draw < chance
    # how far below the chance the draw fell is uniform again: it sets the size without a second draw
    size = np.divide(draw, chance, out=np.zeros_like(draw), where=start)
    burst = np.where(start, load.appliance_kw[:, None] * (0.4 + 1.2 * size), 0.0)
    share = min(0.5 / hours, 1.0)  # half an hour of running within the interval it starts in
    running = share * burst
    if hours < 0.5:
        running[:, 1:] += 0.7 * share * burst[:, :-1]
        running[:, 2:] += 0.3 * share * burst[:, :-2]
    return running
