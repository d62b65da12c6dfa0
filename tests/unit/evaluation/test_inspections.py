"""What the visits of a run found, week by week."""

from __future__ import annotations

from evaluation.inspections import count_inspections
from tests.unit.evaluation.made_runs import case, judged, visit


def test_a_run_without_visits_has_none() -> None:
    assert count_inspections([], [case("M1", 40)], judged()) is None


def test_hits_and_cases_by_week_by_hand() -> None:
    truth = [case("M1", 40), case("M2", 50), case("M3", 60), case("M4", 5, end=20)]
    visits = [
        visit("M9", 29, confirmed=False, kind=None),
        visit("M1", 41),
        visit("M5", 41, confirmed=False, kind=None),
        visit("M1", 41.5),
        visit("M3", 62),
    ]
    found = count_inspections(visits, truth, judged())
    assert found is not None
    by_week = {w.week: (w.visits, w.hits, w.found_so_far) for w in found.weeks}
    assert len(by_week) == 10
    assert by_week[1] == (1, 0, 0)
    assert by_week[2] == (3, 2, 1), "two hits at one meter find one case"
    assert by_week[4] == (0, 0, 1)
    assert by_week[5] == (1, 1, 2)
    assert (found.visits, found.hits, found.hits_per_inspection) == (5, 3, 0.6)
    assert (found.cases, found.found, found.share_of_cases_found) == (3, 2, 0.6667)
    assert found.weeks[3].hits_per_inspection is None


def test_the_inspectors_word_is_the_hit_and_the_truth_is_the_case() -> None:
    wrong = count_inspections([visit("M9", 41)], [case("M1", 40)], judged())
    assert wrong is not None
    assert (wrong.hits, wrong.found) == (1, 0), "confirmed where nothing is: a hit by his word, and no case found"
    early = count_inspections([visit("M1", 39)], [case("M1", 40)], judged())
    assert early is not None
    assert early.found == 0


def test_visits_outside_the_judged_time_belong_to_no_week() -> None:
    found = count_inspections([visit("M1", 20), visit("M2", 99)], [case("M1", 10), case("M2", 40)], judged())
    assert found is not None
    assert (found.visits, found.in_warm_up, found.after_end) == (0, 1, 1)
    assert found.found == 1, "what the warm-up's visits found is found"
