"""Detection: which alert detects which case, how soon, and by which name."""

from __future__ import annotations

import math

import pytest

from evaluation.answers import Answers, CaseFacts
from evaluation.detection import Detection, detect
from evaluation.run_rows import RaisedAlert, Visit
from evaluation.span import first_findings
from metering.times import iso
from metering.truth import TruthCase
from tests.unit.evaluation.made_runs import alert_row, alerts, at, case, judged, visit


def found(
    raised: tuple[RaisedAlert, ...], cases: list[TruthCase], visits: tuple[Visit, ...] = (), days: int = 98
) -> Detection:
    return detect(raised, Answers(cases), judged(days), first_findings(visits))


def detected(raised: tuple[RaisedAlert, ...], one: TruthCase, *visits: Visit) -> bool:
    return found(raised, [one], visits).outcomes[0].detected


def test_an_alert_on_its_meter_while_it_lasts_detects_a_case() -> None:
    assert detected(alerts(alert_row("M1", 40)), case("M1", 40))
    assert detected(alerts(alert_row("M1", 50.5)), case("M1", 40, end=50)), "a day's grace: a day is judged when over"
    assert not detected(alerts(alert_row("M1", 39.9)), case("M1", 40)), "before the onset it was luck"
    assert not detected(alerts(alert_row("M1", 51.1)), case("M1", 40, end=50))
    assert not detected(alerts(alert_row("M2", 41)), case("M1", 40))


def test_an_episode_before_the_onset_neither_counts_nor_hides_a_later_one() -> None:
    row = alert_row("M1", 31, cleared=52)
    again = row | {"relapses": [[iso(at(33)), iso(at(42))]]}
    assert not detected(alerts(row | {"cleared_at": iso(at(33))}), case("M1", 40))
    (outcome,) = found(alerts(again), [case("M1", 40)]).outcomes
    assert outcome.days_to_detection == 2
    assert [hit.episode for hit in outcome.hits] == [2]


def test_an_areas_own_alert_detects_the_case_of_its_supply_meter() -> None:
    assert detected(alerts(alert_row(None, 41, "high_loss", "line_loss")), case("S1", 40, "high_loss"))
    assert not detected(alerts(alert_row(None, 41, "high_loss", "line_loss")), case("M1", 40))


def test_an_electrical_fault_of_a_whole_area_is_detected_at_its_customers_meters() -> None:
    def by(kind: str, family: str, of_area: str = "neutral_lost") -> bool:
        raised = alerts(alert_row("M3", 41, kind, family))
        found = detect(raised, Answers([case("S1", 40, of_area)]), judged(), {}, {"S1": "A1"})
        return found.outcomes[0].detected

    assert by("overvoltage", "electrical")
    assert not by("bypass", "theft"), "an alert of another family speaks of something else"
    assert not by("overvoltage", "electrical", "high_loss"), "and a loss is no electrical fault"


def test_a_case_of_the_warm_up_needs_an_alert_that_still_stands_when_judging_begins() -> None:
    assert detected(alerts(alert_row("M1", 12)), case("M1", 10))
    assert detected(alerts(alert_row("M1", 12, cleared=29)), case("M1", 10))
    assert not detected(alerts(alert_row("M1", 12, cleared=20)), case("M1", 10))


def test_cases_outside_the_judged_time_are_not_judged() -> None:
    assert not found((), [case("M1", 5, end=28), case("M2", 98)]).outcomes
    assert len(found((), [case("M1", 5, end=28.1), case("M2", 97)]).outcomes) == 2


def test_what_a_finding_taught_does_not_detect_its_own_meter() -> None:
    late, early = alerts(alert_row("M1", 47)), alerts(alert_row("M1", 45))
    assert not detected(late, case("M1", 40), visit("M1", 46))
    assert detected(early, case("M1", 40), visit("M1", 46))
    assert detected(late, case("M1", 40), visit("M2", 46)), "what was learnt from another meter does count"
    assert not detected(alerts(alert_row("M1", 46)), case("M1", 40), visit("M1", 46)), "at the finding is not before it"


