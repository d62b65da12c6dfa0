"""What the end of a day costs, by part: a province lived through the real stages, the parts timed inside the closes only."""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.detection.straight import Costs, run_straight
from benchmarks.plan import SEED, Plan
from benchmarks.report import count, percent, table
from benchmarks.stage_clock import Mark, StageClock, StagePoint, call_cost_s, stages_timed
from detectors.bank import day_models
from detectors.case.prior import shipped_prior
from detectors.day.bank import DayBank
from detectors.examples import context
from simulator.feeds.living import LivingProvince
from simulator.recipe import Recipe

#: Days in which meters are not judged yet cost less.
WARM_UP_DAYS, QUICK_DAYS = 21, 24
AREA_CLOSE, DAY_STAGE, PAGES = "close of an area's day, the rest", "day stage, the rest", "pages to save"
#: Nothing is timed outside of these.
GATES = {
    AREA_CLOSE: "operations.close_area_day:close_area_day",
    DAY_STAGE: "operations.close_day:close_day",
    PAGES: "operations.area:AreaInProgress.dirty_pages",
}
#: Parts of the area's close beside the day experts, which are added by name.
_PARTS = {
    "the hours of the day": ("detectors.day.curves:DayCurves.close",),
    "validation": ("operations.validation:validate_day",),
    "features of the day": ("detectors.day.features:day_features",),
    "usual profile": ("detectors.interval.seasonal_profile:SeasonalProfile.learn",),
    "prior": ("detectors.case.prior:Prior.table", "detectors.case.prior:Prior.odds", "detectors.case.prior:Prior.probable_kinds"),
    "harmless explanations": ("detectors.case.benign:Benign.weigh",),
    "case probability": tuple(
        f"detectors.case.case_probability:CaseProbability.{name}" for name in ("judge", "signals", "suspected", "learn")
    ),
    "worth": ("detectors.case.recoverable:Recoverable.learn", "operations.worth:worth_of"),
    "area": (
        *(f"detectors.area.day_area:DayArea.{name}" for name in ("suspects", "judge", "signals", "learn")),
        "detectors.area.meter_errors:MeterErrors.signal",
        "detectors.area.meter_errors:MeterErrors.learn",
        "detectors.area.frequent_outage:FrequentOutage.signal",
    ),
    "load forecast": tuple(f"detectors.area.load_forecast:LoadForecast.{name}" for name in ("judge", "signals", "learn")),
    "alerts": (
        "alerts.life:AlertBank.step",
        "alerts.life:AlertBank.at_day_close",
        "operations.derived_points:alert_points",
        "operations.derived_points:evidence_points",
    ),
    "packing for the day stage": ("operations.close_area_day:_area_day", "operations.close_area_day:pack_area_day"),
}  # fmt: skip
_OF_DAY_STAGE = {
    "unpacking": ("operations.close_area_day:unpack_area_day",),
    "ranker": tuple(f"operations.learn_findings:Learner.{name}" for name in ("__init__", "learn", "rank", "remember", "dump")),
    "proposing visits": ("operations.propose_visits:propose",),
    "scores": ("operations.close_day:_scores",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DailyCost:
    """µs of CPU. `parts` per meter-day over all closes; `area_closes` and `day_stages` per meter, of each close after the warm-up."""

    meters: int
    days: int
    parts: dict[str, float]
    area_closes: tuple[float, ...]
    day_stages: tuple[float, ...]
    timing: float
    """What the clocks themselves added, per meter-day."""
    costs: Costs

    @property
    def typical(self) -> float:
        """The middle one of the areas' closes, and of the day stages."""
        return statistics.median(self.area_closes) + statistics.median(self.day_stages)

    @property
    def least(self) -> float:
        return min(self.area_closes) + min(self.day_stages)


class ClosesClock(StageClock):
    """Counts a stage only inside a gate, and keeps what each passing of a gate took."""

    def __init__(self) -> None:
        super().__init__()
        self.passings: dict[str, list[float]] = {gate: [] for gate in GATES}

    def timed(self, stage: str, function: Callable[..., Any], mark: Mark = "") -> Callable[..., Any]:
        counted = super().timed(stage, function, mark)

        @functools.wraps(function, updated=())
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if stage not in GATES:
                return (counted if self._ledger().inside else function)(*args, **kwargs)
            began_s = time.thread_time()
            try:
                return counted(*args, **kwargs)
            finally:
                self.passings[stage].append(time.thread_time() - began_s)

        return wrapper


def points() -> tuple[StagePoint, ...]:
    """The gates, and every timed part of a close; an expert or a model that joins its bank is timed without being named here."""
    found = [StagePoint(place, gate) for gate, place in GATES.items()]
    for expert in DayBank(context(meters=6)).experts:
        kind = type(expert)
        asked = ("describe", "learn", "balance", "explained", "unseen_kwh")
        found += [_point(kind, name, f"expert {expert.name}") for name in asked if name in vars(kind)]
    for model in day_models(seed=1):
        found += [_point(type(model), name, model.name) for name in ("__init__", "load", "score", "learn", "dump")]
    found += [StagePoint(place, stage) for stage, places in (_PARTS | _OF_DAY_STAGE).items() for place in places]
    return tuple(found)


def _point(kind: type, name: str, stage: str) -> StagePoint:
    return StagePoint(f"{kind.__module__}:{kind.__qualname__}.{name}", stage)


def measure(plan: Plan) -> DailyCost:
    """Live a province of `plan.meters_per_area` and time what closes its days."""
    areas, days = (1, QUICK_DAYS) if plan.quick else (4, 50)
    recipe = Recipe(
        areas=areas,
        meters_per_area=plan.meters_per_area,
        days=days,
        seed=SEED,
        packs=("mixed",),
        prevalence=0.08,
    )
    living, clock = LivingProvince(recipe), ClosesClock()
    shipped_prior()  # read once a process, not once a day
    with stages_timed(clock, points()):
        costs = run_straight(living, plan.folder / "lived", lambda *_: None)
    meters = len(living.province.archive.areas_of_meter)
    closes, stages = (clock.passings[gate] for gate in (AREA_CLOSE, DAY_STAGE))
    return DailyCost(
        meters,
        days,
        {stage: 1e6 * seconds / (meters * days) for stage, seconds in clock.seconds().items()},
        tuple(1e6 * seconds * areas / meters for seconds in closes[areas * WARM_UP_DAYS :]),
        tuple(1e6 * seconds / meters for seconds in stages[WARM_UP_DAYS:]),
        1e6 * clock.calls * call_cost_s() / (meters * days),
        costs,
    )


def run(plan: Plan) -> list[str]:
    cost = measure(plan)
    parts = {stage: us for stage, us in cost.parts.items() if stage != PAGES}
    total = sum(parts.values())
    rows = [[stage, count(us), percent(us, total)] for stage, us in sorted(parts.items(), key=lambda part: -part[1])]
    heaviest = rows[0]
    return [
        (
            f"{count(cost.meters)} meters, {cost.days} days of 15 minutes with every column; µs of CPU per meter and day, inner parts "
            f"taken out of outer ones. Of it the clocks themselves: {cost.timing:.1f} µs."
        ),
        "",
        *table(["part", "µs per meter-day", "share"], [*rows, ["**all**", count(total), "100 %"]]),
        *table(
            ["after the warm-up, µs per meter-day", "median", "least"],
            [
                [name, f"{statistics.median(each):.1f}", f"{min(each):.1f}"]
                for name, each in (("close of an area's day", cost.area_closes), ("day stage", cost.day_stages))
            ]
            + [["**all**", f"{cost.typical:.1f}", f"{cost.least:.1f}"]],
        ),
        (
            f"{count(1e6 / cost.typical)} meters' days per CPU-second; the close of a day costs as much as "
            f"{count(cost.typical / cost.costs.interval_us)} of the meter's readings, of which it has 96. Encoding the pages that are saved "
            f"then costs {cost.parts[PAGES]:.1f} µs a meter, and their state is {count(cost.costs.state_bytes)} bytes."
        ),
        "",
        (
            f"**What bounds it:** {heaviest[0]} takes {heaviest[2]}, no part most of it: an area's day is thousands of NumPy calls on arrays of "
            "24 hours by its meters, so the cost per meter falls as areas grow. The day stage's share falls with the number of areas."
        ),
    ]
