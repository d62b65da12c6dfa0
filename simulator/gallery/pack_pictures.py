"""A picture of each scenario pack: what a small province with it draws and loses, who is without supply, and which cases begin."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from metering.catalogue import CATALOGUE, FAMILIES
from metering.times import DAY_S
from simulator.area_day import AreaWindow
from simulator.gallery.svg import MUTED, ONSET, SERIES, SOLD, WITH, WITHOUT, png
from simulator.province import Province
from simulator.recipe import Recipe

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Rows = NDArray[np.float64]
SIZE_IN = (10.0, 4.5)
AREAS, METERS_PER_AREA, SEED, INTERVAL_MINUTES = 20, (40, 80), 1, 60
#: Ten weeks after a warm-up; what shows in fewer days is shown closer.
USUAL_DAYS, DAYS = 98, {"storm": 42, "new-year": 77}


@dataclass(frozen=True, eq=False)
class PackDays:
    """A pack's province day by day: `demand_kw` (days, 3) lowest, mean and highest of all customers together, per customer;
    `loss_percent` (days, areas); `without_supply` (days,) share of the area hours; `temperature_c` (days,)."""

    province: Province
    demand_kw: Rows
    loss_percent: Rows
    without_supply: Rows
    temperature_c: Rows


def pack_recipe(name: str) -> Recipe:
    """The small province that a pack is pictured with."""
    return Recipe(
        areas=AREAS,
        meters_per_area=METERS_PER_AREA,
        days=DAYS.get(name, USUAL_DAYS),
        seed=SEED,
        interval_minutes=INTERVAL_MINUTES,
        packs=(name,),
    )


def live_pack(recipe: Recipe) -> PackDays:
    """Live through a province and keep a few figures a day; nothing gets lost on the way here."""
    province = Province(recipe)
    customers = sum(len(world.customers) for world in province.worlds)
    areas, days = len(province.worlds), recipe.days
    booked = _booked_areas(province)
    by_hour: list[list[Rows]] = [[] for _ in range(days)]
    supplied, sold, dark, hours = np.zeros((days, areas)), np.zeros((days, areas)), np.zeros(days), np.zeros(days)
    warmth: list[list[Rows]] = [[] for _ in range(days)]
    for window in province.windows():
        drawn_kw = np.zeros(len(window.start_s))
        for number, simulation in enumerate(province.simulations):
            lived = simulation.window(window)
            drawn_kw += lived.drawn_kw.sum(axis=0) + lived.tapped_kw.sum(axis=0)
            given, taken, without = _balance(lived)
            supplied[window.day_number, number] += given
            np.add.at(sold[window.day_number], booked[number], taken)
            dark[window.day_number] += without
        by_hour[window.day_number].append(drawn_kw / customers)
        warmth[window.day_number].append(window.temperature_c)
        hours[window.day_number] += areas * len(window.start_s)
    demand = [np.concatenate(parts) for parts in by_hour]
    return PackDays(
        province,
        np.array([(of_day.min(), of_day.mean(), of_day.max()) for of_day in demand]),
        100 * (supplied - sold) / np.where(supplied > 0, supplied, np.nan),
        dark / hours,
        np.array([np.concatenate(parts).mean() for parts in warmth]),
    )


def _balance(lived: AreaWindow) -> tuple[float, Rows, float]:
    """What an area's supply meter and each customer's meter report where nearly all report, kWh, and the intervals without supply."""
    net_kwh = lived.columns["energy_kwh"] - lived.columns["export_kwh"]
    known = np.isfinite(net_kwh[0]) & (np.isfinite(net_kwh[1:]).mean(axis=0) > 0.9)
    silent = ~np.isfinite(net_kwh).any(axis=0)
    return float(net_kwh[0, known].sum()), np.nansum(net_kwh[1:, known], axis=1), float(silent.sum())


def _booked_areas(province: Province) -> list[NDArray[np.intp]]:
    """Of each area's customers the number of the area that the archive books them in, (customers,) each."""
    number_of = {world.name: world.number for world in province.worlds}
    booked = [np.full(len(world.customers), world.number, dtype=np.intp) for world in province.worlds]
    for stay in province.bookings.stays:
        booked[stay.area][stay.row] = number_of[stay.meter.transformer_area]
    return booked


