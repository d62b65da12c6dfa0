"""What a change would open, close and miss, told from two runs of the same data."""

from __future__ import annotations

from evaluation.comparison import compare, known_cases
from evaluation.run_rows import RaisedAlert, Visit
from metering.truth import TruthCase

DAY_S = 86_400


def alert(
    meter: str, abnormality: str = "bypass", day: int = 10, until: int | None = None, family: str = "theft"
) -> RaisedAlert:
    cleared_s = None if until is None else until * DAY_S
    return RaisedAlert(f"a-{meter}-{abnormality}", "A1", meter, False, abnormality, family, day * DAY_S, cleared_s, 0.0)


def case(meter: str, from_day: int = 8, until_day: int | None = None) -> TruthCase:
    return TruthCase(meter, "bypass", from_day * DAY_S, None if until_day is None else until_day * DAY_S)


def test_the_sentence_counts_opened_closed_and_missed() -> None:
    before = [alert("M1"), alert("M2"), alert("M3")]
    after = [alert("M1"), alert("M4"), alert("M5", "over_capacity", family="load")]
    found = compare(before, after, [case("M1"), case("M3")])
    assert found.sentence == "would open 2, close 1, rename 0, miss 1"
    assert [a.meter_id for a in found.opened] == ["M4", "M5"]
    assert [a.meter_id for a in found.closed] == ["M2"]
    assert [c.meter_id for c in found.missed] == ["M3"]


def test_a_case_told_by_another_kind_is_not_missed() -> None:
    found = compare([alert("M1")], [alert("M1", "use_drop_with_loss")], [case("M1")])
    assert found.missed == []
    assert found.sentence == "would open 0, close 0, rename 1, miss 0"
    assert [(b.abnormality, a.abnormality) for b, a in found.renamed] == [("bypass", "use_drop_with_loss")]


def test_the_nearest_in_time_of_one_meter_is_its_new_name_and_information_is_none() -> None:
    before = [alert("M1"), alert("M1", "tapping", day=40), alert("M2")]
    after = [alert("M1", "cover_open", day=39), alert("M2", "reading_failed", family="communication"), alert("M3")]
    found = compare(before, after, [])
    assert [(b.abnormality, a.abnormality) for b, a in found.renamed] == [("tapping", "cover_open")]
    assert found.sentence == "would open 2, close 2, rename 1, miss 0"


def test_what_was_said_before_or_after_a_case_says_nothing_of_it() -> None:
    early, late = alert("M1", day=2, until=5), alert("M1", "cover_open", day=30)
    found = compare([alert("M1")], [early, late], [case("M1", 8, 20)])
    assert [c.meter_id for c in found.missed] == ["M1"]
    still_raised = alert("M1", day=2)
    assert compare([alert("M1")], [still_raised], [case("M1", 8, 20)]).missed == []


def test_data_quality_is_no_word_on_a_case() -> None:
    silent = alert("M1", "reading_failed", family="communication")
    assert [c.meter_id for c in compare([alert("M1")], [silent], [case("M1")]).missed] == ["M1"]


def test_what_only_the_second_run_finds_is_told() -> None:
    assert compare([], [alert("M1")], [case("M1")]).sentence == (
        "would open 1, close 0, rename 0, miss 0; finds 1 true cases that were missed before"
    )


def test_without_a_truth_what_inspections_confirmed_is_true() -> None:
    visits = [Visit("M1", 20 * DAY_S, True, "bypass"), Visit("M2", 20 * DAY_S, False, None)]
    assert known_cases(None, visits) == [TruthCase("M1", "bypass", 0, 20 * DAY_S)]
    assert known_cases([case("M9")], visits) == [case("M9")]
    assert [c.meter_id for c in compare([alert("M1")], [], known_cases(None, visits)).missed] == ["M1"]
