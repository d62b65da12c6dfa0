"""The ranker says what was said before any finding, learns a little from each, and can take any of them back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.case.ranker import EVIDENCE, Described, Ranker
from metering.dismissal import Dismissal
from metering.errors import StoreError
from metering.evidence import AreaDay
from metering.messages import Finding
from metering.times import DAY_S

DAY = 739_700
METERS = 400
AT_S = DAY * DAY_S


def area_day(ranker: Ranker, seed: int = 1, evidence: float = 0.0) -> AreaDay:
    rng = np.random.default_rng(seed)
    figures = rng.normal(0.3, 1, (METERS, len(ranker.prior.features))).astype(np.float16)
    nowhere = np.zeros(METERS)
    return AreaDay(
        "A1", DAY, tuple(f"M{n}" for n in range(METERS)), nowhere, nowhere, {}, {"theft": np.full(METERS, evidence)},
        np.ones(METERS, dtype=np.bool_), nowhere, figures,
    )  # fmt: skip


def described(ranker: Ranker, log_odds: float = 0.0) -> Described:
    return ranker.describe(area_day(ranker), np.full(METERS, log_odds), np.zeros(METERS), at_s=AT_S)


def finding(number: int, *, confirmed: bool, meter: int | None = None) -> Finding:
    meter_id = f"M{number if meter is None else meter}"
    return Finding(f"f-{number}", "A1", meter_id, AT_S, confirmed, "bypass" if confirmed else None)


def word(number: int, because: str = "new_tenant", meter: int | None = None) -> Dismissal:
    meter_id = f"M{number if meter is None else meter}"
    return Dismissal(f"d-{number}", f"a-{number}", "A1", meter_id, "bypass", AT_S, "Li Na", because)


def taught(outcomes: list[bool], seed: int = 1) -> Ranker:
    ranker = Ranker(seed)
    today = described(ranker)
    for number, confirmed in enumerate(outcomes):
        ranker.task_opened(f"M{number}", today, number)
        assert ranker.learn(finding(number, confirmed=confirmed), of_task=True) is None
    return ranker


def test_before_any_finding_it_says_what_was_said() -> None:
    ranker = Ranker(1)
    log_odds = np.linspace(-6, 6, METERS)
    log_odds[3] = np.nan
    told = ranker.rank(ranker.describe(area_day(ranker), log_odds, np.zeros(METERS), at_s=AT_S))
    assert np.isnan(told[3])
    np.testing.assert_allclose(np.delete(told, 3), np.delete(1 / (1 + np.exp(-log_odds)), 3), rtol=1e-12)


def test_what_an_expert_adds_up_to_is_what_moved_the_prior() -> None:
    ranker = Ranker(1)
    table = area_day(ranker).figures[:50].astype(np.float32)
    prior = ranker.prior
    experts = len(ranker.features) - len(EVIDENCE) - 4
    by_expert = prior.moved_by(table, np.arange(len(prior.features)) % experts, experts)
    base = prior.slope * prior.forest.base + prior.shift
    np.testing.assert_allclose(base + by_expert.sum(axis=1), prior.odds(table), rtol=1e-5, atol=1e-5)


def test_an_expert_that_errs_is_heard_less_and_one_that_is_right_more() -> None:
    """The voltage moved every second meter up for nothing; what the level moved was a case."""
    ranker = Ranker(1)
    level, voltage = ranker.features.index("day_level"), ranker.features.index("day_voltage")
    values = np.zeros((METERS, len(ranker.features)))
    values[::2, voltage] = values[1::2, level] = 0.8
    values[:, -1] = 1.0
    today = Described(tuple(f"M{n}" for n in range(METERS)), np.zeros(METERS), values)
    for number in range(60):
        ranker.task_opened(f"M{number}", today, number)
        ranker.learn(finding(number, confirmed=number % 2 == 1), of_task=True)
    told = ranker.rank(today)
    assert ranker.weights["day_voltage"] < -0.1 < 0.1 < ranker.weights["day_level"]
    assert told[100] < 0.4 < 0.6 < told[101]


def test_a_few_findings_move_little() -> None:
    ranker = taught([False, False, False])
    moved = ranker.rank(described(ranker)) - 0.5
    assert 0 < np.abs(moved).max() < 0.2


def test_undone_is_as_if_it_had_never_come() -> None:
    outcomes = [True, False, True, True, False, False, True, False]
    ranker, without = taught(outcomes), Ranker(1)
    today = described(without)
    for number, confirmed in enumerate(outcomes):
        if number != 4:
            without.task_opened(f"M{number}", today, number)
            without.learn(finding(number, confirmed=confirmed), of_task=True)
    assert ranker.weights != without.weights
    assert ranker.undo("f-4")
    assert ranker.weights == without.weights
    assert ranker.was_undone("f-4")
    assert "f-4" not in ranker.effects()
    assert not ranker.undo("f-4")
    assert ranker.learn(finding(4, confirmed=False), of_task=False) is None, "a copy in the log teaches nothing"
    assert ranker.weights == without.weights


def test_each_finding_moves_by_its_own_and_together_they_are_what_was_learnt() -> None:
    """Eleven cases moved by the level are learnt again beside the newest finding, which the voltage moved for nothing."""
    ranker = Ranker(1)
    level, voltage = ranker.features.index("day_level"), ranker.features.index("day_voltage")
    values = np.zeros((METERS, len(ranker.features)))
    values[:11, level] = 0.8
    values[11, voltage] = 0.8
    today = Described(tuple(f"M{n}" for n in range(METERS)), np.zeros(METERS), values)
    for number in range(12):
        ranker.task_opened(f"M{number}", today, number)
        ranker.learn(finding(number, confirmed=number < 11), of_task=True)
    effects = ranker.effects()
    assert list(effects) == [f"f-{n}" for n in range(12)]
    newest = {name: by for name, by in effects["f-11"].items() if by}
    assert newest == {"day_voltage": pytest.approx(ranker.weights["day_voltage"])}
    assert newest["day_voltage"] < 0
    for name, weight in ranker.weights.items():
        assert sum(effect[name] for effect in effects.values()) == pytest.approx(weight, abs=1e-12)


def test_an_appeal_that_is_upheld_withdraws_the_finding() -> None:
    ranker = taught([True, False, True])
    upheld = finding(9, confirmed=False, meter=2)
    assert ranker.learn(upheld, of_task=False) == "f-2"
    assert [e.finding_id for e in ranker.examples] == ["f-0", "f-1"]
    assert ranker.weights == taught([True, False]).weights


def test_an_example_is_the_meter_before_its_visit() -> None:
    ranker = Ranker(1)
    before = described(ranker, log_odds=1.0)
    ranker.task_opened("M5", before, 5)
    ranker.end_day([described(ranker, log_odds=-3.0)])
    ranker.learn(finding(5, confirmed=True), of_task=True)
    assert ranker.examples[0].log_odds == 1.0


def test_a_finding_without_a_task_teaches_what_was_known_the_day_before_if_anything() -> None:
    ranker = Ranker(1)
    ranker.learn(finding(1, confirmed=True), of_task=False)
    assert len(ranker.examples) == 0
    ranker.end_day([described(ranker, log_odds=0.5)])
    ranker.learn(finding(2, confirmed=True), of_task=False)
    assert ranker.examples[0].log_odds == 0.5


def test_an_earlier_finding_at_the_meter_fades() -> None:
    ranker = taught([False])
    place = ranker.features.index("nothing_found_before")
    fresh, faded = (
        ranker.describe(area_day(ranker), np.zeros(METERS), np.zeros(METERS), at_s=AT_S + days * DAY_S).values
        for days in (0, 30)
    )
    assert (fresh[0, place], faded[0, place], fresh[1, place]) == (1.0, 0.5, 0.0)
    assert ranker.last_found("M0") == (AT_S, False)
    assert ranker.last_found("M1") is None


def test_something_found_after_all_is_learnt_in_place_of_the_finding_that_overlooked_it() -> None:
    ranker = taught([True, False])
    overlooked = ranker.examples[1]
    assert ranker.learn(finding(9, confirmed=True, meter=1), of_task=False) == "f-1"
    last = ranker.examples[-1]
    assert (last.finding_id, last.confirmed, last.values) == ("f-9", True, overlooked.values)


def test_a_page_restores_it_and_gives_the_same_bytes() -> None:
    ranker = taught([True, False, True, False])
    page = ranker.dump()
    again = Ranker(1)
    again.load(page)
    assert again.dump() == page
    assert taught([True, False, True, False]).dump() == page
    ranker.task_opened("M50", described(ranker), 50)
    again.task_opened("M50", described(again), 50)
    for each in (ranker, again):
        each.learn(finding(50, confirmed=True), of_task=True)
    assert again.weights == ranker.weights
    with pytest.raises(StoreError):
        again.load(b"something else")


def heard(ranker: Ranker, number: int) -> Ranker:
    ranker.end_day([described(ranker)])
    ranker.hear(word(number))
    return ranker


def test_a_word_from_the_office_moves_a_fifth_of_what_a_finding_does() -> None:
    found, said = taught([False]), heard(Ranker(1), 0)
    for name, weight in found.weights.items():
        assert said.weights[name] == pytest.approx(0.2 * weight, rel=1e-3)


def test_the_earlier_findings_drawn_beside_a_word_are_learnt_as_little() -> None:
    """Nobody's word makes loud what inspections found before."""
    before, after = taught([True]), heard(taught([True]), 9)
    moved = {name: after.weights[name] - weight for name, weight in before.weights.items()}
    again = taught([True])
    again.end_day([described(again)])
    again.learn(finding(9, confirmed=False), of_task=False)
    for name, by in moved.items():
        assert by == pytest.approx(0.2 * (again.weights[name] - before.weights[name]), rel=0.1, abs=1e-4)


