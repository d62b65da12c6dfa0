"""`replay --inspect` closes the circle: the feed is lived through, and what is mended shows in readings, alerts and `explain`."""

from __future__ import annotations

import csv
import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.run_folder import ALERTS, FINDINGS, REPORT, SCORES, TASKS
from metering.errors import SettingsError
from metering.times import DAY_S, iso, parse_iso
from monitor.explain import explain_reading
from monitor.findings import list_findings
from monitor.inspected import Inspection
from monitor.replay import SERIES_FILE, ReplayPlan, replay
from monitor.settings import load_settings
from simulator.feeds.feed import Feed
from simulator.people.capacity import delay_s, visits_per_day
from simulator.people.cases import INTERRUPTIONS_FILE, Interruption, read_interruptions
from simulator.people.visit import VISITS_FILE
from simulator.recipe import RECIPE_FILE, Recipe
from simulator.simulate import simulate
from storage.duckdb_series import DuckDbTimeSeries
from tests.replay.poisoned_feed import poisoned_feed

FIRST_DAY, DAYS = Recipe().start, 31
HUMAN = Inspection(visits_per_day("40/week"), delay_s("1d"))
WRITTEN = (ALERTS, TASKS, SCORES, FINDINGS, VISITS_FILE, INTERRUPTIONS_FILE)


def run(plan: ReplayPlan) -> dict[str, Any]:
    return replay(plan, load_settings({}), lambda _done, _of: None)


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Feed:
    folder = tmp_path_factory.mktemp("inspected") / "feed"
    simulate(folder, Recipe(areas=2, meters_per_area=40, days=DAYS, seed=3, interval_minutes=60, prevalence=0.5))
    return Feed.open(folder)


@pytest.fixture(scope="module")
def lived(feed: Feed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("lived")
    report = run(ReplayPlan(feed.folder, out, inspection=HUMAN))
    assert report["settings"] == {"through": "direct", "series": True, "inspector": "human", "inspected_feed": "lived"}
    return out


def visits(run_folder: Path) -> list[dict[str, str]]:
    with (run_folder / VISITS_FILE).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def lines(run_folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run_folder / name).read_text().splitlines()]


def mended(run_folder: Path, feed: Feed) -> list[Interruption]:
    """What was mended at customers in time to be seen."""
    end_s = feed.archive.calendar.day_start(FIRST_DAY) + (DAYS - 2) * DAY_S
    return [
        i
        for i in read_interruptions(run_folder / INTERRUPTIONS_FILE)
        if i.why == "rectified" and i.from_s < end_s and i.case.meter_id.startswith("M")
    ]


@cache
def energies_kwh(run_folder: Path) -> dict[str, dict[int, float]]:
    """The run's readings by meter and interval."""
    series = DuckDbTimeSeries(run_folder / SERIES_FILE)
    try:
        points = series.read("reading", start_s=0, end_s=2**40)
    finally:
        series.close()
    found: dict[str, dict[int, float]] = {}
    for p in points:
        if p.fields.get("energy_kwh") is not None:
            found.setdefault(p.tags["meter_id"], {})[p.time_s] = float(p.fields["energy_kwh"])
    return found


def test_visits_tell_what_was_true_and_what_came_of_it(lived: Path, feed: Feed) -> None:
    made = visits(lived)
    truth = {c.meter_id: c for c in feed.truth()}
    assert len(made) >= 10
    assert any(v["confirmed"] == "true" for v in made)
    tasks = {t["id"]: t for t in lines(lived, TASKS)}
    for visit in made:
        case = truth.get(visit["meter_id"])
        assert visit["true_case"] in ("", None if case is None else case.abnormality)
        task = tasks[visit["task_id"]]
        assert task["opened_at"] <= visit["visited_at"]
        local = feed.archive.calendar.local(parse_iso(visit["visited_at"]))
        assert task["hazard"] or (local.weekday() < 5 and local.date() not in feed.archive.holidays)
        if visit["found_at"]:
            assert task["finding"]["found_at"] == visit["found_at"]
            assert task["finding"]["confirmed"] is (visit["confirmed"] == "true")
    assert all(float(v["line_current_a"]) >= 0 for v in made if v["line_current_a"])
    assert any(v["error_percent"] for v in made)


