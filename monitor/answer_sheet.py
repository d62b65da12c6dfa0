"""What a simulation says of its own feed beside `truth.csv`: cases, unmetered energy, benign life. For evaluation only."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from pathlib import Path

from evaluation.answers import Answers, BenignLife, CaseFacts, CaseKey
from metering.errors import MeterwatchError
from simulator.feeds.feed_tables import Row, read_rows, read_truth

TRUTH, CASES, UNMETERED, LIFE = "truth.csv", "cases.csv", "unmetered.csv", "life.csv"


def truth_file(path: Path) -> Path:
    """The truth.csv that a person means: the file itself, or the one in a feed folder."""
    file = path / TRUTH if path.is_dir() else path
    if not file.is_file():
        raise MeterwatchError(f"{file} is missing: give --truth a truth.csv, or a feed folder that holds one")
    return file


def read_answers(path: Path) -> Answers:
    """The truth, with whatever of `cases.csv`, `unmetered.csv` and `life.csv` lies beside it. Raises `FeedError`."""
    file = truth_file(path)
    cases, unmetered, life = (file.parent / name for name in (CASES, UNMETERED, LIFE))
    return Answers(
        tuple(read_truth(file)),
        _read_facts(cases) if cases.is_file() else {},
        _read_unmetered(unmetered) if unmetered.is_file() else None,
        tuple(_life_of(row) for row in read_rows(life, ("meter_id", "kind", "start"), ("end",)))
        if life.is_file()
        else None,
    )


def _read_facts(path: Path) -> dict[CaseKey, CaseFacts]:
    required, optional = ("meter_id", "scenario", "abnormality", "start"), ("severity", "hidden", "story")
    return {
        (row.text("meter_id"), row.text("abnormality"), row.time("start")): CaseFacts(
            row.text("scenario"),
            row.number("severity"),
            row.yes_or_no("hidden"),
            row.cells.get("story", ""),
        )
        for row in read_rows(path, required, optional)
    }


def _read_unmetered(path: Path) -> dict[str, dict[int, float]]:
    """kWh by meter and local day (ordinal); lines of the same meter and day add up."""
    found: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for row in read_rows(path, ("meter_id", "date", "unmetered_kwh"), ()):
        row.text("unmetered_kwh")
        found[row.text("meter_id")][_day_of(row)] += row.number("unmetered_kwh") or 0.0
    return {meter: dict(days) for meter, days in found.items()}


def _day_of(row: Row) -> int:
    try:
        return date.fromisoformat(row.text("date")).toordinal()
    except ValueError:
        row.fail("date", f"{row.cells['date']!r} is not a date; write 2026-01-31")


def _life_of(row: Row) -> BenignLife:
    return BenignLife(row.text("meter_id"), row.text("kind"), row.time("start"), row.optional_time("end"))
