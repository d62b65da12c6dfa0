"""The recipe of a simulated province: everything `simulate` was asked for, kept beside the feed so that it can be lived on."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, fields
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo

from metering.errors import FeedError
from simulator.packs import PACKS, Pack, choose_packs
from simulator.world.climates import CLIMATES, climate_of
from simulator.world.days import new_year

RECIPE_FILE = "simulation.toml"
#: Raised whenever the same recipe would give other readings.
SIMULATOR_VERSION = 2
Registers = Literal["none", "daily", "every"]
LARGEST_AREA = 2_000
#: First and last day of a feed: life before it lies after 1970, and calendars reach so far.
EARLIEST, LATEST = date(1971, 1, 1), date(2199, 12, 31)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a province is made of. The same recipe gives the same bytes.

    `meters_per_area` are customers, fewest and most; every area has a supply meter besides. `prevalence` is the share of
    customers with a labelled abnormality in packs that have any (None: the pack's own). `registers`: `daily` writes each meter's register at local
    midnight, `every` with every reading. `hard`: noisy voltages, wrong topology, small thefts, a master meter that is off.
    `climate` is a built-in name or a file, `shapes` a feed folder whose load curves the customers take (empty: drawn ones).
    """

    areas: int = 20
    meters_per_area: int | tuple[int, int] = 50
    days: int = 60
    seed: int = 1
    interval_minutes: int = 15
    packs: tuple[str, ...] = ("mixed",)
    prevalence: float | None = None
    start: date = date(2026, 1, 1)
    timezone: str = ""
    registers: Registers = "daily"
    hard: bool = False
    climate: str = "cold_plateau"
    shapes: str = ""

    def __post_init__(self) -> None:
        low, high = self.sizes
        if self.areas < 1 or low < 1 or self.days < 1:
            raise FeedError(
                f"areas = {self.areas}, meters per area = {low}, days = {self.days}: give at least 1 of each"
            )
        if high < low or high > LARGEST_AREA:
            raise FeedError(f"meters per area = {low}-{high}: give a number, or LOW-HIGH up to {LARGEST_AREA}")
        if not 1 <= self.interval_minutes <= 60 or 60 % self.interval_minutes:
            raise FeedError(
                f"interval of {self.interval_minutes} minutes: the simulator makes 1 to 60 minutes that divide an hour"
            )
        if self.seed < 0:
            raise FeedError(f"seed = {self.seed}: give a whole number from 0")
        if not EARLIEST <= self.start <= LATEST or self.days > (LATEST - self.start).days + 1:
            raise FeedError(f"start = {self.start}, days = {self.days}: give days from {EARLIEST} to {LATEST}")
        if self.timezone:
            try:
                ZoneInfo(self.timezone)
            except (KeyError, ValueError, OSError) as error:  # an unknown name, a path, a folder of the database
                raise FeedError(
                    f"timezone = {self.timezone!r} is not known; give an IANA name such as Asia/Shanghai or UTC"
                ) from error
        if self.registers not in ("none", "daily", "every"):
            raise FeedError(f"registers = {self.registers!r}: choose none, daily or every")
        share = choose_packs(self.packs).prevalence if self.prevalence is None else self.prevalence
        if not 0 <= share <= 0.5:
            raise FeedError(f"prevalence = {share}: give a share of the customers from 0 to 0.5")
        self._check_new_year()
        object.__setattr__(self, "prevalence", share)  # so that the recipe as written says it

    def _check_new_year(self) -> None:
        """A pack that lives by Chinese New Year needs one in its days, and people who keep it."""
        if self.pack.exodus <= 1:
            return
        last = self.start + timedelta(days=self.days - 1)
        festivals = [day for day in map(new_year, range(self.start.year, last.year + 1)) if day is not None]
        if not any(self.start <= day <= last for day in festivals):
            raise FeedError(
                f"the pack new-year needs Chinese New Year within its days, {self.start} to {last}: move the start or give "
                "more days (in 2026 it is on 17 February)"
            )
        if climate_of(self.climate).country != "CN":
            raise FeedError(
                f"nobody keeps Chinese New Year in climate {self.climate}: choose a Chinese one for the pack new-year"
            )

    @property
    def sizes(self) -> tuple[int, int]:
        """Fewest and most customers of an area."""
        given = self.meters_per_area
        return given if isinstance(given, tuple) else (given, given)

    @property
    def pack(self) -> Pack:
        return choose_packs(self.packs)

    @property
    def share_of_cases(self) -> float:
        """The share of the customers with a case."""
        assert self.prevalence is not None  # noqa: S101 - set when the recipe was made
        return self.prevalence

    @property
    def is_hard(self) -> bool:
        return self.hard or self.pack.hard

    @property
    def zone(self) -> str:
        """The IANA zone: as asked for, else the climate's own."""
        return self.timezone or climate_of(self.climate).timezone

    @property
    def name(self) -> str:
        words = [f"simulated {'+'.join(self.packs)}"]
        words += ["hard"] if self.hard and not self.pack.hard else []
        words += [self.climate] if self.climate in CLIMATES and self.climate != "cold_plateau" else []
        return " ".join(words) + f", seed {self.seed}"

    def text(self) -> str:
        """As `simulation.toml` holds it."""
        lines = [f"simulator_version = {SIMULATOR_VERSION}"]
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, date):
                lines.append(f"{item.name} = {value.isoformat()}")
            else:
                plain = list(value) if isinstance(value, tuple) else value
                lines.append(f"{item.name} = {json.dumps(plain, ensure_ascii=False)}")
        return "\n".join(lines) + "\n"

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """The recipe of a feed folder; None for a feed that was not simulated, or by another version of the simulator."""
        path = folder / RECIPE_FILE
        if not path.is_file():
            return None
        try:
            given: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
            if given.pop("simulator_version", None) != SIMULATOR_VERSION:
                return None
            if isinstance(given["meters_per_area"], list):
                given["meters_per_area"] = tuple(given["meters_per_area"])
            given["packs"] = tuple(given["packs"])
            _check_types(given)
            return cls(**given)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
            raise FeedError(f"{path}: {error}; it is written by `simulate`: make the feed again") from error


def _check_types(given: dict[str, Any]) -> None:
    """Raises `TypeError` where a value is of another kind than the recipe's own, or a key is unknown or missing."""
    own = {item.name: item.default for item in fields(Recipe)} | {"prevalence": 0.0}
    if unlike := sorted(set(own) ^ set(given)):
        raise TypeError(f"{', '.join(unlike)}: unknown or missing")
    for name, value in given.items():
        kinds = (
            (int, tuple) if name == "meters_per_area" else (int, float) if name == "prevalence" else (type(own[name]),)
        )
        if type(value) not in kinds:
            raise TypeError(f"{name} = {value!r} is of another kind than {own[name]!r}")


def area_sizes(text: str) -> int | tuple[int, int]:
    """`--meters-per-area`: one number for all areas, or the fewest and the most.

    >>> area_sizes("200"), area_sizes("20-500")
    (200, (20, 500))
    """
    low, dash, high = text.partition("-")
    try:
        return (int(low), int(high)) if dash else int(low)
    except ValueError:
        raise FeedError(f"--meters-per-area {text!r}: write a number such as 200, or LOW-HIGH such as 20-500") from None


__all__ = ["PACKS", "RECIPE_FILE", "SIMULATOR_VERSION", "Recipe", "Registers", "area_sizes"]
