"""Ranking: AUC and precision with ties to the digit, matched windows, nothing that was taught."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from evaluation.answers import Answers
from evaluation.detection import detect
from evaluation.ranking import Ranking, auc, average_precision, precision_at, precision_recall, rank_meters
from evaluation.run_rows import DailyRisk
from evaluation.span import first_findings
from metering.archive import Archive, Meter
from metering.truth import TruthCase
from tests.unit.evaluation.made_runs import archive, at, case, judged, risk_rows, visit

Scores = NDArray[np.float64]


def labelled(least: int = 2) -> st.SearchStrategy[tuple[Scores, NDArray[np.bool_]]]:
    """Scores on a coarse grid, so that ties are frequent, with at least one label of each kind."""
    pairs = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=least, max_size=60)
    return pairs.filter(lambda rows: len({label for _, label in rows}) == 2).map(
        lambda rows: (np.array([s / 12 for s, _ in rows]), np.array([label for _, label in rows]))
    )


@given(labelled())
def test_auc_is_the_share_of_pairs_in_order_with_ties_as_halves(drawn: tuple[Scores, NDArray[np.bool_]]) -> None:
    score, positive = drawn
    pairs = np.sign(score[positive][:, None] - score[~positive][None, :])
    assert auc(score, positive) == pytest.approx((pairs.mean() + 1) / 2, abs=5.1e-5)


@given(labelled())
def test_only_the_order_of_scores_counts(drawn: tuple[Scores, NDArray[np.bool_]]) -> None:
    score, positive = drawn
    stretched = np.exp(3 * score) - 7
    assert auc(stretched, positive) == auc(score, positive)
    assert average_precision(stretched, positive) == average_precision(score, positive)
    for k in (1, 5, len(score)):
        assert precision_at(stretched, positive, k) == precision_at(score, positive, k)


@given(labelled(), st.randoms(use_true_random=False))
def test_the_order_of_meters_does_not_count(
    drawn: tuple[Scores, NDArray[np.bool_]], random: np.random.RandomState
) -> None:
    score, positive = drawn
    order = list(range(len(score)))
    random.shuffle(order)
    assert auc(score[order], positive[order]) == auc(score, positive)
    assert average_precision(score[order], positive[order]) == average_precision(score, positive)
    assert precision_at(score[order], positive[order], 7) == precision_at(score, positive, 7)


@given(labelled())
def test_turning_the_ranking_round_mirrors_auc(drawn: tuple[Scores, NDArray[np.bool_]]) -> None:
    score, positive = drawn
    found, mirrored = auc(score, positive), auc(-score, positive)
    assert found is not None
    assert mirrored == pytest.approx(1 - found, abs=1.01e-4)


@given(st.integers(0, 2**32 - 1))
def test_shuffled_scores_rank_no_better_than_chance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    positive = np.arange(4000) % 10 == 0
    found = auc(rng.random(4000), positive)
    assert found is not None
    # five standard deviations of the AUC of 400 among 3,600
    assert abs(found - 0.5) < 5 * np.sqrt(4001 / (12 * 400 * 3600))


def test_ties_share_their_precision() -> None:
    assert average_precision(np.zeros(10), np.arange(10) < 2) == 0.2
    # one sure hit, then a tie of three with one hit: half of what is to be gained, at (1 + 1) of 4
    assert average_precision(np.array([0.9, 0.5, 0.5, 0.5]), np.array([True, True, False, False])) == 0.75
    # the tie of three stands for two places: 2/3 of a hit
    assert precision_at(np.array([0.9, 0.5, 0.5, 0.5]), np.array([True, True, False, False]), 3) == 0.5556


def test_fewer_meters_than_places_are_all_of_them() -> None:
    assert precision_at(np.array([0.9, 0.1]), np.array([True, False]), 50) == 0.5
    assert precision_at(np.empty(0), np.empty(0, dtype=np.bool_), 50) is None


def test_without_a_meter_of_either_kind_there_is_nothing_to_say() -> None:
    score = np.array([0.3, 0.4])
    assert auc(score, np.array([False, False])) is None
    assert auc(score, np.array([True, True])) is None
    assert average_precision(score, np.array([False, False])) is None
    assert len(precision_recall(score, np.array([False, False]))[0]) == 0


def ranked(scores: DailyRisk, cases: list[TruthCase], *visits: object, of: Archive | None = None) -> Ranking:
    known, span = of or archive(), judged()
    taught = first_findings(visits)  # type: ignore[arg-type]
    return rank_meters(scores, detect((), Answers(cases), span, taught), Answers(cases), known, span, taught)


def risk_of(ranking: Ranking, meter_id: str) -> float:
    return float(ranking.risk[ranking.meter_ids.index(meter_id)])


def test_only_risk_from_the_onset_to_the_end_counts() -> None:
    scores = risk_rows([("M1", 39, 0.9), ("M1", 40, 0.2), ("M1", 49, 0.4), ("M1", 50, 0.8)])
    found = ranked(scores, [case("M1", 40.5, end=50)])
    assert risk_of(found, "M1") == 0.4, "day 39 is before the onset, day 50 after the end"


def test_normal_meters_get_windows_like_those_of_the_abnormal_ones() -> None:
    # whatever is drawn, it is one of two windows, and neither holds day 45 or day 70
    scores = risk_rows(
        [(m, d, r) for m in ("M5", "M6", "M7", "M8") for d, r in ((45, 0.9), (70, 0.9), (32, 0.3), (60, 0.4))]
    )
    found = ranked(scores, [case("M1", 30, end=40), case("M2", 50, end=65)])
    drawn = {risk_of(found, m) for m in ("M5", "M6", "M7", "M8")}
    assert drawn <= {0.3, 0.4}
    assert len(found.meter_ids) == 20, "supply meters were not scored and are not ranked"


def test_longer_windows_do_not_flatter_abnormal_or_normal_meters() -> None:
    """Risk that is drawn anew each day favours whoever is looked at for longer: matched windows take that away."""
    rng = np.random.default_rng(5)
    known = Archive("many", 15, "UTC", tuple(Meter(f"M{i}", f"SP{i}", f"C{i}", "A1", "customer") for i in range(1500)))
    cases = [case(f"M{i}", 30 + i % 60, end=min(98, 36 + i % 60)) for i in range(300)]
    scores = DailyRisk(
        tuple(f"M{i}" for i in range(1500)),
        np.repeat(np.arange(1500), 98),
        np.tile(at(0) // 86400 + 719163 + np.arange(98), 1500),
        rng.random(1500 * 98),
    )
    found = ranked(scores, cases, of=known)
    assert found.auc == pytest.approx(0.5, abs=0.06)
    whole_window = scores.risk.reshape(1500, 98)[:, 28:].max(axis=1)
    flattered = auc(
        np.where(found.abnormal, found.risk, whole_window[[int(m[1:]) for m in found.meter_ids]]), found.abnormal
    )
    assert flattered is not None
    assert flattered < 0.2, "against whole windows the same random risk would look far worse than chance"


def test_what_was_scored_after_a_finding_does_not_count() -> None:
    scores = risk_rows([("M1", 41, 0.3), ("M1", 46, 0.9), ("M5", 41, 0.2), ("M5", 46, 0.9)])
    # found in the evening of day 45: the score of day 44 was made on day 45 at 06:00, that of day 45 on day 46
    found = ranked(scores, [case("M1", 40)], visit("M1", 45.9), visit("M5", 45.9, confirmed=False))
    assert risk_of(found, "M1") == 0.3
    assert risk_of(found, "M5") == 0.2


def test_a_visited_normal_meter_stays_in_the_ranking() -> None:
    """Those are the hard ones: the run suspected them. Their windows begin before the visit."""
    scores = risk_rows([("M5", 33, 0.7)])
    found = ranked(scores, [case("M1", 31), case("M2", 80)], visit("M5", 40, confirmed=False))
    assert risk_of(found, "M5") == 0.7


def test_meters_that_are_neither_are_left_out() -> None:
    cases = [case("M1", 40), case("M2", 5, end=10), case("M3", 60, "power_off"), case("M4", 50)]
    found = ranked(risk_rows([("M1", 41, 0.5)]), cases, visit("M4", 45))
    assert "M2" not in found.meter_ids, "its case was over before the judged time"
    assert "M3" not in found.meter_ids, "an outage is no suspicion to rank by"
    assert "M4" not in found.meter_ids, "its case began after a finding"
    assert found.meter_ids[found.abnormal.argmax()] == "M1"
    assert found.abnormal.sum() == 1


def test_supply_meters_are_ranked_where_the_run_scores_them() -> None:
    cases = [case("S1", 40, "high_loss"), case("M1", 40)]
    assert "S1" not in ranked(risk_rows([("M1", 41, 0.5)]), cases).meter_ids
    assert risk_of(ranked(risk_rows([("S1", 41, 0.6)]), cases), "S1") == 0.6


def test_a_meter_out_of_service_in_its_window_is_not_ranked() -> None:
    meters = (*archive(2).meters, Meter("M9", "SP-9", "C9", "A1", "customer", valid_to_s=at(35)))
    found = ranked(risk_rows([]), [case("M1", 40)], of=Archive("exchanged", 15, "UTC", meters))
    assert found.meter_ids == ("M0", "M1")


def test_rank_is_the_best_of_equals() -> None:
    found = Ranking(("A", "B", "C"), np.array([0.5, 0.9, 0.5]), np.array([True, False, False]))
    assert [found.rank_of(m) for m in ("A", "B", "C", "D")] == [2, 1, 2, None]