def test_a_word_is_no_inspection() -> None:
    ranker = heard(Ranker(1), 3)
    assert ranker.last_found("M3") is None
    assert [e.is_word for e in ranker.examples] == [True]
    kept = ranker.examples
    ranker.task_opened("M3", described(ranker), 3)
    ranker.learn(finding(30, confirmed=False, meter=3), of_task=True)
    assert [e.is_word for e in ranker.examples] == [True, False], "that nothing was found agrees with it"
    assert ranker.examples[0] == kept[0]


def test_an_inspection_that_finds_something_takes_the_word_back() -> None:
    ranker = heard(Ranker(1), 3)
    ranker.task_opened("M3", described(ranker), 3)
    assert ranker.learn(finding(30, confirmed=True, meter=3), of_task=True) is None, "no finding is contradicted"
    assert [e.finding_id for e in ranker.examples] == ["f-30"]
    assert ranker.was_undone("d-3")


@pytest.mark.parametrize("because", ["planned_work", "tested_by_us", "data_fault", "meter_exchanged"])
def test_where_the_evidence_was_right_nothing_is_learnt(because: str) -> None:
    ranker = Ranker(1)
    ranker.end_day([described(ranker)])
    ranker.hear(word(3, because))
    assert len(ranker.examples) == 0


def test_one_word_moves_meters_that_look_alike_a_little() -> None:
    ranker = Ranker(1)
    level = ranker.features.index("day_level")
    values = np.zeros((METERS, len(ranker.features)))
    values[:10, level] = 0.9
    values[:, -1] = 1.0
    today = Described(tuple(f"M{n}" for n in range(METERS)), np.full(METERS, 1.0), values)
    ranker.end_day([today])
    before = ranker.rank(today)
    ranker.hear(word(3))
    moved = ranker.rank(today) - before
    assert np.all(moved < 0)
    assert np.all(moved[:10] < moved[10:].min()), "those that look alike more than the others"
    assert np.abs(moved).max() < 0.005


