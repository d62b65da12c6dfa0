"""Equipment with a life of its own: heat pumps, air conditioners, vehicle chargers, irrigation pumps, street lamps.

What runs in spells (chargers, pumps) is decided once a day; a spell may run past midnight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]
Rows = NDArray[np.float64]

#: A charge brings about this much on average (kWh); a pump runs this share of the year.
MEAN_CHARGE_KWH = 9.0
PUMP_RUNS = 0.12
#: Share of the year's hours that are dark.
DARK = 0.48
#: Lamps are lit by a sensor where less than this share of full sun is left.
LAMPS_LIT_BELOW = 0.03


def efficiency(outside_c: Series | float) -> Series:
    """Heat out of a kWh of electricity; an air-source heat pump loses with the cold.

    >>> efficiency(np.array([-20.0, -7.0, 7.0])).round(2).tolist()
    [1.38, 2.35, 3.4]
    """
    return np.clip(3.4 + 0.075 * (np.asarray(outside_c) - 7), 1.2, 5.0)


@dataclass(frozen=True, eq=False)
class Equipment:
    """One row per customer, each of shape (customers,); 0 where there is none. Powers are electrical, in kW."""

    heat_pump_thermal_kw_per_k: Series
    """Heat needed per degree below the customer's heating limit, from a heat pump."""
    heat_pump_max_kw: Series
    cooling_kw_per_k: Series
    cooling_above_c: Series
    cooling_max_kw: Series
    room_units: Series
    """1 where heat pump and cooling run only while somebody is there, 0 where they run on."""
    charger_kw: Series
    charging_share: Series
    """Of days with a charge."""
    charging_from_h: Series
    pump_kw: Series
    lamps_kw: Series
    lamps_late: Series
    """Share of the lamps that burn on from half past midnight to five."""

    @classmethod
    def none(cls, customers: int) -> Self:
        return cls(**{field.name: np.zeros(customers) for field in fields(cls)})

    @classmethod
    def joined(cls, parts: Sequence[Self], rows: Sequence[NDArray[np.intp]], customers: int) -> Self:
        """Parts by class put at their rows."""
        whole = cls.none(customers)
        for part, at in zip(parts, rows, strict=True):
            for field in fields(cls):
                getattr(whole, field.name)[at] = getattr(part, field.name)
        return whole

    @property
    def standing_kw(self) -> Series:
        """What may run on any day besides: chargers, pumps, lamps."""
        return self.charger_kw + self.pump_kw + self.lamps_kw

    def heat_pump_kw(self, heating_below_c: Series, outside_c: float) -> Series:
        heat = self.heat_pump_thermal_kw_per_k * np.clip(heating_below_c - outside_c, 0, None)
        return np.minimum(heat / efficiency(outside_c), self.heat_pump_max_kw)

    def cooling_kw(self, outside_c: float) -> Series:
        hot = np.clip(outside_c - self.cooling_above_c, 0, None)
        return np.minimum(self.cooling_kw_per_k * hot, self.cooling_max_kw)

    def mean_kw(self, heating_below_c: Series, mean_c: float) -> Series:
        """A rough mean at a mean outside temperature; the afternoon is warmer than the mean."""
        runs = 0.9 - 0.4 * self.room_units
        tempered = self.heat_pump_kw(heating_below_c, mean_c) + self.cooling_kw(mean_c + 3)
        charging = self.charging_share * (self.charger_kw > 0) * MEAN_CHARGE_KWH / 24
        return runs * tempered + charging + PUMP_RUNS * self.pump_kw + DARK * self.lamps_kw

    @cached_property
    def tempered(self) -> NDArray[np.intp]:
        """Rows with a heat pump or cooling."""
        return np.flatnonzero((self.heat_pump_thermal_kw_per_k > 0) | (self.cooling_kw_per_k > 0))

    @cached_property
    def chargers(self) -> NDArray[np.intp]:
        return np.flatnonzero(self.charger_kw > 0)

    @cached_property
    def pumps(self) -> NDArray[np.intp]:
        return np.flatnonzero(self.pump_kw > 0)

    @cached_property
    def lamps(self) -> NDArray[np.intp]:
        return np.flatnonzero(self.lamps_kw > 0)