def test_a_case_that_began_after_a_finding_cannot_be_judged() -> None:
    relapse = found(alerts(alert_row("M1", 61)), [case("M1", 40, end=50), case("M1", 60)], (visit("M1", 46),))
    assert [o.case.start_s for o in relapse.outcomes] == [at(40)]
    assert [c.start_s for c in relapse.taught] == [at(60)]
    settled = found((), [case("M1", 10)], (visit("M1", 20),))
    assert (len(settled.outcomes), len(settled.taught)) == (0, 1), "found in the warm-up: nothing is left to judge"


def test_communication_detects_only_its_own_cases() -> None:
    silent = alerts(alert_row("M1", 41, "reading_failed", "communication"))
    assert not detected(silent, case("M1", 40))
    assert detected(silent, case("M1", 40, "reading_failed"))


def test_the_right_kind_may_come_second() -> None:
    raised = alerts(alert_row("M1", 41, "sudden_fall", "energy"), alert_row("M1", 44), alert_row("M2", 44, "zero_use"))
    one, other = found(raised, [case("M1", 40), case("M2", 40)]).outcomes
    assert (one.right_kind, one.days_to_detection) == (True, 1.0)
    assert other.right_kind is False


def test_a_word_of_somebody_elses_is_detected_but_has_no_right_kind() -> None:
    raised = alerts(alert_row("M1", 41), alert_row("M2", 42))
    made = found(raised, [case("M1", 40, "scaled by a constant"), case("M2", 40)])
    assert [o.right_kind for o in made.outcomes] == [None, True]
    assert made.overall.right_kind_share == 1.0, "of the one that could be right"
    assert made.by_abnormality()["scaled by a constant"].right_kind_share is None


def test_the_figures_of_a_group_by_hand() -> None:
    cases = [case("M1", 30), case("M2", 30), case("M3", 30), case("M4", 30), case("M5", 30, "zero_use")]
    raised = alerts(alert_row("M1", 30.5), alert_row("M2", 38), alert_row("M3", 55), alert_row("M5", 90, "zero_use"))
    made = found(raised, cases)
    bypass = made.by_abnormality()["bypass"]
    assert (bypass.cases, bypass.detected, bypass.detection_rate) == (4, 3, 0.75)
    assert bypass.median_days_to_detection == 8.0
    assert bypass.within_days == {1: 0.25, 10: 0.5, 30: 0.75}
    assert made.overall.detection_rate == 0.8
    assert made.macro_detection_rate == 0.875, "(3/4 + 1) / 2"
    assert [o.days_to_detection for o in made.missed] == [math.inf]


def test_scenarios_are_told_apart_where_the_answer_sheet_knows_them() -> None:
    cases = [case("M1", 40), case("M2", 40), case("M3", 40)]
    names = {("M1", "bypass", at(40)): "night_bypass", ("M2", "bypass", at(40)): "ramped_bypass"}
    answers = Answers(cases, {key: CaseFacts(name) for key, name in names.items()})
    made = detect(alerts(alert_row("M1", 41)), answers, judged(), {})
    assert {name: g.detection_rate for name, g in made.by_scenario().items()} == {
        "night_bypass": 1.0,
        "ramped_bypass": 0.0,
    }
    assert made.by_abnormality()["bypass"].cases == 3


@pytest.mark.parametrize(("days", "warm_up"), [(98, 28), (35, 28), (34, 11), (5, 1), (1, 0)])
def test_a_short_feed_is_judged_from_a_third_on(days: int, warm_up: int) -> None:
    span = judged(days)
    assert (span.warm_up_days, span.end_s) == (warm_up, at(days))
    assert span.weeks == pytest.approx((days - warm_up) / 7)


def test_nothing_at_all_is_judged_without_a_fault() -> None:
    made = found((), [])
    assert (made.overall.detection_rate, made.macro_detection_rate) == (None, None)
    assert made.overall.within_days == {1: None, 10: None, 30: None}
