"""The training pack's exercise: service points to judge by what an inspector sees, and the answers."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import numpy as np

from metering.times import DAY_S
from simulator.feeds.feed import Feed
from simulator.province import Province
from simulator.training.figure import Seen, answer_figure, figures_of, weather_figure
from simulator.training.page import answers_page, exercise_page
from simulator.training.points import Point, choose_points
from simulator.training.recorded import Recorded, Rows, read_back
from simulator.world.bookings import BookingChange

EXERCISE, ANSWERS = "exercise.html", "answers.html"
TRAINING_FILES = (EXERCISE, ANSWERS)


def write_training(folder: Path, province: Province, *, progress: Callable[[int, int], None] | None = None) -> None:
    """Write exercise.html and answers.html into a feed folder that holds the province's readings.

    The same feed gives the same bytes. `progress(points drawn, points)` is told after each. A province in which there is nothing to
    ask about gets no pages.
    """
    points = choose_points(province)
    if not points:
        return
    feed = Feed.open(folder)
    recorded = read_back(feed, province, points)
    unmetered = _unmetered(folder, province, points)
    life = province.changes()
    seen, figures, answers = [], [], []
    for number, point in enumerate(points, start=1):
        one = _seen(point, recorded, province, life)
        seen.append(one)
        figures.append(figures_of(one, f"service point {number}"))
        answers.append(answer_figure(one, unmetered[number - 1], f"service point {number}"))
        if progress is not None:
            progress(number, len(points))
    exercise = exercise_page(seen, figures, weather_figure(province))
    (folder / EXERCISE).write_text(exercise, encoding="utf-8")
    kwh = [float(of_point.sum()) for of_point in unmetered]
    (folder / ANSWERS).write_text(answers_page(seen, kwh, answers), encoding="utf-8")


def _unmetered(folder: Path, province: Province, points: tuple[Point, ...]) -> list[Rows]:
    """By point and day the energy drawn and not registered, (days,), from unmetered.csv."""
    place_of = {meter_id: n for n, point in enumerate(points) if point.case is not None for meter_id in point.meter_ids}
    found = [np.zeros(province.days) for _ in points]
    with (folder / "unmetered.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            place = place_of.get(row["meter_id"])
            if place is not None:
                found[place][(date.fromisoformat(row["date"]) - province.first_day).days] += float(row["unmetered_kwh"])
    return found


def _seen(point: Point, recorded: Recorded, province: Province, life: Sequence[BookingChange]) -> Seen:
    begins_s = int(recorded.start_s[0])
    ids, area = frozenset(point.meter_ids), point.meters[0].transformer_area

    def day(moment_s: int) -> float:
        return (moment_s - begins_s) / DAY_S

    works = [w for w in province.works if w.meter_id in ids or (w.meter_id is None and w.transformer_area == area)]
    # a meter exchange has a work order for the old meter and one for the new one
    spans = dict.fromkeys((day(w.start_s), day(w.end_s)) for w in works)
    outages = province.archive.outages_by_area.get(area, ())
    return Seen(
        point,
        recorded,
        province,
        [(day(e.event_time_s), e.code) for e in province.events if e.meter_id in ids],
        [(day(o.start_s), day(o.end_s)) for o in outages],
        list(spans),
        [change for change in life if change.meter_id in ids],
    )


__all__ = ["ANSWERS", "EXERCISE", "TRAINING_FILES", "write_training"]
