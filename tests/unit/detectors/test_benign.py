"""Each harmless explanation fits the story it is named after, no other of its kind, and none where energy is seen to be lost."""

from __future__ import annotations

import re
from datetime import date

import numpy as np
import pytest

from detectors.case.benign import EXPLANATIONS, LOWERS, SHOWN_FROM, Benign, benign_reasons, lowered
from detectors.case.case_probability import CaseProbability, CaseProbabilityParams
from detectors.case.explanation import explanation
from detectors.case.prior import shipped_prior
from detectors.examples import context
from metering.times import DAY_S

DAY = date(2026, 3, 2)
NOTHING_LOST = {"balance_fallen_z": 0.4, "unseen_with_missed_z": 0.2, "unseen_cusum": 1.0, "phase_loss_rise_kwh": 0.0}
SOUND = {"event_strength": 0.0, "implied_gap_size": 0.01, "register_gap_size": 0.0, "neutral_difference_size": 0.01}
QUIET = NOTHING_LOST | SOUND | {
    "log_level": 0.0, "peak_change": 0.0, "lowest_beside_day": -0.1, "highest_beside_day": 0.1, "lowest_block_h": 17.0,
    "likeness": 0.95, "class_movement": 0.02, "fall_cusum": 0.0, "night_level": 0.0, "undeclared_export": 0.0,
    "peak_over_contract": 0.3, "business_change": 0.0, "weekend_change": 0.0, "steps_change": 0.0, "spread_change": 0.0,
}  # fmt: skip
STANDS_STILL = {"log_level": -1.6, "peak_change": -1.1, "lowest_beside_day": -0.15, "fall_cusum": 30.0}
STORIES: dict[str, tuple[str, dict[str, float]]] = {
    "vacancy": ("residential", STANDS_STILL),
    "closure": ("commercial", STANDS_STILL),
    "new_tenant": ("residential", {"log_level": 0.6, "likeness": 0.4}),
    "holiday": ("residential", {"class_movement": -0.5, "log_level": -0.2}),
    "solar_panels": (
        "residential",
        {"lowest_block_h": 10.0, "lowest_beside_day": -0.8, "undeclared_export": 0.1, "log_level": -0.3},
    ),
    "electric_vehicle": (
        "residential",
        {
            "peak_over_contract": 0.9,
            "peak_change": 1.5,
            "highest_beside_day": 0.7,
            "night_level": 0.9,
            "log_level": 0.4,
        },
    ),
    "shift_change": ("industrial", {"business_change": -0.8, "log_level": -0.3}),
    "heating_or_cooling": (
        "residential",
        {"log_level": 0.7, "steps_change": -0.4, "spread_change": -0.3, "night_level": 0.7, "class_movement": 0.1},
    ),
}
#: Kinds of benign life that are told by what is no longer drawn: whoever loses energy does not live it.
#: Enough for any prior to doubt a meter.
DOUBTFUL = {
    "over_contract": 0.3,
    "implied_gap": 0.5,
    "implied_apart": 0.5,
    "implied_gap_size": 0.5,
    "nothing_share": 0.2,
    "register_fell": 1.0,
    "uncounted_current": 0.3,
}
LESS_IS_DRAWN = ("vacancy", "closure", "new_tenant", "shift_change")


def fits_of(customer_class: str, figures: dict[str, float], valid_from_s: int | None = None) -> dict[str, float]:
    area = context(contracted_kw=[8.0], fields={"customer_class": [customer_class], "valid_from_s": [valid_from_s]})
    arrays = {name: np.array([value]) for name, value in figures.items()}
    return {name: float(fit[0]) for name, fit in Benign(area).weigh(arrays, DAY).items()}


def test_every_explanation_has_a_story() -> None:
    assert [e.name for e in EXPLANATIONS] == list(STORIES)


@pytest.mark.parametrize("name", STORIES)
def test_an_explanation_fits_its_story_best(name: str) -> None:
    customer_class, told = STORIES[name]
    fits = fits_of(customer_class, QUIET | told)
    assert fits[name] >= SHOWN_FROM
    assert fits[name] == max(fits.values()), fits


@pytest.mark.parametrize("customer_class", ["residential", "commercial"])
def test_a_quiet_meter_needs_no_explanation(customer_class: str) -> None:
    assert max(fits_of(customer_class, QUIET).values()) < SHOWN_FROM


