"""What customers of each class draw, as ranges: loads, heating, cooling, and when they close."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from metering.archive import CustomerClass
from simulator.world.settlements import CLASSES

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class ClassLoad:
    """What customers of a class draw. Ranges are uniform; powers in kW, or per kW of the customer's scale where `of_scale`."""

    habits: Mapping[str, float]
    scale_kw: tuple[float, float, float, float]
    """Median, spread of the logarithm, least and most."""
    standby: Range
    noise: Range
    memory_h: float
    day_noise: Range
    appliance: Range
    appliances_per_day: Range
    shift_h: float = 0.5
    winter_more: Range = (0.0, 0.05)
    of_scale: bool = True
    heated: float = 0.2
    """Share with electric heating, against the climate's."""
    heating_per_k: Range = (0.0, 0.0)
    night_setback: Range = (0.2, 0.6)
    tempered: float = 1.0
    """Share with a heat pump or cooling, against the climate's share of homes."""
    cooling_per_k: Range = (0.0, 0.0)
    heat_per_k: Range = (0.0, 0.0)
    closes_at_new_year: float = 0.0
    growth_per_year: tuple[float, float] = (0.03, 0.05)
    """Mean and spread."""
    power_factor: tuple[float, float] = (0.95, 0.02)


CLASS_LOADS: Mapping[CustomerClass, ClassLoad] = {
    "residential": ClassLoad(
        habits={"worker": 0.36, "home": 0.34, "elder": 0.2, "late": 0.1},
        scale_kw=(0.24, 0.5, 0.03, 2.5),
        standby=(0.02, 0.12),
        noise=(0.4, 0.72),
        memory_h=2.0,
        day_noise=(0.18, 0.4),
        appliance=(0.4, 1.6),
        appliances_per_day=(2, 6.5),
        shift_h=0.9,
        winter_more=(0.08, 0.3),
        of_scale=False,
        heated=1.0,
        heating_per_k=(0.02, 0.07),
        night_setback=(0.55, 1.0),
        cooling_per_k=(0.06, 0.2),
        heat_per_k=(0.07, 0.18),
        power_factor=(0.96, 0.02),
    ),
    "commercial": ClassLoad(
        habits={"shop": 0.45, "office": 0.2, "restaurant": 0.25, "hotel": 0.1},
        scale_kw=(2.4, 0.8, 0.5, 25),
        standby=(0.04, 0.08),
        noise=(0.12, 0.25),
        memory_h=2.0,
        day_noise=(0.06, 0.15),
        appliance=(0.15, 0.6),
        appliances_per_day=(1, 5),
        shift_h=0.6,
        heated=1.8,
        heating_per_k=(0.01, 0.03),
        cooling_per_k=(0.02, 0.06),
        heat_per_k=(0.03, 0.08),
        closes_at_new_year=0.35,
        power_factor=(0.95, 0.02),
    ),
    "industrial": ClassLoad(
        habits={"one_shift": 0.55, "two_shift": 0.25, "three_shift": 0.2},
        scale_kw=(18, 0.7, 5, 90),
        standby=(0.02, 0.05),
        noise=(0.1, 0.25),
        memory_h=3.0,
        day_noise=(0.06, 0.2),
        appliance=(0.05, 0.15),
        appliances_per_day=(2, 8),
        shift_h=0.4,
        heated=0.5,
        heating_per_k=(0.003, 0.009),
        tempered=0.5,
        cooling_per_k=(0.004, 0.015),
        heat_per_k=(0.005, 0.02),
        closes_at_new_year=0.85,
        power_factor=(0.9, 0.03),
    ),
    "agricultural": ClassLoad(
        habits={"pump_house": 0.55, "farm": 0.45},
        scale_kw=(1.1, 0.7, 0.15, 15),
        standby=(0.04, 0.12),
        noise=(0.15, 0.35),
        memory_h=2.0,
        day_noise=(0.05, 0.2),
        appliance=(0.3, 0.9),
        appliances_per_day=(1, 5),
        heated=0.2,
        heating_per_k=(0.01, 0.03),
        tempered=0.0,
        power_factor=(0.86, 0.03),
    ),
    "public": ClassLoad(
        habits={"street_lighting": 0.35, "school": 0.2, "public_office": 0.45},
        scale_kw=(3.0, 0.7, 0.5, 30),
        standby=(0.05, 0.12),
        noise=(0.08, 0.2),
        memory_h=2.5,
        day_noise=(0.05, 0.12),
        appliance=(0.1, 0.4),
        appliances_per_day=(1, 4),
        shift_h=0.3,
        heated=1.0,
        heating_per_k=(0.01, 0.025),
        cooling_per_k=(0.02, 0.05),
        heat_per_k=(0.03, 0.07),
        power_factor=(0.94, 0.02),
    ),
    "temporary": ClassLoad(
        habits={"building_site": 1.0},
        scale_kw=(4.5, 0.6, 1.0, 20),
        standby=(0.03, 0.1),
        noise=(0.25, 0.45),
        memory_h=1.0,
        day_noise=(0.25, 0.5),
        appliance=(0.6, 1.6),
        appliances_per_day=(12, 40),
        shift_h=0.4,
        heated=0.8,
        heating_per_k=(0.01, 0.04),
        tempered=0.2,
        cooling_per_k=(0.01, 0.03),
        heat_per_k=(0.02, 0.04),
        closes_at_new_year=1.0,
        growth_per_year=(0.2, 0.4),
        power_factor=(0.84, 0.04),
    ),
}
LOADS = tuple(CLASS_LOADS[name] for name in CLASSES)
