"""One world, watched and scored, in a process of its own: ``python -m benchmarks.detection.child NAME OUT [--quick] [--keep FOLDER]``."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.detection.lesser_feeds import lesser
from benchmarks.detection.muting import muted, voices
from benchmarks.detection.straight import Costs, run_straight
from benchmarks.detection.worlds import SOON_DAYS, World, chosen, worlds
from evaluation.answers import Answers, BenignLife, CaseFacts
from evaluation.run_folder import SCORES, read_scores
from evaluation.run_rows import RaisedAlert, daily_risk, read_alerts, read_visits
from evaluation.score import Score, ScoredRun, score_run
from evaluation.span import Span
from metering.archive import Archive
from metering.errors import MeterwatchError
from metering.times import DAY_S
from monitor.progress import progress
from simulator.feeds.feed import Feed, switched_off
from simulator.feeds.living import LivingProvince
from simulator.people.department import InspectionDepartment
from simulator.people.practice import PRACTICES
from simulator.province import Province

ROOT = Path(__file__).parents[2]
#: Whose source decides what is found.
WATCHERS = ("metering", "detectors", "alerts", "inspection", "operations", "simulator", "evaluation")
FINDING_DELAY_S = 7 * DAY_S
SIMBENCH_CODE = "1-LV-semiurb4--0-no_sw"
#: A storm's alerts are counted from its first outage on for so long.
STORM_S = 2 * DAY_S


def measure(world: World, folder: Path) -> dict[str, Any]:
    """The figures of a world; its RUN folder is written to `folder`."""
    if world.recipe is None:
        return _measure_simbench(world, folder)
    living = LivingProvince(world.recipe)
    province = living.province
    source = lesser(living, world.less, world.recipe.seed)
    department = None
    if world.visits_per_week:
        department = InspectionDepartment(
            source.archive,
            living.known_cases(),
            per_day=world.visits_per_week / 7,
            finding_delay_s=FINDING_DELAY_S,
            practice=PRACTICES["perfect"],
            lived=living,
        )
    with progress(world.name) as advance, muted(world.muted):
        costs = run_straight(
            source,
            folder,
            advance,
            readings=province.codes.rows * province.intervals if world.less != "daily_kwh" else 0,
            department=department,
            findings_withheld=world.findings_withheld,
        )
    # without supply meters the cases of areas are missed, not left out: what a balance is worth is seen against the same truth
    archive = province.archive if world.less == "no_supply" else source.archive
    answers = answers_of(living, archive)
    score = score_of(folder, answers, archive, world.recipe.start)
    found = figures(score, answers, archive, read_alerts(folder, archive), costs)
    found["recipe"] = {
        "seed": world.recipe.seed,
        "pack": "+".join(world.recipe.packs),
        "days": world.recipe.days,
        "customers": sum(len(w.customers) for w in province.worlds),
        "prevalence": world.recipe.prevalence,
        "interval_minutes": source.archive.interval_minutes,
    }
    found["switched_off"] = switched_off(source.archive, _columns_of(world, living), _missing_files(world))
    if department is not None:
        found["visits"] = _visits(department, score.span)
    if world.recipe.pack.storm:
        found["storm"] = _storm(province, read_alerts(folder, source.archive))
    return found


def _measure_simbench(world: World, folder: Path) -> dict[str, Any]:
    from simulator.imports.import_simbench import import_simbench

    with tempfile.TemporaryDirectory(prefix="meterwatch-simbench-") as place, progress(world.name) as advance:
        import_simbench(SIMBENCH_CODE, Path(place) / "feed", advance)
        feed = Feed.open(Path(place) / "feed")
        costs = run_straight(feed, folder, advance)
        answers = Answers((), life=())
        first = min(row.as_py() for row in read_scores(folder / SCORES).column("date").unique())
        score = score_of(folder, answers, feed.archive, first)
        found = figures(score, answers, feed.archive, read_alerts(folder, feed.archive), costs)
        found["switched_off"] = feed.notes()
    found["recipe"] = {"pack": SIMBENCH_CODE, "customers": len(feed.archive.areas_of_meter), "interval_minutes": 15}
    return found


def _columns_of(world: World, living: LivingProvince) -> tuple[str, ...]:
    if world.less in ("kwh_only", "daily_kwh"):
        return ("energy_kwh",)
    return tuple(n for n in living.stream.names if world.less != "no_voltage" or not n.startswith("voltage"))


def _missing_files(world: World) -> tuple[str, ...]:
    if world.less in ("kwh_only", "daily_kwh"):
        return ("events.csv",)
    return ("tariffs.csv",) if world.less == "bare_archive" else ()


def answers_of(living: LivingProvince, archive: Archive) -> Answers:
    """The truth of a province, of the meters that the archive knows; after it was lived through."""
    province = living.province
    cases = [c for c in province.cases if c.place.meter.meter_id in archive.areas_of_meter]
    unmetered: dict[str, dict[int, float]] = {}
    for (number, day), kwh in living.stream.unmetered_kwh.items():
        own = unmetered.setdefault(province.cases[number].place.meter.meter_id, {})
        ordinal = (province.first_day + timedelta(days=day)).toordinal()
        own[ordinal] = own.get(ordinal, 0.0) + round(kwh, 3)  # to the watt hour, as `unmetered.csv` has it
    return Answers(
        tuple(sorted((c.truth for c in cases), key=lambda t: (t.start_s, t.meter_id))),
        {
            (c.place.meter.meter_id, c.abnormality, c.start_s): CaseFacts(c.scenario, c.severity, c.hidden, c.story)
            for c in cases
        },
        unmetered,
        tuple(BenignLife(c.meter_id, c.kind, c.start_s, c.end_s) for c in province.changes()),
    )


def score_of(run: Path, answers: Answers, archive: Archive, first_day: date) -> Score:
    """The RUN folder, scored as `meterwatch evaluate` does."""
    alerts = read_alerts(run, archive)
    scores = daily_risk(read_scores(run / SCORES), archive)
    return score_run(
        ScoredRun(alerts, read_visits(run, alerts, archive), scores), answers, archive, first_day=first_day
    )


def figures(
    score: Score, answers: Answers, archive: Archive, alerts: Sequence[RaisedAlert], costs: Costs
) -> dict[str, Any]:
    found = score.as_json()
    del found["missed"]
    by_scenario = [g.detection_rate for g in score.detection.by_scenario().values() if g.detection_rate is not None]
    return {
        "score": found,
        "soon": _soon(score, answers),
        "macro_by_scenario": round(float(np.mean(by_scenario)), 4) if by_scenario else None,
        "cases": len(answers.cases),
        "areas": len(archive.areas),
        "alerts_by_kind": dict(sorted(Counter(a.abnormality for a in alerts).items())),
        "costs": asdict(costs),
    }


def _soon(score: Score, answers: Answers) -> dict[str, list[list[float | None]]]:
    """By scenario, of each case that was watched for ten days or ended: days to its detection (None: not found), and the kWh a day
    that nobody metered in its first ten days."""
    found: dict[str, list[list[float | None]]] = {}
    for outcome in score.detection.outcomes:
        case, until_s = outcome.case, outcome.case.start_s + SOON_DAYS * DAY_S
        if outcome.scenario is None or (case.end_s is None and until_s > score.span.end_s and not outcome.detected):
            continue
        first = score.span.day(case.start_s)
        own = (answers.unmetered_kwh or {}).get(case.meter_id, {})
        kwh = sum(own.get(day, 0.0) for day in range(first, first + SOON_DAYS)) / SOON_DAYS
        days = round(outcome.days_to_detection, 2) if outcome.detected else None
        found.setdefault(outcome.scenario, []).append([days, round(kwh, 2)])
    return found


def _visits(department: InspectionDepartment, span: Span) -> dict[str, Any]:
    """Hits per visit made in the judged time; what the last week's visits found is known, though its findings come too late
    to teach anything."""
    made = [v for v in department.visits if span.holds(v.visited_at_s)]
    weeks = [
        [v for v in made if (v.visited_at_s - span.start_s) // (7 * DAY_S) == week] for week in range(int(span.weeks))
    ]
    return {
        "visits": len(made),
        "hits": sum(v.confirmed and not v.in_vain for v in made),
        "in_warm_up": sum(v.visited_at_s < span.start_s for v in department.visits),
        "by_week": [[len(week), sum(v.confirmed and not v.in_vain for v in week)] for week in weeks],
    }


def _storm(province: Province, alerts: Sequence[RaisedAlert]) -> dict[str, Any]:
    """How many areas a storm took, and the alerts raised in its two days: of areas, of meters, and by kind."""
    outages = [o for of_area in province.outages for o in of_area]
    # the storm is when most areas are dark at once
    begins_s = max(
        (o.start_s for o in outages), key=lambda s: sum(o.start_s <= s + 3 * 3600 and o.end_s > s for o in outages)
    )
    hit = {o.transformer_area for o in outages if begins_s - 3 * 3600 <= o.start_s <= begins_s + 3 * 3600}
    raised = [a for a in alerts if begins_s - 3 * 3600 <= a.raised_s < begins_s + STORM_S]
    return {
        "areas_hit": len(hit),
        "of_areas": sum(a.of_area for a in raised),
        "of_meters": sum(not a.of_area for a in raised),
        "by_kind": dict(sorted(Counter(a.abnormality for a in raised).items())),
    }


def version() -> str:
    """Which monitor was measured: eight digits of everything that decides what is found."""
    source = hashlib.blake2b(digest_size=4)
    for package in WATCHERS:
        for path in sorted((ROOT / package).rglob("*")):
            if path.suffix in (".py", ".toml", ".json", ".npz") and path.is_file():
                source.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return source.hexdigest()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection.child")
    parser.add_argument("name")
    parser.add_argument("out", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args(arguments)
    measured = {"measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), "version": version()}
    try:
        world = next(w for w in chosen([asked.name], worlds(voices())) if w.name == asked.name)
        world = world.quick() if asked.quick else world
        with tempfile.TemporaryDirectory(prefix="meterwatch-detection-") as place:
            found = measured | measure(world, (asked.keep or Path(place)) / world.name)
    except MeterwatchError as error:
        print(f"{asked.name}: {error}", file=sys.stderr)
        return 1
    asked.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