def test_what_each_finding_taught_and_each_detector_was_worth_is_told(lived: Path, feed: Feed) -> None:
    told = list(list_findings(lived, 100))
    found = [v for v in visits(lived) if v["found_at"]]
    assert sum("  confirmed " in line or "  nothing found  " in line for line in told) == len(found)
    assert sum(
        any(word in line for word in ("taught: ", "teaches nothing: ", "about the whole area")) for line in told
    ) == len(found)
    report = json.loads((lived / REPORT).read_text())
    assert sum(p["visited"] for p in report["detector_precision"]) >= len(found)
    for p in report["detector_precision"]:
        assert p["interval"][0] <= p["precision"] <= p["interval"][1]
        assert any(line.startswith(f"{p['detector']} {p['abnormality']}: ") for line in told)


def test_crews_get_no_more_suspicions_than_they_can_visit(lived: Path) -> None:
    tasks = [t for t in lines(lived, TASKS) if not t["hazard"]]
    assert tasks
    for first in tasks:
        until = iso(parse_iso(first["opened_at"]) + 7 * DAY_S)
        assert sum(first["opened_at"] <= t["opened_at"] < until for t in tasks) <= 2 * 40
    assert all(t["risk"] >= 0.3 / 3 for t in tasks)


def test_through_memory_the_same_bytes(lived: Path, feed: Feed, tmp_path: Path) -> None:
    run(ReplayPlan(feed.folder, tmp_path / "memory", "memory", inspection=HUMAN, keep_series=False))
    for name in WRITTEN:
        assert (tmp_path / "memory" / name).read_bytes() == (lived / name).read_bytes(), name


def written_kwh(feed: Feed, meter_id: str) -> dict[int, float]:
    """What the feed's file says, but for intervals that were repeated or corrected."""
    found: dict[int, list[float]] = {}
    for batch in feed.readings():
        rows = np.flatnonzero(np.array(list(batch.meter_names))[batch.meter_codes] == meter_id)
        for at_s, kwh in zip(batch.times_s[rows].tolist(), batch.columns["energy_kwh"][rows].tolist(), strict=True):
            found.setdefault(at_s, []).append(kwh)
    return {at_s: values[0] for at_s, values in found.items() if len(values) == 1}


def changed(run_folder: Path, feed: Feed, meter_id: str) -> list[int]:
    """The intervals in which the run's reading is another than the file's, in order."""
    written, lived = written_kwh(feed, meter_id), energies_kwh(run_folder)[meter_id]
    return [at_s for at_s in sorted(written) if at_s in lived and abs(lived[at_s] - written[at_s]) > 1e-3]


def test_what_is_mended_shows_in_the_readings_from_then_on(lived: Path, feed: Feed) -> None:
    answered = 0
    for meter_id in {i.case.meter_id for i in mended(lived, feed)}:
        other = changed(lived, feed, meter_id)
        spans = [i for i in read_interruptions(lived / INTERRUPTIONS_FILE) if i.case.meter_id == meter_id]
        # a meter's clock lets the interval after a change have a share in it
        assert all(any(i.covers(at_s) or i.covers(at_s - 3600) for i in spans) for at_s in other), meter_id
        answered += bool(other)
    assert answered >= 2


def test_alerts_end_after_what_raised_them_was_mended(lived: Path, feed: Feed) -> None:
    mended_at = {i.case.meter_id: iso(i.from_s) for i in mended(lived, feed)}
    confirmed = [a for a in lines(lived, ALERTS) if a["state"] == "confirmed" and a["meter_id"] in mended_at]
    ended = [a for a in confirmed if a["cleared_at"] is not None and a["cleared_at"] >= mended_at[a["meter_id"]]]
    assert ended


