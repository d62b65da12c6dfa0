"""How real the simulated homes are: the same figures of real and of simulated load curves, side by side.

    python -m simulator.world.realism                          a year against SimBench's households, measured once
    python -m simulator.world.realism --feed FEED              against the homes of any feed folder
    python -m simulator.world.realism --one-day FILE.parquet   a day against one-day shapes (shape, minute, active_kw)

Figures are of homes without generation. Each home's curve is taken relative to its own mean; `docs/realism.md` says what
each figure tells, and what differs.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from metering.errors import FeedError
from simulator.province import Province
from simulator.recipe import Recipe
from simulator.world.climates import CLIMATES
from simulator.world.load_profiles import SLOTS
from simulator.world.resampled_shapes import ResampledShapes

Curves = NDArray[np.float64]
"""(homes, days, quarter hours), each home's of mean 1; NaN on days that lack."""

NIGHT_SLOTS = 6 * 4
LAGS: Mapping[str, int] = {"15 min": 1, "1 h": 4, "24 h": SLOTS, "7 d": 7 * SLOTS}
GROUPS_DRAWN = 12
HOMES_OF_A_SUM = 30


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: of single homes the median and the range from the 10th to the 90th part in 100; of sums one value."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Curves) -> Figure:
        found = values[np.isfinite(values)]
        if not len(found):
            return cls(np.nan, np.nan, np.nan)
        return cls(*(float(v) for v in np.quantile(found, [0.5, 0.1, 0.9])))


@dataclass(frozen=True, slots=True, eq=False)
class ShapeFigures:
    """What load curves look like. `homes` are single ones, `sums` groups of `group_size` of them, `profile` the mean day by hour."""

    profile: Curves
    homes: Mapping[str, Figure]
    sums: Mapping[str, Figure]
    group_size: int

    @classmethod
    def of(cls, curves: Curves, group_size: int) -> ShapeFigures:
        """`group_size` homes are added up at a time; days that any of them lacks are left out of the sum."""
        groups = _groups(curves, group_size)
        sums = np.concatenate([group.mean(axis=0, keepdims=True) for group in groups])
        together = {**_figures(sums), "coincidence": Figure.of(np.concatenate([_coincidence(g) for g in groups]))}
        profile = np.nanmean(curves, axis=(0, 1)).reshape(24, -1).mean(axis=1)
        return cls(profile / profile.mean(), _figures(curves), together, group_size)


#: The five measured household profiles of SimBench over 2016 (H0-A, -B, -C, -G, -L), in local time. Of single homes the
#: median, least and greatest of the five; of sums that of all five, and the range of its days where it has one.
#: Summary figures out of the database SimBench (Meinecke et al., Energies 2020, 13(12), 3290; simbench.de), ODbL 1.0.
SIMBENCH_HOMES = ShapeFigures(
    profile=np.array(
        [79, 57, 45, 41, 40, 41, 61, 89, 102, 109, 115, 118, 117, 119, 120, 122, 122, 124, 135, 142, 138, 136, 124, 103]
    )
    / 100,
    homes={
        "load factor of a day": Figure(0.207, 0.189, 0.307),
        "mean step / mean": Figure(0.357, 0.286, 0.425),
        "p95 / mean": Figure(3.171, 2.460, 3.237),
        "p05 / mean": Figure(0.177, 0.155, 0.298),
        "share by night": Figure(0.129, 0.098, 0.145),
        "spread of days": Figure(0.361, 0.304, 0.662),
        "memory, 15 min": Figure(0.753, 0.677, 0.878),
        "memory, 1 h": Figure(0.446, 0.361, 0.761),
        "memory, 24 h": Figure(0.230, 0.169, 0.724),
        "memory, 7 d": Figure(0.257, 0.185, 0.671),
    },
    sums={
        "load factor of a day": Figure(0.397, 0.397, 0.397),
        "mean step / mean": Figure(0.204, 0.204, 0.204),
        "p95 / mean": Figure(2.152, 2.152, 2.152),
        "p05 / mean": Figure(0.308, 0.308, 0.308),
        "share by night": Figure(0.126, 0.126, 0.126),
        "spread of days": Figure(0.285, 0.285, 0.285),
        "memory, 15 min": Figure(0.862, 0.862, 0.862),
        "memory, 1 h": Figure(0.692, 0.692, 0.692),
        "memory, 24 h": Figure(0.614, 0.614, 0.614),
        "memory, 7 d": Figure(0.596, 0.596, 0.596),
        "coincidence": Figure(0.568, 0.480, 0.685),
    },
    group_size=5,
)


def _groups(curves: Curves, size: int) -> list[Curves]:
    """Draws of `size` homes with the days that all of them have; where there are no more homes than that, one group."""
    whole = curves[~np.isnan(curves).any(axis=(1, 2))]
    if not len(whole):
        whole = curves[:, ~np.isnan(curves).any(axis=(0, 2))]
    if len(whole) <= size:
        return [whole]
    rng = np.random.default_rng(0)
    return [whole[np.sort(rng.permutation(len(whole))[:size])] for _ in range(GROUPS_DRAWN)]


def _coincidence(group: Curves) -> Curves:
    """Per day: the peak of the sum as a share of the sum of the peaks."""
    return np.asarray(group.sum(axis=0).max(axis=1) / group.max(axis=2).sum(axis=0))


