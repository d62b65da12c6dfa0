"""A small feed with findings and about one poisoned row in a hundred, and what must become of each."""

from __future__ import annotations

import csv
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from metering.readings import SetAside
from metering.times import DAY_S, iso, parse_iso
from simulator.feeds.feed import Feed
from simulator.recipe import Recipe
from simulator.simulate import simulate

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class PoisonedFeed:
    """`added` rows stand where no row stood before, one entry per reason; `delayed` rows come two days late.

    A clean run of the same rows is `clean`: what is added must change nothing but its own counts.
    """

    folder: Path
    clean: Path
    readings: int
    added: Counter[SetAside] = field(default_factory=Counter)
    delayed: int = 0


def poisoned_feed(
    folder: Path,
    *,
    areas: int,
    meters_per_area: int,
    days: int,
    interval_minutes: int = 60,
    seed: int = 3,
    share: float = 0.01,
) -> PoisonedFeed:
    """Simulate a feed, add findings, then the poison: `folder`/clean and `folder`/poisoned, both with readings.csv."""
    clean, poisoned = folder / "clean", folder / "poisoned"
    simulate(
        clean,
        Recipe(
            areas=areas,
            meters_per_area=meters_per_area,
            days=days,
            seed=seed,
            interval_minutes=interval_minutes,
            prevalence=0.3,
        ),
    )
    _write_findings(clean)
    rows = list(_rows(clean))
    columns = list(rows[0])
    late = _delayed(rows, share / 8, interval_minutes)
    _write_readings(clean, columns, late.rows)
    poisoned.mkdir()
    for path in clean.iterdir():
        if not path.name.startswith("readings."):
            (poisoned / path.name).write_bytes(path.read_bytes())
    mixed, added = _mixed(late.rows, share, interval_minutes, random.Random(seed))
    _write_readings(poisoned, columns, mixed)
    return PoisonedFeed(poisoned, clean, sum(1 for row in mixed if row["energy_kwh"] != ""), added, late.count)


@dataclass(frozen=True, slots=True)
class _Delayed:
    rows: list[Row]
    count: int


def _delayed(rows: Sequence[Row], share: float, interval_minutes: int) -> _Delayed:
    """Some rows of the first half, each put behind the rows of two days later."""
    last_s = parse_iso(rows[-1]["interval_start"])
    step = max(1, round(1 / share))
    chosen = [
        i
        for i in range(0, len(rows), step)
        if parse_iso(rows[i]["interval_start"]) < last_s - 2 * DAY_S - 3600 and rows[i]["energy_kwh"]
    ]
    moved = {i: parse_iso(rows[i]["interval_start"]) + 2 * DAY_S for i in chosen}
    waiting = sorted(moved, key=moved.__getitem__)
    arranged: list[Row] = []
    for i, row in enumerate(rows):
        while waiting and parse_iso(row["interval_start"]) >= moved[waiting[0]] + 60 * interval_minutes:
            arranged.append(rows[waiting.pop(0)])
        if i not in moved:
            arranged.append(row)
    return _Delayed(arranged, len(chosen) - len(waiting))


def _mixed(
    rows: Sequence[Row], share: float, interval_minutes: int, dice: random.Random
) -> tuple[list[Row], Counter[SetAside]]:
    kinds = list(SetAside)
    added: Counter[SetAside] = Counter()
    mixed: list[Row] = []
    newest_s = 0
    for number, row in enumerate(rows):
        start_s = parse_iso(row["interval_start"])
        newest_s = max(newest_s, start_s)
        mixed.append(row)
        # beside rows of the newest interval, away from the first one (no tick has told the time before it)
        if dice.random() >= share or start_s < newest_s or number < len(rows) // 10 or not row["energy_kwh"]:
            continue
        reason = kinds[sum(added.values()) % len(kinds)]
        mixed.append(row | _fault(reason, start_s, interval_minutes))
        added[reason] += 1
    return mixed, added


def _fault(reason: SetAside, start_s: int, interval_minutes: int) -> Row:
    """What is wrong with a copy of a good row, so that it is set aside with `reason`."""
    return {
        SetAside.REPEATED: {},
        SetAside.TIME: {"interval_start": iso(start_s + 400 * DAY_S)},
        SetAside.UNKNOWN_METER: {"meter_id": "NOBODY-KNOWS-ME"},
        SetAside.NOT_A_NUMBER: {"energy_kwh": "nan"},
        SetAside.NEGATIVE: {"energy_kwh": "-1.5"},
        SetAside.IMPOSSIBLE: {"energy_kwh": "99999999"},
        SetAside.INTERVAL: {"interval_start": iso(start_s - 60 * interval_minutes + 7 * 60)},
        SetAside.TYPE: {"energy_kwh": "two and a half"},
        SetAside.TOO_LATE: {"interval_start": iso(start_s - 40 * DAY_S)},
    }[reason]


def _rows(feed: Path) -> Iterator[Row]:
    table = pq.read_table(feed / "readings.parquet")
    (feed / "readings.parquet").unlink()
    for row in table.to_pylist():
        start = row.pop("interval_start")
        texts = {name: "" if value is None else str(value) for name, value in row.items()}
        yield {"interval_start": iso(int(start.timestamp()))} | texts


def _write_readings(feed: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    with (feed / "readings.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _write_findings(feed: Path) -> None:
    """Early cases are confirmed two days on; one meter without a case is visited in vain, one visit comes in disorder."""
    truth = Feed.open(feed).truth()
    guilty = {case.meter_id for case in truth}
    with (feed / "meters.csv").open(newline="", encoding="utf-8") as file:
        innocent = next(r["meter_id"] for r in csv.DictReader(file) if r["meter_id"] not in guilty)
    first_s = min(case.start_s for case in truth)
    lines = [(case.start_s + 2 * DAY_S, case.meter_id, "true", case.abnormality) for case in truth[::2]]
    lines += [(first_s + 3 * DAY_S, innocent, "false", "")]
    with (feed / "findings.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["meter_id", "found_at", "confirmed", "abnormality"])
        writer.writerows([meter, iso(at_s), confirmed, code] for at_s, meter, confirmed, code in sorted(lines))