@pytest.mark.parametrize("name", LESS_IS_DRAWN)
@pytest.mark.parametrize("witness", [{"balance_fallen_z": 8.0}, {"unseen_with_missed_z": 9.0}, {"unseen_cusum": 20.0}])
def test_none_fits_where_energy_is_lost(name: str, witness: dict[str, float]) -> None:
    customer_class, told = STORIES[name]
    assert fits_of(customer_class, QUIET | told | witness)[name] == 0.0


@pytest.mark.parametrize("name", STORIES)
def test_none_fits_a_meter_that_was_opened(name: str) -> None:
    customer_class, told = STORIES[name]
    assert fits_of(customer_class, QUIET | told | {"event_strength": 0.9})[name] == 0.0


def test_a_change_of_the_archive_makes_a_new_tenant_likelier() -> None:
    customer_class, told = STORIES["new_tenant"]
    now_s = context().calendar.day_end(DAY)
    before = fits_of(customer_class, QUIET | told)["new_tenant"]
    assert fits_of(customer_class, QUIET | told, now_s - 20 * DAY_S)["new_tenant"] > before
    assert fits_of(customer_class, QUIET | told, now_s - 400 * DAY_S)["new_tenant"] == before


def test_what_a_feed_cannot_give_is_no_reason_to_be_harmless() -> None:
    unknown = dict.fromkeys(QUIET, float("nan"))
    assert max(fits_of("residential", unknown).values()) < SHOWN_FROM
    assert max(fits_of("residential", {}).values()) < SHOWN_FROM


def test_fits_lie_between_nothing_and_all_whatever_the_figures() -> None:
    rng = np.random.default_rng(2)
    area = context(meters=200)
    for scale in (0.3, 3.0, 30.0):
        figures = {name: scale * rng.standard_normal(200) for name in QUIET}
        for fit in Benign(area).weigh(figures, DAY).values():
            assert fit.shape == (200,)
            assert ((fit >= 0) & (fit <= 1)).all()


def test_explanations_are_told_in_both_languages_with_how_well_they_fit() -> None:
    fits = {e.name: np.zeros(1) for e in EXPLANATIONS} | {"solar_panels": np.array([0.9]), "vacancy": np.array([0.5])}
    first, second = benign_reasons(fits, 0)
    assert (first.detector, second.detector) == ("solar_panels", "vacancy")
    assert first.against
    assert "solar panels" in first.text
    assert "90 %" in first.text
    assert "光伏" in first.text_zh
    assert first.weight == pytest.approx(-0.9 * LOWERS, abs=0.01)
    assert second.weight == 0.0, "what the prior has weighed already lowers nothing twice"
    for each in EXPLANATIONS:
        assert re.search(r"[\u4e00-\u9fff]", each.says.zh)
        assert "perhaps" in each.says.en


def test_the_best_explanation_lowers_a_suspicion_and_stands_first_against_it() -> None:
    area = context(contracted_kw=[8.0, 8.0])
    told = QUIET | STORIES["solar_panels"][1]
    figures = {name: np.full(2, told.get(name, np.nan)) for name in shipped_prior().features}
    figures["undeclared_export"] = np.array([0.1, 0.1])
    figures["event_strength"] = np.array([0.0, 0.9])
    figures |= {name: np.full(2, value) for name, value in DOUBTFUL.items()}
    weigher = CaseProbability(area, CaseProbabilityParams(warm_up_days=5))
    verdict = weigher.judge(figures, DAY)
    prior_alone = shipped_prior().odds(verdict.table)
    assert prior_alone.min() > -3
    assert (prior_alone - verdict.today).round(3).tolist() == lowered(verdict.benign).round(3).tolist() == [LOWERS, 0.0]
    against = [r for r in weigher.reasons(verdict, 0) if r.against]
    assert against[0].detector == "solar_panels"
    assert not any(r.detector == "solar_panels" for r in weigher.reasons(verdict, 1))


def test_no_more_against_than_three() -> None:
    fits = {e.name: np.ones(1) for e in EXPLANATIONS}
    assert len(explanation([("event_days", -0.5)], {"event_days": 0.0}, benign_reasons(fits, 0))) == 3
