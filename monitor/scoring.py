"""`evaluate`: a RUN folder against a truth."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from evaluation.run_folder import ALERTS, SCORES, read_lines, read_scores
from evaluation.score import evaluate
from metering.errors import MeterwatchError
from metering.truth import TruthCase
from monitor.replay import RUN_FILE
from simulator.feed import Feed
from simulator.feed_tables import read_truth


def feed_of(run: Path) -> Feed:
    """The feed a run was made of. Raises `MeterwatchError` where it has moved."""
    path = run / RUN_FILE
    if not path.exists():
        raise MeterwatchError(f"{path} is missing: is {run} a RUN folder that `meterwatch replay` made?")
    feed = Path(tomllib.loads(path.read_text(encoding="utf-8"))["feed"])
    if not feed.is_dir():
        raise MeterwatchError(f"{run} was made of {feed}, which is not there any more: put it back, or edit {path}")
    return Feed.open(feed)


def truth_of(path: Path) -> list[TruthCase]:
    """Cases of a truth.csv, or of the one in a feed folder."""
    file = path / "truth.csv" if path.is_dir() else path
    if not file.is_file():
        raise MeterwatchError(f"{file} is missing: give --truth a truth.csv, or a feed folder that holds one")
    return list(read_truth(file))


def evaluate_run(run: Path, truth: Path) -> dict[str, Any]:
    """Score the run; the archive (meters, areas, timezone) comes from the run's feed."""
    return evaluate(list(read_lines(run / ALERTS)), read_scores(run / SCORES), truth_of(truth), feed_of(run).archive)