def test_explain_lives_the_run_through_again(lived: Path, feed: Feed) -> None:
    meter_id, at_s = next(
        (i.case.meter_id, other[len(other) // 2])
        for i in mended(lived, feed)
        if (other := changed(lived, feed, i.case.meter_id))
    )
    judged = next(line for line in explain_reading(lived, meter_id, iso(at_s)) if line.startswith("judged:"))
    assert f"energy_kwh {energies_kwh(lived)[meter_id][at_s]:.4g}," in judged


def test_a_second_finding_leaves_what_the_first_one_settled(lived: Path, feed: Feed, tmp_path: Path) -> None:
    first = next(
        v for v in visits(lived) if v["confirmed"] == "true" and v["found_at"] and v["meter_id"].startswith("M")
    )
    folder, later_s = tmp_path / "feed", parse_iso(first["found_at"]) + 3 * DAY_S
    shutil.copytree(feed.folder, folder)
    found = f"{first['meter_id']},{first['found_at']},true,{first['abnormality']},simulated inspector,seen"
    upheld = f"{first['meter_id']},{iso(later_s)},false,,simulated re-check,appeal upheld"
    header = "meter_id,found_at,confirmed,abnormality,found_by,note"
    (folder / "findings.csv").write_text("\n".join([header, found, upheld]) + "\n")
    report = run(ReplayPlan(folder, tmp_path / "run", keep_series=False))
    assert report["findings"] == 2
    task = next(t for t in lines(tmp_path / "run", TASKS) if t["id"] == first["task_id"])
    assert (task["state"], task["finding"]["confirmed"]) == ("closed", True)
    alerts = [a for a in lines(tmp_path / "run", ALERTS) if a["id"] in task["alert_ids"]]
    # nothing was mended here, so that one may have come up anew
    assert "confirmed" in {a["state"] for a in alerts}
    assert "withdrawn" not in {a["state"] for a in alerts}


# --- which feed, which people


def test_a_feed_that_was_changed_is_read_and_says_why(tmp_path: Path) -> None:
    poisoned = poisoned_feed(tmp_path / "feed", areas=2, meters_per_area=8, days=5)
    report = run(ReplayPlan(poisoned.folder, tmp_path / "run", inspection=HUMAN, keep_series=False))
    assert report["settings"]["inspected_feed"] == "read"
    assert "not those of its recipe" in report["settings"]["inspected_feed_is_read_because"]
    assert report["readings_in"] == poisoned.readings


@pytest.mark.parametrize(
    ("given", "inspector", "why"),
    [
        ({"truth": "truth.csv"}, "perfect", None),
        ({"truth": "."}, "perfect", None),
        ({"truth": "truth.csv", "practice": "human"}, "human", None),
        ({"practice": "perfect"}, "perfect", None),
        ({"static": True}, "human", "asked for by --static"),
        ({"truth": "half.csv"}, "perfect", "the truth is not that of its recipe"),
    ],
)
def test_a_plain_truth_means_no_errors_unless_asked(
    given: dict[str, Any], inspector: str, why: str | None, tmp_path: Path
) -> None:
    folder = tmp_path / "feed"
    simulate(folder, Recipe(areas=1, meters_per_area=20, days=6, seed=2, interval_minutes=60, prevalence=0.3))
    half = (folder / "truth.csv").read_text().splitlines()
    (tmp_path / "half.csv").write_text("\n".join(half[:2]) + "\n")
    if "truth" in given:
        given = given | {"truth": (tmp_path if given["truth"] == "half.csv" else folder) / given["truth"]}
    report = run(ReplayPlan(folder, tmp_path / "run", inspection=Inspection(3.0, 0, **given), keep_series=False))
    settings = report["settings"]
    assert settings["inspector"] == inspector
    assert settings.get("inspected_feed_is_read_because") == why
    assert settings["inspected_feed"] == ("lived" if why is None else "read")


def test_a_feed_without_recipe_and_answers_is_read_without_errors(tmp_path: Path) -> None:
    folder = tmp_path / "feed"
    simulate(folder, Recipe(areas=1, meters_per_area=20, days=6, seed=2, interval_minutes=60, prevalence=0.3))
    for name in (RECIPE_FILE, "cases.csv"):
        (folder / name).unlink()
    report = run(ReplayPlan(folder, tmp_path / "run", inspection=Inspection(3.0, 0), keep_series=False))
    assert report["settings"]["inspector"] == "perfect"
    assert "simulation.toml" in report["settings"]["inspected_feed_is_read_because"]
    (folder / "truth.csv").unlink()
    with pytest.raises(SettingsError, match="give --truth FILE"):
        run(ReplayPlan(folder, tmp_path / "other", inspection=Inspection(3.0, 0)))