def draw_pack(path: Path, lived: PackDays) -> None:
    """Write a pack's picture."""

    def draw(figure: Figure) -> None:
        panels = figure.subplots(2, 2, sharex=True)
        _demand(panels[0, 0], lived)
        _loss(panels[0, 1], lived)
        _supply(panels[1, 0], lived)
        _onsets(panels[1, 1], lived)
        for axes in panels.flat:
            axes.set_xlim(0, len(lived.temperature_c))
        for axes in panels[1]:
            axes.set_xlabel(f"days since {lived.province.first_day}")

    png(path, SIZE_IN, draw)


def _middays(lived: PackDays) -> Rows:
    return np.asarray(np.arange(len(lived.temperature_c)) + 0.5)


def _demand(axes: Axes, lived: PackDays) -> None:
    days = _middays(lived)
    axes.set_title("Demand per customer, kW: lowest, mean, highest hour; temperature outside, °C")
    axes.fill_between(days, lived.demand_kw[:, 0], lived.demand_kw[:, 2], color=WITH, alpha=0.22, linewidth=0)
    axes.plot(days, lived.demand_kw[:, 1], color=WITH)
    axes.set_ylim(0, None)
    warmth = axes.twinx()
    warmth.plot(days, lived.temperature_c, color=ONSET, linewidth=0.9)
    warmth.tick_params(axis="y", colors=ONSET)
    warmth.grid(visible=False)


def _loss(axes: Axes, lived: PackDays) -> None:
    days = _middays(lived)
    axes.set_title("Line loss of the areas, %: each, half of them, median")
    low, first, middle, third, high = np.nanquantile(lived.loss_percent, (0, 0.25, 0.5, 0.75, 1), axis=1)
    axes.plot(days, lived.loss_percent, color=WITHOUT, linewidth=0.5)
    axes.fill_between(days, first, third, color=SOLD, alpha=0.25, linewidth=0)
    axes.plot(days, middle, color=SOLD)
    # what lies far outside is cut: a case of a whole area may take the loss to 40 % or below zero
    axes.set_ylim(max(float(np.nanmin(low)) - 1, -20), min(float(np.nanmax(high)) + 1, 30))


def _supply(axes: Axes, lived: PackDays) -> None:
    share = 100 * lived.without_supply
    axes.set_title("Area hours without any reading (no supply, or silent), %")
    axes.bar(_middays(lived), share, 0.9, color=ONSET, linewidth=0)
    axes.set_ylim(0, max(2.0, 1.1 * float(share.max())))


def _onsets(axes: Axes, lived: PackDays) -> None:
    """Each labelled case from its onset to its end, the families one above the other."""
    from matplotlib.lines import Line2D

    province = lived.province
    start_s, end_s = province.calendar.day_start(province.first_day), province.end_s
    cases = sorted(
        province.cases, key=lambda c: (FAMILIES.index(CATALOGUE[c.abnormality].family), c.start_s, c.scenario)
    )
    axes.set_title(f"Labelled cases from onset to end: {len(cases)}")
    counts = Counter(CATALOGUE[case.abnormality].family for case in cases)
    colour_of = {family: SERIES[n % len(SERIES)] for n, family in enumerate(FAMILIES) if family in counts}
    for place, case in enumerate(cases):
        span = [((s - start_s) / DAY_S) for s in (case.start_s, end_s if case.end_s is None else case.end_s)]
        colour = colour_of[CATALOGUE[case.abnormality].family]
        axes.plot(span, (place, place), color=colour, linewidth=0.5, alpha=0.5)
        axes.plot(span[0], place, marker="|", color=colour, markersize=4)
    axes.set_ylim(max(len(cases), 1), -1)
    axes.set_yticks([])
    axes.grid(visible=False, axis="y")
    words = [f"{family.replace('_', ' ')} {counts[family]}" for family in colour_of]
    axes.legend(
        [Line2D([], [], color=colour, linewidth=2) for colour in colour_of.values()],
        words,
        loc="upper left",
        fontsize=6.5,
        frameon=False,
        labelcolor=MUTED,
    )
    if not cases:
        axes.annotate("none", (0.5, 0.5), xycoords="axes fraction", ha="center", color=MUTED)
