"""`evaluate`: a RUN folder against a truth, as figures and as a page with the missed cases' load curves."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from evaluation.answers import Answers
from evaluation.run_folder import FINDINGS, SCORES, read_scores
from evaluation.run_rows import Visit, daily_risk, read_alerts, read_visits
from evaluation.score import Score, ScoredRun, score_run
from metering.errors import MeterwatchError
from monitor.answer_sheet import read_answers, truth_file
from monitor.progress import Advance
from monitor.replay import RUN_FILE
from simulator.feeds.feed import UNREADABLE_TIME, Feed
from simulator.feeds.feed_tables import read_findings

#: The feed begins where most of its first rows lie, so that one meter with a wrong clock does not say when.
FIRST_ROWS = 32


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """A scored run with what it was scored by."""

    name: str
    score: Score
    answers: Answers
    feed: Feed


def feed_of(run: Path) -> Feed:
    """The feed a run was made of. Raises `MeterwatchError` where it has moved."""
    path = run / RUN_FILE
    if not path.exists():
        raise MeterwatchError(f"{path} is missing: is {run} a RUN folder that `meterwatch replay` made?")
    try:
        feed = Path(str(tomllib.loads(path.read_text(encoding="utf-8"))["feed"]))
    except (KeyError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MeterwatchError(f"{path} does not say which feed the run was made of ({error})") from error
    if not feed.is_dir():
        raise MeterwatchError(f"{run} was made of {feed}, which is not there any more: put it back, or edit {path}")
    return Feed.open(feed)


def archive_feed(run: Path, truth: Path, feed: Path | None) -> Feed:
    """The feed whose archive a run is scored with: the one that is named, else the run's own, else the truth's folder."""
    if feed is not None:
        return Feed.open(feed)
    beside = truth_file(truth).parent
    try:
        return feed_of(run)
    except MeterwatchError as error:
        if (beside / "meters.csv").is_file():
            return Feed.open(beside)
        raise MeterwatchError(f"no archive to score by ({error}); give --feed FEED") from error


def evaluate_run(run: Path, truth: Path, feed: Path | None = None) -> Evaluation:
    """Score the run. Meters, areas and timezone come from the feed's archive; see `archive_feed`."""
    if not run.is_dir():
        raise MeterwatchError(f"{run} is not a folder: give the RUN folder that `meterwatch replay --out` wrote")
    scores = read_scores(run / SCORES)
    answers = read_answers(truth)
    opened = archive_feed(run, truth, feed)
    begins_on = first_day(opened)
    if begins_on is None and not scores.num_rows:
        raise MeterwatchError(
            f"there is nothing to evaluate: {opened.readings_file.path} has no readings whose time can be read, and the run judged no day"
        )
    alerts = read_alerts(run, opened.archive)
    scored = ScoredRun(
        alerts,
        read_visits(run, alerts, opened.archive),
        daily_risk(scores, opened.archive, str(run / SCORES)),
        _other_findings(run, opened),
    )
    return Evaluation(run.name, score_run(scored, answers, opened.archive, first_day=begins_on), answers, opened)


def _other_findings(run: Path, feed: Feed) -> tuple[Visit, ...]:
    own = read_findings(run / FINDINGS) if (run / FINDINGS).is_file() else ()
    return tuple(Visit(f.meter_id, f.found_at_s, f.confirmed, f.abnormality) for f in (*own, *feed.findings()))


def first_day(feed: Feed) -> date | None:
    """The local day of the feed's first readings; None where it has none."""
    for batch in feed.readings():
        times_s = batch.times_s[batch.times_s != UNREADABLE_TIME][:FIRST_ROWS]
        if len(times_s):
            return feed.archive.calendar.day_of(int(np.median(times_s)))
    return None


def write_page(found: Evaluation, path: Path, advance: Advance) -> None:
    """Write the page of a score. The feed's readings are read once, and only the missed cases' meters are kept."""
    from evaluation.case_chart import case_curves, picture_of
    from evaluation.load_curves import collect_curves
    from evaluation.page import CASES_DRAWN, page

    drawn = found.score.missed[:CASES_DRAWN]
    meters = frozenset(outcome.case.meter_id for outcome in drawn)
    curves = collect_curves(found.feed.readings_file.batches(meters), meters, found.feed.archive) if meters else {}
    pictures = {}
    for nth, outcome in enumerate(drawn, start=1):
        case = outcome.case
        unmetered = None if found.answers.unmetered_kwh is None else found.answers.unmetered_kwh.get(case.meter_id, {})
        picture = picture_of(outcome, curves[case.meter_id], found.score.scores, unmetered)
        pictures[case.meter_id, case.abnormality, case.start_s] = case_curves(picture)
        advance(nth, len(drawn))
    path.write_text(page(found.score, found.name, pictures), encoding="utf-8")
