"""One transformer area of sixty customers through nine days, with a case from the fifth on, and the same days without it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metering.archive import Meter
from simulator.area_day import AreaSimulation, AreaWindow
from simulator.plan import area_place
from simulator.province import Province
from simulator.scenarios.case import Case, Chance, Place
from simulator.simulate import prepare

Rows = NDArray[np.float64]
DAYS, ONSET_DAY, PER_DAY = 9, 4, 96
BEFORE = slice(0, ONSET_DAY * PER_DAY)
AFTER = slice(ONSET_DAY * PER_DAY, None)
#: After the onset but for its first interval, which a clock that runs ahead shares with the one before.
SETTLED = slice(ONSET_DAY * PER_DAY + 1, None)
FEED_AFTER_ONSET_S = 70 * 86_400


@dataclass(frozen=True)
class Lived:
    """All windows of the area, joined: (meters or conductors, intervals); supply and what was not metered per interval and window."""

    columns: dict[str, Rows]
    drawn_kw: Rows
    past_meter_kw: Rows
    tapped_kw: Rows
    supplied_kwh: Rows
    unmetered_kwh: Rows

    def of(self, case: Case, column: str) -> Rows:
        """What the case's own meter reported."""
        values: Rows = self.columns[column][case.place.row + 1]
        return values


class SmallArea:
    """Places for cases, and the days with them."""

    def __init__(self) -> None:
        self.province: Province = prepare(areas=1, meters_per_area=60, days=DAYS, seed=11, packs=("clean",))
        starts_s = np.concatenate([window.start_s for window in self.province.windows()])
        self.onset_s = int(starts_s[ONSET_DAY * PER_DAY])

    @cached_property
    def without(self) -> Lived:
        """The days without any case."""
        return self.live()

    def live(self, *cases: Case) -> Lived:
        simulation = AreaSimulation(self.province.worlds[0], seed=self.province.seed, cases=cases)
        windows: list[AreaWindow] = [simulation.window(window) for window in self.province.windows()]
        return Lived(
            {name: np.concatenate([w.columns[name] for w in windows], axis=1) for name in windows[0].columns},
            np.concatenate([w.drawn_kw for w in windows], axis=1),
            np.concatenate([w.past_meter_kw for w in windows], axis=1),
            np.concatenate([w.tapped_kw for w in windows], axis=1),
            np.concatenate([w.flow.supplied_kw.sum(axis=0) for w in windows]) / 4,
            np.array([w.unmetered_kwh for w in windows]),
        )

    def place(self, scenario: type[Case], phases: int | None = None, **archive: object) -> Place:
        """The first place that suits the scenario, and whose meter has this many phases and these other archive values."""
        world = self.province.worlds[0]
        mean_kw = world.customers.load.mean_kw(-8.0)
        if scenario.of_area:
            return area_place(world, -8.0)
        for row, meter in enumerate(world.customers.meters):
            at = Place(meter, row, world.network, float(mean_kw[row]))
            if phases in (None, meter.phases) and _has(meter, archive) and scenario.suits(at):
                return at
        raise AssertionError(f"no customer of this area suits {scenario.scenario}")

    def as_if(self, scenario: type[Case], **archive: Any) -> Place:
        """The first three-phase customer that suits the scenario if the archive said so of it: for rare kinds of customer."""
        world = self.province.worlds[0]
        mean_kw = world.customers.load.mean_kw(-8.0)
        for row, meter in enumerate(world.customers.meters):
            at = Place(replace(meter, **archive), row, world.network, float(mean_kw[row]))
            if meter.phases == 3 and scenario.suits(at):
                return at
        raise AssertionError(
            f"no three-phase customer of this area suits {scenario.scenario}, whatever the archive says"
        )

    def draw(self, scenario: type[Case], seed: int = 0, *, phases: int | None = None, hard: bool = False) -> Case:
        return scenario.draw(self.place(scenario, phases), self.onset_s, self.chance(seed, hard=hard))

    def chance(self, seed: int = 0, *, hard: bool = False) -> Chance:
        return Chance(np.random.default_rng(seed), self.onset_s + FEED_AFTER_ONSET_S, hard)


def _has(meter: Meter, archive: dict[str, object]) -> bool:
    return all(getattr(meter, name) == value for name, value in archive.items())
