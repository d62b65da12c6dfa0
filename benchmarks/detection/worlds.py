"""The worlds that detection is measured in, their seeds, and which seeds were only ever developed on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from metering.errors import MeterwatchError
from simulator.recipe import Recipe

#: Thresholds, priors and experts were developed on these seeds. Nothing is reported of them: what was fitted there would flatter.
DEVELOPMENT_SEEDS = range(200, 300)
#: Reported, and never looked at while something is fitted.
REPORT_SEEDS: Mapping[int, str] = {
    301: "mixed, 8 %, with and without visits",
    311: "hard, 8 %, with and without visits",
    321: "mixed, 1.6 %, with and without visits",
    331: "feed of kWh only",
    332: "feed of daily kWh, a quarter of it missing, no supply meter",
    333: "feed of 30 minutes",
    334: "archive of the five required columns",
    341: "clean",
    342: "storm",
    343: "new-year",
    351: "ablations",
}
DAYS, QUICK_DAYS = 98, 50
#: Night bypass and tapping are demanded within so many days.
SOON_DAYS = 10
QUICK_SEED = 299

Group = Literal["table", "visited", "less", "benign", "ablation"]
GROUPS: tuple[Group, ...] = ("table", "visited", "less", "benign", "ablation")
#: How a feed can carry less than everything; see `benchmarks.detection.lesser_feeds`.
Less = Literal["", "kwh_only", "daily_kwh", "bare_archive", "no_voltage", "no_supply"]


@dataclass(frozen=True, slots=True)
class World:
    """One province, and how it is watched. `recipe` None: the SimBench year.

    `visits_per_week` sends a department out; `findings_withheld`: what it finds is kept from the monitor. `muted` names the
    detector or expert that is kept silent.
    """

    name: str
    group: Group
    title: str
    recipe: Recipe | None
    visits_per_week: float = 0.0
    findings_withheld: bool = False
    less: Less = ""
    muted: str = ""

    def quick(self) -> World:
        """The same, small and of a development seed: it shows that all runs, and reports nothing."""
        if self.recipe is None:
            return self
        share = min(0.2, 3 * self.recipe.share_of_cases)
        small = replace(self.recipe, areas=2, meters_per_area=40, days=QUICK_DAYS, seed=QUICK_SEED, prevalence=share)
        return replace(self, recipe=small, visits_per_week=min(self.visits_per_week, 4.0))


def _mixed(
    seed: int, *, areas: int, prevalence: float = 0.08, pack: str = "mixed", interval_minutes: int = 15
) -> Recipe:
    return Recipe(
        areas=areas,
        meters_per_area=200,
        days=DAYS,
        seed=seed,
        packs=(pack,),
        prevalence=prevalence,
        interval_minutes=interval_minutes,
    )


_TABLE = {
    "mixed": (_mixed(301, areas=20), "mixed, 8 %, 4,000 meters", 20.0),
    "hard": (_mixed(311, areas=20, pack="hard"), "hard, 8 %, 4,000 meters", 20.0),
    "rare": (_mixed(321, areas=40, prevalence=0.016), "mixed, 1.6 %, 8,000 meters", 40.0),
}
_LESS: Mapping[str, tuple[Recipe, str, Less]] = {
    "kwh-only": (_mixed(331, areas=5), "kWh only", "kwh_only"),
    "daily-kwh": (
        _mixed(332, areas=5, interval_minutes=60),
        "daily kWh only, a quarter of it missing, no supply meter",
        "daily_kwh",
    ),
    "half-hourly": (_mixed(333, areas=5, interval_minutes=30), "30 minutes", ""),
    "bare-archive": (_mixed(334, areas=5), "no archive beyond the five required columns", "bare_archive"),
}
_BENIGN = {
    "clean": (_mixed(341, areas=10, pack="clean", prevalence=0.0), "clean"),
    "storm": (_mixed(342, areas=10, pack="storm", prevalence=0.0), "storm"),
    "new-year": (_mixed(343, areas=10, pack="new-year", prevalence=0.0), "new-year"),
}
_ABLATION = _mixed(351, areas=6)
ABLATION_VISITS = 8.0


def worlds(experts: Sequence[str]) -> tuple[World, ...]:
    """All worlds, in the order of the page. `experts` are the detectors and experts to do without, one at a time."""
    found = [World(name, "table", title, recipe) for name, (recipe, title, _) in _TABLE.items()]
    found += [
        World(f"{name}-visited", "visited", f"{title}, {visits:.0f} visits a week", recipe, visits)
        for name, (recipe, title, visits) in _TABLE.items()
    ]
    found += [World(name, "less", title, recipe, less=less) for name, (recipe, title, less) in _LESS.items()]
    found += [World(name, "benign", title, recipe) for name, (recipe, title) in _BENIGN.items()]
    found.append(World("simbench", "benign", "SimBench year", None))
    found += [
        World("everything", "ablation", "everything", _ABLATION),
        World("no-voltage", "ablation", "without voltage", _ABLATION, less="no_voltage"),
        World("no-balance", "ablation", "without balance (no supply meter)", _ABLATION, less="no_supply"),
        World("everything-visited", "ablation", "everything, visited", _ABLATION, ABLATION_VISITS),
        World(
            "no-findings", "ablation", "visited, findings withheld", _ABLATION, ABLATION_VISITS, findings_withheld=True
        ),
    ]
    found += [World(f"no-{name}", "ablation", f"without `{name}`", _ABLATION, muted=name) for name in experts]
    return tuple(found)


def chosen(names: Sequence[str], of: Sequence[World]) -> list[World]:
    """The worlds that are named, one by one or by group; all where none is. Raises `MeterwatchError` for an unknown name."""
    known = {world.name for world in of}
    if unknown := [n for n in names if n not in known and n not in GROUPS]:
        raise MeterwatchError(
            f"no world {', '.join(unknown)}; there are the groups {', '.join(GROUPS)} and {', '.join(sorted(known))}"
        )
    return [w for w in of if not names or w.name in names or w.group in names]
