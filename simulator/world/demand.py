"""The demand of one area's customers, window by window: habits or real shapes, heating, appliances and equipment."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simulator.world import equipment as machines
from simulator.world import load_profiles as profiles
from simulator.world.days import days_from_new_year
from simulator.world.load_profiles import HABITS, HOLIDAY, RESIDENTIAL_HABITS, WORKDAY

if TYPE_CHECKING:
    from simulator.area_day import Window
    from simulator.world.world import World

Series = NDArray[np.float64]
Rows = NDArray[np.float64]

SPELL_STREAM, SHAPE_STREAM = 32, 33
SUNDAY = 6
#: Walls keep the day's mean: so much of what a room feels is not the hour's temperature.
WALLS = 0.45
_SCHOOL = HABITS.index("school")
_CLOSED_ON_SUNDAYS = (HABITS.index("shop"), HABITS.index("office"))


class AreaDemand:
    """What is carried from window to window and from day to day. Windows must come in order of time, each once."""

    def __init__(self, world: World, seed: int, rng: np.random.Generator) -> None:
        self._load = load = world.customers.load
        self._climate = world.climate
        self._shapes = world.shapes
        self._seeds = [seed, SPELL_STREAM, world.number]
        self._shape_seeds = [seed, SHAPE_STREAM, world.number]
        self._salt = int(np.random.default_rng(self._shape_seeds).integers(2**62))
        customers = len(load.habit)
        self._noise = profiles.LoadNoise(customers, rng)
        self._day: date | None = None
        self._day_noise = np.zeros(customers)
        self._kinds_of_day = np.zeros(customers, dtype=np.intp)
        self._donors = load.donor
        self._source_days = np.zeros(customers, dtype=np.intp)
        self._spells: tuple[tuple[machines.Spells, machines.Spells], ...] = ()
        self._at_home = load.habit < len(RESIDENTIAL_HABITS)

    def window_kw(self, window: Window, rng: np.random.Generator) -> Rows:
        """Mean demand of every customer in every interval, kW, (customers, intervals); never below zero."""
        if window.day != self._day:
            self._begin_day(window, rng)
        load = self._load
        noise = self._within(window, rng)
        shape = self._shape(window)
        demand_kw = profiles.activity_of(load, shape, noise)
        winterliness = self._climate.winterliness(window.day)
        demand_kw *= profiles.level_kw(load, self._day_noise, winterliness, window.day_number)[:, None]
        demand_kw += load.standby_kw[:, None]
        felt_c = WALLS * window.mean_c + (1 - WALLS) * window.temperature_c
        demand_kw += profiles.heating_kw(load, window.local_hour, felt_c)
        if self._shapes is None:  # real curves have their appliances in them
            demand_kw += profiles.appliances_kw(load, shape, window.interval_h, rng)
        self._add_tempering(demand_kw, window, felt_c, shape, noise)
        self._add_standing(demand_kw, window)
        return np.asarray(np.minimum(demand_kw, load.ceiling_kw[:, None]))

    def _begin_day(self, window: Window, rng: np.random.Generator) -> None:
        day, equipment = window.day, self._load.equipment
        self._day, self._day_noise = day, self._noise.next_day(rng)
        self._kinds_of_day = self._kinds_on(day, window.kind_of_day)
        if self._shapes is not None:
            southern = self._climate.latitude < 0
            self._donors = self._shapes.donors_on(day, self._load.donor, self._shape_seeds)
            self._source_days = self._shapes.source_days(
                day, self._kinds_of_day, self._donors, self._shape_seeds, southern=southern
            )
        spell_rng = np.random.default_rng([*self._seeds, day.toordinal()])
        charging = machines.charging_spells(equipment, window.kind_of_day != WORKDAY, spell_rng)
        pumping = machines.pumping_spells(equipment, self._climate.irrigation_need(day), window.clearness, spell_rng)
        self._spells = (*self._spells[-1:], (charging, pumping))

    def _within(self, window: Window, rng: np.random.Generator) -> Rows:
        load = self._load
        if self._shapes is None:
            return self._noise.within(load.memory_h, len(window.start_s), window.interval_h, rng)
        shocks = profiles.shocks_at(window.start_s, len(load.habit), self._salt)
        return self._noise.following(shocks, load.memory_h, window.interval_h)

    def _shape(self, window: Window) -> Rows:
        load = self._load
        if self._shapes is None:
            return profiles.shape_of(load, self._kinds_of_day, window.local_hour)
        return self._shapes.activity(
            self._donors, self._source_days, window.local_hour, window.interval_h, load.shift_h
        )

    def _kinds_on(self, day: date, kind_of_day: int) -> NDArray[np.intp]:
        """A kind of day for each customer: schools have vacations, works stand still around Chinese New Year."""
        load, climate = self._load, self._climate
        kinds = np.full(len(load.habit), kind_of_day, dtype=np.intp)
        if climate.on_school_vacation(day):
            kinds[load.habit == _SCHOOL] = HOLIDAY
        if climate.shops_close_on_sundays and day.weekday() == SUNDAY:
            kinds[np.isin(load.habit, _CLOSED_ON_SUNDAYS)] = HOLIDAY
        since = days_from_new_year(day) if climate.country == "CN" else None
        if since is not None:
            stands_still = (-load.closed_before <= since) & (since < load.closed_after)
            kinds[stands_still] = HOLIDAY
        return kinds

    def _add_tempering(self, demand_kw: Rows, window: Window, felt_c: Series, shape: Rows, noise: Rows) -> None:
        load, rows = self._load, self._load.equipment.tempered
        if not len(rows):
            return
        sleeping = (window.local_hour >= 22.5) | (window.local_hour < 6.5)
        at_home = np.where(sleeping[None, :], 0.7, np.clip(shape[rows] / 1.4, 0.2, 1))
        at_work = np.clip(shape[rows] / 1.5 - 0.1, 0, 1)
        presence = np.where(self._at_home[rows, None], at_home, at_work)
        presence = presence * np.exp(0.3 * noise[rows] - 0.045)
        schedule = profiles.night_schedule(load, window.local_hour)[rows]
        demand_kw[rows] += machines.tempering_kw(
            load.equipment, load.heating_below_c[rows], schedule, presence, felt_c, window.temperature_c
        )

    def _add_standing(self, demand_kw: Rows, window: Window) -> None:
        """Chargers, pumps and lamps."""
        equipment = self._load.equipment
        for kind, power_kw in enumerate((equipment.charger_kw, equipment.pump_kw)):
            rows = (equipment.chargers, equipment.pumps)[kind]
            if len(rows):
                running = self._spells[-1][kind].running(window.local_hour, window.interval_h)
                if len(self._spells) > 1:  # what began yesterday
                    before = self._spells[0][kind].running(window.local_hour + 24, window.interval_h)
                    running = np.maximum(running, before)
                demand_kw[rows] += power_kw[rows, None] * running
        if len(equipment.lamps):
            demand_kw[equipment.lamps] += machines.lamps_kw(equipment, window.local_hour, window.sunshine)
