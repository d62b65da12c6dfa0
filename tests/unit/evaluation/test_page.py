"""The page of a score: whatever a run holds or lacks, it is drawn; words of others are text, never markup."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest

from evaluation.answers import Answers, CaseFacts
from evaluation.case_chart import case_curves, picture_of
from evaluation.charts import detected_by
from evaluation.load_curves import LoadCurve, collect_curves
from evaluation.page import page
from evaluation.run_rows import daily_risk
from evaluation.score import Score, ScoredRun, score_run
from metering.times import DAY_S
from metering.truth import TruthCase
from tests.unit.evaluation.made_runs import FIRST_DAY, alert_row, alerts, archive, at, case, scores_table, visit


class Wellformed(HTMLParser):
    """Refuses a page whose elements do not close in the order in which they opened."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag != "meta":
            self.opened.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag


def scored(*rows: dict[str, object], cases: list[TruthCase], visited: bool = False, days: int = 98) -> Score:
    visits = (visit("M1", 50), visit("M5", 60, confirmed=False)) if visited else ()
    run = ScoredRun(alerts(*rows), visits, daily_risk(scores_table({"M1": 0.9}, days=days), archive()))
    return score_run(run, Answers(cases), archive())


def curve(days: int = 98, minutes: int = 60) -> LoadCurve:
    count = days * 1440 // minutes
    return LoadCurve(at(0) + 60 * minutes * np.arange(count), np.ones(count), minutes, archive().calendar)


def svg_of(score: Score, load: LoadCurve, unmetered: dict[int, float] | None = None) -> str:
    return case_curves(picture_of(score.missed[0], load, score.scores, unmetered))


@pytest.mark.parametrize(
    "score",
    [
        scored(cases=[]),
        scored(cases=[case("M1", 40)]),
        scored(alert_row("M1", 41), alert_row("M5", 45), cases=[case("M1", 40)]),
        scored(alert_row("M1", 41), cases=[case("M1", 40), case("M2", 40, "scaled <em>", end=60)], visited=True),
        scored(cases=[case("M1", 0)], days=0),
    ],
    ids=["no truth", "all missed", "all found", "visited", "no scores"],
)
def test_a_page_is_whole_whatever_the_run_holds(score: Score) -> None:
    drawn = page(score, "run <1>", {})
    parser = Wellformed()
    parser.feed(drawn)
    assert parser.opened == []
    assert "run &lt;1&gt;" in drawn
    assert "<em>" not in drawn


def test_a_missed_case_is_drawn_with_its_words() -> None:
    missed = case("M1", 40)
    facts = {("M1", "bypass", at(40)): CaseFacts("night_bypass", 0.25, hidden=True, story="40 % & more at night")}
    energy = {"M1": {FIRST_DAY.toordinal() + day: 2.5 for day in range(40, 98)}}
    run = ScoredRun((), (), daily_risk(scores_table({}), archive()))
    score = score_run(run, Answers([missed], facts, energy), archive())
    drawn = page(score, "run", {("M1", "bypass", at(40)): svg_of(score, curve(), energy["M1"])})
    for words in (
        "at M1</h3>",
        "scenario night_bypass",
        "severity 0.25, hidden",
        "40 % &amp; more",
        "145 kWh unmetered",
    ):
        assert words in drawn, words
    assert drawn.count("<article>") == 1


def test_a_fast_meters_energy_is_not_called_unmetered() -> None:
    fast = case("M1", 40, "register_runaway")
    run = ScoredRun((), (), daily_risk(scores_table({}), archive()))
    score = score_run(run, Answers([fast], {}, {"M1": {FIRST_DAY.toordinal() + 45: -20.0}}), archive())
    assert "20.0 kWh registered too much" in page(
        score, "run", {("M1", "register_runaway", at(40)): svg_of(score, curve())}
    )


@pytest.mark.parametrize(
    "load", [curve(), curve(minutes=1440), curve(days=0), curve(days=1)], ids=["hourly", "daily", "none", "a day"]
)
def test_any_load_curve_can_be_drawn(load: LoadCurve) -> None:
    score = scored(cases=[case("M1", 40, end=60)])
    drawn = svg_of(score, load)
    assert drawn.startswith("<svg ")
    assert ("hour of the local day" in drawn) == (load.interval_minutes <= 60 and len(load.times_s) > 24)


def test_the_picture_compares_four_weeks_before_with_those_since() -> None:
    score = scored(cases=[case("M1", 40.5, end=50)])
    load = curve()
    energy = np.where(load.times_s < at(40.5) - 28 * DAY_S, 9.0, np.where(load.times_s < at(40.5), 3.0, 1.0))
    energy = np.where(load.times_s >= at(50), 7.0, energy)
    picture = picture_of(score.missed[0], LoadCurve(load.times_s, energy, 60, load.calendar), score.scores, None)
    assert picture.before_kw is not None
    assert picture.after_kw is not None
    assert set(picture.before_kw) == {3.0}
    assert set(picture.after_kw) == {1.0}
    assert (picture.onset, picture.end) == (FIRST_DAY.toordinal() + 40.5, FIRST_DAY.toordinal() + 50.0)


def test_a_meter_that_the_feed_never_reads_is_drawn_empty() -> None:
    found = collect_curves([], ["M1"], archive())
    assert svg_of(scored(cases=[case("M1", 40)]), found["M1"]).startswith("<svg ")


def test_the_detection_curve_rises_at_each_detection_and_stays() -> None:
    x, y = detected_by(np.array([0.0, 2.0, 40.0, np.inf]), 30)
    assert x.tolist() == [0.0, 0.0, 2.0, 30]
    assert y.tolist() == [0.0, 25.0, 50.0, 50.0]
