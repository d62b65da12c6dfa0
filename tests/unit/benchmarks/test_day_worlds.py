"""A simulated province as the day experts see it: every meter and day described, cases where the truth puts them."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.detection.day_worlds import WorldFigures, world_figures
from simulator.recipe import Recipe

RECIPE = Recipe(areas=2, meters_per_area=14, days=24, seed=6, prevalence=0.3)


@pytest.fixture(scope="module")
def world() -> WorldFigures:
    return world_figures(RECIPE)


def test_every_day_of_every_meter_is_described_once_the_usual_is_known(world: WorldFigures) -> None:
    days, meters, figures = world.table.shape
    assert (days, figures) == (24, len(world.names))
    assert meters == len(world.meter_ids) >= 30
    level = world.table[:, :, world.names.index("log_level")]
    assert np.isnan(level[:10]).all()
    assert np.isfinite(level[-1]).mean() > 0.8
    assert np.isnan(level[-1, [n for n, m in enumerate(world.meter_ids) if m.startswith("S")]]).all()


def test_cases_stand_at_their_meters_from_their_onset(world: WorldFigures) -> None:
    assert len(world.truth) >= 8
    for place, case in world.truth.items():
        assert 8 <= case.from_day < case.until_day <= 24
        assert world.meter_ids[place].startswith("S" if case.abnormality == "high_loss" else ("M", "S"))


def test_a_feed_of_energies_alone_is_described_too() -> None:
    bare = world_figures(RECIPE, ("energy_kwh",), supply=False)
    level, register = (bare.table[-1, :, bare.names.index(name)] for name in ("log_level", "register_gap_size"))
    assert np.isfinite(level).mean() > 0.8
    assert np.isnan(register).all()
