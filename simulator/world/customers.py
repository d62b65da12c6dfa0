"""Who the customers of an area are: the load, the heating and the equipment of each class, drawn from stated ranges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from metering.archive import CustomerClass
from simulator.world.class_loads import CLASS_LOADS, LOADS, ClassLoad, Range
from simulator.world.climates import Climate
from simulator.world.equipment import Equipment
from simulator.world.load_profiles import HABITS, SHAPES, LoadParameters
from simulator.world.resampled_shapes import ResampledShapes
from simulator.world.settlements import CLASSES, Settlement

Series = NDArray[np.float64]

CUSTOMER_STREAM = 17
#: Columns that are drawn apart.
_NOT_POWERS = frozenset({"habit", "equipment", "peak_factor", "donor"})
#: Habits that draw next to nothing themselves: what they are there for is equipment.
_KEEPS_A_LAMP_ON: Mapping[str, float] = {"pump_house": 0.12, "street_lighting": 0.05}


def draw_load(kinds: NDArray[np.intp], settlement: Settlement, climate: Climate, seeds: list[int]) -> LoadParameters:
    """The load of every customer; `kinds` are positions in `CLASSES`, (customers,). Ceilings come with the contract."""
    customers = len(kinds)
    found = {field.name: np.zeros(customers) for field in fields(LoadParameters) if field.name not in _NOT_POWERS}
    habit = np.zeros(customers, dtype=np.intp)
    parts, of_parts = [], []
    wealth = float(np.exp(0.15 * np.random.default_rng([*seeds, CUSTOMER_STREAM]).standard_normal()))
    for number, name in enumerate(CLASSES):
        rows = np.flatnonzero(kinds == number)
        rng = np.random.default_rng([*seeds, CUSTOMER_STREAM, number])
        size = {"residential": settlement.home_size * wealth, "industrial": settlement.works_size}.get(name, 1.0)
        drawn = _draw_class(CLASS_LOADS[name], len(rows), size, climate, rng)
        habit[rows] = drawn["habit"].astype(np.intp)
        for column, values in found.items():
            values[rows] = drawn[column]
        parts.append(_draw_equipment(name, drawn, settlement, climate, rng))
        of_parts.append(rows)
    return LoadParameters(
        habit=habit,
        equipment=Equipment.joined(parts, of_parts, customers),
        peak_factor=SHAPES[habit].max(axis=(1, 2)),
        donor=np.full(customers, -1, dtype=np.intp),
        **found,
    )


def on_real_shapes(
    load: LoadParameters, kinds: NDArray[np.intp], shapes: ResampledShapes, climate: Climate, seeds: list[int]
) -> LoadParameters:
    """The same customers living by the curves of real ones, each at its own scale.

    The curves hold what a household's appliances and heating do. Only a feed of a single day knows no weather, so there
    heating and cooling come on top; and so do, always, chargers, and pumps and lamps of classes that the feed lacks.
    """
    rng = np.random.default_rng([*seeds, CUSTOMER_STREAM, len(CLASSES)])
    customers = len(kinds)
    donor = shapes.assign([CLASSES[kind] for kind in kinds], rng)
    of_own_class = np.array([shapes.classes[row] == CLASSES[kind] for row, kind in zip(donor, kinds, strict=True)])
    keeps = np.where(of_own_class, 0.0, 1.0)
    equipment = replace(
        load.equipment, pump_kw=keeps * load.equipment.pump_kw, lamps_kw=keeps * load.equipment.lamps_kw
    )
    zero = np.zeros(customers)
    on_shapes = replace(
        load,
        equipment=equipment,
        donor=donor,
        peak_factor=shapes.peak[donor],
        standby_kw=zero,
        appliance_kw=zero,
        noise=np.full(customers, 0.08),
        memory_h=np.full(customers, 1.0),
        winter_more=load.winter_more if shapes.is_one_day else zero,
        shift_h=rng.integers(-2, 3, customers) / 4,
    )
    if shapes.is_one_day:
        scale_kw = load.standby_kw + load.scale_kw + load.appliance_kw * load.appliances_per_day / 60
        return replace(on_shapes, scale_kw=scale_kw)
    on_shapes = replace(
        on_shapes,
        heating_kw_per_k=zero,
        equipment=replace(equipment, heat_pump_thermal_kw_per_k=zero, cooling_kw_per_k=zero),
        day_noise=np.full(customers, 0.05),
    )
    seasons_c = (climate.cold_day_c, climate.mean_c, climate.hot_day_c)
    whole_kw = np.mean([load.mean_kw(mean_c) for mean_c in seasons_c], axis=0)
    besides_kw = on_shapes.equipment.mean_kw(load.heating_below_c, climate.mean_c)
    return replace(on_shapes, scale_kw=np.maximum(whole_kw - besides_kw, load.scale_kw))


def _draw_class(
    of_class: ClassLoad, count: int, size: float, climate: Climate, rng: np.random.Generator
) -> dict[str, Series]:
    def uniform(between: Range) -> Series:
        return rng.uniform(*between, count)

    names = list(of_class.habits)
    shares = np.array([of_class.habits[name] for name in names])
    habit = np.array([HABITS.index(name) for name in names])[rng.choice(len(names), count, p=shares / shares.sum())]
    median, spread, least, most = of_class.scale_kw
    scale_kw = np.clip(size * median * np.exp(spread * rng.standard_normal(count)), least, most)
    for name, share in _KEEPS_A_LAMP_ON.items():
        scale_kw = np.where(habit == HABITS.index(name), np.minimum(share * scale_kw, 0.15), scale_kw)
    unit = scale_kw if of_class.of_scale else np.ones(count)
    heated = rng.random(count) < of_class.heated * climate.electric_heating_share
    closes = rng.random(count) < of_class.closes_at_new_year
    growth_mean, growth_spread = of_class.growth_per_year
    return {
        "habit": habit.astype(np.float64),
        "scale_kw": scale_kw,
        "standby_kw": uniform(of_class.standby) * unit,
        "shift_h": np.round(of_class.shift_h * rng.standard_normal(count) * 4) / 4,
        "noise": uniform(of_class.noise),
        "memory_h": np.full(count, of_class.memory_h),
        "day_noise": uniform(of_class.day_noise),
        "winter_more": uniform(of_class.winter_more),
        "heating_kw_per_k": np.where(heated, uniform(of_class.heating_per_k) * unit, 0.0),
        "heating_below_c": rng.uniform(13, 17, count),
        "night_setback": uniform(of_class.night_setback),
        "appliance_kw": uniform(of_class.appliance) * (unit if of_class.of_scale else (scale_kw / median) ** 0.25),
        # a larger household starts more of them
        "appliances_per_day": uniform(of_class.appliances_per_day)
        * (scale_kw / median) ** (0.0 if of_class.of_scale else 0.7),
        "growth_per_year": rng.normal(growth_mean, growth_spread, count),
        "closed_before": np.where(closes, rng.integers(2, 11, count), 0).astype(np.float64),
        "closed_after": np.where(closes, rng.integers(4, 18, count), 0).astype(np.float64),
        "ceiling_kw": np.full(count, np.inf),
    }


def _draw_equipment(
    name: CustomerClass, drawn: Mapping[str, Series], settlement: Settlement, climate: Climate, rng: np.random.Generator
) -> Equipment:
    of_class, habit, scale_kw = CLASS_LOADS[name], drawn["habit"], drawn["scale_kw"]
    count = len(habit)
    home = name == "residential"
    unit = scale_kw if of_class.of_scale else np.sqrt(scale_kw / of_class.scale_kw[0])
    zero = np.zeros(count)
    # one machine does both: who heats with it is among those who cool, or the other way round
    machine = rng.random(count) / of_class.tempered if of_class.tempered else np.ones(count)
    heats, cools = machine < climate.heat_pump_share, machine < climate.air_conditioner_share
    # who heats otherwise, or not at all, needs no heat pump
    heats &= drawn["heating_kw_per_k"] == 0
    drives = rng.random(count) < settlement.charger_share * (1.0 if home else 0.0)
    powers = np.where(rng.random(count) < 0.55, 3.5, 7.0)
    timer = rng.random(count) < 0.3
    pumping = habit == HABITS.index("pump_house")
    lit = habit == HABITS.index("street_lighting")
    heat_per_k = np.where(heats, rng.uniform(*of_class.heat_per_k, count) * unit, zero)
    cooling_per_k = np.where(cools, rng.uniform(*of_class.cooling_per_k, count) * unit, zero)
    return Equipment(
        heat_pump_thermal_kw_per_k=heat_per_k,
        heat_pump_max_kw=np.where(heats, np.clip(13 * heat_per_k, 0.9 if home else 1.0, 60), zero),
        cooling_kw_per_k=cooling_per_k,
        cooling_above_c=rng.uniform(23.5, 27.5, count),
        cooling_max_kw=12 * cooling_per_k,
        room_units=np.where(rng.random(count) < min(1.0, climate.air_conditioner_share + 0.2), 1.0, 0.0),
        charger_kw=np.where(drives, powers, zero),
        charging_share=rng.uniform(0.25, 0.75, count),
        charging_from_h=np.where(timer, rng.uniform(23, 25, count), rng.normal(19, 1.3, count)),
        pump_kw=np.where(pumping, np.clip(8 * np.exp(0.6 * rng.standard_normal(count)), 2.2, 45).round(1), zero),
        lamps_kw=np.where(lit, np.clip(2.2 * np.exp(0.6 * rng.standard_normal(count)), 0.6, 12).round(2), zero),
        lamps_late=np.where(rng.random(count) < 0.45, 0.5, 1.0),
    )


def draw_power_factor(kinds: NDArray[np.intp], rng: np.random.Generator) -> Series:
    mean, spread = np.array([of_class.power_factor for of_class in LOADS])[kinds].T
    return np.asarray(np.clip(rng.normal(mean, spread), 0.75, 0.995))


def draw_solar_kwp(
    kinds: NDArray[np.intp], load: LoadParameters, settlement: Settlement, rng: np.random.Generator
) -> Series:
    """Rooftop plants: homes by their roof; farms, works and public buildings now and then, by their own use."""
    owns = rng.random(len(kinds)) < settlement.solar_share * np.array([1.0, 0.3, 0.6, 0.5, 0.6, 0.0])[kinds]
    of_home = rng.uniform(3, 9, len(kinds))
    of_works = np.clip(2.0 * load.scale_kw, 4, 60) * rng.uniform(0.5, 1.5, len(kinds))
    return np.where(owns, np.where(kinds == 0, of_home, of_works), 0.0).round(1)
