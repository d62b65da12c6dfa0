"""The data-quality page: what validation found by rule and meter, and who is to be calibrated first."""

from __future__ import annotations

from desk import quality
from desk.api.quality_schemas import Quality
from desk.visit import Visit
from metering.archive import Archive
from metering.ports import SeriesRow
from metering.times import DAY_S
from operations.data_quality import DataQuality, candidates, meter_lines, rule_lines

COUNTERS = {"data_quality.missing_intervals": 41, "data_quality.sum_check": 3, "frames": 9}


def found(meter_id: str, rule: str, day: int) -> SeriesRow:
    tags = {"transformer_area": "TA-1", "meter_id": meter_id, "abnormality": rule, "detector": "validation_rules"}
    return SeriesRow(day * DAY_S, tags, {"strength": 1.0})


def estimate(meter_id: str, share: float, day: int, reach: float = 0.02) -> SeriesRow:
    fields = {"share": share, "low": share - reach, "high": share + reach}
    return SeriesRow(day * DAY_S, {"transformer_area": "TA-1", "meter_id": meter_id}, fields)


FOUND = [found("M-1", "missing_intervals", 1), found("M-1", "missing_intervals", 2), found("M-2", "sum_check", 2)]


def test_rules_are_counted_from_the_beginning_and_lately() -> None:
    lines = rule_lines(COUNTERS, FOUND)
    assert [(r.rule, r.meter_days, r.recent, r.meters) for r in lines] == [
        ("missing_intervals", 41, 2, 1),
        ("sum_check", 3, 1, 1),
    ]


def test_the_meter_with_most_to_say_comes_first() -> None:
    first, second = meter_lines(FOUND)
    assert (first.meter_id, first.rules, first.last_s) == ("M-1", (("missing_intervals", 2),), 2 * DAY_S)
    assert second.meter_id == "M-2"


def test_whose_error_is_surely_largest_comes_first_and_who_may_be_right_is_left_out() -> None:
    told = candidates(
        [
            estimate("M-1", 0.09, 1),
            estimate("M-1", 0.03, 8),
            estimate("M-2", -0.05, 8),
            estimate("M-3", 0.2, 8, reach=0.3),
        ]
    )
    assert [(c.meter_id, c.share, round(c.surely, 3)) for c in told] == [("M-2", -0.05, 0.03), ("M-1", 0.03, 0.01)]


def told_of(found: list[SeriesRow], estimates: list[SeriesRow], counters: dict[str, int]) -> Quality:
    return Quality.of(DataQuality(counters, found, estimates), clock_s=9 * DAY_S, days=7, rows=1)


def test_the_cards_say_it_in_the_readers_language(visit: Visit, visit_zh: Visit, archive: Archive) -> None:
    told = told_of(FOUND, [estimate("M-2", -0.05, 8), estimate("M-1", 0.03, 8)], COUNTERS)
    cards = (
        quality.rules_card(visit, told),
        quality.candidates_card(visit, told, archive.calendar),
        quality.meters_card(visit, told, archive.calendar),
    )
    english = "".join(cards)
    for words in ("intervals missing", "-5.0 %", "-7.0 % … -3.0 %", "registers too little", "intervals missing × 2"):
        assert words in english
    assert english.count("1 of 2") == 2, "both lists show the first row of two"
    chinese = quality.candidates_card(visit_zh, told, archive.calendar)
    assert "少计" in chinese
    assert "registers" not in chinese


def test_nothing_wrong_is_said_and_not_an_empty_table(visit: Visit, archive: Archive) -> None:
    told = told_of([], [], {})
    assert "nothing wrong yet" in quality.rules_card(visit, told)
    assert "Nothing was wrong lately" in quality.meters_card(visit, told, archive.calendar)
    none = quality.candidates_card(visit, told, archive.calendar).replace("&#x27;", "&#39;")
    assert "No meter&#39;s error is sure" in none