def _figures(curves: Curves) -> dict[str, Figure]:
    in_row = curves.reshape(len(curves), -1)
    mean = np.nanmean(in_row, axis=1)
    steps = np.nanmean(np.abs(np.diff(in_row, axis=1)), axis=1) / mean
    day_mean, day_peak = curves.mean(axis=2), curves.max(axis=2)
    figures = {
        "load factor of a day": np.nanmedian(day_mean / np.maximum(day_peak, 1e-9), axis=1),
        "mean step / mean": steps,
        "p95 / mean": np.nanquantile(in_row, 0.95, axis=1) / mean,
        "p05 / mean": np.nanquantile(in_row, 0.05, axis=1) / mean,
        "share by night": np.nansum(curves[:, :, :NIGHT_SLOTS], axis=(1, 2)) / np.nansum(in_row, axis=1),
    }
    if curves.shape[1] > 1:
        figures["spread of days"] = np.nanstd(day_mean, axis=1) / mean
    for name, lag in LAGS.items():
        if 2 * lag < in_row.shape[1]:
            figures[f"memory, {name}"] = _autocorrelation(in_row, lag)
    return {name: Figure.of(values) for name, values in figures.items()}


def _autocorrelation(in_row: Curves, lag: int) -> Curves:
    apart = in_row - np.nanmean(in_row, axis=1, keepdims=True)
    spread = np.nanmean(apart**2, axis=1)
    alike = np.nanmean(apart[:, lag:] * apart[:, :-lag], axis=1)
    return np.asarray(np.divide(alike, spread, out=np.full(len(spread), np.nan), where=spread > 0))


def simulated_curves(recipe: Recipe) -> Curves:
    """Homes without generation as a recipe simulates them: what they draw, benign life and all."""
    province = Province(recipe)
    drawn = []
    for window in province.windows():
        of_areas = []
        for simulation in province.simulations:
            network, meters = simulation.world.network, simulation.world.customers.meters
            home = [m.customer_class == "residential" and not m.has_generation for m in meters]
            drawn_kw = np.add.reduceat(simulation.window(window).drawn_kw, network.first_conductor, axis=0)
            of_areas.append(drawn_kw[home])
        drawn.append(np.concatenate(of_areas))
    demand_kw = np.concatenate(drawn, axis=1)
    curves = demand_kw[:, : demand_kw.shape[1] // SLOTS * SLOTS].reshape(len(demand_kw), -1, SLOTS)
    return np.asarray(curves / curves.mean(axis=(1, 2), keepdims=True))


def feed_curves(folder: Path) -> Curves:
    """The homes of a feed; all of its customers where the archive names no class."""
    shapes = ResampledShapes.read(folder)
    home = [name == "residential" for name in shapes.classes]
    return shapes.curves[home if any(home) else slice(None)].astype(np.float64)


def one_day_curves(path: Path) -> Curves:
    """Shapes of a single day (columns shape, minute, active_kw), as mean powers of quarter hours."""
    table = pq.read_table(path, columns=["shape", "minute", "active_kw"])
    names, row = np.unique(np.array(table["shape"].to_pylist()), return_inverse=True)
    slot = np.array(table["minute"]) // 15
    sums, counts = np.zeros((len(names), SLOTS)), np.zeros((len(names), SLOTS))
    np.add.at(sums, (row, slot), np.array(table["active_kw"]))
    np.add.at(counts, (row, slot), 1)
    curves = sums / counts
    return np.asarray((curves / curves.mean(axis=1, keepdims=True))[:, None, :])


def table(simulated: ShapeFigures, real: ShapeFigures) -> str:
    """Simulated beside real, one figure a line."""
    same = float(np.corrcoef(simulated.profile, real.profile)[0, 1])
    lines = [f"mean daily profile: correlation {same:.3f}", ""]
    for title, ours, theirs in (
        ("single homes: median (10 % to 90 % of them)", simulated.homes, real.homes),
        (f"sums of {real.group_size} homes", simulated.sums, real.sums),
    ):
        lines.append(f"{title:<44}{'simulated':>22}{'real':>22}")
        lines += [f"  {name:<42}{_words(ours[name]):>22}{_words(theirs[name]):>22}" for name in theirs if name in ours]
        lines.append("")
    return "\n".join(lines)


def _words(figure: Figure) -> str:
    return f"{figure.median:.2f} ({figure.low:.2f} to {figure.high:.2f})"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="simulator.world.realism", description=__doc__.partition("\n")[0] if __doc__ else ""
    )
    against = parser.add_mutually_exclusive_group()
    against.add_argument("--feed", type=Path, help="a feed folder with real homes")
    against.add_argument("--one-day", type=Path, help="a parquet file with shape, minute, active_kw")
    parser.add_argument("--climate", default=None, help=f"one of {', '.join(CLIMATES)}, or a file")
    parser.add_argument("--start", type=date.fromisoformat, default=None, help="first simulated day")
    parser.add_argument("--days", type=int, default=None)
    parser.add_argument("--areas", type=int, default=3)
    parser.add_argument("--meters-per-area", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    asked = _arguments()
    if asked.feed is not None:
        curves = feed_curves(asked.feed)
        real = ShapeFigures.of(curves, min(HOMES_OF_A_SUM, len(curves)))
        climate, days, start = "oceanic", curves.shape[1], date(2026, 1, 1)
    elif asked.one_day is not None:
        real = ShapeFigures.of(one_day_curves(asked.one_day), HOMES_OF_A_SUM)
        climate, days, start = "southern_temperate", 1, date(2026, 2, 3)
    else:
        real, climate, days, start = SIMBENCH_HOMES, "oceanic", 364, date(2026, 1, 1)
    recipe = Recipe(
        areas=asked.areas,
        meters_per_area=asked.meters_per_area,
        days=asked.days or days,
        seed=asked.seed,
        start=asked.start or start,
        packs=("clean",),
        climate=asked.climate or climate,
    )
    print(table(ShapeFigures.of(simulated_curves(recipe), real.group_size), real))


if __name__ == "__main__":
    try:
        main()
    except FeedError as error:
        raise SystemExit(str(error)) from None
