"""A taught forest says what its trees say, explains itself exactly, and never takes an unknown figure for a small one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.case.case_probability import CaseProbability, CaseProbabilityParams
from detectors.case.prior import SCHEMA, Prior, read_prior, shipped_prior
from detectors.day.bank import DayBank
from detectors.examples import context
from metering.catalogue import CATALOGUE
from metering.errors import StoreError
from metering.evidence import RECOVER_STRENGTH, SET_STRENGTH

DAY = date(2026, 3, 2)
#: fall > 1 is worth 3; else an event > 0.5 is worth 2, unknown events go right with it; a second tree looks at falls alone.
FOREST = {
    "feature": [[0, 1, 0, 0, 0], [0, 0, 0]],
    "threshold": [[1.0, 0.5, 0, 0, 0], [4.0, 0, 0]],
    "left": [[1, 2, 2, 3, 4], [1, 1, 2]],
    "right": [[4, 3, 2, 3, 4], [2, 1, 2]],
    "missing_left": [[1, 0, 0, 0, 0], [1, 0, 0]],
    "value": [[0.0, 0.5, -1.0, 2.0, 3.0], [0.0, -0.5, 1.0]],
    "depth": 2,
    "base": -1.0,
}


def tiny(folder: Path, **more: object) -> Prior:
    told = {
        "schema": SCHEMA,
        "features": ["fall_cusum", "event_strength"],
        "forest": FOREST,
        "slope": 1.0,
        "shift": 0.0,
        "kinds": ["bypass", "cover_open"],
        "kind_centre": [0.0, 0.0],
        "kind_scale": [1.0, 1.0],
        "kind_weight": [[1.0, 0.0, 0.0], [0.0, 4.0, 0.0]],
        "kind_lead": [0.0, 0.0],
        "story": {},
    }
    path = folder / "prior.json"
    path.write_text(json.dumps(told | more), encoding="utf-8")
    return read_prior(path)


@pytest.fixture
def prior(tmp_path: Path) -> Prior:
    return tiny(tmp_path)


def test_odds_follow_the_trees_and_nan_goes_its_own_way(prior: Prior) -> None:
    nan = np.nan
    table = np.array([[0, 0], [2, 0], [5, 0], [0, 1], [nan, 0], [0, nan], [nan, nan]], dtype=np.float32)
    expected = [-1 - 1 - 0.5, -1 + 3 - 0.5, -1 + 3 + 1, -1 + 2 - 0.5, -1 - 1 - 0.5, -1 + 2 - 0.5, nan]
    np.testing.assert_allclose(prior.odds(table), expected)


@given(st.lists(st.floats(-10, 10) | st.just(float("nan")), min_size=2, max_size=2))
def test_reasons_add_up_to_the_odds(row: list[float]) -> None:
    prior = shipped_prior()
    figures = np.full(len(prior.features), np.nan, dtype=np.float32)
    figures[:2] = row
    told = sum(moved for _, moved in prior.reasons(figures))
    roots = prior.slope * float(prior.forest.value[prior.forest.roots].sum())
    margin = prior.slope * (prior.forest.margin(figures[None])[0] - prior.forest.base)
    assert told == pytest.approx(margin - roots, abs=1e-3)


def test_the_leaves_reached_by_answers_are_those_reached_by_walking() -> None:
    prior, rng = shipped_prior(), np.random.default_rng(2)
    forest, meters = prior.forest, 60
    thresholds = {n: forest.threshold[forest.feature == n] for n in range(len(prior.features))}
    columns = [
        rng.choice(np.append(t, [t.min() - 1, t.max() + 1, np.nan]), meters) for t in thresholds.values() if len(t)
    ]
    table = np.full((meters, len(prior.features)), np.nan, dtype=np.float32)
    table[:, [n for n, t in thresholds.items() if len(t)]] = np.stack(columns, axis=1)
    walked = np.array([forest.contributions(row) for row in table])
    expected = forest.base + forest.value[forest.roots].sum() + walked.sum(axis=1)
    np.testing.assert_allclose(forest.margin(table), expected, atol=1e-5)
    of_two = np.arange(len(prior.features)) % 2
    by_group = np.stack([walked[:, of_two == 0].sum(axis=1), walked[:, of_two == 1].sum(axis=1)], axis=1)
    np.testing.assert_allclose(forest.group_contributions(table, of_two, 2), by_group, atol=1e-5)


def test_a_tree_of_too_many_leaves_is_refused(tmp_path: Path) -> None:
    inner = list(range(16))
    chain = {
        "feature": [[0] * 33],
        "threshold": [[float(n) for n in inner] + [0.0] * 17],
        "left": [[16 + n for n in inner] + list(range(16, 33))],
        "right": [[*inner[1:], 32, *range(16, 33)]],
        "missing_left": [[0] * 33],
        "value": [[0.0] * 33],
        "depth": 16,
        "base": 0.0,
    }
    with pytest.raises(StoreError, match="17 leaves"):
        tiny(tmp_path, forest=chain).odds(np.zeros((1, 2), dtype=np.float32))


def test_a_kind_is_named_by_what_marks_it(prior: Prior) -> None:
    shares = prior.probable_kinds(np.array([[3, 0], [0, 3], [np.nan, np.nan]], dtype=np.float32))
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert shares.argmax(axis=1)[:2].tolist() == [0, 1]
    assert shares[2, 0] == pytest.approx(0.5)


def test_another_version_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"schema prior/0.*teach"):
        tiny(tmp_path, schema="prior/0")


def test_the_shipped_prior_asks_for_figures_that_there_are_and_names_kinds_of_the_catalogue() -> None:
    prior = shipped_prior()
    assert set(prior.features) <= set(DayBank(context(meters=6)).features)
    assert set(prior.kinds) <= set(CATALOGUE)
    assert prior.story["meter_days"] > 100_000


def judged(weigher: CaseProbability, fall: list[float], days: int) -> np.ndarray:
    figures = {"fall_cusum": np.array(fall), "event_strength": np.zeros(len(fall))}
    for _ in range(days):
        verdict = weigher.judge(figures, DAY)
        weigher.learn(verdict)
    return verdict.probability


def test_nobody_is_suspected_before_the_warm_up_is_over(prior: Prior) -> None:
    weigher = CaseProbability(context(meters=2), CaseProbabilityParams(warm_up_days=5), prior)
    assert np.isnan(judged(weigher, [5.0, 0.0], 4)).all()
    assert judged(weigher, [5.0, 0.0], 1).round(2).tolist() == [0.95, 0.08]


def test_a_kind_with_a_lead_is_suspected_earlier_and_no_other(tmp_path: Path) -> None:
    leading = tiny(tmp_path, kind_lead=[2.0, 0.0])
    weigher = CaseProbability(context(meters=2), CaseProbabilityParams(warm_up_days=5, newest_share=1.0), leading)
    figures = {"fall_cusum": np.array([2.0, 0.0]), "event_strength": np.array([0.0, 4.0])}
    for _ in range(6):
        verdict = weigher.judge(figures, DAY)
        weigher.learn(verdict)
    # 1 / (1 + exp(2 - log(0.72 / 0.28))) = 0.258
    np.testing.assert_allclose(verdict.set_at, [0.258, 0.72], atol=1e-3)
    assert verdict.kind.tolist() == [0, 1]
    assert weigher.suspected(verdict).tolist() == [True, False]
    strength = weigher.strength(verdict)
    assert strength[0] > SET_STRENGTH
    assert strength[1] < SET_STRENGTH


def test_strength_is_at_its_marks_where_a_suspicion_begins_and_ends(prior: Prior) -> None:
    weigher = CaseProbability(context(meters=4), CaseProbabilityParams(), prior)
    verdict = weigher.judge({"fall_cusum": np.zeros(4), "event_strength": np.zeros(4)}, DAY)
    marks = replace(verdict, probability=np.array([0.4 * 0.72, 0.72, 1.0, np.nan]), set_at=np.full(4, 0.72))
    np.testing.assert_allclose(weigher.strength(marks), [RECOVER_STRENGTH, SET_STRENGTH, 1.0, np.nan], rtol=1e-6)


def test_a_suspicion_keeps_its_kind_until_it_is_over(prior: Prior) -> None:
    weigher = CaseProbability(context(meters=1), CaseProbabilityParams(warm_up_days=5, newest_share=1.0), prior)
    judged(weigher, [5.0], 6)
    both = {"fall_cusum": np.array([5.0]), "event_strength": np.array([4.0])}
    assert weigher.judge(both, DAY).kind.tolist() == [0]
    judged(weigher, [0.0], 1)
    assert weigher.judge(both, DAY).kind.tolist() == [1]


def test_a_meter_that_falls_silent_gains_no_suspicion(prior: Prior) -> None:
    weigher = CaseProbability(context(meters=2), CaseProbabilityParams(warm_up_days=5), prior)
    judged(weigher, [0.0, 0.0], 6)
    odd = {"fall_cusum": np.array([5.0, 5.0]), "event_strength": np.zeros(2), "missing_hours": np.zeros(2)}
    before = weigher.judge(odd, DAY)
    weigher.learn(before)
    silent = odd | {"missing_hours": np.array([1.0, 0.3])}
    for _ in range(5):
        verdict = weigher.judge(silent, DAY)
        weigher.learn(verdict)
    assert verdict.probability[0] == pytest.approx(before.probability[0])
    assert verdict.probability[1] > before.probability[1]


def test_an_inspection_that_found_nothing_lowers_the_odds_and_one_that_did_lifts_that(prior: Prior) -> None:
    weigher = CaseProbability(context(meters=1), CaseProbabilityParams(warm_up_days=5), prior)
    before = judged(weigher, [5.0], 6)[0]
    weigher.found(0, confirmed=False)
    lowered = judged(weigher, [5.0], 1)[0]
    assert lowered < 0.4 < before
    assert judged(weigher, [5.0], 30)[0] > lowered
    weigher.found(0, confirmed=True)
    assert judged(weigher, [5.0], 1)[0] == pytest.approx(before)


def test_a_word_from_the_office_lowers_the_odds_by_less_and_leaves_nothing_behind(prior: Prior) -> None:
    weigher = CaseProbability(context(meters=2), CaseProbabilityParams(warm_up_days=5), prior)
    before = judged(weigher, [5.0, 5.0], 6)
    weigher.found(1, confirmed=False)
    weigher.hear(np.array([0.0, 0.0]))
    said, inspected = judged(weigher, [5.0, 5.0], 1)
    assert inspected < said < before[0]
    weigher.hear(np.array([30.0, np.nan]))
    assert said < judged(weigher, [5.0, 5.0], 1)[0] < before[0], "it fades"
    weigher.hear(np.array([np.nan, np.nan]))
    assert judged(weigher, [5.0, 5.0], 1)[0] == pytest.approx(before[0])


def test_state_is_restored_exactly(prior: Prior) -> None:
    weigher = CaseProbability(context(meters=2), CaseProbabilityParams(warm_up_days=5), prior)
    judged(weigher, [5.0, 0.0], 6)
    weigher.found(1, confirmed=False)
    twin = CaseProbability(context(meters=2), CaseProbabilityParams(warm_up_days=5), prior)
    twin.load(weigher.dump())
    np.testing.assert_array_equal(judged(weigher, [2.0, 5.0], 3), judged(twin, [2.0, 5.0], 3))


def test_no_kind_is_named_of_which_nothing_is_measured() -> None:
    prior = shipped_prior()
    rng = np.random.default_rng(3)
    table = rng.normal(0, 3, (50, len(prior.features))).astype(np.float32)
    whole = prior.probable_kinds(table)
    assert (whole > 0).all()
    electrical = DayBank(context(meters=6)).experts
    for expert in electrical:
        if expert.name in ("day_circuits", "day_voltage", "day_registers"):
            table[:, [n for n, name in enumerate(prior.features) if name in expert.features]] = np.nan
    shares = prior.probable_kinds(table)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    never = {
        "neutral_line_difference",
        "current_loss",
        "voltage_loss",
        "low_power_factor",
        "register_falls",
        "reverse_energy",
    }
    assert all((shares[:, prior.kinds.index(kind)] == 0).all() for kind in never)
    assert all(
        (shares[:, prior.kinds.index(kind)] > 0).all() for kind in ("bypass", "tariff_misuse", "altered_readings")
    )
