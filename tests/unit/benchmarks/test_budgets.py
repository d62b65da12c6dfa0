"""One budget of false cases, shared among the kinds by what each finds for what it costs."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.detection.budgets import STEPS, Watched, raised, shared_budget, yields
from benchmarks.detection.day_worlds import TrueCase
from evaluation.span import WARM_UP_DAYS

LOUD, QUIET = 0, 1
KINDS = ("bypass", "resale")
DAYS = WARM_UP_DAYS + 40


def world(customers: int = 1000) -> Watched:
    """Six meters: a loud and a quiet case that reach 0.55, and four normal ones that the loud kind raises at 0.6."""
    probability = np.zeros((DAYS, 6))
    probability[WARM_UP_DAYS + 5 :, :2] = 0.55
    probability[WARM_UP_DAYS + 5 : WARM_UP_DAYS + 8, 2:] = 0.6
    kind = np.tile(np.array([LOUD, QUIET, LOUD, LOUD, LOUD, LOUD]), (DAYS, 1))
    cases = {
        0: TrueCase("bypass", "bypass", WARM_UP_DAYS, DAYS),
        1: TrueCase("resale", "resale", WARM_UP_DAYS, DAYS),
    }
    return Watched(probability, kind, np.arange(6) >= 2, cases, customers)


def test_a_kind_is_raised_at_its_own_probability_and_once_a_case() -> None:
    at = np.array([0.9, 0.5])
    assert raised(world(), at) == [(1, WARM_UP_DAYS + 5, QUIET)]
    assert len(raised(world(), np.array([0.5, 0.5]))) == 6


def test_what_is_found_and_what_is_false_are_told() -> None:
    late, early = np.array([0.9, 0.9]), np.array([0.5, 0.5])
    assert (yields([world()], late).false_cases, yields([world()], late).found) == ((0,), 0.0)
    assert (yields([world()], early).false_cases, yields([world()], early).found) == ((4,), 1.0)


def test_the_quiet_kind_gets_what_it_costs_nothing_to_find_and_the_loud_one_waits() -> None:
    # 1,000 customers and some six weeks: no room for the four false cases of the loud kind
    found = shared_budget([world()], KINDS, budget=0.2)
    assert found[QUIET] <= 0.55
    assert found[LOUD] > 0.6


def test_with_room_enough_both_are_found() -> None:
    found = shared_budget([world(customers=20_000)], KINDS, budget=0.8)
    assert (found <= 0.55).all()
    assert set(found.tolist()) <= set(STEPS)


@pytest.mark.parametrize("budget", [0.0, 0.1, 0.5])
def test_the_budget_is_never_passed(budget: float) -> None:
    worlds = [world(), world(customers=3000)]
    found = shared_budget(worlds, KINDS, budget=budget)
    weeks = sum(w.thousand_meter_weeks for w in worlds)
    assert yields(worlds, found).false_in_all <= budget * weeks
