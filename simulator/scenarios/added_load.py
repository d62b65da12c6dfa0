"""Load that comes on top of a customer's own: what shops, workshops and neighbours draw, by the shapes of `load_profiles`."""

from __future__ import annotations

import numpy as np

from simulator.hours import Hours, Rows, spell_draw
from simulator.world.load_profiles import HABITS, SHAPES, SLOTS

#: The main switch is not meant to fall, so what is added stays a little below the contract.
UP_TO_CONTRACT = 0.97


def shape(habit: str, hours: Hours, later_h: float = 0.0) -> Rows:
    """The relative load of a habit on the window's kind of day, mean 1 on workdays; `later_h` shifts its hours.

    >>> hours = Hours(np.arange(0, 86_400, 3600), np.arange(24) + 0.5, 1.0, np.random.default_rng(0))
    >>> shape("restaurant", hours)[[4, 12, 18]].round(2).tolist()
    [0.3, 2.09, 2.29]
    """
    slot = ((hours.local_hour - later_h) % 24 * SLOTS / 24).astype(np.intp)
    return np.asarray(SHAPES[HABITS.index(habit), hours.kind_of_day, slot])


def peak_of(habit: str) -> float:
    """The highest relative load of a habit on any kind of day."""
    return float(SHAPES[HABITS.index(habit)].max())


def day_level(hours: Hours, salt: int, spread: float = 0.2) -> Rows:
    """A factor around 1 for each local day, between 1 - spread and 1 + spread."""
    return np.asarray(1 + spread * (2 * spell_draw(hours.local_day(), salt) - 1))


def wandering(hours: Hours, salt: int, spread: float, memory_h: float = 1.5) -> Rows:
    """A factor between 1 - spread and 1 + spread that wanders as a load does, from knot to knot every `memory_h` hours.

    >>> hours = Hours(np.arange(0, 10_800, 900), np.arange(12) / 4, 0.25, np.random.default_rng(0))
    >>> wandering(hours, 7, 0.3)[[0, 3, 6]].round(2).tolist()
    [0.81, 0.92, 1.04]
    """
    knot, into_s = np.divmod(hours.start_s, round(memory_h * 3600))
    share = into_s / (memory_h * 3600)
    between = (1 - share) * spell_draw(knot, salt) + share * spell_draw(knot + 1, salt)
    return np.asarray(1 + spread * (2 * between - 1))


def on_top(demand_kw: Rows, added_kw: Rows, contracted_kw: float) -> Rows:
    """Demand with a load on top of it that keeps below the contract; where the demand alone is beyond, it stays.

    >>> on_top(np.array([1.0, 3.0, 5.0]), np.array([2.0, 2.0, 2.0]), 4.0).tolist()
    [3.0, 3.88, 5.0]
    """
    return np.asarray(np.maximum(demand_kw, np.minimum(demand_kw + added_kw, UP_TO_CONTRACT * contracted_kw)))
