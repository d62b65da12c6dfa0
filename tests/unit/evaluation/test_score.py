"""Scoring a run: a run made from the truth scores 1 with no delay, false cases are counted as the design says."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from evaluation.score import average_precision, evaluate
from metering.archive import Archive, Meter
from metering.times import DAY_S, iso, parse_iso
from metering.truth import TruthCase

FIRST_S = parse_iso("2026-01-01T00:00:00Z")
DAYS = 98


def archive(meters: int = 20) -> Archive:
    rows = [Meter("S1", "SP-S", "grid", "A1", "supply")]
    rows += [Meter(f"M{i}", f"SP-{i}", f"C{i}", "A1", "customer") for i in range(meters)]
    return Archive("scored", 15, "UTC", tuple(rows))


def scores(risk: dict[str, float]) -> pa.Table:
    days = [date(2026, 1, 1) + timedelta(days=d) for d in range(DAYS)]
    ids = [m.meter_id for m in archive().meters]
    return pa.table(
        {
            "meter_id": [m for _ in days for m in ids],
            "date": pa.array([d for d in days for _ in ids], pa.date32()),
            "risk": pa.array([risk.get(m, 0.0) for _ in days for m in ids], pa.float32()),
        }
    )


def alert(
    meter_id: str | None, day: float, kind: str = "bypass", family: str = "theft", cleared: float | None = None
) -> dict[str, Any]:
    return {
        "transformer_area": "A1",
        "meter_id": meter_id,
        "abnormality": kind,
        "family": family,
        "raised_at": iso(FIRST_S + int(day * DAY_S)),
        "cleared_at": None if cleared is None else iso(FIRST_S + int(cleared * DAY_S)),
    }


def case(meter_id: str, day: float, kind: str = "bypass", end: float | None = None) -> TruthCase:
    return TruthCase(meter_id, kind, FIRST_S + int(day * DAY_S), None if end is None else FIRST_S + int(end * DAY_S))


def test_a_run_made_from_the_truth_scores_one_without_delay() -> None:
    truth = [case("M1", 40), case("M2", 50, "over_capacity"), case("S1", 60, "high_loss")]
    alerts = [alert("M1", 40), alert("M2", 50, "over_capacity", "load"), alert(None, 60, "high_loss", "line_loss")]
    found = evaluate(alerts, scores({"M1": 1.0, "M2": 1.0, "S1": 1.0}), truth, archive())
    assert (found["detection_rate"], found["right_kind_share"], found["average_precision"]) == (1.0, 1.0, 1.0)
    assert found["false_cases"] == 0
    assert {row["median_days_to_detection"] for row in found["by_abnormality"].values()} == {0.0}


def test_an_alert_before_the_onset_or_on_another_meter_detects_nothing() -> None:
    found = evaluate([alert("M1", 35), alert("M3", 45)], scores({}), [case("M1", 40)], archive())
    assert found["detected"] == 0
    assert found["missed"][0]["meter_id"] == "M1"
    assert found["false_cases"] == 1, "M3 is normal by the truth"


def test_repeats_within_seven_days_are_one_false_case_and_data_quality_is_none() -> None:
    alerts = [alert("M5", 40), alert("M5", 44), alert("M5", 60), alert("M6", 50, "reading_failed", "communication")]
    assert evaluate(alerts, scores({}), [case("M1", 40)], archive())["false_cases"] == 2


def test_what_falls_into_the_warm_up_counts_neither_way() -> None:
    found = evaluate([alert("M5", 10)], scores({}), [case("M1", 5, end=12)], archive())
    assert (found["false_cases"], found["cases"]) == (0, 0)


@pytest.mark.parametrize("seed", range(3))
def test_random_scores_rank_no_better_than_chance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    positive = np.arange(2000) % 10 == 0
    found = average_precision(rng.random(2000), positive)
    assert found is not None
    assert 0.07 < found < 0.15


def test_equal_scores_share_their_precision() -> None:
    assert average_precision(np.zeros(10), np.arange(10) < 2) == 0.2