@dataclass(frozen=True, slots=True, eq=False)
class Spells:
    """One spell a day at some customers: `rows` among all, and from when and how long each runs (hours; 0 = not today)."""

    rows: NDArray[np.intp]
    from_h: Series
    lasts_h: Series

    def running(self, local_hour: Series, interval_h: float) -> Rows:
        """Share of each interval with the spell on, (rows, intervals); hours beyond 24 are the next day's."""
        ends = np.minimum(local_hour[None, :] + interval_h / 2, (self.from_h + self.lasts_h)[:, None])
        begins = np.maximum(local_hour[None, :] - interval_h / 2, self.from_h[:, None])
        return np.asarray(np.clip((ends - begins) / interval_h, 0, 1))


def charging_spells(equipment: Equipment, weekend: bool, rng: np.random.Generator) -> Spells:
    """Who charges a vehicle tonight, from when, and for how long: the energy of the day's driving."""
    rows = equipment.chargers
    charges = rng.random(len(rows)) < equipment.charging_share[rows] * (0.8 if weekend else 1.0)
    energy_kwh = np.clip(0.82 * MEAN_CHARGE_KWH * np.exp(0.6 * rng.standard_normal(len(rows))), 1.5, 45)
    begins = equipment.charging_from_h[rows] + 0.8 * rng.standard_normal(len(rows))
    return Spells(rows, np.clip(begins, 0, 26), np.where(charges, energy_kwh / equipment.charger_kw[rows], 0.0))


def pumping_spells(equipment: Equipment, need: float, clearness: float, rng: np.random.Generator) -> Spells:
    """Which pumps run today: by the season's need, seldom under clouds, and then for half a day or through the night."""
    rows = equipment.pumps
    runs = rng.random(len(rows)) < need * (0.15 + 0.7 * clearness)
    at_night = rng.random(len(rows)) < 0.4
    begins = np.where(at_night, rng.normal(20.5, 1.2, len(rows)), rng.normal(7.0, 1.2, len(rows)))
    whole_day = rng.random(len(rows)) < 0.12
    lasts = np.where(whole_day, 24.0, rng.uniform(4, 15, len(rows)))
    return Spells(rows, begins, np.where(runs, lasts, 0.0))


def lamps_kw(equipment: Equipment, local_hour: Series, sunshine: Series) -> Rows:
    """Street lamps from dusk to dawn, (rows of `lamps`, intervals); some put every other lamp out late at night."""
    rows = equipment.lamps
    lit = np.clip((1.5 * LAMPS_LIT_BELOW - sunshine) / LAMPS_LIT_BELOW, 0, 1)
    late = (local_hour >= 0.5) & (local_hour < 5)
    burning = np.where(late[None, :], equipment.lamps_late[rows, None], 1.0)
    return np.asarray(equipment.lamps_kw[rows, None] * burning * lit[None, :])


def tempering_kw(
    equipment: Equipment,
    heating_below_c: Series,
    schedule: Rows,
    presence: Rows,
    felt_c: Series,
    outside_c: Series,
) -> Rows:
    """Heat pumps and cooling, (rows of `tempered`, intervals).

    `schedule` is the share of heating that stays on where a machine runs on, `presence` how many rooms are used where it
    does not; both and `heating_below_c` are of those rows. Rooms need by `felt_c`, machines work against `outside_c`.
    """
    rows = equipment.tempered
    room = equipment.room_units[rows, None]
    cold = np.clip(heating_below_c[:, None] - felt_c[None, :], 0, None)
    heat = equipment.heat_pump_thermal_kw_per_k[rows, None] * cold
    heating = np.minimum(heat / efficiency(outside_c)[None, :], equipment.heat_pump_max_kw[rows, None])
    hot = np.clip(felt_c[None, :] - equipment.cooling_above_c[rows, None], 0, None)
    cooling = np.minimum(equipment.cooling_kw_per_k[rows, None] * hot, equipment.cooling_max_kw[rows, None])
    runs = np.where(room > 0, presence, 1.0)
    return np.asarray(heating * np.where(room > 0, presence, schedule) + cooling * runs)
