"""The worlds the prior is taught on. Their seeds (2xx) are for development; what is reported comes from others (3xx)."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.detection.day_worlds import WorldFigures, world_figures
from simulator.recipe import Recipe

ENERGY_ONLY = ("energy_kwh",)


@dataclass(frozen=True, slots=True)
class Lesson:
    """One world to learn from; `columns` and `supply` limit what its feed carries, `daily` gives one energy a day,
    `bare_archive` tells five columns of each meter."""

    recipe: Recipe
    columns: tuple[str, ...] | None = None
    supply: bool = True
    daily: bool = False
    bare_archive: bool = False

    @property
    def name(self) -> str:
        less = "".join(
            word
            for word, holds in (
                (" energy only", self.columns),
                (" no supply meter", not self.supply),
                (" daily", self.daily),
                (" bare archive", self.bare_archive),
            )
            if holds
        )
        return f"{'+'.join(self.recipe.packs)} {self.recipe.prevalence:.0%} seed {self.recipe.seed}{less}"


#: Kinds that change least of what a meter shows: their lessons come in as many forms as those of all others together.
_QUIET = (
    *("tap_before_meter",) * 3,
    *("night_bypass",) * 2,
    "intermittent_bypass",
    "ramped_bypass",
    "resale",
    "tariff_misuse",
    "ratio_error",
)


def _recipe(seed: int, pack: str, prevalence: float, *more_packs: str, areas: int = 12, **more: Any) -> Recipe:
    packs = (pack, *more_packs)
    return Recipe(areas=areas, meters_per_area=200, days=98, seed=seed, packs=packs, prevalence=prevalence, **more)


LESSONS: Sequence[Lesson] = (
    Lesson(_recipe(201, "mixed", 0.12)),
    Lesson(_recipe(202, "mixed", 0.12)),
    Lesson(_recipe(203, "mixed", 0.02)),
    Lesson(_recipe(204, "mixed", 0.12, climate="hot_summer_cold_winter")),
    Lesson(_recipe(205, "mixed", 0.12, start=date(2026, 5, 1), climate="oceanic")),
    Lesson(_recipe(211, "hard", 0.12)),
    Lesson(_recipe(212, "hard", 0.12)),
    Lesson(_recipe(213, "hard", 0.12)),
    Lesson(_recipe(214, "hard", 0.12, start=date(2026, 8, 1))),
    Lesson(_recipe(206, "mixed", 0.12, *_QUIET)),
    Lesson(_recipe(207, "mixed", 0.12, *_QUIET, start=date(2026, 5, 1))),
    Lesson(_recipe(208, "mixed", 0.12, *_QUIET, climate="oceanic")),
    Lesson(_recipe(215, "hard", 0.12, *_QUIET)),
    Lesson(_recipe(216, "hard", 0.12, *_QUIET, climate="hot_summer_cold_winter")),
    Lesson(_recipe(217, "hard", 0.12, *_QUIET, start=date(2026, 4, 1))),
    Lesson(_recipe(221, "clean", 0.0)),
    Lesson(_recipe(222, "storm", 0.0)),
    Lesson(_recipe(223, "new-year", 0.0)),
    Lesson(_recipe(231, "mixed", 0.12), columns=ENERGY_ONLY),
    Lesson(_recipe(232, "mixed", 0.12), columns=ENERGY_ONLY, supply=False),
    Lesson(_recipe(233, "mixed", 0.12), columns=ENERGY_ONLY, supply=False, daily=True),
    Lesson(_recipe(234, "mixed", 0.12), bare_archive=True),
    Lesson(_recipe(235, "mixed", 0.04, climate="hot_summer_cold_winter"), bare_archive=True),
)
#: Nothing is taught on these: they say how often each kind of the taught prior is false, and what it finds (`budgets.py`).
EXAMINATIONS: Sequence[Lesson] = (
    Lesson(_recipe(241, "mixed", 0.08, areas=20)),
    Lesson(_recipe(251, "hard", 0.08, areas=20)),
    Lesson(_recipe(261, "mixed", 0.016, areas=20)),
)


def cached_world(lesson: Lesson, cache: Path) -> WorldFigures:
    """The figures of a lesson's world, lived through once and kept in `cache`; empty it when the experts change."""
    told = lesson.recipe.text() + repr(
        (lesson.columns, lesson.supply, lesson.daily) + (lesson.bare_archive,) * lesson.bare_archive
    )
    path = cache / f"{hashlib.blake2b(told.encode(), digest_size=8).hexdigest()}.pickle"
    if path.exists():
        world: WorldFigures = pickle.loads(path.read_bytes())  # noqa: S301 - our own cache
        return world
    world = world_figures(
        lesson.recipe,
        lesson.columns,
        supply=lesson.supply,
        daily=lesson.daily,
        bare_archive=lesson.bare_archive,
    )
    cache.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(world, protocol=5))
    return world
