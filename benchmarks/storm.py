"""A storm takes the supply from most areas of a province: how many alerts, how many notifications, and what is left of it afterwards."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.detection.straight import run_straight
from benchmarks.plan import Plan
from benchmarks.report import count, table
from evaluation.run_folder import ALERTS, NOTIFICATIONS
from metering.archive import Archive, Outage
from metering.times import DAY_S, iso
from simulator.feeds.living import LivingProvince
from simulator.recipe import Recipe

HOUR_S = 3600
FULL = Recipe(areas=50, meters_per_area=200, days=45, seed=274, interval_minutes=60, packs=("storm",))
QUICK = replace(FULL, areas=5, meters_per_area=25)
Line = Mapping[str, Any]


class Unrecorded(LivingProvince):
    """A province whose utility keeps no record of outages: meters' reports, and their silence, must do."""

    @property
    def archive(self) -> Archive:
        return replace(super().archive, outages=(), _by_area={})


@dataclass(frozen=True)
class Storm:
    """A province that lived through its storm, and what was said of it."""

    province: LivingProvince
    alerts: Sequence[Line]
    notifications: Sequence[Line]

    @cached_property
    def outages(self) -> list[Outage]:
        """Those that began within three hours of most others."""
        outages = [o for of_area in self.province.province.outages for o in of_area]
        near = [[o for o in outages if abs(o.start_s - other.start_s) <= 3 * HOUR_S] for other in outages]
        return max(near, key=len)

    def raised(self) -> list[Line]:
        """From the first area's outage until two days later."""
        return [a for a in self.alerts if self._is_then(a["raised_at"])]

    def paged(self) -> list[Line]:
        """What woke somebody in that time."""
        return [n for n in self.notifications if n["urgency"] == "page" and self._is_then(n["made_at"])]

    def _is_then(self, at: str) -> bool:
        begins_s = min(o.start_s for o in self.outages)
        return iso(begins_s) <= at < iso(begins_s + 2 * DAY_S)


def lived(recipe: Recipe, out: Path) -> Storm:
    province = Unrecorded(recipe)
    run_straight(province, out, lambda *_: None)
    return Storm(province, _lines(out / ALERTS), _lines(out / NOTIFICATIONS))


def _by_kind(alerts: Iterable[Line]) -> str:
    """How many, and of which kinds."""
    kinds = Counter(str(a["abnormality"]) for a in alerts)
    told = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()))
    return f"{kinds.total()} ({told})" if kinds else "0"


def _lines(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def run(plan: Plan) -> list[str]:
    """The benchmark: figures of one storm."""
    recipe = QUICK if plan.quick else FULL
    storm = lived(recipe, plan.folder / "storm")
    raised, paged = storm.raised(), storm.paged()
    of_areas = [a for a in raised if a["meter_id"] is None]
    of_meters = [a for a in raised if a["meter_id"] is not None]
    cases = {case.meter_id for case in storm.province.truth}
    found = {a["meter_id"] for a in storm.alerts} & cases
    rows = [
        ("areas that lost their supply", count(len(storm.outages))),
        ("area alerts", f"{len(of_areas)} ({', '.join(sorted({a['abnormality'] for a in of_areas}))})"),
        ("of them left open", count(sum(a["cleared_at"] is None for a in of_areas))),
        ("alerts of meters without a case", _by_kind(a for a in of_meters if a["meter_id"] not in cases)),
        ("cases that began in the storm, found", f"{len(found)} of {len(cases)}"),
        ("notifications: beginnings and more of the same", count(sum(n["kind"] in ("page", "update") for n in paged))),
        ("notifications: ends", count(sum(n["kind"] == "ended" for n in paged))),
    ]
    meters = recipe.areas * recipe.meters_per_area
    return [
        f"{recipe.areas} areas with {meters:,} customers, hourly, {recipe.days} days; outages are not recorded anywhere.",
        "",
        *table(["what", "figure"], rows),
        "**What bounds it:** a group is told again as areas join it, and every feeder is a group of its own.",
    ]
