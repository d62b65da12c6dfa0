"""A run as a whole: what is in the figures that others read, and that nothing at all is no fault."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from evaluation.answers import Answers, CaseFacts
from evaluation.run_rows import daily_risk
from evaluation.score import ScoredRun, average_precision, evaluate, score_run
from metering.errors import MeterwatchError
from tests.unit.evaluation.made_runs import FIRST_DAY, alert_row, alerts, archive, at, case, scores_table, visit


def test_a_run_made_from_the_truth_scores_one_without_delay() -> None:
    truth = [case("M1", 40), case("M2", 50, "over_capacity"), case("S1", 60, "high_loss")]
    rows = [
        alert_row("M1", 40),
        alert_row("M2", 50, "over_capacity", "load"),
        alert_row(None, 60, "high_loss", "line_loss"),
    ]
    found = evaluate(rows, scores_table({"M1": 1.0, "M2": 1.0, "S1": 1.0}), truth, archive())
    assert (found["detection_rate"], found["right_kind_share"], found["average_precision"]) == (1.0, 1.0, 1.0)
    assert (found["auc"], found["false_cases"], found["macro_detection_rate"]) == (1.0, 0, 1.0)
    assert {row["median_days_to_detection"] for row in found["by_abnormality"].values()} == {0.0}


def test_an_alert_before_the_onset_or_on_another_meter_detects_nothing() -> None:
    found = evaluate([alert_row("M1", 35), alert_row("M3", 45)], scores_table({}), [case("M1", 40)], archive())
    assert found["detected"] == 0
    assert found["missed"][0]["meter_id"] == "M1"
    assert found["false_cases"] == 1, "M3 is normal by the truth"
    assert found["alerts_counted_neither_way"] == {"outside_the_case": 1}


def test_what_falls_into_the_warm_up_counts_neither_way() -> None:
    found = evaluate([alert_row("M5", 10)], scores_table({}), [case("M1", 5, end=12)], archive())
    assert (found["false_cases"], found["cases"]) == (0, 0)


def test_constant_scores_are_worth_what_chance_is() -> None:
    found = evaluate([], scores_table({}), [case("M1", 40), case("M2", 40)], archive())
    assert (found["auc"], found["average_precision"]) == (0.5, round(2 / 21, 4))


@pytest.mark.parametrize("with_scores", [True, False])
@pytest.mark.parametrize("with_alerts", [True, False])
@pytest.mark.parametrize("with_truth", [True, False])
def test_little_is_no_fault(with_scores: bool, with_alerts: bool, with_truth: bool) -> None:
    if not (with_scores or with_alerts or with_truth):
        with pytest.raises(MeterwatchError, match="nothing to evaluate: the feed has no readings"):
            evaluate([], scores_table({}, days=0), [], archive())
        return
    found = evaluate(
        [alert_row("M1", 45)] if with_alerts else [],
        scores_table({"M1": 0.5}) if with_scores else scores_table({}, days=0),
        [case("M1", 40)] if with_truth else [],
        archive(),
    )
    assert found["cases"] == int(with_truth)
    assert (found["auc"] is None) == (not with_truth)
    assert found["inspections"] is None
    assert found["value"]["source"] == "the run's own estimate"


def test_the_feeds_first_day_says_when_the_warm_up_ends() -> None:
    """A run that begins to score after its own warm-up is not warmed up twice."""
    table = scores_table({}).filter(pa.array(np.repeat(np.arange(98) >= 28, 21)))
    run = ScoredRun((), (), daily_risk(table, archive()))
    assert score_run(run, Answers([]), archive(), first_day=FIRST_DAY).span.start_s == at(28)
    assert score_run(run, Answers([]), archive()).span.start_s == at(56)


def test_findings_of_the_feed_teach_but_are_no_visits_of_the_run() -> None:
    run = ScoredRun(alerts(alert_row("M1", 47)), (), daily_risk(scores_table({}), archive()), (visit("M1", 46),))
    found = score_run(run, Answers([case("M1", 40)]), archive())
    assert found.detection.overall.detected == 0
    assert found.inspections is None


def test_visits_of_tasks_are_counted_by_rows_too() -> None:
    finding = {"found_at": "2026-02-17T00:00:00Z", "confirmed": True, "abnormality": "bypass"}
    tasks = [{"id": "T1", "alert_ids": [], "service_point": "SP-1", "finding": finding}]
    found = evaluate([alert_row("M1", 45)], scores_table({}), [case("M1", 40)], archive(), tasks=tasks)
    assert found["inspections"]["hits_per_inspection"] == 1.0
    assert found["inspections"]["by_week"][2]["cases_found_so_far"] == 1
    assert found["detected"] == 1


def test_missed_cases_come_with_the_costliest_first() -> None:
    cases = [case("M1", 40), case("M2", 41), case("M3", 42)]
    energy = {"M1": {FIRST_DAY.toordinal() + 45: 5.0}, "M2": {FIRST_DAY.toordinal() + 45: 50.0}}
    facts = {("M2", "bypass", at(41)): CaseFacts("night_bypass", 0.8, hidden=True, story="at night")}
    run = ScoredRun((), (), daily_risk(scores_table({"M2": 0.4}), archive()))
    found = score_run(run, Answers(cases, facts, energy), archive())
    assert [o.case.meter_id for o in found.missed] == ["M2", "M1", "M3"]
    told = found.as_json()["missed"][0]
    assert (told["scenario"], told["severity"], told["unmetered_kwh"], told["rank"]) == ("night_bypass", 0.8, 50.0, 1)
    assert found.as_json()["by_abnormality"]["bypass"]["unmetered_kwh"] == 55.0


@pytest.mark.parametrize("seed", range(3))
def test_random_scores_rank_no_better_than_chance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    positive = np.arange(2000) % 10 == 0
    found = average_precision(rng.random(2000), positive)
    assert found is not None
    assert 0.07 < found < 0.15
