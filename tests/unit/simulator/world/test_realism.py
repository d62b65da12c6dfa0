"""Simulated homes look like real ones: figure by figure within stated ranges. `docs/realism.md` says what differs."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from simulator.recipe import Recipe
from simulator.world.realism import (
    SIMBENCH_HOMES,
    Figure,
    ShapeFigures,
    one_day_curves,
    simulated_curves,
    table,
)

ONE_DAY = Path(__file__).parents[5] / "shared" / "data" / "ausnet_lv" / "load_shapes.parquet"

#: How far the median home may lie outside the real homes' range, as a share of that range's ends.
STRETCH = 0.08
#: Sums of five: how far from the one real sum there is.
OF_FIVE = {
    "load factor of a day": 0.08,
    "mean step / mean": 0.05,
    "p95 / mean": 0.3,
    "p05 / mean": 0.1,
    "share by night": 0.04,
    "spread of days": 0.16,  # one of SimBench's five heats by electricity and doubles in winter
    "memory, 15 min": 0.06,
    "memory, 1 h": 0.2,
    "memory, 24 h": 0.2,
    "memory, 7 d": 0.2,
    "coincidence": 0.08,
}


@pytest.fixture(scope="module")
def year() -> ShapeFigures:
    """A year of about a hundred homes in the climate of SimBench's."""
    recipe = Recipe(areas=2, meters_per_area=60, days=364, seed=2, packs=("clean",), climate="oceanic")
    return ShapeFigures.of(simulated_curves(recipe), SIMBENCH_HOMES.group_size)


@pytest.fixture(scope="module")
def day() -> ShapeFigures:
    recipe = Recipe(
        areas=4,
        meters_per_area=60,
        days=1,
        start=date(2026, 2, 3),
        seed=2,
        packs=("clean",),
        climate="southern_temperate",
    )
    return ShapeFigures.of(simulated_curves(recipe), 30)


def within(ours: Figure, theirs: Figure, name: str, stretch: float = STRETCH) -> None:
    low, high = theirs.low * (1 - stretch), theirs.high * (1 + stretch)
    assert low <= ours.median <= high, f"{name}: {ours.median:.3f} is not from {low:.3f} to {high:.3f}"


@pytest.mark.parametrize("name", SIMBENCH_HOMES.homes)
def test_a_median_home_lies_among_the_real_homes_of_a_year(year: ShapeFigures, name: str) -> None:
    within(year.homes[name], SIMBENCH_HOMES.homes[name], name)


@pytest.mark.parametrize("name", SIMBENCH_HOMES.sums)
def test_five_homes_together_are_like_five_real_ones(year: ShapeFigures, name: str) -> None:
    assert set(OF_FIVE) == set(SIMBENCH_HOMES.sums)
    assert year.sums[name].median == pytest.approx(SIMBENCH_HOMES.sums[name].median, abs=OF_FIVE[name])


def test_the_mean_day_has_the_shape_of_real_ones(year: ShapeFigures) -> None:
    assert np.corrcoef(year.profile, SIMBENCH_HOMES.profile)[0, 1] > 0.8
    assert 17 <= int(np.argmax(year.profile)) <= 21
    assert int(np.argmin(year.profile)) in (2, 3, 4, 5)
    assert year.profile.max() < 1.3 * SIMBENCH_HOMES.profile.max()


def test_homes_differ_from_each_other_as_real_ones_do(year: ShapeFigures) -> None:
    for name in ("mean step / mean", "p95 / mean", "load factor of a day", "memory, 1 h"):
        ours, theirs = year.homes[name], SIMBENCH_HOMES.homes[name]
        assert 0.4 * (theirs.high - theirs.low) < ours.high - ours.low < 2.5 * (theirs.high - theirs.low), name


@pytest.mark.skipif(not ONE_DAY.is_file(), reason="the one-day shapes lie beside some checkouts only")
def test_a_day_is_like_a_day_of_99_real_homes(day: ShapeFigures) -> None:
    real = ShapeFigures.of(one_day_curves(ONE_DAY), 30)
    for name, theirs in real.homes.items():
        within(day.homes[name], theirs, name, stretch=0.0)
    # 30 real homes together: smoother than ours, whose habits are fewer
    for name, apart in (
        ("load factor of a day", 0.1),
        ("mean step / mean", 0.04),
        ("p95 / mean", 0.25),
        ("p05 / mean", 0.2),  # real ones heat water by night
        ("share by night", 0.06),
        ("memory, 15 min", 0.06),
        ("memory, 1 h", 0.22),
        ("coincidence", 0.1),
    ):
        assert day.sums[name].median == pytest.approx(real.sums[name].median, abs=apart), name
    assert np.corrcoef(day.profile, real.profile)[0, 1] > 0.8


def test_figures_of_known_curves() -> None:
    """Hand-made: a home that is on for six hours each night, and one that is never off."""
    night = np.zeros((1, 4, 96))
    night[:, :, :24] = 4.0
    flat = np.ones((1, 4, 96))
    figures = ShapeFigures.of(night, 5).homes
    assert figures["load factor of a day"].median == pytest.approx(0.25)
    assert figures["share by night"].median == pytest.approx(1.0)
    assert figures["mean step / mean"].median == pytest.approx(7 * 4 / 383)
    assert figures["spread of days"].median == pytest.approx(0.0)
    assert figures["memory, 24 h"].median == pytest.approx(1.0)
    both = ShapeFigures.of(np.concatenate([night, flat]), 2)
    assert both.sums["coincidence"].median == pytest.approx(5 / 5)
    assert both.sums["load factor of a day"].median == pytest.approx(2 / 5)
    assert both.homes["load factor of a day"].median == pytest.approx((0.25 + 1) / 2)
    assert "memory, 7 d" not in figures, "four days know no week"
    assert "correlation 1.000" in table(both, both)


def test_noise_alone_remembers_nothing_and_is_told_from_a_home(year: ShapeFigures) -> None:
    noise = ShapeFigures.of(np.exp(np.random.default_rng(1).normal(0, 1, (40, 30, 96))), 5)
    for name in ("memory, 15 min", "memory, 24 h", "share by night"):
        with pytest.raises(AssertionError):
            within(noise.homes[name], SIMBENCH_HOMES.homes[name], name)