@settings(max_examples=40, deadline=None)
@given(
    acts=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=12),
    chosen=st.integers(0, 11),
    reload=st.booleans(),
)
def test_a_word_that_is_taken_back_was_never_said(acts: list[tuple[bool, bool]], chosen: int, reload: bool) -> None:
    """Among any findings and words, before and after it."""
    undone = chosen % len(acts)

    def told(leave_out: int | None) -> Ranker:
        ranker = Ranker(1)
        ranker.end_day([described(ranker)])
        for number, (is_word, confirmed) in enumerate(acts):
            if number == undone and leave_out is None:
                ranker.hear(word(number))
            elif number == undone:
                continue
            elif is_word:
                ranker.hear(word(number))
            else:
                ranker.learn(finding(number, confirmed=confirmed), of_task=False)
        return ranker

    ranker, without = told(None), told(undone)
    if reload:
        again = Ranker(1)
        again.load(ranker.dump())
        ranker = again
    assert ranker.undo(f"d-{undone}")
    assert ranker.weights == without.weights
    assert ranker.effects() == without.effects()
    ranker.hear(word(undone))
    assert ranker.weights == without.weights, "a copy in the log teaches nothing"


def test_a_page_from_before_words_had_weight_is_read() -> None:
    ranker = Ranker(1)
    ranker.load((Path(__file__).parent / "ranker_page_1.bin").read_bytes())
    assert [(e.finding_id, e.confirmed, e.weight) for e in ranker.examples] == [("f-0", True, 1.0), ("f-1", False, 1.0)]
    assert ranker.weights["bias"] == pytest.approx(0.014625828244445582)
    again = Ranker(1)
    again.load(ranker.dump())
    assert again.examples == ranker.examples
