"""`simulate`: a feed folder with its truth, drawn from a seed, written in a stream."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from simulator.communication import Reliability
from simulator.feeds.feed_writer import FeedWriter
from simulator.province import Province
from simulator.recipe import Recipe
from simulator.stream import ProvinceStream
from simulator.training import TRAINING_FILES, write_training


@dataclass(frozen=True, slots=True)
class SimulationSummary:
    """What was written. `readings` counts rows of the file: also repeated ones and corrections, and none that was lost.

    `cases` counts the labelled cases by scenario.
    """

    folder: Path
    areas: int
    customers: int
    days: int
    intervals: int
    readings: int
    lost: int
    late: int
    repeated: int
    corrected: int
    events: int
    cases: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        abnormal = ", ".join(f"{scenario} {count}" for scenario, count in self.cases.items()) or "none"
        return (
            f"{self.readings:,} readings of {self.customers:,} customers in {self.areas:,} transformer areas over "
            f"{self.days} days; late {self.late:,}, repeated {self.repeated:,}, corrected {self.corrected:,}, "
            f"lost on the way {self.lost:,}; {self.events:,} meter events; abnormal: {abnormal}"
        )


def prepare(*, reliability: Reliability | None = None, **asked: Any) -> Province:
    """The province of `Recipe(**asked)`, planned and not yet lived through."""
    return Province(Recipe(**asked), reliability=reliability)


def simulate(
    out: Path,
    recipe: Recipe,
    *,
    progress: Callable[[int, int], None] | None = None,
    drawing: Callable[[int, int], None] | None = None,
    exercising: Callable[[int, int], None] | None = None,
    overwrite: bool = False,
) -> SimulationSummary:
    """Write a feed of simulated meters with its truth into the folder `out`; the same recipe gives the same bytes.

    `drawing(areas drawn, areas)` is called while the province is being drawn, `progress(intervals done, intervals)` while it is
    lived through, `exercising(service points drawn, all)` while a training pack's pages are written. Raises `FeedError` where `out` holds a feed already.
    """
    province = Province(recipe, drawing=drawing)
    stream = ProvinceStream(province)
    intervals = 0
    with FeedWriter(out, province.archive, reading_columns=stream.names, overwrite=overwrite) as feed:
        names = stream.meter_names
        for arrived in stream.arrivals():
            feed.write_coded(arrived.start_s, arrived.codes, names, arrived.columns)
            intervals += arrived.intervals
            if progress is not None and arrived.intervals:
                progress(intervals, province.intervals)
        feed.write_events(province.events)
        feed.write_truth(sorted((c.truth for c in province.cases), key=lambda t: (t.start_s, t.meter_id)))
        write_answers(feed, province, stream)
        feed.write_text("simulation.toml", recipe.text())
    for name in TRAINING_FILES:  # of a feed that stood here before
        (out / name).unlink(missing_ok=True)
    if recipe.pack.one_of_each:
        write_training(out, province, progress=exercising)
    return SimulationSummary(
        folder=out,
        areas=recipe.areas,
        customers=sum(len(world.customers) for world in province.worlds),
        days=recipe.days,
        intervals=intervals,
        readings=stream.order.written,
        lost=stream.order.lost,
        late=stream.order.late,
        repeated=stream.order.repeated,
        corrected=stream.order.corrected,
        events=len(province.events),
        cases=dict(sorted(Counter(c.scenario for c in province.cases).items())),
    )


def write_answers(feed: FeedWriter, province: Province, stream: ProvinceStream) -> None:
    """What stands behind the truth: cases.csv, unmetered.csv and life.csv."""
    totals: dict[int, float] = {}
    for (number, _), kwh in stream.unmetered_kwh.items():
        totals[number] = totals.get(number, 0.0) + kwh
    in_order = sorted(
        range(len(province.cases)), key=lambda n: (province.cases[n].start_s, province.cases[n].place.meter.meter_id)
    )
    feed.write_cases((province.cases[n], _written(totals.get(n, 0.0))) for n in in_order)
    days = sorted(stream.unmetered_kwh, key=lambda key: (key[1], province.cases[key[0]].place.meter.meter_id, key[0]))
    feed.write_unmetered(
        (
            province.cases[n].place.meter.meter_id,
            province.first_day + timedelta(days=day),
            _written(stream.unmetered_kwh[n, day]),
        )
        for n, day in days
    )
    feed.write_life((c.meter_id, c.kind, c.start_s, c.end_s) for c in province.changes())


def _written(kwh: float) -> float:
    """To the watt hour, and never -0.0."""
    return round(kwh, 3) + 0.0
