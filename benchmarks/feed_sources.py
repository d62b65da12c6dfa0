"""What making a feed costs: the simulator, reading a feed as messages, and the importers of real data."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from benchmarks.plan import SEED, Plan
from benchmarks.report import count, table
from metering.errors import FeedError
from simulator.feeds.bursts import BurstTimes, in_bursts
from simulator.feeds.feed import Feed
from simulator.feeds.living import LivingFeed
from simulator.feeds.publication import Sent, publication
from simulator.imports.import_csv import CsvImport, import_csv
from simulator.imports.import_nem12 import import_nem12
from simulator.recipe import Recipe
from simulator.simulate import simulate


def run(plan: Plan) -> list[str]:
    areas, days = min(plan.areas, 4), 1
    made = plan.folder / "simulated"
    rows: list[list[str]] = []

    def row(what: str, work: Callable[[], int]) -> None:
        began_s, began_cpu_s = time.monotonic(), time.process_time()
        readings = work()
        wall_s, cpu_s = time.monotonic() - began_s, time.process_time() - began_cpu_s
        rows.append(
            [what, f"{readings:,}", count(readings / cpu_s), count(readings / wall_s), count(1e6 * cpu_s / readings)]
        )

    row(
        "simulate",
        lambda: (
            simulate(made, Recipe(areas=areas, meters_per_area=plan.meters_per_area, days=days, seed=SEED)).readings
        ),
    )
    row("read a feed as messages", lambda: readings_of(publication(Feed.open(plan.feed()))))
    row("the same, in bursts", lambda: readings_of(in_bursts(publication(Feed.open(plan.feed())), BurstTimes(900))))
    row("live through the simulated feed as messages", lambda: readings_of(publication(LivingFeed(Feed.open(made)))))
    meters = 10 if plan.quick else 100
    long_csv, nem12 = write_csv(plan.folder / "long.csv", meters), write_nem12(plan.folder / "bench.nem12.csv", meters)
    row("import csv", lambda: import_long(long_csv, plan.folder / "from-csv"))
    row("import nem12", lambda: import_nem(nem12, plan.folder / "from-nem12", meters))
    return [
        (
            f"Simulated: {areas} areas x {plan.meters_per_area} customers x {days} day. Read: the feed of the other benchmarks. "
            f"Imported: {meters} meters x {DAYS} days of 15 minutes."
        ),
        "",
        *table(["source", "readings", "per CPU-second", "per second", "µs per reading"], rows),
        (
            "**What bounds it:** the simulator draws in NumPy and is bound by writing Parquet in order of arrival; the importers "
            "parse text row by row, NEM12 twice (it is checked whole before anything is written)."
        ),
    ]


DAYS = 7
FIRST_DAY = date(2026, 1, 1)


def readings_of(messages: Iterable[Sent]) -> int:
    return sum(getattr(sent.message, "reading_count", 0) for sent in messages)


def write_csv(path: Path, meters: int) -> Path:
    """Readings in long format, one a line, in order of time."""
    energy = np.random.default_rng(SEED).gamma(2.0, 0.05, (DAYS * 96, meters)).round(4)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["meter", "from", "kwh"])
        for number, values in enumerate(energy.tolist()):
            minute = 15 * number
            start = f"{FIRST_DAY + timedelta(days=minute // 1440)}T{minute % 1440 // 60:02d}:{minute % 60:02d}:00Z"
            rows.writerows([f"M{m}", start, value] for m, value in enumerate(values))
    return path


def write_nem12(path: Path, meters: int) -> Path:
    """A NEM12 file of as many meters with one import channel each."""
    energy = np.random.default_rng(SEED).gamma(2.0, 0.05, (meters, DAYS, 96)).round(3)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["100", "NEM12", "202602010000", "MDP", "RETAILER"])
        for meter in range(meters):
            rows.writerow(["200", f"NMI{meter:07d}", "E1", "1", "E1", "N1", f"S{meter}", "kWh", "15", ""])
            for day in range(DAYS):
                when = (FIRST_DAY + timedelta(days=day)).strftime("%Y%m%d")
                rows.writerow(["300", when, *energy[meter, day].tolist(), "A", "", "", "20260201000000", ""])
        rows.writerow(["900"])
    return path


def import_long(source: Path, out: Path) -> int:
    columns = {"meter": "meter_id", "from": "interval_start", "kwh": "energy_kwh"}
    return import_csv(source, out, CsvImport(columns, 15)).readings


def import_nem(source: Path, out: Path, meters: int) -> int:
    summary = import_nem12([source], out)
    if summary.refused:
        raise FeedError(summary.text())
    return meters * DAYS * 96
